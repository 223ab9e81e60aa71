//! Reading: the sentences of some passages that answer a question.

use anthill_contracts::brief::Passage;
use anthill_contracts::model::{ClaimAnswer, FindingsAnswer, QuoteAnswer};

use super::ranking::{Candidate, centrality, choose, vectors};
use super::relevance::Question;
use super::sentences::{self, Sentence};
use super::words::Language;

/// Most sentences that are compared with each other.
const CANDIDATES_MAX: usize = 400;
/// Shares of a sentence's score: what it covers of the question, and how central it is.
const RELEVANCE_SHARE: f64 = 0.75;
const CENTRALITY_SHARE: f64 = 0.25;
/// A sentence whose score is below this share of the best one is left out.
const SCORE_MIN_OF_BEST: f64 = 0.5;

/// A sentence that may become a claim.
struct Scored {
    sentence: Sentence,
    terms: Vec<String>,
    relevance: f64,
}

/// The claims that answer the question, best first; none where nothing does.
pub(super) fn findings(question: &str, passages: &[Passage], claims_max: usize) -> FindingsAnswer {
    let language = Language::new();
    let all = sentences::of_passages(passages, &language);
    let compared = candidates(question, all, &language);
    let terms: Vec<Vec<String>> = compared.iter().map(|one| one.terms.clone()).collect();
    let vectors = vectors(&terms);
    let central = centrality(&vectors);
    let scores: Vec<f64> = compared
        .iter()
        .zip(&central)
        .map(|(one, central)| score(one.relevance, *central) * one.sentence.shape)
        .collect();
    let score_min = scores.iter().copied().fold(0.0, f64::max) * SCORE_MIN_OF_BEST;
    let choices: Vec<Candidate<'_>> = scores
        .iter()
        .zip(&vectors)
        .map(|(score, vector)| Candidate {
            score: if *score >= score_min { *score } else { 0.0 },
            vector,
            group: 0,
        })
        .collect();
    let claims = choose(&choices, claims_max)
        .into_iter()
        .map(|index| claim(&compared[index], scores[index]))
        .collect();
    FindingsAnswer { claims }
}

fn score(relevance: f64, central: f64) -> f64 {
    RELEVANCE_SHARE * relevance + CENTRALITY_SHARE * central
}

/// The sentences worth comparing: all that cover enough of the question, or the first ones where it is open.
fn candidates(question: &str, all: Vec<Sentence>, language: &Language) -> Vec<Scored> {
    let terms: Vec<Vec<String>> = all
        .iter()
        .map(|sentence| language.terms(&sentence.quote))
        .collect();
    let question = Question::new(question, language).weighed(&terms);
    let mut scored: Vec<Scored> = all
        .into_iter()
        .zip(terms)
        .filter_map(|(sentence, terms)| {
            let relevance = relevance(&question, &sentence, &terms, language);
            (relevance > 0.0).then_some(Scored {
                sentence,
                terms,
                relevance,
            })
        })
        .collect();
    if scored.len() > CANDIDATES_MAX {
        // Stable, so that of equal ones the earlier stays; then back in the order of the text.
        let mut order: Vec<usize> = (0..scored.len()).collect();
        order.sort_by(|a, b| scored[*b].relevance.total_cmp(&scored[*a].relevance));
        order.truncate(CANDIDATES_MAX);
        order.sort_unstable();
        let mut kept = order.into_iter().peekable();
        let mut index = 0;
        scored.retain(|_| {
            let keep = kept.next_if_eq(&index).is_some();
            index += 1;
            keep
        });
    }
    scored
}

fn relevance(question: &Question, sentence: &Sentence, terms: &[String], language: &Language) -> f64 {
    if question.is_open() {
        return 0.5;
    }
    let heading = sentence
        .heading
        .as_deref()
        .map(|heading| language.terms(heading))
        .unwrap_or_default();
    let covered = question.covered_by(terms, &heading);
    (covered * question.form(&sentence.quote)).min(1.0)
}

fn claim(scored: &Scored, score: f64) -> ClaimAnswer {
    let sentence = &scored.sentence;
    ClaimAnswer {
        text: sentences::as_claim(&sentence.quote),
        quotes: vec![QuoteAnswer {
            path: sentence.path.clone(),
            quote: sentence.quote.clone(),
            start: sentence.place.map(|(start, _)| start),
            end: sentence.place.map(|(_, end)| end),
        }],
        relevance_milli: milli(score),
    }
}

/// A share as thousandths.
pub(super) fn milli(share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the share is clamped to 0 to 1"
    )]
    let milli = (share.clamp(0.0, 1.0) * 1000.0).round() as u32;
    milli
}

/// The most central sentences of a text, in their order.
pub(super) fn most_central(text: &str, wanted: usize) -> Vec<String> {
    let language = Language::new();
    let mut sentences: Vec<&str> = sentences::split(text)
        .into_iter()
        .map(|(_, sentence)| sentence)
        .filter(|sentence| sentences::shape(sentence, &language).is_some())
        .collect();
    sentences.truncate(CANDIDATES_MAX);
    let terms: Vec<Vec<String>> = sentences
        .iter()
        .map(|sentence| language.terms(sentence))
        .collect();
    let central = centrality(&vectors(&terms));
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by(|a, b| central[*b].total_cmp(&central[*a]));
    order.truncate(wanted);
    order.sort_unstable();
    order
        .into_iter()
        .map(|index| sentences[index].to_owned())
        .collect()
}
