//! Briefs: sections of claims, one numbered list of quotations, and what was left over.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::brief::{Brief, Citation, Claim, Finding, Findings, Quote, Section};
use anthill_contracts::model::{OutlineAnswer, OutlineClaim};
use anthill_contracts::spec::OutputSpec;
use anthill_contracts::task::ReasonCode;

use super::findings::same_words;
use super::{Coverage, flaw, one_line, select_findings, word_count};

/// Most characters of a section's title.
pub(crate) const TITLE_CHARS_MAX: usize = 200;

/// The title of the section that takes what no other section has room for.
const REST_TITLE: &str = "Other documents";

/// Numbers quotations in order of first use, each place once.
struct Numbering<'a> {
    coverage: &'a Coverage,
    numbers: BTreeMap<(String, u64, u64), u32>,
    citations: Vec<Citation>,
}

impl<'a> Numbering<'a> {
    const fn new(coverage: &'a Coverage) -> Self {
        Self {
            coverage,
            numbers: BTreeMap::new(),
            citations: Vec::new(),
        }
    }

    /// The number of a quotation; nothing where it has no place in a document of the job.
    fn cite(&mut self, quote: &Quote) -> Option<u32> {
        let place = quote.place?;
        let encoding = self.coverage.encoding(&quote.path)?;
        let next = u32::try_from(self.citations.len()).ok()?.checked_add(1)?;
        let number = *self
            .numbers
            .entry((quote.path.clone(), place.start, place.end))
            .or_insert(next);
        if number == next {
            self.citations.push(Citation {
                n: next,
                path: quote.path.clone(),
                start: place.start,
                end: place.end,
                quote: quote.quote.clone(),
                encoding,
            });
        }
        Some(number)
    }

    /// The numbers of these quotations, each once, in their order.
    fn cite_all<'q>(&mut self, quotes: impl IntoIterator<Item = &'q Quote>) -> Vec<u32> {
        let mut numbers = Vec::new();
        for number in quotes.into_iter().filter_map(|quote| self.cite(quote)) {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }

    fn finish(self, question: &str, mut sections: Vec<Section>) -> Brief {
        sections.retain(|section| !section.claims.is_empty());
        let cited: BTreeSet<&str> = self
            .citations
            .iter()
            .map(|citation| citation.path.as_str())
            .collect();
        let mut skipped = self.coverage.skipped();
        skipped.extend(self.coverage.not_opened(&cited));
        skipped.sort_by(|one, other| one.path.cmp(&other.path));
        let is_skipped = |path: &str| {
            skipped
                .binary_search_by(|file| file.path.as_str().cmp(path))
                .is_ok()
        };
        let documents = self.coverage.listing.documents.iter();
        let unused = documents
            .filter(|document| !cited.contains(document.path.as_str()) && !is_skipped(&document.path))
            .map(|document| document.path.clone())
            .collect();
        Brief {
            question: question.to_owned(),
            sections,
            citations: self.citations,
            unused,
            skipped,
        }
    }
}

/// A brief from a writer's outline over numbered findings (number n is at index n - 1).
///
/// Refused, with every flaw at once: a claim without findings, a number that no finding has, an outline that leaves
/// all findings aside, and a brief of which no document could be read.
pub fn brief_from_outline(
    question: &str,
    outline: &OutlineAnswer,
    findings: &[Finding],
    coverage: &Coverage,
) -> Result<Brief, Vec<ReviewFinding>> {
    let mut flaws: Vec<ReviewFinding> = nothing_read(coverage).into_iter().collect();
    let mut numbering = Numbering::new(coverage);
    let mut sections = Vec::with_capacity(outline.sections.len());
    for (section_index, section) in outline.sections.iter().enumerate() {
        let mut claims = Vec::with_capacity(section.claims.len());
        for (claim_index, claim) in section.claims.iter().enumerate() {
            let place = format!("sections[{section_index}].claims[{claim_index}]");
            match claim_from(claim, findings, &mut numbering) {
                Ok(claim) => claims.push(claim),
                Err((reason, detail)) => flaws.push(flaw(reason, format!("{place} {detail}"))),
            }
        }
        sections.push(Section {
            title: one_line(&section.title),
            claims,
        });
    }
    let is_empty = outline.sections.iter().all(|section| section.claims.is_empty());
    if is_empty && !findings.is_empty() {
        let detail = format!(
            "the outline has no claim, though there are {} findings",
            findings.len()
        );
        flaws.push(flaw(ReasonCode::ContractViolation, detail));
    }
    if flaws.is_empty() {
        Ok(numbering.finish(question, sections))
    } else {
        Err(flaws)
    }
}

fn claim_from(
    claim: &OutlineClaim,
    findings: &[Finding],
    numbering: &mut Numbering<'_>,
) -> Result<Claim, (ReasonCode, String)> {
    if claim.findings.is_empty() {
        return Err((
            ReasonCode::ClaimUncited,
            "names no finding that carries it".to_owned(),
        ));
    }
    let mut quotes = Vec::new();
    for number in &claim.findings {
        let index = usize::try_from(*number).unwrap_or(usize::MAX).checked_sub(1);
        let Some(finding) = index.and_then(|index| findings.get(index)) else {
            let detail = format!(
                "names finding {number}, but the findings are 1 to {}",
                findings.len()
            );
            return Err((ReasonCode::ContractViolation, detail));
        };
        quotes.extend(&finding.quotes);
    }
    let citations = numbering.cite_all(quotes);
    if citations.is_empty() {
        let detail = "rests on findings whose quotations stand in no document".to_owned();
        return Err((ReasonCode::QuoteNotFound, detail));
    }
    Ok(Claim {
        text: one_line(&claim.text),
        citations,
    })
}

/// A brief from the findings of one agent that worked with tools, a section for each document.
///
/// What is above the limits on claims and words is left out, the least relevant first. Refused, with every flaw at
/// once: a claim without a quotation, a quotation without a place.
pub fn brief_from_findings(
    question: &str,
    findings: &Findings,
    coverage: &Coverage,
    output: &OutputSpec,
) -> Result<Brief, Vec<ReviewFinding>> {
    let mut flaws: Vec<ReviewFinding> = nothing_read(coverage).into_iter().collect();
    for (index, finding) in findings.claims.iter().enumerate() {
        if finding.quotes.is_empty() {
            flaws.push(flaw(
                ReasonCode::ClaimUncited,
                format!("claims[{index}] has no quotation"),
            ));
        }
        for (quote_index, quote) in finding.quotes.iter().enumerate() {
            let stands = quote.place.is_some() && coverage.encoding(&quote.path).is_some();
            if !stands {
                let place = format!("claims[{index}].quotes[{quote_index}]");
                flaws.push(flaw(ReasonCode::QuoteNotFound, missing_quote(&place, quote)));
            }
        }
    }
    if flaws.is_empty() {
        Ok(partial_brief(question, vec![findings.clone()], coverage, output))
    } else {
        Err(flaws)
    }
}

/// What to tell the author of a quotation that stands nowhere.
pub(crate) fn missing_quote(place: &str, quote: &Quote) -> String {
    let words: String = one_line(&quote.quote).chars().take(120).collect();
    if quote.path.is_empty() {
        return format!("{place} names no document: \"{words}\"");
    }
    format!(
        "{place} does not stand word for word in `{}`: \"{words}\"",
        quote.path
    )
}

/// A brief without any model, from what readers have found so far: for a job that stops before its writer.
pub fn partial_brief(
    question: &str,
    findings: Vec<Findings>,
    coverage: &Coverage,
    output: &OutputSpec,
) -> Brief {
    let mut words_left = usize::try_from(output.words_max).unwrap_or(usize::MAX);
    let mut chosen = Vec::new();
    for finding in select_findings(question, findings, output) {
        let is_full = chosen.len() >= usize::try_from(output.claims_max).unwrap_or(usize::MAX);
        if is_full {
            break;
        }
        if let Some(left) = words_left.checked_sub(word_count(&finding.text)) {
            words_left = left;
            chosen.push(finding);
        }
    }
    by_document(question, &chosen, coverage, output)
}

/// Claims grouped by the document of their first quotation, in the order of paths and places.
fn by_document(question: &str, findings: &[Finding], coverage: &Coverage, output: &OutputSpec) -> Brief {
    let mut grouped: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for finding in findings {
        let Some(first) = finding.quotes.first() else {
            continue;
        };
        if seen.insert(same_words(&finding.text)) {
            grouped.entry(first.path.as_str()).or_default().push(finding);
        }
    }
    let sections_max = usize::try_from(output.sections_max).unwrap_or(usize::MAX).max(1);
    let has_rest = grouped.len() > sections_max;
    let own_sections = if has_rest { sections_max - 1 } else { grouped.len() };
    let mut numbering = Numbering::new(coverage);
    let mut sections: Vec<Section> = Vec::new();
    for (index, (path, mut group)) in grouped.into_iter().enumerate() {
        group.sort_by_key(|finding| finding.quotes.first().and_then(|quote| quote.place));
        let claims = group
            .into_iter()
            .filter_map(|finding| cited_claim(finding, &mut numbering));
        let claims: Vec<Claim> = claims.collect();
        match sections.last_mut() {
            Some(rest) if has_rest && index > own_sections => rest.claims.extend(claims),
            _ => {
                let title = if index < own_sections {
                    title(path)
                } else {
                    REST_TITLE.to_owned()
                };
                sections.push(Section { title, claims });
            }
        }
    }
    numbering.finish(question, sections)
}

fn cited_claim(finding: &Finding, numbering: &mut Numbering<'_>) -> Option<Claim> {
    let citations = numbering.cite_all(&finding.quotes);
    let text = finding.text.clone();
    (!citations.is_empty()).then_some(Claim { text, citations })
}

/// A path as a title; of a long one its end, which tells more.
fn title(path: &str) -> String {
    let path = one_line(path);
    let surplus = path.chars().count().saturating_sub(TITLE_CHARS_MAX);
    if surplus == 0 {
        return path;
    }
    let end: String = path.chars().skip(surplus + 1).collect();
    format!("…{end}")
}

/// A job of which no document could be read has no answer, not an empty one.
fn nothing_read(coverage: &Coverage) -> Option<ReviewFinding> {
    let documents = &coverage.listing.documents;
    let failed = coverage.failed.iter().map(|file| file.path.as_str());
    let not_read: BTreeSet<&str> = failed.chain(coverage.unread.iter().map(String::as_str)).collect();
    let all_failed = !documents.is_empty()
        && documents
            .iter()
            .all(|document| not_read.contains(document.path.as_str()));
    let is_refused = all_failed && !coverage.failed.is_empty();
    is_refused.then(|| {
        let detail = format!(
            "none of the {} documents could be read to its end",
            documents.len()
        );
        flaw(ReasonCode::DependencyFailed, detail)
    })
}
