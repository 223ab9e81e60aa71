//! Choosing: what a run is shown.
//!
//! Everything random in it is drawn from what the task is and from what was known, so a choice can be made again and
//! argued about, and a job that is run again on equal knowledge is the same job. A signal is shown when a draw from its posterior is above zero: an empty prompt beats a bad one. A few slots
//! go to signals that hardly anybody has seen, a few chosen signals are withheld to measure them, and a few runs are
//! shown nothing at all.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{ReceiptId, SignalId};
use anthill_contracts::knowledge::Ask;
use anthill_contracts::signal::{
    Arm, BundleClass, Chosen, Exposure, GUARD_SCHEMA, Origin, Polarity, Receipt, ScopePath, Signal,
    SignalBody, SignalState,
};
use serde::{Deserialize, Serialize};

use super::cut::Banned;
use super::route::Routed;
use super::{KnowledgeBase, seam};
use crate::draw::{self, Lot, Reach};
use crate::evidence::Reader;
use crate::fact::ScopeId;
use crate::fixed;
use crate::lifecycle;
use crate::packing;
use crate::posterior::{self, Posterior};
use crate::retrieval::{self, Vector};
use crate::view::View;

/// Runs below which a signal counts as little shown.
const NOVEL_RUNS: f64 = 8.0;

/// Tasks of one plan node, on average, that try a signal of which little is known.
const TRIES_PER_NODE: f64 = 2.0;

/// Least trust, Q16.16, in the author of a signal that gets a slot without having earned it.
const AUTHOR_TRUST_MIN: i64 = fixed::ONE / 2;

/// Standard deviations above its mean up to which a signal is given the benefit of the doubt.
const BENEFIT_OF_DOUBT: f64 = 1.28;

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its draw was among the best.
    Drawn,
    /// It got a slot that is kept for little-shown signals.
    Probation,
    /// Chosen, and withheld to measure it.
    Withheld,
    /// Its draw promises no gain.
    BelowZero,
    /// A run follows one action of a kind, and another one promised more.
    OtherAction,
    /// Others promised more, and the room for signals is used up.
    NoRoom,
    /// It was revoked, or its users did worse.
    Quarantined,
    /// Its evidence has faded.
    Retired,
    /// It is new, and a run that tries it out is still under way.
    TriedElsewhere,
    /// Another signal that says the same was taken.
    SaidAlready,
    /// The run is one of those that are shown nothing.
    Control,
}

impl Verdict {
    /// The verdict in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drawn => "taken: its draw was among the best",
            Self::Probation => "taken: a slot for little-shown signals",
            Self::Withheld => "withheld, to measure it",
            Self::BelowZero => "its draw promises no gain",
            Self::OtherAction => "another action of its kind promised more",
            Self::NoRoom => "no room was left",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
            Self::TriedElsewhere => "new, and another run is trying it out",
            Self::SaidAlready => "another signal says the same",
            Self::Control => "the run is shown nothing, to compare with",
        }
    }
}

/// One candidate, what was known of it, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// The signal.
    pub signal: SignalId,
    /// How well it fits the task, 0 to 1.
    pub relevance: f64,
    /// Where it stands.
    pub state: SignalState,
    /// Expected gain of the outcome.
    pub mean: f64,
    /// Standard deviation of that expectation.
    pub sd: f64,
    /// Runs behind it, weighed and decayed.
    pub runs: f64,
    /// Runs that what the program ships of it counts for, beside them.
    #[serde(default)]
    pub shipped: u16,
    /// The draw from that expectation.
    pub draw: f64,
    /// Tokens that it takes.
    pub tokens: u16,
    /// What became of it.
    pub verdict: Verdict,
}

/// What a run is shown, and with what it is made.
pub(super) struct Decided {
    bundle: BundleClass,
    exposures: Vec<Exposure>,
    choice: Choice,
    routed: Option<Routed>,
}

/// A choice: every candidate, and those that were taken, in the order in which they are shown.
pub(super) struct Choice {
    pub(super) arm: Arm,
    pub(super) considered: Vec<Considered>,
    pub(super) taken: Vec<usize>,
    signals: Vec<Arc<Signal>>,
    /// Those of the taken that got a slot without having earned it.
    novel: BTreeSet<usize>,
}

impl KnowledgeBase {
    /// Chooses what a run is shown.
    pub fn recall(&mut self, ask: &Ask, now: u64) -> Receipt {
        self.recall_with(ask, None, now)
    }

    /// Chooses what a run is shown; the embedding of the task's text, where there is one, ranks beside its words.
    pub fn recall_with(&mut self, asked: &Ask, vector: Option<&Vector>, now: u64) -> Receipt {
        self.view(Origin::tenant_number(&asked.tenant), now);
        let decided = self.decide(asked, vector, now, &Banned::none());
        self.issue(asked, decided, now)
    }

    /// Decides what a run is shown, and with which model it is made; changes nothing. The tenant's view must be there.
    pub(super) fn decide(
        &self,
        asked: &Ask,
        vector: Option<&Vector>,
        now: u64,
        banned: &Banned<'_>,
    ) -> Decided {
        let routed = self.routed(asked, now, banned);
        let ask = routed.as_ref().map_or(asked, |routed| &routed.ask);
        let choice = self.choose(ask, vector, now, banned);
        let exposures = choice.taken.iter().map(|place| self.expose(&choice, *place));
        Decided {
            bundle: ask.bundle,
            exposures: exposures.collect(),
            choice,
            routed,
        }
    }

    /// Issues the receipt of what was decided, here or by the knowledge as it was when the job began.
    pub(super) fn issue(&mut self, asked: &Ask, decided: Decided, now: u64) -> Receipt {
        let Decided {
            bundle,
            mut exposures,
            choice,
            routed,
        } = decided;
        self.count(&choice);
        let shown: Vec<SignalId> = exposures
            .iter()
            .filter(|exposure| exposure.kept)
            .map(|exposure| exposure.signal)
            .collect();
        if !shown.is_empty() {
            self.under_way.insert(asked.receipt_id, (now, shown));
        }
        let (model, weighed) = match routed {
            None => (None, Vec::new()),
            Some(routed) => {
                exposures.insert(0, routed.exposure);
                (Some(routed.model), routed.weighed)
            }
        };
        Receipt {
            receipt_id: asked.receipt_id,
            job_id: asked.job_id,
            task_id: asked.task_id,
            tenant: asked.tenant.clone(),
            scope: asked.scope.clone(),
            bundle,
            arm: choice.arm,
            exposures,
            at: Timestamp(now),
            model,
            weighed,
        }
    }

    /// The model of a run that is routed. The control arm takes the usual one, to compare with.
    fn routed(&self, ask: &Ask, now: u64, banned: &Banned<'_>) -> Option<Routed> {
        let tenant = Origin::tenant_number(&ask.tenant);
        let view = self.views.get(&tenant).map(|(_, view)| view)?;
        let is_treated = arm(lot(ask), self.params.control_share) == Arm::Treated;
        self.route(ask, view, now, banned).filter(|_| is_treated)
    }

    /// Makes the choice and changes nothing. The tenant's view must be there.
    pub(super) fn choose(&self, ask: &Ask, vector: Option<&Vector>, now: u64, banned: &Banned<'_>) -> Choice {
        let mut signals = Vec::new();
        let mut considered = Vec::new();
        let tenant = Origin::tenant_number(&ask.tenant);
        let unseen = View::blank(self.origin(tenant));
        let view = self.views.get(&tenant).map_or(&unseen, |(_, view)| view);
        let fitting = self.index.candidates(&retrieval::Query {
            scope: &ask.scope,
            text: &ask.text,
            vector,
            state: &ask.state,
            reader: self.origin(tenant),
            groups: &self.groups,
            schemas: &ask.schemas,
            reads_text: ask.reads_text,
        });
        let reader = Reader {
            view,
            bundle: ask.bundle,
            now,
            params: &self.params,
        };
        let reach = Reach::of(&reader.of(&self.replica), self.known_scope(&ask.scope));
        for (id, relevance) in fitting {
            let Some(signal) = self.replica.signal(id) else {
                continue;
            };
            considered.push(self.consider(ask, (signal, relevance), &reader, reach));
            if banned.holds(id)
                && let Some(known) = considered.last_mut()
            {
                known.verdict = Verdict::Quarantined;
            }
            signals.push(Arc::clone(signal));
        }
        let mut choice = Choice {
            arm: arm(lot(ask), self.params.control_share),
            considered,
            taken: Vec::new(),
            signals,
            novel: BTreeSet::new(),
        };
        self.fill(ask, &mut choice);
        self.try_novel(ask, &mut choice, view);
        self.withhold(lot(ask), &mut choice);
        if choice.arm == Arm::Control {
            for place in std::mem::take(&mut choice.taken) {
                choice.considered[place].verdict = Verdict::Control;
            }
        }
        choice
    }

    /// What is known of a candidate, and whether it may be taken.
    fn consider(
        &self,
        ask: &Ask,
        (signal, relevance): (&Arc<Signal>, f64),
        reader: &Reader<'_>,
        reach: Reach,
    ) -> Considered {
        let posterior = self.posterior(reader, signal.id, &ask.scope);
        let state = lifecycle::state(&self.replica, reader.view, signal.id, reader.now, &self.params).state;
        let draw = draw::normal(lot(ask), signal.id, &reach.reshaped(posterior));
        let mut considered = Considered {
            signal: signal.id,
            relevance,
            state,
            mean: posterior.mean,
            sd: posterior.sd,
            runs: posterior.runs,
            shipped: self
                .shipped(signal.id, &ask.scope)
                .map_or(0, |shipped| shipped.runs),
            draw,
            tokens: signal.tokens,
            verdict: Verdict::NoRoom,
        };
        considered.verdict = self.obstacle(ask, signal, &considered).unwrap_or(if draw > 0.0 {
            Verdict::NoRoom
        } else {
            Verdict::BelowZero
        });
        considered
    }

    /// What a signal is expected to add in a scope; where nothing was ever seen of the scope, in the nearest above it.
    pub(super) fn posterior(&self, reader: &Reader<'_>, signal: SignalId, scope: &ScopePath) -> Posterior {
        let known = posterior::of(&reader.of(&self.replica), signal, self.known_scope(scope));
        self.shipped(signal, scope).map_or(known, |shipped| {
            let gain = f64::from(shipped.gain_milli) / 1000.0;
            known.leaning(f64::from(shipped.runs), gain, &self.params)
        })
    }

    /// The scope itself, or the nearest above it of which something was seen.
    pub(super) fn known_scope(&self, scope: &ScopePath) -> ScopeId {
        let known = scope
            .lineage()
            .map(|path| ScopeId::of(&path))
            .find(|scope| self.replica.scope(*scope).is_some());
        known.unwrap_or_else(|| ScopeId::of(scope))
    }

    /// Why a candidate may not be taken at all.
    fn obstacle(&self, ask: &Ask, signal: &Signal, known: &Considered) -> Option<Verdict> {
        match known.state {
            SignalState::Quarantined => return Some(Verdict::Quarantined),
            SignalState::Retired => return Some(Verdict::Retired),
            SignalState::Probation | SignalState::Active => {}
        }
        // What came with the program has been read by people; what agents have found is tried out one run at a time.
        let is_new = known.state == SignalState::Probation
            && known.runs < NOVEL_RUNS
            && !self.builtin.contains(&signal.id);
        let own = self.origin(Origin::tenant_number(&ask.tenant));
        (is_new && !lifecycle::has_seat(&self.replica, signal, own, self.waiting(signal.id, ask)))
            .then_some(Verdict::TriedElsewhere)
    }

    /// How many runs are taken to have a new signal before them. Where the knowledge is read as it was, nobody can see
    /// who is under way, and who is must change nothing: the lot lets about [`TRIES_PER_NODE`] of the tasks beside each
    /// other try it.
    fn waiting(&self, signal: SignalId, ask: &Ask) -> usize {
        if ask.cut.is_none() {
            return self.runs_under_way(signal, ask.receipt_id);
        }
        let share = TRIES_PER_NODE / f64::from(ask.peers.max(1));
        usize::from(seam::chance(&[lot(ask).as_bytes(), b"seat", signal.as_bytes()]) >= share)
    }

    fn runs_under_way(&self, signal: SignalId, but: ReceiptId) -> usize {
        self.under_way
            .iter()
            .filter(|(receipt, (_, shown))| **receipt != but && shown.contains(&signal))
            .count()
    }

    /// Takes the best draws: of each kind of action one, of what says the same one, as many as fit.
    fn fill(&self, ask: &Ask, choice: &mut Choice) {
        let mut open: Vec<usize> = (0..choice.considered.len())
            .filter(|place| choice.considered[*place].verdict == Verdict::NoRoom)
            .collect();
        open.sort_by(|left, right| by_score(&choice.considered[*left], &choice.considered[*right]));
        let mut schemas: BTreeMap<&str, usize> = BTreeMap::new();
        let mut said: BTreeMap<SignalId, usize> = BTreeMap::new();
        let mut wanted = Vec::new();
        for place in open {
            let signal = &choice.signals[place];
            if said.contains_key(&seam::stands_for(&self.replica, signal.id)) {
                choice.considered[place].verdict = Verdict::SaidAlready;
                continue;
            }
            if let Some(schema) = exclusive_schema(signal) {
                if schemas.contains_key(schema) {
                    choice.considered[place].verdict = Verdict::OtherAction;
                    continue;
                }
                schemas.insert(schema, place);
            }
            said.insert(seam::stands_for(&self.replica, signal.id), place);
            wanted.push(place);
        }
        let candidates: Vec<packing::Candidate<'_>> = wanted
            .iter()
            .map(|place| {
                let (known, signal) = (&choice.considered[*place], &choice.signals[*place]);
                packing::Candidate {
                    score: score(known),
                    tokens: u32::from(signal.tokens),
                    polarity: signal.polarity,
                    schema: exclusive_schema(signal),
                    terms: self.index.terms(signal.id),
                }
            })
            .collect();
        let (tokens_max, slots_max) = self.room(ask);
        for chosen in packing::pack(&candidates, tokens_max, slots_max) {
            choice.considered[wanted[chosen]].verdict = Verdict::Drawn;
            choice.taken.push(wanted[chosen]);
        }
    }

    /// Tokens and slots of a run.
    fn room(&self, ask: &Ask) -> (u32, u32) {
        (
            ask.tokens_max.min(self.params.tokens_max),
            ask.slots_max.min(self.params.slots_max),
        )
    }

    /// Gives some slots to the least-shown signals that may be taken.
    fn try_novel(&self, ask: &Ask, choice: &mut Choice, view: &View) {
        let (tokens_max, slots_max) = self.room(ask);
        if slots_max == 0 {
            return;
        }
        let lot = lot(ask);
        // A run without any good signal still has a slot in which something new can be tried.
        for slot in 0..choice.taken.len().max(1) {
            let parts: [&[u8]; 3] = [lot.as_bytes(), b"slot", &(slot as u64).to_le_bytes()];
            if seam::chance(&parts) >= self.params.probation_share {
                continue;
            }
            let others: Vec<usize> = (0..choice.taken.len())
                .filter(|other| *other != slot)
                .map(|other| choice.taken[other])
                .collect();
            let used: u32 = others
                .iter()
                .map(|place| u32::from(choice.considered[*place].tokens))
                .sum();
            let fits = |place: &usize| {
                let known = &choice.considered[*place];
                let may = matches!(
                    known.verdict,
                    Verdict::NoRoom | Verdict::BelowZero | Verdict::OtherAction
                );
                may && used + u32::from(known.tokens) <= tokens_max
                    && known.mean + BENEFIT_OF_DOUBT * known.sd > 0.0
                    && view.weight(choice.signals[*place].author) >= AUTHOR_TRUST_MIN
                    && !others.iter().any(|other| self.excludes(choice, *other, *place))
            };
            let least = (0..choice.considered.len())
                .filter(fits)
                .min_by(|left, right| Self::by_runs(ask, choice, *left, *right));
            let Some(novel) = least else { continue };
            choice.considered[novel].verdict = Verdict::Probation;
            choice.novel.insert(novel);
            match choice.taken.get_mut(slot) {
                Some(taken) => {
                    let displaced = std::mem::replace(taken, novel);
                    choice.considered[displaced].verdict = Verdict::NoRoom;
                }
                None => choice.taken.push(novel),
            }
        }
    }

    /// Whether two candidates cannot both be shown.
    fn excludes(&self, choice: &Choice, one: usize, other: usize) -> bool {
        let (one, other) = (&choice.signals[one], &choice.signals[other]);
        let one_schema = exclusive_schema(one);
        (one_schema.is_some() && one_schema == exclusive_schema(other))
            || seam::stands_for(&self.replica, one.id) == seam::stands_for(&self.replica, other.id)
    }

    /// Fewer runs first; among equals the receipt decides, so that not all runs try the same one.
    fn by_runs(ask: &Ask, choice: &Choice, left: usize, right: usize) -> Ordering {
        let lot = |place: usize| {
            let signal = choice.signals[place].id;
            seam::chance(&[lot(ask).as_bytes(), b"lot", signal.as_bytes()])
        };
        let (left_known, right_known) = (&choice.considered[left], &choice.considered[right]);
        left_known
            .runs
            .total_cmp(&right_known.runs)
            .then_with(|| lot(left).total_cmp(&lot(right)))
    }

    /// Withholds some of those taken.
    fn withhold(&self, lot: Lot, choice: &mut Choice) {
        for place in &choice.taken {
            let known = &mut choice.considered[*place];
            let parts: [&[u8]; 3] = [lot.as_bytes(), b"audit", known.signal.as_bytes()];
            if seam::chance(&parts) < self.params.audit_share {
                known.verdict = Verdict::Withheld;
            }
        }
    }

    fn expose(&self, choice: &Choice, place: usize) -> Exposure {
        let (known, signal) = (&choice.considered[place], &choice.signals[place]);
        Exposure {
            signal: signal.id,
            propensity_milli: milli(1.0 - self.params.audit_share),
            kept: known.verdict != Verdict::Withheld,
            chosen: if choice.novel.contains(&place) {
                Chosen::Probation
            } else {
                Chosen::Drawn
            },
            tokens: signal.tokens,
            polarity: signal.polarity,
            body: signal.body.clone(),
            mean_micro: micro(known.mean),
        }
    }

    fn count(&mut self, choice: &Choice) {
        self.counts.recalls += 1;
        self.counts.control += u64::from(choice.arm == Arm::Control);
        for place in &choice.taken {
            let known = &choice.considered[*place];
            if known.verdict == Verdict::Withheld {
                self.counts.withheld += 1;
                continue;
            }
            self.counts.shown += 1;
            self.counts.novel += u64::from(known.runs < NOVEL_RUNS);
        }
    }
}

/// What the draws of a run are made from.
pub(super) fn lot(ask: &Ask) -> Lot {
    Lot::of(&ask.seed, ask.cut.as_ref().map(|cut| &cut.digest))
}

/// Whether the run is one of those that are shown nothing.
fn arm(lot: Lot, control_share: f64) -> Arm {
    if seam::chance(&[lot.as_bytes(), b"arm"]) < control_share {
        Arm::Control
    } else {
        Arm::Treated
    }
}

/// The kind of action of which a run follows only one. Guards are prohibitions: any number holds at once.
fn exclusive_schema(signal: &Signal) -> Option<&str> {
    match &signal.body {
        SignalBody::Action { schema, .. } if schema != GUARD_SCHEMA && signal.polarity == Polarity::Do => {
            Some(schema)
        }
        _ => None,
    }
}

fn score(known: &Considered) -> f64 {
    known.relevance * known.draw
}

/// The larger score first; the smaller id among equals.
fn by_score(left: &Considered, right: &Considered) -> Ordering {
    score(right)
        .total_cmp(&score(left))
        .then_with(|| left.signal.cmp(&right.signal))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to what fits"
)]
fn milli(share: f64) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to what fits"
)]
pub(super) fn micro(mean: f64) -> i32 {
    (mean.clamp(-1.0, 1.0) * 1e6).round() as i32
}
