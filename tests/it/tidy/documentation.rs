//! Every module says why it exists, every public item what it is.
//!
//! The compiler asks this of what can be reached from outside a crate; here it is asked of everything that is `pub`,
//! reachable or not, and of every file.

use syn::visit::{self, Visit};
use syn::{Attribute, Item, Visibility};

use super::workspace::rust_sources;
use super::{Flaw, Source, demand_none, told};

fn is_documented(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("doc"))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Collects the lines of what is public and says nothing.
struct Silent<'source> {
    source: &'source Source,
    found: Vec<Flaw>,
}

impl Silent<'_> {
    fn note(&mut self, attributes: &[Attribute], name: &syn::Ident) {
        if !is_documented(attributes) {
            let line = name.span().start().line;
            self.found.push(Flaw::at(
                self.source,
                line,
                format!("`{name}` has no documentation"),
            ));
        }
    }

    fn note_if_public(&mut self, visibility: &Visibility, attributes: &[Attribute], name: &syn::Ident) {
        if is_public(visibility) {
            self.note(attributes, name);
        }
    }

    fn note_fields(&mut self, fields: &syn::Fields) {
        for field in fields {
            if let Some(name) = &field.ident {
                self.note_if_public(&field.vis, &field.attrs, name);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Silent<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Fn(item) => self.note_if_public(&item.vis, &item.attrs, &item.sig.ident),
            Item::Struct(item) => {
                self.note_if_public(&item.vis, &item.attrs, &item.ident);
                self.note_fields(&item.fields);
            }
            Item::Enum(item) if is_public(&item.vis) => {
                self.note(&item.attrs, &item.ident);
                for variant in &item.variants {
                    self.note(&variant.attrs, &variant.ident);
                }
            }
            Item::Trait(item) if is_public(&item.vis) => self.note(&item.attrs, &item.ident),
            Item::Const(item) => self.note_if_public(&item.vis, &item.attrs, &item.ident),
            Item::Static(item) => self.note_if_public(&item.vis, &item.attrs, &item.ident),
            Item::Type(item) => self.note_if_public(&item.vis, &item.attrs, &item.ident),
            // A module in a file of its own speaks in that file.
            Item::Mod(item) if item.content.is_some() => self.note(&item.attrs, &item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if is_public(&item.vis) {
            for member in &item.items {
                if let syn::TraitItem::Fn(method) = member {
                    self.note(&method.attrs, &method.sig.ident);
                }
            }
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        self.note_if_public(&method.vis, &method.attrs, &method.sig.ident);
        visit::visit_impl_item_fn(self, method);
    }

    fn visit_impl_item_const(&mut self, constant: &'ast syn::ImplItemConst) {
        self.note_if_public(&constant.vis, &constant.attrs, &constant.ident);
        visit::visit_impl_item_const(self, constant);
    }
}

fn silent_items(source: &Source) -> Vec<Flaw> {
    let mut silent = Silent {
        source,
        found: Vec::new(),
    };
    silent.visit_file(&source.parse());
    silent.found
}

fn silent_module(source: &Source) -> Option<Flaw> {
    (!is_documented(&source.parse().attrs)).then(|| Flaw::at(source, 1, "does not open with `//!`"))
}

#[test]
fn every_file_says_why_it_exists() {
    demand_none(
        rust_sources().iter().filter_map(silent_module),
        "open with `//!`: why it exists, the choice made and the one rejected",
    );
}

#[test]
fn every_public_item_says_what_it_is() {
    demand_none(
        rust_sources().iter().flat_map(silent_items),
        "say in a sentence what it is and when it fails, or make it private",
    );
}

#[test]
fn silence_is_found() {
    assert_eq!(
        told(silent_module(&Source::new(
            "a.rs",
            "// Not this.\nfn main() {}\n"
        ))),
        ["a.rs:1: does not open with `//!`"]
    );
    assert_eq!(told(silent_module(&Source::new("a.rs", "//! Why.\n"))), [""; 0]);
    let text = "pub fn a() {}\n/// B.\npub struct B {\n    pub b: u8,\n    c: u8,\n}\nimpl B {\n    pub fn d() {}\n    \
                pub(super) fn e() {}\n}\n/// F.\npub enum F {\n    G,\n}\n/// H.\npub trait H {\n    fn i();\n}\n\
                impl H for B {\n    fn i() {}\n}\nmod j {}\nmod k;\n";
    assert_eq!(
        told(silent_items(&Source::new("a.rs", text))),
        [
            "a.rs:1: `a`",
            "a.rs:4: `b`",
            "a.rs:8: `d`",
            "a.rs:13: `G`",
            "a.rs:17: `i`",
            "a.rs:22: `j`"
        ]
        .map(|place| format!("{place} has no documentation"))
    );
}
