//! The outline of a page: its markup and pieces of text in the order of the file, each with its place in the tree.
//!
//! Tokens tell where things stand, the tree tells what they mean. A tag that would nest deeper than browsers nest is
//! left out together with its end tag, so that no page makes the tree walk long ways.

use std::borrow::Cow;
use std::collections::HashMap;

use html5ever::interface::Attribute;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink as _, TokenSinkResult};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{LocalName, QualName, local_name, ns};
use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, State, Tokenizer};

use super::element::Element;
use super::mask::{self, masked};
use super::tree::{Finished, NOWHERE, Node, Place, Shown, Tree};
use crate::inputs::render::Range;

/// Elements nest no deeper; it is where browsers stop too.
const DEPTH_MAX: u32 = 400;

/// Most of what stands before a page in its context: the innermost elements that are open.
const AROUND_MAX: usize = 64;

/// Tags whose quotation marks are never closed, and which are read over.
const UNFINISHED_MAX: usize = 4;

/// A page says little where this many letters or fewer are seen of it.
const LITTLE_LETTERS: usize = 40;

/// Longest value of an attribute that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 1024;

/// How a page's tags are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Dialect {
    /// As a browser does.
    Html,
    /// As they stand: names mean nothing that hides text, and an element may close itself.
    Xml,
}

/// What a page inherits from the one before it, of which it is the next part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::inputs) struct Around {
    /// Names of the elements that are open, from the outside in.
    open: Vec<Box<str>>,
    /// Whether what is mostly left out is read, because there is little else.
    reveals: bool,
}

/// A piece of markup or text.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) range: Range,
    node: Node,
}

/// What a piece is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Open(LocalName),
    Close(LocalName),
    Text,
    /// White space between pieces of markup.
    White,
    /// A comment or a declaration.
    Unseen,
}

/// The whole of it.
pub(in crate::inputs) struct Outline<'a> {
    text: Cow<'a, str>,
    items: Vec<Item>,
    tree: Finished,
    dialect: Dialect,
    reveals: bool,
    /// Where a tag begins that does not end before the page does.
    unfinished: Option<usize>,
    /// Tokens and moves in the tree.
    pub(super) work: u64,
}

impl<'a> Outline<'a> {
    /// Reads a page, or a part of one that stands in `around`. Only a whole page is asked whether it says little.
    pub(in crate::inputs) fn new(text: &'a str, dialect: Dialect, around: Option<&Around>) -> Self {
        let mut bytes = masked(text);
        let mut work = 0;
        let mut outline = Self::of(&bytes, dialect, around);
        for _ in 0..UNFINISHED_MAX {
            let Some(swallowed) = outline.unfinished.filter(|at| bytes[*at..].contains(&b'>')) else {
                break;
            };
            work += outline.work;
            mask::blank_tag(&mut bytes, swallowed);
            outline = Self::of(&bytes, dialect, around);
        }
        outline.work += work;
        outline.text = match bytes {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        };
        outline.reveals = match around {
            Some(around) => around.reveals,
            None => outline.says_little(),
        };
        outline
    }

    fn of(bytes: &[u8], dialect: Dialect, around: Option<&Around>) -> Self {
        let mut feed = Feed::new(bytes, dialect);
        for name in around.iter().flat_map(|around| &around.open) {
            feed.process(tag(
                TagKind::StartTag,
                LocalName::from(&**name),
                Vec::new(),
                SelfClosing::No,
            ));
        }
        let emitter = Emit {
            inner: CallbackEmitter::new(&mut feed),
        };
        let Ok(()) = Tokenizer::new_with_emitter(bytes, emitter).try_for_each(|token| token.map(drop));
        feed.finish()
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where a piece of text stands; what no tree took is shown.
    pub(super) fn place(&self, item: &Item) -> Place {
        self.tree
            .places
            .get(item.node as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Whether a reader sees what is at this place.
    pub(super) fn is_shown(&self, place: Place) -> bool {
        match place.shown {
            Shown::Always => true,
            Shown::IfAlone => self.reveals,
            Shown::Never => false,
        }
    }

    /// The text as it was looked at: with what would hide its end turned into spaces, and of the same length.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn says_little(&self) -> bool {
        let (mut seen, mut kept_back) = (0, 0);
        for item in self.items.iter().filter(|item| matches!(item.kind, Kind::Text)) {
            let letters = || {
                self.text[item.range.0..item.range.1]
                    .chars()
                    .filter(|letter| letter.is_alphanumeric())
                    .count()
            };
            match self.place(item).shown {
                Shown::Always => seen += letters(),
                Shown::IfAlone => kept_back += letters(),
                Shown::Never => {}
            }
        }
        seen <= LITTLE_LETTERS && kept_back > seen
    }

    /// What a part of the page inherits that begins at this place.
    pub(in crate::inputs) fn around(&self, at: usize) -> Around {
        let next = self.items.partition_point(|item| item.range.1 <= at);
        let node = self.items[next..]
            .iter()
            .map(|item| item.node)
            .find(|node| *node != NOWHERE);
        let open = node.map_or_else(Vec::new, |node| self.tree.around(node, AROUND_MAX));
        Around {
            open: open
                .into_iter()
                .filter(|name| !matches!(&**name, "html" | "head" | "body"))
                .map(|name| match Element::of(&name) {
                    // It was seen although its name says otherwise.
                    Element::Chrome | Element::LeftOut => "div".into(),
                    _ => (*name).into(),
                })
                .collect(),
            reveals: self.reveals,
        }
    }

    /// Calls `each` for every stretch of markup with whether a passage begins there: tags, comments, and elements that
    /// are not seen with all that they hold. The stretches come in order and do not overlap.
    pub(in crate::inputs) fn for_each_markup(&self, each: &mut dyn FnMut(Range, Begins)) {
        let mut unseen: Option<Range> = None;
        for item in &self.items {
            let is_unseen = item.node != NOWHERE && !self.is_shown(self.place(item));
            if is_unseen {
                unseen = Some(unseen.map_or(item.range, |open| (open.0, item.range.1)));
                continue;
            }
            if matches!(item.kind, Kind::White) {
                continue;
            }
            if matches!(item.kind, Kind::Text) {
                if let Some(range) = unseen.take() {
                    each(range, Begins::Nothing);
                }
                continue;
            }
            // The end tag of what is not seen belongs to it.
            let closes_unseen = matches!(&item.kind, Kind::Close(_)) && unseen.is_some();
            if closes_unseen {
                unseen = unseen.map(|open| (open.0, item.range.1));
                continue;
            }
            if let Some(range) = unseen.take() {
                each(range, Begins::Nothing);
            }
            let begins = match &item.kind {
                Kind::Open(name) if Element::of(name).parts_passages() => Begins::Passage,
                _ => Begins::Nothing,
            };
            each(item.range, begins);
        }
        if let Some(range) = unseen {
            each(range, Begins::Nothing);
        }
    }
}

/// Whether a passage begins with a piece of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Begins {
    Passage,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SelfClosing {
    Yes,
    No,
}

fn tag(kind: TagKind, name: LocalName, attrs: Vec<Attribute>, self_closing: SelfClosing) -> Tag {
    Tag {
        kind,
        name,
        self_closing: self_closing == SelfClosing::Yes,
        attrs,
        had_duplicate_attributes: false,
    }
}

/// Hands tokens on to the tree and notes where they stand.
struct Feed<'a> {
    bytes: &'a [u8],
    builder: Option<TreeBuilder<Node, Tree>>,
    dialect: Dialect,
    items: Vec<Item>,
    texts: u32,
    finished_at: usize,
    started: Option<(Tag, usize)>,
    /// Whether the value of the attribute that was named last is asked for.
    wants_value: bool,
    next_state: Option<State>,
    /// Start tags that were left out because they would nest too deep, by name.
    too_deep: HashMap<LocalName, u32>,
    depth: u32,
    /// Menus that are open.
    menus: Vec<Node>,
}

impl<'a> Feed<'a> {
    fn new(bytes: &'a [u8], dialect: Dialect) -> Self {
        let options = TreeBuilderOpts {
            scripting_enabled: false,
            iframe_srcdoc: true,
            ..TreeBuilderOpts::default()
        };
        Self {
            builder: Some(TreeBuilder::new(Tree::new(), options)),
            dialect,
            items: Vec::new(),
            texts: 0,
            bytes,
            finished_at: 0,
            started: None,
            wants_value: false,
            next_state: None,
            too_deep: HashMap::new(),
            depth: 0,
            menus: Vec::new(),
        }
    }

    /// A range that begins after the last one and ends inside the text, whatever the tokenizer says.
    fn range(&self, start: usize, end: usize) -> Range {
        let start = start.clamp(self.finished_at, self.bytes.len());
        (start, end.clamp(start, self.bytes.len()))
    }

    /// Notes the text before a piece of markup, and the markup.
    fn note(&mut self, kind: Kind, range: Range, node: Node) {
        self.items.push(Item { kind, range, node });
        self.finished_at = range.1;
    }

    fn text_until(&mut self, end: usize) {
        if end <= self.finished_at {
            return;
        }
        let range = (self.finished_at, end);
        if self.bytes[range.0..range.1].trim_ascii().is_empty() {
            self.token(Token::CharacterTokens(StrTendril::from(" ")));
            self.note(Kind::White, range, NOWHERE);
        } else {
            let number = format!("{};", self.texts);
            self.texts += 1;
            self.token(Token::CharacterTokens(StrTendril::from(number.as_str())));
            self.note(Kind::Text, range, NOWHERE);
        }
    }

    fn token(&mut self, token: Token) -> Option<Node> {
        if self.dialect == Dialect::Xml {
            return None;
        }
        let builder = self.builder.as_ref()?;
        let result = builder.process_token(token, 1);
        self.next_state = match result {
            TokenSinkResult::Plaintext => Some(State::PlainText),
            TokenSinkResult::RawData(RawKind::Rcdata) => Some(State::RcData),
            TokenSinkResult::RawData(RawKind::Rawtext) => Some(State::RawText),
            TokenSinkResult::RawData(RawKind::ScriptData | RawKind::ScriptDataEscaped(_)) => {
                Some(State::ScriptData)
            }
            _ => None,
        };
        builder.sink.take_made()
    }

    /// Gives a tag to the tree, unless it would nest too deep.
    fn process(&mut self, tag: Tag) -> Node {
        let is_start = tag.kind == TagKind::StartTag;
        if is_start && self.depth >= DEPTH_MAX && Element::of(&tag.name) != Element::LeftOut {
            *self.too_deep.entry(tag.name).or_default() += 1;
            return NOWHERE;
        }
        if !is_start && let Some(count) = self.too_deep.get_mut(&tag.name).filter(|count| **count > 0) {
            *count -= 1;
            return NOWHERE;
        }
        let is_menu = tag.name == local_name!("nav");
        let made = self.token(Token::TagToken(tag));
        match made {
            Some(node) if is_menu && is_start => self.menus.push(node),
            _ if is_menu && !is_start => self.close_menu(),
            _ => {}
        }
        if let (Some(node), Some(builder)) = (made, &self.builder) {
            self.depth = builder.sink.depth(node);
            return node;
        }
        // Something was closed; the next element says how deep it is.
        self.depth = self.depth.saturating_sub(1);
        NOWHERE
    }

    /// Remembers that a menu has got an end tag.
    fn close_menu(&mut self) {
        if let (Some(node), Some(builder)) = (self.menus.pop(), &self.builder) {
            builder.sink.set_closed(node);
        }
    }

    fn finish<'t>(&mut self) -> Outline<'t> {
        let unfinished = self.started.take().map(|(_, start)| start);
        let end = unfinished.unwrap_or(self.bytes.len()).max(self.finished_at);
        self.text_until(end);
        if unfinished.is_some() {
            let range = self.range(end, self.bytes.len());
            self.note(Kind::Unseen, range, NOWHERE);
        }
        let _ = self.token(Token::EOFToken);
        let tree = match self.builder.take() {
            Some(builder) => builder.sink,
            None => Tree::new(),
        };
        let work = self.items.len() as u64 + tree.moves();
        let tree = tree.finish(self.texts as usize);
        let mut items = std::mem::take(&mut self.items);
        let texts = items.iter_mut().filter(|item| matches!(item.kind, Kind::Text));
        for (item, node) in texts.zip(&tree.texts) {
            item.node = *node;
        }
        Outline {
            text: Cow::Borrowed(""),
            items,
            tree,
            dialect: self.dialect,
            reveals: false,
            unfinished,
            work,
        }
    }
}

impl Callback<(), usize> for &mut Feed<'_> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, span: Span<usize>) -> Option<()> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                let started = tag(TagKind::StartTag, local(name), Vec::new(), SelfClosing::No);
                self.started = Some((started, span.start));
            }
            CallbackEvent::AttributeName { name } => {
                self.wants_value = matches!(name, b"hidden" | b"style" | b"encoding" | b"type");
                if let Some((tag, _)) = self.started.as_mut().filter(|_| self.wants_value) {
                    tag.attrs.push(Attribute {
                        name: QualName::new(None, ns!(), local(name)),
                        value: StrTendril::new(),
                    });
                }
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some(attribute) = self.started.as_mut().and_then(|(tag, _)| tag.attrs.last_mut())
                    && self.wants_value
                {
                    let value = &value[..value.len().min(VALUE_BYTES_MAX)];
                    attribute.value = StrTendril::from(&*String::from_utf8_lossy(value));
                }
            }
            CallbackEvent::CloseStartTag { self_closing } => self.opened(span.end, self_closing),
            CallbackEvent::EndTag { name } => {
                let range = self.range(span.start, span.end);
                self.text_until(range.0);
                let name = local(name);
                self.process(tag(TagKind::EndTag, name.clone(), Vec::new(), SelfClosing::No));
                self.note(Kind::Close(name), range, NOWHERE);
            }
            CallbackEvent::Comment { .. } | CallbackEvent::Doctype { .. } => {
                let range = self.range(span.start, span.end);
                self.text_until(range.0);
                self.note(Kind::Unseen, range, NOWHERE);
            }
            _ => {}
        }
        None
    }
}

impl Feed<'_> {
    fn opened(&mut self, end: usize, self_closing: bool) {
        let Some((mut started, start)) = self.started.take() else {
            return;
        };
        let range = self.range(start, end);
        self.text_until(range.0);
        started.self_closing = self_closing;
        let name = started.name.clone();
        let node = self.process(started);
        self.note(Kind::Open(name.clone()), range, node);
        // Browsers do not know elements that close themselves; people who write them do.
        if self_closing && matches!(Element::of(&name), Element::LeftOut | Element::Chrome) && &*name != "svg"
        {
            self.process(tag(TagKind::EndTag, name, Vec::new(), SelfClosing::No));
            self.next_state = None;
        }
    }
}

fn local(name: &[u8]) -> LocalName {
    LocalName::from(String::from_utf8_lossy(name).to_ascii_lowercase())
}

/// The emitter of tokens; the tree says how the tokenizer goes on behind a tag.
struct Emit<'a, 'b> {
    inner: CallbackEmitter<&'a mut Feed<'b>, (), usize>,
}

impl ForwardingEmitter for Emit<'_, '_> {
    type Token = ();

    fn inner(&mut self) -> &mut impl Emitter<Token = ()> {
        &mut self.inner
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        // The tree says it, not the guess of the tokenizer.
        let _ = self.inner.emit_current_tag();
        self.inner.callback_mut().next_state.take()
    }
}
