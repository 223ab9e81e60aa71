//! Small files, small functions, few parameters.
//!
//! What is too large already is listed in `tests/golden/tidy.txt` with its exact size; the list may only shrink: what
//! grew, what shrank and what is gone from it are flaws as well.

use std::collections::BTreeMap;
use std::fs;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::workspace::{root, rust_sources};
use super::{Flaw, Source, demand_none, told};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 80;
/// The receiver counts.
const PARAMETERS_MAX: usize = 5;
const LIST: &str = "tests/golden/tidy.txt";

/// A function as it is written.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    parameters: usize,
}

#[derive(Default)]
struct Functions(Vec<Function>);

impl Functions {
    fn of(source: &Source) -> Vec<Function> {
        let mut functions = Self::default();
        functions.visit_file(&source.parse());
        functions.0
    }

    fn note(&mut self, signature: &syn::Signature, block: Option<&syn::Block>) {
        let line = signature.fn_token.span().start().line;
        let end = block.map_or(line, |block| block.brace_token.span.close().end().line);
        self.0.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: end - line + 1,
            parameters: signature.inputs.len(),
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.note(&item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }
}

/// Everything that is too long, by the words that name it in the list.
fn too_long(source: &Source) -> BTreeMap<String, (usize, Flaw)> {
    let mut found = BTreeMap::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let flaw = Flaw::in_file(
            &source.path,
            format!("has {lines} lines, more than {FILE_LINES_MAX}"),
        );
        found.insert(source.path.clone(), (lines, flaw));
    }
    for function in Functions::of(source) {
        if function.lines > FUNCTION_LINES_MAX {
            let what = format!(
                "`{}` has {} lines, more than {FUNCTION_LINES_MAX}",
                function.name, function.lines
            );
            let flaw = Flaw::at(source, function.line, what);
            found.insert(
                format!("{} {}", source.path, function.name),
                (function.lines, flaw),
            );
        }
    }
    found
}

/// What is too long and not on the list, and what is on the list and not that long.
fn against_list(mut found: BTreeMap<String, (usize, Flaw)>, list: &str) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for entry in list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (size, name) = entry.split_once(' ').unwrap_or((entry, ""));
        match found.remove(name) {
            Some((lines, _)) if size.parse() == Ok(lines) => {}
            Some((lines, _)) => {
                flaws.push(Flaw::in_file(
                    LIST,
                    format!("`{name}` has {lines} lines now, not {size}"),
                ));
            }
            None => flaws.push(Flaw::in_file(LIST, format!("`{entry}` is no longer needed"))),
        }
    }
    flaws.extend(found.into_values().map(|(_, flaw)| flaw));
    flaws
}

fn too_many_parameters(source: &Source) -> Vec<Flaw> {
    Functions::of(source)
        .into_iter()
        .filter(|function| function.parameters > PARAMETERS_MAX)
        .map(|function| {
            let what = format!(
                "`{}` has {} parameters, more than {PARAMETERS_MAX}",
                function.name, function.parameters
            );
            Flaw::at(source, function.line, what)
        })
        .collect()
}

#[test]
fn files_and_functions_are_small() {
    let list = fs::read_to_string(root().join(LIST)).expect("the list of large files exists");
    let found = rust_sources().iter().flat_map(too_long).collect();
    demand_none(
        against_list(found, &list),
        "split by subject; an entry of the list goes as soon as its reason has gone, and none is added",
    );
}

#[test]
fn functions_take_few_parameters() {
    demand_none(
        rust_sources().iter().flat_map(too_many_parameters),
        "group what belongs together into a type",
    );
}

#[test]
fn large_things_are_found() {
    let body = "    let _ = 1;\n".repeat(FUNCTION_LINES_MAX - 1);
    let text = format!("struct A;\nimpl A {{\nfn long() {{\n{body}}}\nfn short() {{}}\n}}\n");
    let function = Source::new("a.rs", text);
    assert_eq!(
        told(against_list(too_long(&function), "# nothing\n")),
        ["a.rs:3: `long` has 81 lines, more than 80"]
    );
    assert_eq!(told(against_list(too_long(&function), "81 a.rs long\n")), [""; 0]);
    assert_eq!(
        told(against_list(too_long(&function), "90 a.rs long\n700 b.rs\n")),
        [
            "tests/golden/tidy.txt: `a.rs long` has 81 lines now, not 90",
            "tests/golden/tidy.txt: `700 b.rs` is no longer needed",
        ]
    );
    let file = Source::new("b.rs", "\n".repeat(FILE_LINES_MAX + 1));
    assert_eq!(
        told(against_list(too_long(&file), "")),
        ["b.rs: has 601 lines, more than 600"]
    );
}

#[test]
fn many_parameters_are_found() {
    let text = "trait A {\n    fn many(&self, a: u8, b: u8, c: u8, d: u8, e: u8);\n    fn few(&self, a: u8, b: u8, c: u8, d: u8);\n}\n";
    assert_eq!(
        told(too_many_parameters(&Source::new("a.rs", text))),
        ["a.rs:2: `many` has 6 parameters, more than 5"]
    );
}
