//! Checks on what a reader reports (contract `findings`).

use std::collections::BTreeSet;

use anthill_contracts::brief::{Encoding, Findings, Quote};
use anthill_contracts::sources::Sources;
use anthill_contracts::task::ReasonCode;

use super::quality::Wanted;
use super::quotes::{self, Claimed};
use super::{Flaws, Verdict};
use crate::compose::{missing_quote, same_words};

/// What a reader's report is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingsRule<'a> {
    /// The document that was read; quotations from any other are refused. Nothing where any may be quoted.
    pub path: Option<&'a str>,
    /// Most claims.
    pub claims_max: u32,
    /// What its score is measured by, beyond how much of it stands.
    pub wanted: Option<&'a Wanted>,
}

/// Checks a report against its sources. A report without claims is in order: its document answers nothing.
pub fn check_findings(findings: &Findings, rule: FindingsRule<'_>, sources: &dyn Sources) -> Verdict {
    let mut flaws = Flaws::default();
    flaws.bound("claims", findings.claims.len(), rule.claims_max);
    let mut seen = BTreeSet::new();
    let mut verified: Vec<String> = Vec::new();
    for (index, finding) in findings.claims.iter().enumerate() {
        let place = format!("claims[{index}]");
        flaws.claim_text(&place, &finding.text);
        if !seen.insert(same_words(&finding.text)) {
            flaws.add(
                ReasonCode::ContractViolation,
                format!("{place} says what an earlier claim says"),
            );
        }
        if finding.quotes.is_empty() {
            flaws.add(ReasonCode::ClaimUncited, format!("{place} has no quotation"));
        }
        let mut stands = !finding.quotes.is_empty();
        for (quote_index, quote) in finding.quotes.iter().enumerate() {
            let quote_place = format!("{place}.quotes[{quote_index}]");
            if let Some((reason, detail)) = quote_flaw(quote, &quote_place, rule, sources) {
                flaws.add(reason, detail);
                stands = false;
            }
        }
        if stands {
            let quoted = finding.quotes.iter().map(|quote| quote.quote.as_str());
            verified.push(quoted.collect::<Vec<_>>().join(" "));
        }
    }
    let share = rule.wanted.map_or(1.0, |wanted| wanted.share(&verified));
    flaws
        .verdict(findings.claims.len(), verified.len())
        .weighed(share)
}

fn quote_flaw(
    quote: &Quote,
    place: &str,
    rule: FindingsRule<'_>,
    sources: &dyn Sources,
) -> Option<(ReasonCode, String)> {
    if let Some(path) = rule.path.filter(|path| *path != quote.path) {
        let detail = format!("{place} quotes `{}`, but the document is `{path}`", quote.path);
        return Some((ReasonCode::QuoteNotFound, detail));
    }
    let Some(stated) = quote.place else {
        return Some((ReasonCode::QuoteNotFound, missing_quote(place, quote)));
    };
    let claimed = Claimed {
        path: &quote.path,
        place: stated,
        quote: &quote.quote,
    };
    // A report does not say how its file is encoded; a brief does, and is held to it.
    let (reason, detail) = quotes::flaw(&claimed, Encoding::ALL, sources)?;
    Some((reason, format!("{place}: {detail}")))
}
