//! Retrieval on texts whose relevance nobody had to judge: manual pages, asked for by their own one line.
//!
//! The page itself is worth 3 and each page that it points to under SEE ALSO is worth 1. The index that answers is the
//! one of signals; that pages are a hundred times as long is a test of its bounds. A second part cuts the pages into
//! texts of a signal's size and times the whole read path at 10 000 of them, and packs what it finds.
//!
//! The constants of [`Tuning`] were chosen on 1 000 questions about 3 188 pages of one machine: nDCG at 10 of BM25 over
//! stems .654, with pairs of words .684, fused with runs of characters .694. The questions asked here are others, drawn by
//! another hash, so that what is reported is no echo of the choice.

mod pages;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{
    BundleClass, Origin, Polarity, SIGNAL_TEXT_BYTES_MAX, ScopePath, Share, Signal, SignalBody, Trigger,
};

pub use pages::{Page, page_of};

use super::{Progress, Report, Target, WorldPatch};
use crate::packing::{Candidate, gain, pack};
use crate::params::Params;
use crate::retrieval::{Index, Query, Tuning};

/// Questions that are asked.
const QUERIES_MAX: usize = 1000;
/// Signals at which the read path is timed.
const SIGNALS: usize = 10_000;
/// Rounds of the timing.
const ROUNDS: usize = 5;
/// Places of a ranking that count.
const PLACES: usize = 10;
/// Candidates that the exact packing chooses from; more would take it too long.
const PACKED_OF: usize = 16;
/// Packings that are compared with the exact one.
const PACKINGS: usize = 200;

/// Runs the experiment on these pages. `mono` tells the time since some moment; it is asked around each question.
///
/// Pages that share a name or a one line with an earlier one are left out, for no ranking could tell them apart.
pub fn run(
    patch: &WorldPatch,
    pages: &[Page],
    progress: Progress<'_>,
    mono: &dyn Fn() -> Duration,
) -> Report {
    let mut report = Report::new("retrieval", patch.clone(), 1);
    let pages = distinct(pages);
    let mut asked = pages.clone();
    asked.sort_by_key(|page| id_of("query", &page.name));
    asked.truncate(QUERIES_MAX);
    report.figure("pages", pages.len() as f64);
    report.figure("queries", asked.len() as f64);
    ranking(&pages, &asked, &mut report);
    progress(1, 3);
    let index = signals_of(&pages);
    timing(&index, &asked, mono, &mut report);
    progress(2, 3);
    packing(&index, &asked, &mut report);
    progress(3, 3);
    for (name, target) in [
        ("ndcg_at_10", Target::AtLeast(0.66)),
        ("p99_ms_10k_signals", Target::AtMost(1.0)),
        ("cap_exceeded", Target::AtMost(0.0)),
        ("packing_over_exact", Target::AtLeast(0.99)),
    ] {
        report.target(name, target);
    }
    report
}

fn distinct(pages: &[Page]) -> Vec<&Page> {
    let (mut names, mut lines) = (BTreeSet::new(), BTreeSet::new());
    let mut is_new =
        |page: &Page| names.insert(page.name.clone()) && lines.insert(page.one_line.to_lowercase());
    pages.iter().filter(|page| is_new(page)).collect()
}

fn id_of(kind: &str, name: &str) -> SignalId {
    SignalId::of_parts(&[kind.as_bytes(), name.as_bytes()])
}

fn scope() -> ScopePath {
    "read".parse().expect("one name is a scope")
}

fn signal(id: SignalId, text: &str) -> Arc<Signal> {
    Arc::new(Signal {
        id,
        scope: scope(),
        polarity: Polarity::Do,
        tokens: u16::try_from(text.len() / 4 + 1).unwrap_or(u16::MAX),
        body: SignalBody::Text {
            text: text.to_owned(),
        },
        trigger: Trigger::default(),
        parents: Vec::new(),
        author: Origin::BUILTIN,
        born_in: None,
        created: Timestamp(0),
        bundle: BundleClass::default(),
        share: Share::Public,
        source: String::new(),
    })
}

fn ask(index: &Index, text: &str) -> Vec<(SignalId, f64)> {
    index.candidates(&Query {
        scope: &scope(),
        text,
        vector: None,
        state: &BTreeMap::new(),
        reader: Origin::BUILTIN,
        groups: &[],
        schemas: &[],
        reads_text: true,
    })
}

/// How well pages are found by their one line: fused, and by BM25 over words alone.
fn ranking(pages: &[&Page], asked: &[&Page], report: &mut Report) {
    let mut index = Index::new(&Params::default());
    for page in pages {
        index.insert(&signal(id_of("page", &page.name), &page.body));
    }
    let known: BTreeSet<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    let alone = Tuning {
        pair_weight: 0.0,
        second_weight: 0.0,
        ..Tuning::default()
    };
    for (tuning, suffix) in [(Tuning::default(), ""), (alone, "_bm25")] {
        index.retune(tuning);
        let (mut ndcg, mut first, mut among) = (Vec::new(), Vec::new(), Vec::new());
        for page in asked {
            let own = id_of("page", &page.name);
            let also: BTreeSet<SignalId> = page
                .see_also
                .iter()
                .filter(|name| **name != page.name && known.contains(name.as_str()))
                .map(|name| id_of("page", name))
                .collect();
            let found: Vec<SignalId> = ask(&index, &page.one_line)
                .into_iter()
                .map(|(id, _)| id)
                .collect();
            let place = found.iter().position(|id| *id == own);
            first.push(f64::from(u8::from(place == Some(0))));
            among.push(f64::from(u8::from(place.is_some_and(|place| place < PLACES))));
            ndcg.push(normalised_gain(&found, own, &also));
        }
        report.mean(&format!("ndcg_at_10{suffix}"), &ndcg);
        report.mean(&format!("recall_at_1{suffix}"), &first);
        report.mean(&format!("recall_at_10{suffix}"), &among);
    }
}

/// Normalised discounted cumulative gain (Jaervelin and Kekaelaeinen 2002) with gains 2^grade - 1.
fn normalised_gain(found: &[SignalId], own: SignalId, also: &BTreeSet<SignalId>) -> f64 {
    const OWN: f64 = 7.0;
    let discounts = || (2..).map(|place: u32| 1.0 / f64::from(place).log2()).take(PLACES);
    let gain_of = |id: &SignalId| {
        if *id == own {
            OWN
        } else {
            f64::from(u8::from(also.contains(id)))
        }
    };
    let gained: f64 = discounts()
        .zip(found)
        .map(|(discount, id)| discount * gain_of(id))
        .sum();
    let grades = std::iter::once(OWN).chain(also.iter().map(|_| 1.0));
    let ideal: f64 = discounts()
        .zip(grades)
        .map(|(discount, grade)| discount * grade)
        .sum();
    gained / ideal
}

/// The pages cut into texts of a signal's size, one of each page in turn, until there are enough.
fn signals_of(pages: &[&Page]) -> Index {
    let mut index = Index::new(&Params::default());
    let mut rests: Vec<(&str, &str)> = pages
        .iter()
        .map(|page| (page.name.as_str(), page.body.as_str()))
        .collect();
    while index.len() < SIGNALS && !rests.is_empty() {
        for (name, rest) in &mut rests {
            // Sizes differ, as those of real signals do.
            let wanted = SIGNAL_TEXT_BYTES_MAX / (1 + usize::from(id_of(name, rest).as_bytes()[0] % 4));
            let (text, more) = rest.split_at(rest.floor_char_boundary(wanted));
            if index.len() < SIGNALS {
                index.insert(&signal(id_of(name, text), text));
            }
            *rest = more;
        }
        rests.retain(|(_, rest)| !rest.is_empty());
    }
    index
}

/// Times the whole read path, question by question. The least of some rounds counts, for what else runs on the core is
/// none of its cost.
fn timing(index: &Index, asked: &[&Page], mono: &dyn Fn() -> Duration, report: &mut Report) {
    let goal = |page: &Page| page.body[..page.body.floor_char_boundary(2048)].to_owned();
    let short: Vec<String> = asked.iter().map(|page| page.one_line.clone()).collect();
    let long: Vec<String> = asked.iter().map(|page| goal(page)).collect();
    for (name, texts) in [("", short), ("_long_task", long)] {
        let mut times = vec![Duration::MAX; texts.len()];
        for _ in 0..ROUNDS {
            for (text, least) in texts.iter().zip(&mut times) {
                let before = mono();
                let found = ask(index, text);
                *least = mono().saturating_sub(before).min(*least);
                std::hint::black_box(found);
            }
        }
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        report.figure(&format!("p50_ms{name}_10k_signals"), at(50));
        report.figure(&format!("p99_ms{name}_10k_signals"), at(99));
    }
    report.figure("signals", index.len() as f64);
}

/// Packs what is found under random-looking caps, and compares with the best of all subsets.
fn packing(index: &Index, asked: &[&Page], report: &mut Report) {
    let (mut exceeded, mut ratios) = (0_u32, Vec::new());
    let tokens: HashMap<SignalId, u32> = index.sizes().collect();
    for (round, page) in asked.iter().enumerate() {
        let found = ask(index, &page.one_line);
        let candidates: Vec<Candidate<'_>> = found
            .iter()
            .map(|(id, relevance)| Candidate {
                score: relevance * draw(*id, &page.name),
                tokens: tokens[id],
                polarity: if id.as_bytes()[1] < 64 {
                    Polarity::Avoid
                } else {
                    Polarity::Do
                },
                schema: None,
                terms: index.terms(*id),
            })
            .collect();
        let (tokens_max, slots_max) = (
            256 + u32::from(found.first().map_or(0, |(id, _)| id.as_bytes()[2])) * 2,
            8,
        );
        let used: u32 = pack(&candidates, tokens_max, slots_max)
            .iter()
            .map(|place| candidates[*place].tokens)
            .sum();
        exceeded += u32::from(used > tokens_max);
        if round < PACKINGS {
            let few = &candidates[..candidates.len().min(PACKED_OF)];
            let best = exact(few, tokens_max, slots_max);
            let ours = gain(few, &pack(few, tokens_max, slots_max));
            ratios.extend((best > 0.0).then(|| ours / best));
        }
    }
    report.figure("cap_exceeded", f64::from(exceeded));
    report.mean("packing_over_exact", &ratios);
}

/// A gain between -0.1 and 0.4 that depends on task and signal alone.
fn draw(id: SignalId, task: &str) -> f64 {
    let [a, b, ..] = *SignalId::of_parts(&[id.as_bytes(), task.as_bytes()]).as_bytes();
    f64::from(u16::from_le_bytes([a, b])) / f64::from(u16::MAX) * 0.5 - 0.1
}

/// The gain of the best subset, by trying all of them.
fn exact(candidates: &[Candidate<'_>], tokens_max: u32, slots_max: u32) -> f64 {
    let useful: Vec<Candidate<'_>> = candidates
        .iter()
        .filter(|candidate| candidate.score > 0.0)
        .copied()
        .collect();
    let mut best = 0.0_f64;
    for mask in 0..1_u32 << useful.len() {
        let chosen: Vec<usize> = (0..useful.len()).filter(|place| mask >> place & 1 == 1).collect();
        let (mut all, mut avoids) = (0, 0);
        for place in &chosen {
            all += useful[*place].tokens;
            avoids += if useful[*place].polarity == Polarity::Avoid {
                useful[*place].tokens
            } else {
                0
            };
        }
        if mask.count_ones() <= slots_max && all <= tokens_max && avoids <= tokens_max / 3 {
            best = best.max(gain(&useful, &chosen));
        }
    }
    best
}

#[cfg(test)]
mod tests;
