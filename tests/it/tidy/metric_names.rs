//! Metrics are constants of `metrics.rs`, named `anthill_<crate>_<noun>_<unit>[_total]`, and each is described.
//!
//! A counter ends in `_total` and nothing else does. A unit is a plural (`seconds`, `bytes`, `tokens`, or what is
//! counted) or `ratio`. Names given as a text where a metric is recorded are flaws: nobody could list them.

use proc_macro2::{Literal, TokenStream, TokenTree};
use syn::{Expr, Item, Lit};

use super::workspace::rust_sources;
use super::{Flaw, Source, demand_none, told};

const RECORDERS: [&str; 6] = [
    "counter",
    "gauge",
    "histogram",
    "describe_counter",
    "describe_gauge",
    "describe_histogram",
];

/// A constant that names a metric.
pub(super) struct Metric {
    constant: String,
    pub(super) name: String,
    line: usize,
}

/// The metrics that a file names.
pub(super) fn metrics(source: &Source) -> Vec<Metric> {
    let name_of = |expression: &Expr| match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    source
        .parse()
        .items
        .iter()
        .filter_map(|item| {
            let Item::Const(constant) = item else { return None };
            let name = name_of(&constant.expr).filter(|name| name.starts_with("anthill"))?;
            Some(Metric {
                constant: constant.ident.to_string(),
                name,
                line: constant.ident.span().start().line,
            })
        })
        .collect()
}

/// The crate's word in its metrics: its folder.
fn crate_word(path: &str) -> &str {
    path.strip_prefix("runtime/")
        .unwrap_or(path)
        .split('/')
        .next()
        .unwrap_or(path)
}

/// What is wrong with a name, if anything.
fn misnamed(name: &str, crate_word: &str) -> Option<String> {
    let prefix = format!("anthill_{crate_word}_");
    let Some(rest) = name.strip_prefix(&prefix) else {
        return Some(format!("`{name}` does not begin with `{prefix}`"));
    };
    let words = rest.strip_suffix("_total").unwrap_or(rest);
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if !words.split('_').all(is_word) {
        return Some(format!("`{name}` is not made of lower-case words"));
    }
    let unit = words.rsplit('_').next().unwrap_or(words);
    (!unit.ends_with('s') && unit != "ratio")
        .then(|| format!("`{name}` ends in `{unit}`, which is neither a plural nor `ratio`"))
}

/// What is wrong with the description of a metric, if anything.
fn misdescribed(metric: &Metric, described: &[(String, String)]) -> Option<String> {
    let Some((recorder, _)) = described
        .iter()
        .find(|(_, constant)| *constant == metric.constant)
    else {
        return Some(format!("`{}` is not described", metric.constant));
    };
    let is_total = metric.name.ends_with("_total");
    match (recorder == "describe_counter", is_total) {
        (true, false) => Some(format!("the counter `{}` does not end in `_total`", metric.name)),
        (false, true) => Some(format!("`{}` is no counter and ends in `_total`", metric.name)),
        _ => None,
    }
}

/// Every call of a recording macro, with the first argument, where that is one name or one text.
fn calls(stream: TokenStream, found: &mut Vec<(String, Result<String, Literal>)>) {
    let tokens = stream.into_iter().collect::<Vec<_>>();
    for window in tokens.windows(3) {
        let [
            TokenTree::Ident(recorder),
            TokenTree::Punct(bang),
            TokenTree::Group(arguments),
        ] = window
        else {
            continue;
        };
        let recorder = recorder.to_string();
        if bang.as_char() != '!' || !RECORDERS.contains(&recorder.as_str()) {
            continue;
        }
        let first = arguments
            .stream()
            .into_iter()
            .take_while(|token| !matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','))
            .last();
        match first {
            Some(TokenTree::Ident(constant)) => found.push((recorder, Ok(constant.to_string()))),
            Some(TokenTree::Literal(text)) => found.push((recorder, Err(text))),
            _ => {}
        }
    }
    for token in tokens {
        if let TokenTree::Group(group) = token {
            calls(group.stream(), found);
        }
    }
}

fn flaws(source: &Source) -> Vec<Flaw> {
    let stream = source
        .text
        .parse::<TokenStream>()
        .unwrap_or_else(|error| panic!("{}: {error}", source.path));
    let mut found = Vec::new();
    calls(stream, &mut found);
    let (mut described, mut flaws) = (Vec::new(), Vec::new());
    for (recorder, argument) in found {
        match argument {
            Ok(constant) => described.push((recorder, constant)),
            // Tests may record something of their own.
            Err(_) if source.is_test() => {}
            Err(text) => flaws.push(Flaw::at(
                source,
                text.span().start().line,
                format!("`{recorder}!` is given the text {text}"),
            )),
        }
    }
    described.retain(|(recorder, _)| recorder.starts_with("describe"));
    if source.stem() == "metrics" {
        for metric in metrics(source) {
            let problems = [
                misnamed(&metric.name, crate_word(&source.path)),
                misdescribed(&metric, &described),
            ];
            flaws.extend(
                problems
                    .into_iter()
                    .flatten()
                    .map(|what| Flaw::at(source, metric.line, what)),
            );
        }
    }
    flaws
}

#[test]
fn metrics_are_named_and_described() {
    demand_none(
        rust_sources().iter().flat_map(flaws),
        "name it `anthill_<crate>_<noun>_<unit>[_total]` in `metrics.rs` and describe it in `describe()` there",
    );
}

#[test]
fn bad_names_are_found() {
    let text = r#"const A: &str = "anthill_store_frames_total";
const B: &str = "anthill_models_frames_total";
const C: &str = "anthill_store_queue";
const D: &str = "anthill_store_sync_seconds_total";
const E: &str = "anthill_store_Sync_seconds";
const F: &str = "outcome";
pub fn describe() {
    describe_counter!(A, "frames");
    describe_counter!(B, "frames");
    describe_gauge!(C, Unit::Count, "length");
    metrics::describe_histogram!(D, "time");
    counter!("anthill_store_other_total").increment(1);
}
"#;
    assert_eq!(
        told(flaws(&Source::new("runtime/store/metrics.rs", text))),
        [
            "runtime/store/metrics.rs:12: `counter!` is given the text \"anthill_store_other_total\"",
            "runtime/store/metrics.rs:2: `anthill_models_frames_total` does not begin with `anthill_store_`",
            "runtime/store/metrics.rs:3: `anthill_store_queue` ends in `queue`, which is neither a plural nor `ratio`",
            "runtime/store/metrics.rs:4: `anthill_store_sync_seconds_total` is no counter and ends in `_total`",
            "runtime/store/metrics.rs:5: `anthill_store_Sync_seconds` is not made of lower-case words",
            "runtime/store/metrics.rs:5: `E` is not described",
        ]
    );
}
