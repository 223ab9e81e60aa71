//! Words that have no place here: promises for later, and ways around an error or a lint.
//!
//! Code is read as tokens, so that a text or a comment may speak of `unwrap`; promises are found in any text.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use super::workspace::{prose_sources, rust_sources};
use super::{Flaw, Source, demand_none, told};

/// Spelled in pieces: this file is searched as well.
const PROMISES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Macros that promise code, or belong to a search for a bug.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

fn promises(source: &Source) -> Vec<Flaw> {
    let words = |line: &str| {
        line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .find(|word| PROMISES.contains(word))
            .map(str::to_owned)
    };
    (1..)
        .zip(source.text.lines())
        .filter_map(|(number, line)| Some(Flaw::at(source, number, format!("says {}", words(line)?))))
        .collect()
}

fn shortcuts(source: &Source) -> Vec<Flaw> {
    let stream = source
        .text
        .parse::<TokenStream>()
        .unwrap_or_else(|error| panic!("{}: {error}", source.path));
    let mut found = Vec::new();
    search(source, stream, &mut found);
    found
}

fn search(source: &Source, stream: TokenStream, found: &mut Vec<Flaw>) {
    let tokens = stream.into_iter().collect::<Vec<_>>();
    for (position, token) in tokens.iter().enumerate() {
        let before = position.checked_sub(1).map(|position| &tokens[position]);
        let after = tokens.get(position + 1);
        let line = token.span().start().line;
        match token {
            TokenTree::Ident(name) => {
                let name = name.to_string();
                if is_punct(before, &['.', ':']) && ["unwrap", "unwrap_err"].contains(&name.as_str()) {
                    found.push(Flaw::at(source, line, format!("calls `{name}`")));
                }
                if UNFINISHED.contains(&name.as_str()) && is_bang(after) {
                    found.push(Flaw::at(source, line, format!("calls `{name}!`")));
                }
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Bracket && is_punct(before, &['#', '!']) && allows(group) {
                    found.push(Flaw::at(source, line, "allows a lint"));
                }
                search(source, group.stream(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: &[char]) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if wanted.contains(&punct.as_char()))
}

/// The `!` of a macro's call, and not that of `!=`.
fn is_bang(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == '!' && punct.spacing() == Spacing::Alone)
}

/// Whether an attribute allows a lint, also behind a condition.
fn allows(attribute: &Group) -> bool {
    let tokens = attribute.stream().into_iter().collect::<Vec<_>>();
    tokens.iter().enumerate().any(|(position, token)| match token {
        TokenTree::Ident(name) => {
            name == "allow" && matches!(tokens.get(position + 1), Some(TokenTree::Group(_)))
        }
        TokenTree::Group(group) => allows(group),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

#[test]
fn nothing_is_promised_for_later() {
    let sources = rust_sources().into_iter().chain(prose_sources());
    demand_none(
        sources.flat_map(|source| promises(&source)),
        "do it now, or leave it out and say so where people look",
    );
}

#[test]
fn no_error_is_unwrapped_and_no_lint_allowed() {
    demand_none(
        rust_sources().iter().flat_map(shortcuts),
        "handle the error or `expect(\"why this cannot happen\")`; `#[expect(lint, reason = \"..\")]` instead of allowing",
    );
}

#[test]
fn bad_words_are_found() {
    let text = format!("// {}: later\nfn main() {{}} // {}_X\n", PROMISES[0], PROMISES[1]);
    assert_eq!(
        told(promises(&Source::new("a.rs", text))),
        [format!("a.rs:1: says {}", PROMISES[0])]
    );
}

#[test]
fn shortcuts_are_found() {
    let text = r#"#![allow(dead_code)]
//! Speaks of `.unwrap()` and `#[allow(x)]`.
fn main() {
    let text = "x.unwrap()";
    x.unwrap();
    assert!(y.iter().map(Result::unwrap_err).all(|it| it != todo));
    x.unwrap_or_default();
    todo!();
}
#[cfg_attr(test, allow(unused))]
#[expect(unused, reason = "allow")]
fn allow(x: [u8; 4]) -> bool { todo != 4 }
"#;
    assert_eq!(
        told(shortcuts(&Source::new("a.rs", text))),
        [
            "a.rs:1: allows a lint",
            "a.rs:5: calls `unwrap`",
            "a.rs:6: calls `unwrap_err`",
            "a.rs:8: calls `todo!`",
            "a.rs:10: allows a lint",
        ]
    );
}
