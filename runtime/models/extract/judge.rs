//! An opinion on claims: each must share its subject with at least one of its quotations.

use anthill_contracts::brief::Finding;
use anthill_contracts::model::OpinionAnswer;

use super::words::{Language, head};

/// Share of a claim's terms that must stand in one quotation.
const SHARED_MIN: f64 = 0.5;
const REASONS_MAX: usize = 8;
const SHOWN_BYTES_MAX: usize = 120;

/// Accepts when every claim is carried by one of its quotations.
pub(super) fn opinion(claims: &[Finding]) -> OpinionAnswer {
    let texts: Vec<&str> = claims.iter().map(|claim| claim.text.as_str()).collect();
    let language = Language::of(&texts.join("\n"));
    let mut reasons: Vec<String> = claims
        .iter()
        .filter(|claim| !is_carried(claim, &language))
        .map(reason)
        .collect();
    let accept = reasons.is_empty();
    reasons.truncate(REASONS_MAX);
    OpinionAnswer { accept, reasons }
}

fn is_carried(claim: &Finding, language: &Language) -> bool {
    let terms = language.terms(&claim.text);
    claim.quotes.iter().any(|quote| {
        let quoted = language.terms(&quote.quote);
        let shared = terms.iter().filter(|term| quoted.contains(term)).count();
        shared > 0 && shared as f64 >= SHARED_MIN * terms.len() as f64
    })
}

fn reason(claim: &Finding) -> String {
    let shown = head(&claim.text, SHOWN_BYTES_MAX);
    match claim.quotes.len() {
        0 => format!("no quotation stands behind \"{shown}\""),
        _ => format!("no quotation says what \"{shown}\" says"),
    }
}
