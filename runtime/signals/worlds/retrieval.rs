//! Retrieval on texts whose relevance nobody had to judge: manual pages, asked for by their own one line.
//!
//! The page itself is worth 3 and each page that it points to under SEE ALSO is worth 1. The index that answers is the
//! one of signals; that pages are a hundred times as long is a test of its bounds. A second part cuts the pages into
//! texts of a signal's size and times the whole read path at 10 000 of them, and packs what it finds. It is asked by one
//! lines and by texts of 2 KiB, the beginnings of pages, of which most have become signals: every term is held, which is
//! the most work that a text of that size can make. How well a long text finds is judged by others, see [`Cut`].
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
/// Bytes of a long task's text.
const LONG_BYTES: usize = 2048;
/// What finding the page itself gains, of grade 3: 2^grade - 1.
const OWN: f64 = 7.0;
/// What finding one of grade 1 gains.
const ALSO: f64 = 1.0;
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
    let mut cut = Cut::of(&pages, SIGNALS);
    timing(&cut.index, &asked, mono, &mut report);
    cut.long_texts(&asked, &mut report);
    progress(2, 3);
    packing(&cut.index, &asked, &mut report);
    progress(3, 3);
    for (name, target) in [
        ("ndcg_at_10", Target::AtLeast(0.66)),
        ("p99_ms", Target::AtMost(1.0)),
        ("p99_long_ms", Target::AtMost(1.0)),
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
            let also = page.see_also.iter().filter(|name| known.contains(name.as_str()));
            let mut gains: BTreeMap<SignalId, f64> = also.map(|name| (id_of("page", name), ALSO)).collect();
            gains.insert(own, OWN);
            let found: Vec<SignalId> = ask(&index, &page.one_line)
                .into_iter()
                .map(|(id, _)| id)
                .collect();
            let place = found.iter().position(|id| *id == own);
            first.push(f64::from(u8::from(place == Some(0))));
            among.push(f64::from(u8::from(place.is_some_and(|place| place < PLACES))));
            ndcg.push(normalised_gain(&found, &gains));
        }
        report.mean(&format!("ndcg_at_10{suffix}"), &ndcg);
        report.mean(&format!("recall_at_1{suffix}"), &first);
        report.mean(&format!("recall_at_10{suffix}"), &among);
    }
}

/// Normalised discounted cumulative gain (Jaervelin and Kekaelaeinen 2002); what has no gain here has none.
fn normalised_gain(found: &[SignalId], gains: &BTreeMap<SignalId, f64>) -> f64 {
    let discounted = |gains: &mut dyn Iterator<Item = f64>| -> f64 {
        let discounts = (2..).map(|place: u32| 1.0 / f64::from(place).log2());
        let places = discounts.zip(gains).take(PLACES);
        places.map(|(discount, gain)| discount * gain).sum()
    };
    let mut ideal: Vec<f64> = gains.values().copied().collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let mut gained = found.iter().map(|id| gains.get(id).copied().unwrap_or(0.0));
    discounted(&mut gained) / discounted(&mut ideal.into_iter())
}

/// The pages cut into texts of a signal's size, one of each page in turn, until there are enough.
struct Cut<'a> {
    index: Index,
    /// By the name of a page: what of it has become signals, and what has not.
    pages: BTreeMap<&'a str, (Vec<SignalId>, &'a str)>,
}

impl<'a> Cut<'a> {
    fn of(pages: &[&'a Page], signals_max: usize) -> Self {
        let mut index = Index::new(&Params::default());
        let mut pages: BTreeMap<&str, (Vec<SignalId>, &str)> = pages
            .iter()
            .map(|page| (page.name.as_str(), (Vec::new(), page.body.as_str())))
            .collect();
        while index.len() < signals_max && pages.values().any(|(_, rest)| !rest.is_empty()) {
            for (name, (signals, rest)) in &mut pages {
                if rest.is_empty() || index.len() == signals_max {
                    continue;
                }
                // Sizes differ, as those of real signals do.
                let wanted = SIGNAL_TEXT_BYTES_MAX / (1 + usize::from(id_of(name, rest).as_bytes()[0] % 4));
                let (text, more) = rest.split_at(rest.floor_char_boundary(wanted));
                let id = id_of(name, text);
                index.insert(&signal(id, text));
                signals.push(id);
                *rest = more;
            }
        }
        Self { index, pages }
    }

    /// How well long texts find the signals of the page that they are taken from, with the bounds of a query's work and
    /// without them. None of the text that is asked has become a signal; pages that have no such text are not asked for.
    fn long_texts(&mut self, asked: &[&Page], report: &mut Report) {
        let unbounded = Tuning {
            visits_max: usize::MAX,
            grams_max: usize::MAX,
            ..Tuning::default()
        };
        for (tuning, suffix) in [(unbounded, "_unbounded"), (Tuning::default(), "")] {
            self.index.retune(tuning);
            let mut ndcg = Vec::new();
            for page in asked {
                let (signals, rest) = &self.pages[page.name.as_str()];
                if signals.is_empty() || rest.len() < LONG_BYTES {
                    continue;
                }
                let gains = signals.iter().map(|id| (*id, ALSO)).collect();
                let found: Vec<SignalId> = ask(&self.index, beginning(rest))
                    .into_iter()
                    .map(|(id, _)| id)
                    .collect();
                ndcg.push(normalised_gain(&found, &gains));
            }
            if !ndcg.is_empty() {
                report.mean(&format!("ndcg_long_at_10{suffix}"), &ndcg);
            }
        }
    }
}

/// As much of a page as a long task says.
fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONG_BYTES)]
}

/// Times the whole read path, question by question. The least of some rounds counts, for what else runs on the core is
/// none of its cost.
fn timing(index: &Index, asked: &[&Page], mono: &dyn Fn() -> Duration, report: &mut Report) {
    let short: Vec<&str> = asked.iter().map(|page| page.one_line.as_str()).collect();
    let long: Vec<&str> = asked.iter().map(|page| beginning(&page.body)).collect();
    for (name, texts) in [("", short), ("_long", long)] {
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
        report.figure(&format!("p50{name}_ms"), at(50));
        report.figure(&format!("p99{name}_ms"), at(99));
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
