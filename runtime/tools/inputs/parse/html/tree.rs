//! The tree of a page: which element each piece of text ends up in, as a browser would have it.
//!
//! Text keeps its place in the file because no text goes into the tree: each piece is a number there, and the number
//! leads back to its range. Of each node its parent is kept and what follows from its ancestors; the order of
//! children is that of the file, which is the order in which people wrote them.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::interface::{Attribute, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{LocalName, QualName, local_name, ns};

use super::element::Element;

/// A node of the tree by its number.
pub(super) type Node = u32;

/// The node above all others.
pub(super) const DOCUMENT: Node = 0;

/// No node.
pub(super) const NOWHERE: Node = u32::MAX;

/// Longest way up that is walked to look for an ancestor.
const STEPS_MAX: usize = 1024;

struct Entry {
    parent: Node,
    depth: u32,
    name: QualName,
    children: Vec<Node>,
    /// The author hides it.
    is_hidden: bool,
    /// Its own end tag closed it.
    is_closed: bool,
    /// The piece of text that it stands for.
    text: Option<u32>,
}

/// What a node's place in the tree means for the text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The nearest element that parts passages.
    pub(super) block: Node,
    pub(super) shown: Shown,
    /// The same outside of readings above characters.
    around: Shown,
    pub(super) keeps_lines: bool,
    pub(super) is_heading: bool,
}

/// Whether readers see something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Shown {
    #[default]
    Always,
    /// Where there is little else.
    IfAlone,
    Never,
}

/// The tree under construction.
pub(super) struct Tree {
    nodes: RefCell<Vec<Entry>>,
    /// The element that was made last.
    made: Cell<Node>,
    /// How often something was put somewhere; the measure of its work.
    moves: Cell<u64>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self {
            nodes: RefCell::new(Vec::new()),
            made: Cell::new(NOWHERE),
            moves: Cell::new(0),
        };
        tree.add(QualName::new(None, ns!(), local_name!("")));
        tree
    }

    fn add(&self, name: QualName) -> Node {
        let mut nodes = self.nodes.borrow_mut();
        let number = Node::try_from(nodes.len()).unwrap_or(NOWHERE);
        nodes.push(Entry {
            parent: NOWHERE,
            depth: 0,
            name,
            children: Vec::new(),
            is_hidden: false,
            is_closed: false,
            text: None,
        });
        number
    }

    /// The element that was made since this was last asked.
    pub(super) fn take_made(&self) -> Option<Node> {
        Some(self.made.replace(NOWHERE)).filter(|node| *node != NOWHERE)
    }

    /// Says that an element has got an end tag.
    pub(super) fn set_closed(&self, node: Node) {
        self.nodes.borrow_mut()[node as usize].is_closed = true;
    }

    /// How deep a node stands.
    pub(super) fn depth(&self, node: Node) -> u32 {
        self.nodes
            .borrow()
            .get(node as usize)
            .map_or(0, |entry| entry.depth)
    }

    pub(super) fn moves(&self) -> u64 {
        self.moves.get()
    }

    fn put(&self, parent: Node, child: Node) {
        self.moves.set(self.moves.get() + 1);
        let mut nodes = self.nodes.borrow_mut();
        let depth = nodes[parent as usize].depth.saturating_add(1);
        nodes[child as usize].parent = parent;
        nodes[child as usize].depth = depth;
        nodes[parent as usize].children.push(child);
    }

    fn put_either(&self, parent: Node, child: NodeOrText<Node>) {
        match child {
            NodeOrText::AppendNode(node) => self.put(parent, node),
            NodeOrText::AppendText(text) => {
                // White space comes alone; the numbers of pieces have a semicolon behind them.
                for number in text.split(';').filter_map(|number| number.trim().parse().ok()) {
                    let node = self.add(QualName::new(None, ns!(), local_name!("")));
                    self.nodes.borrow_mut()[node as usize].text = Some(number);
                    self.put(parent, node);
                }
            }
        }
    }

    /// The nodes of the pieces of text, and what each node's place means.
    pub(super) fn finish(self, pieces: usize) -> Finished {
        let nodes = self.nodes.into_inner();
        let mut texts = vec![NOWHERE; pieces];
        for (number, entry) in (0..).zip(&nodes) {
            if let Some(text) = entry.text.and_then(|text| texts.get_mut(text as usize)) {
                *text = number;
            }
        }
        let revealed = revealed(&nodes);
        Finished {
            places: places(&nodes, &revealed),
            names: nodes.iter().map(|entry| entry.name.local.clone()).collect(),
            parents: nodes.into_iter().map(|entry| entry.parent).collect(),
            texts,
        }
    }
}

/// A tree that is complete.
pub(super) struct Finished {
    pub(super) places: Vec<Place>,
    pub(super) names: Vec<LocalName>,
    pub(super) parents: Vec<Node>,
    /// The node of each piece of text.
    pub(super) texts: Vec<Node>,
}

impl Finished {
    /// The elements around a node from the outside in, at most so many of the inner ones.
    pub(super) fn around(&self, node: Node, most: usize) -> Vec<LocalName> {
        let mut names = Vec::new();
        let mut at = self.parents.get(node as usize).copied().unwrap_or(NOWHERE);
        while at != NOWHERE && at != DOCUMENT && names.len() < most {
            names.push(self.names[at as usize].clone());
            at = self.parents[at as usize];
        }
        names.reverse();
        names
    }
}

/// Menus that hold the page: what was never closed, and what has the page's own text in it.
fn revealed(nodes: &[Entry]) -> Vec<bool> {
    let mut revealed: Vec<bool> = nodes
        .iter()
        .map(|entry| entry.name.local == local_name!("nav") && !entry.is_closed)
        .collect();
    for entry in nodes {
        if !matches!(
            entry.name.local,
            local_name!("main") | local_name!("article") | local_name!("h1")
        ) {
            continue;
        }
        let mut at = entry.parent;
        for _ in 0..STEPS_MAX {
            let Some(above) = nodes.get(at as usize) else {
                break;
            };
            if above.name.local == local_name!("nav") {
                revealed[at as usize] = true;
            }
            at = above.parent;
        }
    }
    revealed
}

/// What each node's place means. Parents may have been made after their children, so each way up is walked until
/// something known, and every node is decided once.
fn places(nodes: &[Entry], revealed: &[bool]) -> Vec<Place> {
    let mut places: Vec<Option<Place>> = vec![None; nodes.len()];
    let mut way = Vec::new();
    for start in 0..nodes.len() {
        let mut at = start;
        while places[at].is_none() {
            way.push(at);
            let parent = nodes[at].parent as usize;
            if parent >= nodes.len() || way.len() > nodes.len() {
                break;
            }
            at = parent;
        }
        let mut above = places[at].unwrap_or_default();
        while let Some(node) = way.pop() {
            above = place(
                &nodes[node],
                Node::try_from(node).unwrap_or(NOWHERE),
                revealed[node],
                above,
            );
            places[node] = Some(above);
        }
    }
    places.into_iter().map(Option::unwrap_or_default).collect()
}

fn place(entry: &Entry, node: Node, is_revealed: bool, above: Place) -> Place {
    if entry.text.is_some() || node == DOCUMENT {
        return above;
    }
    let element = Element::of(&entry.name.local);
    if element == Element::Reading {
        return Place {
            shown: Shown::Never,
            ..above
        };
    }
    let own = match element {
        Element::LeftOut => Shown::Never,
        Element::Chrome if !is_revealed => Shown::IfAlone,
        _ if entry.is_hidden => Shown::IfAlone,
        _ => Shown::Always,
    };
    let around = above.around.max(own);
    // A block in a reading that was never closed is none.
    let shown = if element.parts_passages() {
        around
    } else {
        above.shown.max(own)
    };
    Place {
        block: if element.parts_passages() {
            node
        } else {
            above.block
        },
        shown,
        around,
        keeps_lines: above.keeps_lines || element == Element::Lines,
        is_heading: above.is_heading || element == Element::Heading,
    }
}

/// Whether attributes say that nobody is to see an element.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &*attribute.name.local {
        "hidden" => !attribute.value.eq_ignore_ascii_case("until-found"),
        "style" => {
            let style: String = attribute
                .value
                .chars()
                .filter(|letter| !letter.is_whitespace())
                .collect();
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        _ => false,
    })
}

impl TreeSink for Tree {
    type Handle = Node;
    type Output = Self;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Self {
        self
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Node {
        DOCUMENT
    }

    fn get_template_contents(&self, target: &Node) -> Node {
        *target
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn same_node(&self, one: &Node, other: &Node) -> bool {
        one == other
    }

    fn elem_name<'a>(&'a self, target: &'a Node) -> Ref<'a, QualName> {
        Ref::map(self.nodes.borrow(), |nodes| &nodes[*target as usize].name)
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Node {
        let node = self.add(name);
        self.nodes.borrow_mut()[node as usize].is_hidden = is_hidden(&attributes);
        self.made.set(node);
        node
    }

    fn create_comment(&self, _: StrTendril) -> Node {
        self.add(QualName::new(None, ns!(), local_name!("")))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Node {
        self.add(QualName::new(None, ns!(), local_name!("")))
    }

    fn append(&self, parent: &Node, child: NodeOrText<Node>) {
        self.put_either(*parent, child);
    }

    fn append_before_sibling(&self, sibling: &Node, child: NodeOrText<Node>) {
        let parent = self.nodes.borrow()[*sibling as usize].parent;
        self.put_either(if parent == NOWHERE { DOCUMENT } else { parent }, child);
    }

    fn append_based_on_parent_node(&self, element: &Node, previous: &Node, child: NodeOrText<Node>) {
        let has_parent = self.nodes.borrow()[*element as usize].parent != NOWHERE;
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn add_attrs_if_missing(&self, _: &Node, _: Vec<Attribute>) {}

    fn remove_from_parent(&self, target: &Node) {
        let mut nodes = self.nodes.borrow_mut();
        let parent = std::mem::replace(&mut nodes[*target as usize].parent, NOWHERE);
        let Some(above) = nodes.get_mut(parent as usize) else {
            return;
        };
        // What is moved has mostly been added last, so it is looked for from the end.
        if let Some(at) = above.children.iter().rposition(|child| child == target) {
            self.moves
                .set(self.moves.get() + (above.children.len() - at) as u64);
            above.children.swap_remove(at);
        }
    }

    fn reparent_children(&self, node: &Node, new_parent: &Node) {
        let mut nodes = self.nodes.borrow_mut();
        let moved = std::mem::take(&mut nodes[*node as usize].children);
        self.moves.set(self.moves.get() + moved.len() as u64);
        for child in &moved {
            nodes[*child as usize].parent = *new_parent;
        }
        nodes[*new_parent as usize].children.extend(moved);
    }
}
