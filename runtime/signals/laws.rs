//! The laws of merging as a hunt: random schedules of a small fleet, after which every replica must hold the same bytes
//! and read the same numbers.
//!
//! A schedule has everything that a network and a machine do to facts: loss, duplication, disorder, answers cut short,
//! clocks that differ by seconds, crashes, lost counts, nodes that come and go, tombstones, and collecting in between.
//! Its clock runs so fast that entries fade while it goes on.

use std::collections::BTreeMap;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{
    BundleClass, Origin, Polarity, ScopePath, Share, Signal, SignalBody, Trigger,
};

use crate::evidence::{self, Evidence};
use crate::fact::{Alias, CellKey, Fact, ScopeId, Target, VOTES_MAX, Why};
use crate::fixed;
use crate::params::Params;
use crate::replica::{Bugs, Merged, Replica, Versions};
use crate::writer::Writer;

const NODES: usize = 4;
const SIGNALS: u64 = 5;
const SCOPES: [&str; 3] = ["read", "read/text", "plan"];
const HALF_LIFE_MS: u64 = 60_000;
const START_MS: u64 = 1_700_000_000_000;
const SKEW_MS: u64 = 5_000;

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
}

/// The first of `seeds` schedules after which replicas differ, with these bugs planted.
pub fn hunt(bugs: Bugs, seeds: std::ops::Range<u64>) -> Option<u64> {
    seeds.into_iter().find(|seed| !converges(bugs, *seed))
}

/// Whether the replicas of one schedule end equal.
pub fn converges(bugs: Bugs, seed: u64) -> bool {
    let mut fleet = Fleet::new(bugs, seed);
    for _ in 0..60 {
        fleet.step();
    }
    fleet.heal();
    fleet.is_equal()
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
        self.now += match self.dice.below(40) {
            0 => 21 * HALF_LIFE_MS,
            1..4 => 3 * HALF_LIFE_MS,
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
            92..95 => self.nodes[node].skew_ms = self.dice.below(2 * SKEW_MS + 1),
            90..92 => self.replace(node),
            _ => {
                let now = self.clock(node);
                self.nodes[node].replica.collect(now);
            }
        }
    }

    fn write(&mut self, place: usize) {
        let now = self.clock(place);
        let (what, number) = (self.dice.below(40), self.dice.below(SIGNALS));
        let scope = SCOPES[self.dice.place(SCOPES.len())];
        let (path, amount) = (scope_path(scope), self.dice.below(1 << 16));
        let other = self.nodes[self.dice.place(self.nodes.len())].writer.origin;
        let votes = self.dice.below(3);
        let Node { replica, writer, .. } = &mut self.nodes[place];
        let amount = i64::try_from(amount).expect("below one");
        if what >= 30 {
            // Two runs end in one millisecond.
            writer.cell(replica, key(number, scope), now, |cell| cell.total += 1);
        }
        let fact = match what {
            0..4 => writer.signal(replica, signal(number, now)),
            4..6 => writer.scope(replica, &path),
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
                    0 => Target::Origin(other),
                    1 => Target::Tenant(2),
                    _ => Target::Signal(signal_id(number)),
                };
                Some(writer.tomb(replica, target, why, now))
            }
            8..14 => Some(writer.scope_cell(replica, ScopeId::of(&path), now, |cell| {
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
            self.nodes[to].replica.merge(fact, now);
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
            self.nodes[to]
                .replica
                .absorb(delta.clone(), now, |_, _: Merged| {});
        }
    }

    /// Everything a node holds becomes durable.
    fn keep(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.kept = (node.replica.facts().collect(), node.replica.versions());
    }

    /// A node loses what it did not keep. Where its count is lost with it, it begins a new incarnation.
    fn crash(&mut self, place: usize) {
        let now = self.clock(place);
        let mut replica = self.empty();
        let node = &mut self.nodes[place];
        replica.restore(node.kept.0.clone(), &node.kept.1, now);
        node.writer = Writer::resume(&replica, node.writer.origin, node.writer.stamp.inc + 1);
        node.replica = replica;
    }

    /// A node leaves for good, and an empty one comes.
    fn replace(&mut self, place: usize) {
        let newcomer = self.newcomer();
        self.nodes[place] = newcomer;
    }

    /// The network is whole again: everybody asks everybody, then compares ranges. Pushed facts of a node that has gone
    /// for good may lie behind a gap that nobody can fill; only the ranges show them.
    fn heal(&mut self) {
        // Clocks agree at the end, because what is read at one time is compared.
        let now = self.now;
        let pairs = (0..self.nodes.len()).flat_map(|to| (0..self.nodes.len()).map(move |from| (to, from)));
        let pairs: Vec<(usize, usize)> = pairs.filter(|(to, from)| to != from).collect();
        for (to, from) in pairs.repeat(2) {
            let versions = self.nodes[to].replica.versions();
            let delta = self.nodes[from].replica.delta(&versions, usize::MAX);
            self.nodes[to].replica.absorb(delta, now, |_, _| {});
        }
        for (to, from) in pairs.repeat(2) {
            let (ours, theirs) = (&self.nodes[to].replica, &self.nodes[from].replica);
            if ours.canonical_bytes(now) == theirs.canonical_bytes(now) {
                continue;
            }
            for fact in theirs.living(now).collect::<Vec<_>>() {
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
        Target::Signal(id) => replica.signal(id).is_none() && replica.keys_of(id).is_empty(),
        Target::Origin(origin) => replica
            .facts()
            .all(|fact| is_tomb(&fact) || fact.origin() != origin),
        Target::Tenant(tenant) => replica
            .facts()
            .all(|fact| is_tomb(&fact) || fact.origin().tenant != tenant),
    })
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
