//! The laws of merging as a hunt: random schedules of a small fleet, after which every replica must hold the same bytes
//! and read the same numbers.
//!
//! A schedule has everything that a network and a machine do to facts: loss, duplication, disorder, answers cut short,
//! clocks that differ by seconds, crashes, tombstones on signals, and collecting in between. Its clock runs so fast that
//! entries fade while it goes on. After a fair schedule, asking by versions alone must make the replicas equal. A foul
//! one also has what versions cannot heal: nodes that leave for good, lost counts, revoked origins, clocks that are
//! minutes ahead, and origins that sign two values under one stamp; there, ranges may be compared afterwards. The same
//! goes for a signal that one replica has dropped as retired and another brings to life again: whether a signal is
//! retired is no matter of its fact alone. So of the fair schedules, the long ones propose no signals.

#[cfg(feature = "seeded-bugs")]
mod board;

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{
    BundleClass, Origin, Polarity, ScopePath, Share, Signal, SignalBody, Trigger,
};

use crate::evidence::{self, Evidence};
use crate::fact::{Alias, CellKey, Fact, Other, ScopeId, Target, VOTES_MAX, Why};
use crate::fixed;
use crate::params::Params;
use crate::replica::{Bugs, Merged, Replica, Versions};
use crate::writer::Writer;

#[cfg(feature = "seeded-bugs")]
pub use board::Planted;

const NODES: usize = 4;
const SIGNALS: u64 = 5;
const SCOPES: [&str; 3] = ["read", "read/text", "plan"];
/// Kinds that no program knows yet; one of them is evidence.
const KINDS: [u8; 2] = [7, 200];
const HALF_LIFE_MS: u64 = 60_000;
const START_MS: u64 = 1_700_000_000_000;
const SKEW_MS: u64 = 5_000;

/// A clock that is wrong, not only inexact, is at most so far ahead.
const AHEAD_MS: u64 = 240_000;

/// A stream of numbers from a seed; splitmix64 by Sebastiano Vigna, 2015.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("less than a length")
    }
}

/// A node: its replica, its writer, and what its disk held when it was last synced.
struct Node {
    replica: Replica,
    writer: Writer,
    skew_ms: u64,
    kept: (Vec<Fact>, Versions),
}

struct Fleet {
    dice: Dice,
    params: Params,
    bugs: Bugs,
    now: u64,
    nodes: Vec<Node>,
    born: u64,
    in_flight: Vec<(usize, Fact)>,
    is_foul: bool,
    is_long: bool,
    ended: Ended,
}

/// How a schedule has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Whether every law held.
    pub is_lawful: bool,
    /// Whether the replicas differed until their ranges were compared.
    pub is_repaired: bool,
    /// Facts that had to wait for their time.
    pub parked: u64,
    /// Pairs of values that were signed under one stamp, and of which a replica saw both.
    pub equivocations: u64,
    /// Facts of unknown kinds that a replica holds at the end.
    pub others: u64,
}

/// What many schedules came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Schedules after which asking by versions must suffice, and those that have more than it can heal.
    pub fair: u64,
    /// See [`Tally::fair`].
    pub foul: u64,
    /// Foul ones whose ranges had to be compared.
    pub repaired: u64,
    /// See [`Ended::parked`].
    pub parked: u64,
    /// See [`Ended::equivocations`].
    pub equivocations: u64,
    /// See [`Ended::others`].
    pub others: u64,
    /// The first schedule that has broken a law; the count ends there.
    pub broken: Option<u64>,
}

/// The first of `seeds` schedules that breaks a law, with these bugs planted.
pub fn hunt(bugs: Bugs, seeds: std::ops::Range<u64>) -> Option<u64> {
    tally(bugs, seeds).broken
}

/// Plays `seeds` schedules with these bugs planted, up to the first that breaks a law.
pub fn tally(bugs: Bugs, seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let ended = play(bugs, seed);
        *(if is_foul(seed) {
            &mut tally.foul
        } else {
            &mut tally.fair
        }) += 1;
        tally.repaired += u64::from(ended.is_repaired);
        tally.parked += ended.parked;
        tally.equivocations += ended.equivocations;
        tally.others += ended.others;
        if !ended.is_lawful {
            tally.broken = Some(seed);
            break;
        }
    }
    tally
}

/// Every second schedule is foul.
const fn is_foul(seed: u64) -> bool {
    seed % 2 == 1
}

/// Plays one schedule.
pub fn play(bugs: Bugs, seed: u64) -> Ended {
    let mut fleet = Fleet::new(bugs, seed);
    for _ in 0..60 {
        fleet.step();
    }
    fleet.heal();
    fleet.ended.others = fleet.nodes[0].replica.other_count() as u64;
    fleet.ended.is_lawful &= fleet.is_equal() && (fleet.is_foul || !fleet.ended.is_repaired);
    fleet.ended
}

impl Fleet {
    fn new(bugs: Bugs, seed: u64) -> Self {
        let params = Params {
            slow_half_life_ms: HALF_LIFE_MS,
            fast_half_life_ms: HALF_LIFE_MS / 64,
            ..Params::default()
        };
        let mut fleet = Self {
            dice: Dice(seed),
            params,
            bugs,
            now: START_MS,
            nodes: Vec::new(),
            born: 0,
            in_flight: Vec::new(),
            is_foul: is_foul(seed),
            is_long: seed % 4 != 2,
            ended: Ended {
                is_lawful: true,
                ..Ended::default()
            },
        };
        for _ in 0..NODES {
            let node = fleet.newcomer();
            fleet.nodes.push(node);
        }
        fleet
    }

    fn empty(&self) -> Replica {
        let mut replica = Replica::new(&self.params);
        replica.plant(self.bugs);
        replica
    }

    fn newcomer(&mut self) -> Node {
        let replica = self.empty();
        self.born += 1;
        let origin = Origin {
            tenant: u32::try_from(1 + self.born % 2).expect("1 or 2"),
            node: self.born,
        };
        Node {
            writer: Writer::resume(&replica, origin, 1),
            replica,
            skew_ms: self.dice.below(2 * SKEW_MS + 1),
            kept: (Vec::new(), Versions::new()),
        }
    }

    fn clock(&self, node: usize) -> u64 {
        self.now + self.nodes[node].skew_ms - SKEW_MS
    }

    fn step(&mut self) {
        // Mostly moments, sometimes hours: one half-life is a minute here.
        let is_free = self.is_long || self.now < START_MS + 12 * HALF_LIFE_MS;
        self.now += match self.dice.below(40) {
            0 if self.is_long => 21 * HALF_LIFE_MS,
            1..4 if is_free => 3 * HALF_LIFE_MS,
            _ => 100 + self.dice.below(4_000),
        };
        let node = self.dice.place(self.nodes.len());
        match self.dice.below(100) {
            0..40 => self.write(node),
            40..60 => self.deliver(),
            60..80 => self.ask(node, 0.3),
            80..86 => self.keep(node),
            86..90 => self.crash(node),
            // A clock is set, perhaps back.
            90..93 => self.set_clock(node),
            93..95 if self.is_foul => self.replace(node),
            95..97 if self.is_foul => self.equivocate(node),
            _ => {
                let now = self.clock(node);
                self.nodes[node].replica.collect(now);
            }
        }
    }

    fn set_clock(&mut self, place: usize) {
        let is_wrong = self.is_foul && self.dice.below(2) == 0;
        let most = if is_wrong { SKEW_MS + AHEAD_MS } else { 2 * SKEW_MS };
        self.nodes[place].skew_ms = self.dice.below(most + 1);
    }

    fn write(&mut self, place: usize) {
        let now = self.clock(place);
        let (what, number) = (self.dice.below(40), self.dice.below(SIGNALS));
        let scope = SCOPES[self.dice.place(SCOPES.len())];
        let (path, amount) = (scope_path(scope), self.dice.below(1 << 16));
        let revoked = self.nodes[self.dice.place(self.nodes.len())].writer.origin;
        let votes = self.dice.below(3);
        let Node { replica, writer, .. } = &mut self.nodes[place];
        // No run is shown what its node knows to be dead, so none leaves evidence of it.
        let is_unshown = !self.is_foul && replica.is_dead(signal_id(number));
        let what = if is_unshown && what >= 14 { 8 } else { what };
        let amount = i64::try_from(amount).expect("below one");
        if what >= 30 {
            // Two runs end in one millisecond.
            writer.cell(replica, key(number, scope), now, |cell| cell.total += 1);
        }
        let fact = match what {
            0..4 if self.is_foul || !self.is_long => writer.signal(replica, signal(number, now)),
            0..6 => writer.scope(replica, &path),
            6 => {
                let (stands, follows) = (signal_id(number), signal_id(number + 1));
                writer.alias(replica, Alias { stands, follows })
            }
            7 => {
                let why = if amount % 2 == 0 {
                    Why::Erasure
                } else {
                    Why::Quarantine
                };
                let target = match amount % 8 {
                    // An origin that is revoked and writes on has left the fleet.
                    _ if !self.is_foul => Target::Signal(signal_id(number)),
                    0 => Target::Origin(revoked),
                    1 => Target::Tenant(2),
                    _ => Target::Signal(signal_id(number)),
                };
                Some(writer.tomb(replica, target, why, now))
            }
            12..14 => writer.other(replica, other(None, amount), now),
            22..26 => writer.other(replica, other(Some(signal_id(number)), amount), now),
            8..12 => Some(writer.scope_cell(replica, ScopeId::of(&path), now, |cell| {
                cell.slow = cell.slow.with(amount, amount - fixed::ONE / 2);
                if votes == 0 && cell.votes.len() < VOTES_MAX {
                    cell.votes.push((signal_id(number), 1));
                }
            })),
            _ => Some(writer.cell(replica, key(number, scope), now, |cell| {
                cell.slow = cell.slow.with(amount, amount - fixed::ONE / 2);
                cell.fast = cell.fast.with(amount, amount - fixed::ONE / 2);
                cell.total += 1;
            })),
        };
        // The push: to some, none or all, some of them twice.
        let Some(fact) = fact else { return };
        for _ in 0..self.dice.below(4) {
            let to = self.dice.place(self.nodes.len());
            self.in_flight.push((to, fact.clone()));
        }
    }

    /// One of the facts on their way arrives, whichever it is; some are lost.
    fn deliver(&mut self) {
        if self.in_flight.is_empty() {
            return;
        }
        let (to, fact) = self.in_flight.swap_remove(self.dice.place(self.in_flight.len()));
        if to < self.nodes.len() && self.dice.below(10) >= 3 {
            let now = self.clock(to);
            let merged = self.nodes[to].replica.merge(fact, now);
            self.ended.parked += u64::from(merged == Merged::Parked);
        }
    }

    /// A node signs two values under one stamp. Whoever sees both keeps the same of them, whichever came first.
    fn equivocate(&mut self, place: usize) {
        let now = self.clock(place);
        let (number, scope) = (self.dice.below(SIGNALS), SCOPES[self.dice.place(SCOPES.len())]);
        let what = self.dice.below(3);
        let Node { replica, writer, .. } = &mut self.nodes[place];
        let one = match what {
            0 => writer.scope_cell(replica, key(number, scope).scope, now, |cell| cell.control_n += 1),
            1 => writer
                .other(replica, other(Some(signal_id(number)), 0), now)
                .expect("it is small"),
            _ => writer.cell(replica, key(number, scope), now, |cell| cell.total += 1),
        };
        let two = contradict(&one);
        let larger = if hash(&two) > hash(&one) { &two } else { &one };
        for turn in 0..2 {
            let (to, at) = (self.dice.place(self.nodes.len()), &mut self.ended);
            let now = self.now + self.nodes[to].skew_ms - SKEW_MS;
            let replica = &mut self.nodes[to].replica;
            let pair = if turn == 0 { [&one, &two] } else { [&two, &one] };
            let merged = pair.map(|fact| replica.merge(fact.clone(), now));
            // Where it was refused, or a later value stands, there is nothing to choose between.
            let held = replica
                .fact(one.entry())
                .filter(|held| held.stamp() == one.stamp());
            at.equivocations += u64::from(merged[1] == Merged::Equivocation);
            at.is_lawful &= held.is_none_or(|held| held == *larger);
        }
    }

    /// One node asks another for what it misses; the answer may be short, lost, or come twice.
    fn ask(&mut self, to: usize, loss: f64) {
        let from = self.dice.place(self.nodes.len());
        if from == to || (self.dice.below(1_000) as f64) < loss * 1_000.0 {
            return;
        }
        let bytes_max = self.dice.place(2_000);
        let versions = self.nodes[to].replica.versions();
        let delta = self.nodes[from].replica.delta(&versions, bytes_max);
        let now = self.clock(to);
        for _ in 0..=self.dice.below(2) {
            let parked = &mut self.ended.parked;
            self.nodes[to].replica.absorb(delta.clone(), now, |_, merged| {
                *parked += u64::from(merged == Merged::Parked);
            });
        }
    }

    /// Everything a node holds becomes durable.
    fn keep(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.kept = (node.replica.facts().collect(), node.replica.versions());
    }

    /// A node loses what it did not keep. Its own facts are durable before anybody hears of them; in a foul schedule
    /// they may be lost together with the count, and it begins a new incarnation.
    fn crash(&mut self, place: usize) {
        let now = self.clock(place);
        let is_lost = self.is_foul && self.dice.below(2) == 0;
        let mut replica = self.empty();
        let node = &mut self.nodes[place];
        let Writer { origin, stamp } = node.writer;
        let (mut facts, mut versions) = node.kept.clone();
        if !is_lost {
            facts.extend(node.replica.facts().filter(|fact| fact.origin() == origin));
            versions.extend(
                node.replica
                    .versions()
                    .into_iter()
                    .filter(|(stream, _)| stream.origin == origin),
            );
        }
        replica.restore(facts, &versions, now);
        node.writer = if is_lost {
            Writer::resume(&replica, origin, stamp.inc + 1)
        } else {
            Writer::new(origin, stamp)
        };
        node.replica = replica;
    }

    /// A node leaves for good, and an empty one comes.
    fn replace(&mut self, place: usize) {
        let newcomer = self.newcomer();
        self.nodes[place] = newcomer;
    }

    /// The network is whole again: everybody asks everybody, and where that did not suffice, compares ranges.
    fn heal(&mut self) {
        // Clocks agree at the end, because what is read at one time is compared; and no clock was ever further ahead,
        // so whatever anybody has dropped has faded for all.
        self.now += AHEAD_MS + SKEW_MS;
        let now = self.now;
        for node in &mut self.nodes {
            node.replica.collect(now);
        }
        let pairs = (0..self.nodes.len()).flat_map(|to| (0..self.nodes.len()).map(move |from| (to, from)));
        let pairs: Vec<(usize, usize)> = pairs.filter(|(to, from)| to != from).collect();
        for (to, from) in pairs.repeat(2) {
            let versions = self.nodes[to].replica.versions();
            let delta = self.nodes[from].replica.delta(&versions, usize::MAX);
            self.nodes[to].replica.absorb(delta, now, |_, _| {});
        }
        let mut bytes = self.nodes.iter().map(|node| node.replica.canonical_bytes(now));
        let first = bytes.next();
        if bytes.all(|other| Some(other) == first) {
            return;
        }
        self.ended.is_repaired = true;
        for (to, from) in pairs.repeat(2) {
            for fact in self.nodes[from].replica.living(now).collect::<Vec<_>>() {
                self.nodes[to].replica.merge(fact, now);
            }
        }
    }

    fn is_equal(&mut self) -> bool {
        let before: Vec<_> = self.nodes.iter().map(|node| self.view(&node.replica)).collect();
        // Half of them collect; readings at one time are the same before and after.
        for node in self.nodes.iter_mut().step_by(2) {
            node.replica.collect(self.now);
        }
        let after: Vec<_> = self.nodes.iter().map(|node| self.view(&node.replica)).collect();
        let is_equal = before.iter().chain(&after).all(|view| *view == before[0]);
        for node in &mut self.nodes {
            node.replica.collect(self.now);
        }
        is_equal && self.nodes.iter().all(|node| rests(&node.replica))
    }

    /// What a replica says at the end: its bytes, and every reading.
    fn view(&self, replica: &Replica) -> (Vec<u8>, BTreeMap<CellKey, [u64; 3]>) {
        let readings = (0..SIGNALS).flat_map(|number| SCOPES.map(|scope| key(number, scope)));
        let readings = readings.map(|key| {
            let Evidence { n, y, adv } = evidence::at(replica, &key, self.now, &self.params, |_| fixed::ONE);
            (key, [n.to_bits(), y.to_bits(), adv.to_bits()])
        });
        (replica.canonical_bytes(self.now), readings.collect())
    }
}

/// Whether nothing is left of what has been erased.
fn rests(replica: &Replica) -> bool {
    let erased = replica.tombs().filter(|tomb| tomb.why == Why::Erasure);
    let mut erased = erased.map(|tomb| tomb.target);
    erased.all(|target| match target {
        Target::Signal(id) => {
            replica.signal(id).is_none()
                && replica.keys_of(id).is_empty()
                && KINDS
                    .iter()
                    .all(|kind| replica.others(*kind).all(|(_, other)| other.about != Some(id)))
        }
        Target::Origin(origin) => replica
            .facts()
            .all(|fact| is_tomb(&fact) || fact.origin() != origin),
        Target::Tenant(tenant) => replica
            .facts()
            .all(|fact| is_tomb(&fact) || fact.origin().tenant != tenant),
    })
}

/// Another value under the same stamp.
fn contradict(fact: &Fact) -> Fact {
    let mut other = fact.clone();
    match &mut other {
        Fact::Cell { cell, .. } => cell.total += 1,
        Fact::ScopeCell { cell, .. } => cell.control_n += 1,
        Fact::Other { other, .. } => other.content.push(1),
        _ => {}
    }
    other
}

/// Of two contradicting values everybody keeps the one with the larger hash.
fn hash(fact: &Fact) -> [u8; 32] {
    let bytes = match fact {
        Fact::Cell { cell, .. } => rmp_serde::to_vec(cell),
        Fact::ScopeCell { cell, .. } => rmp_serde::to_vec(cell),
        Fact::Other { other, .. } => rmp_serde::to_vec(&**other),
        _ => rmp_serde::to_vec(fact),
    };
    *blake3::hash(&bytes.expect("facts are plain data")).as_bytes()
}

const fn is_tomb(fact: &Fact) -> bool {
    matches!(fact, Fact::Tomb { .. })
}

fn scope_path(text: &str) -> ScopePath {
    text.parse().expect("a scope")
}

fn signal_id(number: u64) -> SignalId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    SignalId::from_bytes(bytes)
}

fn key(number: u64, scope: &str) -> CellKey {
    CellKey {
        signal: signal_id(number),
        scope: ScopeId::of(&scope_path(scope)),
        bundle: BundleClass::default(),
    }
}

/// What a newer program says, of a signal or of nobody.
fn other(about: Option<SignalId>, amount: i64) -> Other {
    let [first, second, ..] = amount.to_le_bytes();
    Other {
        kind: KINDS[usize::from(first % 2)],
        at: 0,
        about,
        key: vec![second % 2],
        content: amount.to_be_bytes().to_vec(),
    }
}

fn signal(number: u64, now: u64) -> Signal {
    Signal {
        id: signal_id(number),
        scope: scope_path("read/text"),
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: format!("do {number}"),
        },
        tokens: 4,
        trigger: Trigger::default(),
        parents: Vec::new(),
        author: Origin::BUILTIN,
        born_in: None,
        created: Timestamp(now),
        bundle: BundleClass::default(),
        share: Share::Tenant,
        source: String::new(),
    }
}

#[cfg(test)]
mod tests;
