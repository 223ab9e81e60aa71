//! A reader's answer as findings whose quotations are placed, and the findings of all readers as one ranked list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::brief::{Brief, Encoding, Finding, Findings, Passage, Place, Quote};
use anthill_contracts::model::{ClaimAnswer, FindingsAnswer, QuoteAnswer};
use anthill_contracts::sources::{SourceError, Sources};
use anthill_contracts::spec::OutputSpec;
use anthill_text::{encoding, name, word};

use super::one_line;
use crate::prompts::overlap;

/// Most quotations of one answer that are looked up; each costs a search through its document.
const QUOTES_MAX: usize = 256;

/// Most bytes of a quotation.
pub(crate) const QUOTE_BYTES_MAX: usize = 8 * 1024;

/// Most findings that a writer is given.
const SELECTED_MAX: usize = 4096;

/// Places every quotation of an answer in its document; one that does not stand there has no place.
///
/// `default_path` is the document of a quotation that names none. `passages` is the text that was read, and gives
/// each finding its heading; without it findings have none.
pub fn findings(
    answer: FindingsAnswer,
    default_path: Option<&str>,
    passages: &[Passage],
    sources: &dyn Sources,
) -> Result<Findings, SourceError> {
    let mut claims = Vec::with_capacity(answer.claims.len());
    let mut looked_up = 0;
    for claim in answer.claims {
        let mut quotes = Vec::with_capacity(claim.quotes.len());
        for quote in &claim.quotes {
            looked_up += 1;
            quotes.push(if looked_up > QUOTES_MAX {
                unplaced(path_of(quote, default_path), quote)
            } else {
                placed(quote, default_path, sources)?
            });
        }
        claims.push(finding(&claim, quotes, passages));
    }
    Ok(Findings { claims })
}

fn finding(claim: &ClaimAnswer, quotes: Vec<Quote>, passages: &[Passage]) -> Finding {
    Finding {
        text: one_line(&claim.text),
        heading: quotes.iter().find_map(|quote| heading(quote, passages)),
        relevance_milli: claim.relevance_milli.min(1000),
        quotes,
    }
}

fn heading(quote: &Quote, passages: &[Passage]) -> Option<String> {
    let place = quote.place?;
    let passage = passages
        .iter()
        .find(|passage| passage.path == quote.path && (passage.start..passage.end).contains(&place.start))?;
    passage.heading.clone()
}

fn path_of<'a>(quote: &'a QuoteAnswer, default_path: Option<&'a str>) -> &'a str {
    if quote.path.trim().is_empty() {
        default_path.unwrap_or_default()
    } else {
        &quote.path
    }
}

/// The path of the document that is meant, where the answer names it in another form.
fn meant(path: &str, default_path: Option<&str>, sources: &dyn Sources) -> Result<String, SourceError> {
    let of_default = default_path.and_then(|default| name::resolve(&[default], path));
    match of_default {
        Some(default) => Ok(default.to_owned()),
        None => sources.resolve(path),
    }
}

fn unplaced(path: &str, quote: &QuoteAnswer) -> Quote {
    Quote {
        path: path.to_owned(),
        quote: quote.quote.trim().to_owned(),
        place: None,
    }
}

fn placed(
    quote: &QuoteAnswer,
    default_path: Option<&str>,
    sources: &dyn Sources,
) -> Result<Quote, SourceError> {
    let path = path_of(quote, default_path);
    let words = quote.quote.trim();
    if path.is_empty() {
        return Ok(unplaced(path, quote));
    }
    let path = meant(path, default_path, sources)?;
    let path = path.as_str();
    if words.is_empty() || words.len() > QUOTE_BYTES_MAX {
        return Ok(unplaced(path, quote));
    }
    if let Some(found) = at_hint(quote, path, sources) {
        return Ok(found);
    }
    match sources.locate(path, words) {
        Ok(Some(located)) => Ok(Quote {
            path: path.to_owned(),
            quote: located.quote,
            place: Some(located.place),
        }),
        // A document that a model made up is a quotation that does not stand anywhere.
        Ok(None) | Err(SourceError::Missing { .. } | SourceError::Outside { .. }) => {
            Ok(unplaced(path, quote))
        }
        Err(error) => Err(error),
    }
}

/// Looks where the answer says that the words stand: in a long document much cheaper than a search. Only white space
/// may differ; anything else is left to the search.
fn at_hint(quote: &QuoteAnswer, path: &str, sources: &dyn Sources) -> Option<Quote> {
    let (start, end) = (quote.start?, quote.end?);
    let length = end
        .checked_sub(start)
        .filter(|length| (1..=QUOTE_BYTES_MAX as u64).contains(length))?;
    let bytes = sources.bytes(path, start, length).ok()?;
    if bytes.len() as u64 != length {
        return None;
    }
    let wanted = one_line(&quote.quote);
    let texts = Encoding::ALL
        .iter()
        .filter_map(|encoding| encoding::decode(&bytes, *encoding));
    let text = texts.into_iter().find(|text| one_line(text) == wanted)?;
    Some(Quote {
        path: path.to_owned(),
        quote: text,
        place: Some(Place { start, end }),
    })
}

/// The findings of all readers as the numbered list that a writer works on: claims that say the same brought
/// together, each document held to its share, the most relevant first. A finding counts for the document that it quotes
/// first.
///
/// Findings without a placed quotation are dropped. Equal findings rank by the words they share with the question,
/// then by their rank within their document, so that every document speaks before one speaks twice.
pub fn select_findings(question: &str, findings: Vec<Findings>, output: &OutputSpec) -> Vec<Finding> {
    let mut ranked = merged(findings);
    ranked.sort_by_cached_key(|(rank, finding)| {
        let overlap = overlap(question, &finding.text);
        let first = finding
            .quotes
            .first()
            .map(|quote| (quote.path.clone(), quote.place));
        (Reverse(finding.relevance_milli), Reverse(overlap), *rank, first)
    });
    let mut shares: BTreeMap<String, u32> = BTreeMap::new();
    let mut selected = Vec::new();
    for (_, finding) in ranked {
        let Some(first) = finding.quotes.first() else {
            continue;
        };
        let share = shares.entry(first.path.clone()).or_default();
        if *share >= output.claims_per_document_max {
            continue;
        }
        *share += 1;
        selected.push(finding);
        if selected.len() == SELECTED_MAX {
            break;
        }
    }
    selected
}

/// Findings of the same words as one, each with its best rank within a document.
fn merged(findings: Vec<Findings>) -> Vec<(usize, Finding)> {
    let mut merged: Vec<(usize, Finding)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for claims in findings.into_iter().map(|findings| findings.claims) {
        for (rank, mut finding) in claims.into_iter().enumerate() {
            finding.quotes.retain(|quote| quote.place.is_some());
            if finding.quotes.is_empty() {
                continue;
            }
            if let Some(index) = known.get(&same_words(&finding.text)) {
                let (best, kept) = &mut merged[*index];
                *best = rank.min(*best);
                absorb(kept, finding);
            } else {
                known.insert(same_words(&finding.text), merged.len());
                merged.push((rank, finding));
            }
        }
    }
    merged
}

fn absorb(kept: &mut Finding, other: Finding) {
    kept.relevance_milli = kept.relevance_milli.max(other.relevance_milli);
    for quote in other.quotes {
        if !kept.quotes.contains(&quote) {
            kept.quotes.push(quote);
        }
    }
}

/// A claim as it is compared with others: lower case, without a full stop, white space closed up.
pub(crate) fn same_words(text: &str) -> String {
    let plain = word::normal(text).to_lowercase();
    one_line(&plain).trim_end_matches(['.', '\u{3002}']).to_owned()
}

/// The documents that an answer names, each once.
pub fn named_in(answer: &FindingsAnswer) -> BTreeSet<String> {
    let quotes = answer.claims.iter().flat_map(|claim| &claim.quotes);
    quotes.map(|quote| path_of(quote, None).to_owned()).collect()
}

/// The answer without what it quotes from these documents, and without the claims that rest on nothing else.
pub fn without_quotes_of(mut answer: FindingsAnswer, paths: &BTreeSet<String>) -> FindingsAnswer {
    answer.claims.retain_mut(|claim| {
        let had_quotes = !claim.quotes.is_empty();
        claim.quotes.retain(|quote| !paths.contains(path_of(quote, None)));
        !had_quotes || !claim.quotes.is_empty()
    });
    answer
}

/// The documents that findings quote, each once.
pub fn quoted_in(reports: &[Findings]) -> BTreeSet<String> {
    let claims = reports.iter().flat_map(|report| &report.claims);
    let quotes = claims.flat_map(|claim| &claim.quotes);
    let placed = quotes.filter(|quote| quote.place.is_some());
    placed.map(|quote| quote.path.clone()).collect()
}

/// The claims of a brief with their quotations, in reading order; what a critic is asked about.
pub fn claims_of(brief: &Brief) -> Vec<Finding> {
    let by_number: BTreeMap<u32, Quote> = brief
        .citations
        .iter()
        .map(|citation| {
            let place = Place {
                start: citation.start,
                end: citation.end,
            };
            let (path, quote) = (citation.path.clone(), citation.quote.clone());
            (
                citation.n,
                Quote {
                    path,
                    quote,
                    place: Some(place),
                },
            )
        })
        .collect();
    let sections = brief.sections.iter();
    let claims = sections.flat_map(|section| section.claims.iter().map(move |claim| (section, claim)));
    claims
        .map(|(section, claim)| Finding {
            text: claim.text.clone(),
            quotes: claim
                .citations
                .iter()
                .filter_map(|number| by_number.get(number).cloned())
                .collect(),
            relevance_milli: 0,
            heading: Some(section.title.clone()),
        })
        .collect()
}
