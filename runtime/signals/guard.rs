//! Guards: warnings that a program enforces on tool calls, and the breakers that lift those that no longer hold.
//!
//! Which call a guard matches is a pure question of the call and its task. How far a guard may go is a reading of its
//! signal, like everything else: nobody sets it. So a guard that a revocation, a quarantine or a loss of evidence has
//! reached stops by itself. A guard that blocks sees no more outcomes and could never be refuted; therefore it lets a
//! call through now and then ([`Breaker`]). What such probes show stays on this node: the book lifts the guard here,
//! and the signal's own evidence is left alone. Rejected: probes as evidence of the signal, for they tell how a call
//! ended and not how its run came out, and one weight would stand for both.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{
    GUARD_SCHEMA, Guard, GuardMode, Origin, Polarity, Predicate, ScopePath, Signal, SignalBody, SignalState,
    Test,
};
use serde_json::Value;

use crate::base::KnowledgeBase;
use crate::lifecycle;
use crate::retrieval;
use crate::view::View;

/// Most predicates, and most values of the task, that a guard may ask for.
pub const CONDITIONS_MAX: usize = 8;

/// How long a guard blocks before it lets a call through to see whether it still holds, in milliseconds.
pub const COOL_DOWN_MS: u64 = 10 * 60 * 1000;

/// One in so many matching calls probes a guard that has cooled down.
pub const PROBE_ONE_IN: u64 = 4;

/// Probes in a row that must succeed until a guard is lifted.
pub const PROBES_TO_LIFT: u32 = 3;

/// Sources of what a person of this node says; such a guard may go as far as the configuration lets it, at once.
const PERSONS: [&str; 2] = ["person", "operator"];

/// A tool call, as far as guards look at it.
#[derive(Debug, Clone, Copy)]
pub struct GuardedCall<'a> {
    /// The tool.
    pub tool: &'a str,
    /// Its arguments.
    pub args: &'a Value,
    /// The kind of task that calls; a guard of a kind of task matches no call whose kind is unknown.
    pub scope: Option<&'a ScopePath>,
    /// Values of the task; a guard that asks for one that is unknown does not match.
    pub state: &'a BTreeMap<String, String>,
    /// A number that belongs to the call and to nothing else; decides which call is a probe.
    pub chance: u64,
    /// Milliseconds; any clock that does not go back.
    pub now: u64,
}

/// What is to happen to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardVerdict {
    /// No guard matches.
    Pass,
    /// It runs; the prompt says what there is to say.
    Advise {
        /// The guard's signal.
        signal: SignalId,
        /// The evidence.
        why: String,
    },
    /// It runs; its output carries the warning.
    Warn {
        /// The guard's signal.
        signal: SignalId,
        /// The evidence.
        why: String,
    },
    /// It does not run.
    Block {
        /// The guard's signal.
        signal: SignalId,
        /// The evidence.
        why: String,
    },
    /// It runs, and how it ends is told to the breakers of these guards.
    Probe {
        /// The guards that would have blocked it, in order of their ids.
        signals: Vec<SignalId>,
    },
}

/// A guard in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its signal.
    pub signal: SignalId,
    /// For which kind of task.
    pub scope: ScopePath,
    /// What it matches; the values that its signal's trigger requires are among its conditions.
    pub guard: Guard,
    /// How far it goes.
    pub mode: GuardMode,
    /// Why it goes that far, in words.
    pub evidence: String,
    /// When its signal was made, in milliseconds since 1970.
    pub since: u64,
}

impl Entry {
    fn matches(&self, call: &GuardedCall<'_>) -> bool {
        call.scope
            .is_some_and(|scope| retrieval::is_within(scope, &self.scope))
            && matches(&self.guard, call.tool, call.args, call.state)
    }
}

/// The guards that are in force for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardBook {
    by_tool: BTreeMap<String, Vec<Entry>>,
}

impl GuardBook {
    /// A book of these guards.
    pub fn new(entries: Vec<Entry>) -> Self {
        let mut by_tool: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            by_tool.entry(entry.guard.tool.clone()).or_default().push(entry);
        }
        for entries in by_tool.values_mut() {
            entries.sort_by_key(|entry| entry.signal);
        }
        Self { by_tool }
    }

    /// Every guard, by tool.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.by_tool.values().flatten()
    }

    /// The guards that match a call, in order of their signals' ids.
    pub fn matching(&self, call: &GuardedCall<'_>) -> Vec<&Entry> {
        let of_tool = self.by_tool.get(call.tool).into_iter().flatten();
        of_tool.filter(|entry| entry.matches(call)).collect()
    }

    /// What is to happen to a call. The strictest guard decides; a call that all blocking guards let through probes all
    /// of them.
    pub fn verdict(&self, call: &GuardedCall<'_>, breakers: &mut Breakers) -> GuardVerdict {
        let matching = self.matching(call);
        let blocking: Vec<&Entry> = matching
            .iter()
            .filter(|entry| entry.mode == GuardMode::Block)
            .copied()
            .collect();
        let mut closed = blocking
            .iter()
            .filter(|entry| !breakers.is_open(entry.signal, call));
        if let Some(entry) = closed.next() {
            let (signal, why) = (entry.signal, entry.evidence.clone());
            for entry in &blocking {
                breakers.of(entry.signal).block(call.now);
            }
            return GuardVerdict::Block { signal, why };
        }
        if !blocking.is_empty() {
            let signals: Vec<SignalId> = blocking.iter().map(|entry| entry.signal).collect();
            for signal in &signals {
                breakers.of(*signal).begin_probe(call.now);
            }
            return GuardVerdict::Probe { signals };
        }
        let strictest = matching.iter().rev().max_by_key(|entry| entry.mode);
        strictest.map_or(GuardVerdict::Pass, |entry| {
            let (signal, why) = (entry.signal, entry.evidence.clone());
            match entry.mode {
                GuardMode::Advise => GuardVerdict::Advise { signal, why },
                GuardMode::Warn | GuardMode::Block => GuardVerdict::Warn { signal, why },
            }
        })
    }
}

/// Whether a guard still holds: closed it blocks, half-open it lets single calls through, lifted it lets all through.
///
/// It blocks for [`COOL_DOWN_MS`]; from then on one in [`PROBE_ONE_IN`] matching calls is a probe, one at a time. A probe
/// that fails closes it for another cool-down. After [`PROBES_TO_LIFT`] that succeed in a row the guard is lifted: its
/// calls run, and each is still a probe, so the first that fails closes the guard again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    /// Since when it blocks; `None` where it has not blocked a call yet.
    pub blocked_since: Option<u64>,
    /// Since when a probe is under way.
    pub probing_since: Option<u64>,
    /// Probes in a row that have succeeded.
    pub probes_ok: u32,
    /// Probes that have failed.
    pub probes_failed: u32,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// It blocks every call that its guard matches.
    Closed,
    /// It blocks, but for single calls that show whether the guard still holds.
    HalfOpen,
    /// Enough of these have succeeded in a row: calls run until one of them fails.
    Lifted,
}

impl BreakerState {
    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Lifted => "lifted",
        }
    }
}

impl Breaker {
    /// Where it stands.
    pub fn state(&self, now: u64) -> BreakerState {
        let has_cooled_down = |since: u64| now.saturating_sub(since) >= COOL_DOWN_MS;
        if self.is_lifted() {
            BreakerState::Lifted
        } else if self.blocked_since.is_some_and(has_cooled_down) {
            BreakerState::HalfOpen
        } else {
            BreakerState::Closed
        }
    }

    /// Whether it lets every call through.
    pub const fn is_lifted(&self) -> bool {
        self.probes_ok >= PROBES_TO_LIFT
    }

    /// Whether this call may run, be it that the guard is lifted or that the call is a probe.
    pub fn is_open(&self, chance: u64, now: u64) -> bool {
        let has_passed = |since: u64| now.saturating_sub(since) >= COOL_DOWN_MS;
        match self.state(now) {
            BreakerState::Closed => false,
            // A probe that nobody hears of any more must not keep the guard closed for ever.
            BreakerState::HalfOpen => {
                self.probing_since.is_none_or(has_passed) && chance.is_multiple_of(PROBE_ONE_IN)
            }
            BreakerState::Lifted => true,
        }
    }

    /// It has blocked a call; the cool-down counts from the first.
    pub fn block(&mut self, now: u64) {
        self.blocked_since.get_or_insert(now);
    }

    /// It has let a call through.
    pub const fn begin_probe(&mut self, now: u64) {
        self.probing_since = Some(now);
    }

    /// A call that it let through has ended.
    pub const fn end_probe(&mut self, ok: bool, now: u64) {
        self.probing_since = None;
        if ok {
            self.probes_ok = self.probes_ok.saturating_add(1);
        } else {
            self.probes_ok = 0;
            self.probes_failed = self.probes_failed.saturating_add(1);
            self.blocked_since = Some(now);
        }
    }
}

/// The breakers of a tenant's guards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakers {
    by_signal: BTreeMap<SignalId, Breaker>,
}

impl Breakers {
    /// The breaker of a guard; a new one is closed.
    pub fn of(&mut self, signal: SignalId) -> &mut Breaker {
        self.by_signal.entry(signal).or_default()
    }

    /// The breaker of a guard that has blocked or probed.
    pub fn get(&self, signal: SignalId) -> Option<&Breaker> {
        self.by_signal.get(&signal)
    }

    /// Every breaker that has blocked or probed, by guard.
    pub fn iter(&self) -> impl Iterator<Item = (SignalId, &Breaker)> {
        self.by_signal.iter().map(|(signal, breaker)| (*signal, breaker))
    }

    /// Forgets the breakers of guards that are not in this book.
    pub fn keep(&mut self, book: &GuardBook) {
        let signals: BTreeSet<SignalId> = book.entries().map(|entry| entry.signal).collect();
        self.by_signal.retain(|signal, _| signals.contains(signal));
    }

    fn is_open(&self, signal: SignalId, call: &GuardedCall<'_>) -> bool {
        self.get(signal)
            .is_some_and(|breaker| breaker.is_open(call.chance, call.now))
    }
}

/// Whether a guard matches a call of this tool with these arguments by a task with these values: all of its conditions
/// hold.
pub fn matches(guard: &Guard, tool: &str, args: &Value, state: &BTreeMap<String, String>) -> bool {
    guard.tool == tool
        && guard
            .state
            .iter()
            .all(|(key, value)| state.get(key) == Some(value))
        && guard.when.iter().all(|predicate| holds(predicate, args))
}

/// What is wrong with a guard; a wrong one is not contributed, and not enforced where it comes from elsewhere.
pub fn check(guard: &Guard) -> Result<(), String> {
    if guard.tool.is_empty() {
        return Err("a guard names a tool".to_owned());
    }
    if guard.when.len() > CONDITIONS_MAX || guard.state.len() > CONDITIONS_MAX {
        return Err(format!(
            "a guard has at most {CONDITIONS_MAX} predicates and {CONDITIONS_MAX} values of the task"
        ));
    }
    for Predicate { at, is } in &guard.when {
        if !at.is_empty() && !at.starts_with('/') {
            return Err(format!("`{at}` is no JSON pointer; one begins with `/`"));
        }
        if let Test::Equals(value) = is
            && serde_json::from_str::<Value>(value).is_err()
        {
            return Err(format!("`{value}` is no JSON; a text stands in quotation marks"));
        }
    }
    Ok(())
}

fn holds(predicate: &Predicate, args: &Value) -> bool {
    let Some(value) = args.pointer(&predicate.at) else {
        return false;
    };
    let text = value.as_str();
    match &predicate.is {
        Test::Present => !value.is_null(),
        Test::Equals(expected) => {
            serde_json::from_str::<Value>(expected).is_ok_and(|expected| expected == *value)
        }
        Test::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix.as_str())),
        Test::Contains(part) => text.is_some_and(|text| text.contains(part.as_str())),
        Test::Above(bound) => is_above(value, *bound),
        Test::LongerThan(bound) => {
            let length = text.map(|text| text.chars().count());
            let length = length.or_else(|| value.as_array().map(Vec::len));
            length.is_some_and(|length| length as u64 > *bound)
        }
    }
}

fn is_above(value: &Value, bound: i64) -> bool {
    if let Some(value) = value.as_i64() {
        return value > bound;
    }
    // A whole number that is none of the signed ones lies above all of them.
    value.is_u64() || value.as_f64().is_some_and(|value| value > bound as f64)
}

impl KnowledgeBase {
    /// The guards that are in force for a tenant, each as far as its evidence and `mode_max` let it go.
    ///
    /// An active one goes as far as `mode_max`. One on probation warns at most; only what a person has said on this very
    /// node goes all the way at once. What is quarantined, retired or revoked is left out.
    pub fn guards(&self, tenant: u32, mode_max: GuardMode, now: u64) -> GuardBook {
        let is_guard = |signal: &Signal| {
            matches!(&signal.body, SignalBody::Action { schema, .. } if schema == GUARD_SCHEMA)
                && signal.polarity == Polarity::Avoid
                && retrieval::reaches(signal.author, signal.share, self.origin(tenant), self.groups())
        };
        let signals: Vec<_> = self.replica().signals().cloned().collect();
        let signals: Vec<_> = signals.into_iter().filter(|signal| is_guard(signal)).collect();
        if signals.is_empty() {
            return GuardBook::default();
        }
        let view = View::of(self.replica(), self.origin(tenant), now, self.params());
        let entries = signals
            .iter()
            .filter_map(|signal| self.guard_entry(signal, &view, mode_max, now));
        GuardBook::new(entries.collect())
    }

    fn guard_entry(&self, signal: &Signal, view: &View, mode_max: GuardMode, now: u64) -> Option<Entry> {
        let SignalBody::Action { args, .. } = &signal.body else {
            return None;
        };
        let mut guard: Guard = serde_json::from_str(args).ok()?;
        check(&guard).ok()?;
        for (key, value) in &signal.trigger.require {
            let known = guard.state.insert(key.clone(), value.clone());
            if known.is_some_and(|known| known != *value) {
                return None;
            }
        }
        let standing = lifecycle::state(self.replica(), view, signal.id, now, self.params());
        let own = |origin: Origin| view.own() == origin;
        let is_persons = own(signal.author)
            && signal.born_in.is_none()
            && signal.parents.is_empty()
            && PERSONS.contains(&signal.source.as_str());
        let mode = match standing.state {
            SignalState::Active => mode_max,
            SignalState::Probation if is_persons => mode_max,
            SignalState::Probation => mode_max.min(GuardMode::Warn),
            SignalState::Quarantined | SignalState::Retired => return None,
        };
        let mut reasons: Vec<String> = standing.reasons.iter().map(ToString::to_string).collect();
        if is_persons {
            reasons.insert(0, "a person says so".to_owned());
        }
        Some(Entry {
            signal: signal.id,
            scope: signal.scope.clone(),
            guard,
            mode,
            evidence: reasons.join(", "),
            since: signal.created.0,
        })
    }
}

#[cfg(test)]
mod tests;
