//! Writing: an outline of the findings that answer the question best, without repetitions, in titled sections.

use std::collections::BTreeSet;

use anthill_contracts::brief::Finding;
use anthill_contracts::model::{Matter, OutlineAnswer, OutlineClaim, OutlineSection};
use anthill_text::word;

use super::ranking::{Candidate, SAME, Vector, centrality, choose, cosine, vectors};
use super::relevance::Question;
use super::sections::{self, Item, Likeness};
use super::sentences;
use super::titles;
use super::words::Language;

/// Most findings that are compared with each other.
const CANDIDATES_MAX: usize = 400;
/// Most findings behind one claim.
const BACKING_MAX: usize = 3;
/// What a claim counts that does not look like a sentence; its author may still have been right to make it.
const SHAPELESS: f64 = 0.5;
/// A finding whose score is below this share of the best one is left out.
const SCORE_MIN_OF_BEST: f64 = 0.5;
const RELEVANCE_SHARE: f64 = 0.55;
const CENTRALITY_SHARE: f64 = 0.2;
const REPORTED_SHARE: f64 = 0.25;

/// What is written about, from the request.
struct Wanted<'a> {
    question: &'a str,
    findings: &'a [Finding],
    sections_max: usize,
    claims_max: usize,
    words_max: usize,
}

/// A finding with its number, its vector and its score.
struct Scored<'a> {
    number: usize,
    finding: &'a Finding,
    vector: Vector,
    score: f64,
}

/// The outline for a matter of writing; an empty one for any other.
pub(super) fn outline(matter: &Matter) -> OutlineAnswer {
    let Matter::Write {
        question,
        findings,
        sections_max,
        claims_max,
        words_max,
        ..
    } = matter
    else {
        return OutlineAnswer::default();
    };
    let wanted = Wanted {
        question,
        findings,
        sections_max: *sections_max as usize,
        claims_max: *claims_max as usize,
        words_max: *words_max as usize,
    };
    let scored = scored(&wanted);
    let chosen = chosen(&wanted, &scored);
    OutlineAnswer {
        sections: titled_sections(&wanted, &scored, &chosen),
    }
}

/// Takes the last claim out of an outline; false where there is none left.
pub(super) fn drop_last(outline: &mut OutlineAnswer) -> bool {
    let Some(section) = outline.sections.last_mut() else {
        return false;
    };
    section.claims.pop();
    if section.claims.is_empty() {
        outline.sections.pop();
    }
    true
}

/// Findings whose words tell the language.
const SAMPLE_FINDINGS: usize = 100;

fn language_of(wanted: &Wanted<'_>) -> Language {
    let findings = wanted.findings.iter().take(SAMPLE_FINDINGS);
    let texts: Vec<&str> = findings.map(|finding| finding.text.as_str()).collect();
    Language::of(&format!("{}\n{}", wanted.question, texts.join("\n")))
}

fn scored<'a>(wanted: &Wanted<'a>) -> Vec<Scored<'a>> {
    let language = language_of(wanted);
    let mut kept: Vec<(usize, &Finding)> = wanted
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| !finding.quotes.is_empty())
        .collect();
    kept.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.relevance_milli));
    kept.truncate(CANDIDATES_MAX);
    kept.sort_by_key(|(index, _)| *index);
    let terms: Vec<Vec<String>> = kept
        .iter()
        .map(|(_, finding)| language.terms(&finding.text))
        .collect();
    let question = Question::new(wanted.question, &language).weighed(&terms);
    let vectors = vectors(&terms);
    let central = centrality(&vectors);
    kept.into_iter()
        .zip(vectors)
        .enumerate()
        .map(|(position, ((index, finding), vector))| {
            let heading = language.terms(finding.heading.as_deref().unwrap_or_default());
            let covered = question.covered_by(&terms[position], &heading) * question.form(&finding.text);
            let alone = sentences::shape(&finding.text, &language).unwrap_or(SHAPELESS);
            let reported = f64::from(finding.relevance_milli.min(1000)) / 1000.0;
            Scored {
                number: index + 1,
                finding,
                vector,
                score: alone
                    * (RELEVANCE_SHARE * covered.min(1.0)
                        + CENTRALITY_SHARE * central[position]
                        + REPORTED_SHARE * reported),
            }
        })
        .collect()
}

/// Positions of the findings to use, best first, within the limits on claims and words.
fn chosen(wanted: &Wanted<'_>, scored: &[Scored<'_>]) -> Vec<usize> {
    let paths: BTreeSet<&str> = scored.iter().map(|scored| path(scored.finding)).collect();
    let group = |scored: &Scored<'_>| paths.range(..path(scored.finding)).count();
    let score_min = scored.iter().map(|scored| scored.score).fold(0.0, f64::max) * SCORE_MIN_OF_BEST;
    let candidates: Vec<Candidate<'_>> = scored
        .iter()
        .map(|scored| Candidate {
            score: if scored.score >= score_min {
                scored.score
            } else {
                0.0
            },
            vector: &scored.vector,
            group: group(scored),
        })
        .collect();
    let mut words_left = wanted.words_max;
    choose(&candidates, wanted.claims_max)
        .into_iter()
        .filter(|position| {
            let words = word::count(&scored[*position].finding.text);
            let fits = words <= words_left;
            words_left -= if fits { words } else { 0 };
            fits
        })
        .collect()
}

fn titled_sections(wanted: &Wanted<'_>, scored: &[Scored<'_>], chosen: &[usize]) -> Vec<OutlineSection> {
    let items: Vec<Item<'_>> = chosen
        .iter()
        .map(|position| Item {
            vector: &scored[*position].vector,
            heading: scored[*position].finding.heading.as_deref(),
            path: path(scored[*position].finding),
        })
        .collect();
    let likeness = Likeness::new(&items);
    let mut groups = sections::group(&likeness, wanted.sections_max);
    for group in &mut groups {
        // Items stand in order of choice, which is best first.
        group.sort_unstable();
    }
    groups.sort_by_key(|group| group.first().copied());
    let mut taken = BTreeSet::new();
    let topic = Topic::new(wanted);
    groups
        .iter()
        .filter(|group| !group.is_empty() && wanted.sections_max > 0)
        .map(|group| OutlineSection {
            title: titles::unused(&topic.titles(&items, group, likeness.middle(group)), &mut taken),
            claims: group.iter().map(|item| claim(scored, chosen[*item])).collect(),
        })
        .collect()
}

/// The terms of the question, for titles that name what was asked.
struct Topic {
    language: Language,
    terms: Vec<String>,
}

impl Topic {
    fn new(wanted: &Wanted<'_>) -> Self {
        let language = language_of(wanted);
        Self {
            terms: language.terms(wanted.question),
            language,
        }
    }

    /// Titles for a group, best first: headings that fit the question, of equal ones that in the group's middle, then
    /// the names of its documents.
    fn titles(&self, items: &[Item<'_>], group: &[usize], middle: usize) -> Vec<String> {
        let in_order = || std::iter::once(middle).chain(group.iter().copied());
        let mut titles: Vec<String> = in_order()
            .filter_map(|item| items[item].heading.and_then(titles::of_heading))
            .collect();
        titles.sort_by_key(|heading| std::cmp::Reverse(self.shared_with(heading)));
        titles.extend(in_order().map(|item| titles::of_path(items[item].path)));
        titles
    }

    fn shared_with(&self, heading: &str) -> usize {
        let terms = self.language.terms(heading);
        self.terms.iter().filter(|term| terms.contains(term)).count()
    }
}

/// A claim with its own finding and those that say the same.
fn claim(scored: &[Scored<'_>], position: usize) -> OutlineClaim {
    let own = &scored[position];
    let mut findings = vec![number(own)];
    let others = scored.iter().enumerate().filter(|(index, other)| {
        *index != position
            && path(other.finding) != path(own.finding)
            && cosine(&other.vector, &own.vector) >= SAME
    });
    findings.extend(others.take(BACKING_MAX - 1).map(|(_, other)| number(other)));
    OutlineClaim {
        text: own.finding.text.clone(),
        findings,
    }
}

fn number(scored: &Scored<'_>) -> u32 {
    u32::try_from(scored.number).unwrap_or(u32::MAX)
}

fn path(finding: &Finding) -> &str {
    finding.quotes.first().map_or("", |quote| quote.path.as_str())
}
