//! A network of real gossip machines in one process: messages take time, get lost, come twice and overtake each other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anthill_contracts::signal::Origin;

use crate::fact::Fact;
use crate::gossip::chance::Chance;
use crate::gossip::{Config, Gossip, Output, Peer, Send};
use crate::params::Params;
use crate::replica::Replica;
use crate::writer::Writer;

/// Milliseconds between two rounds.
pub(crate) const ROUND_MS: u64 = 100;

/// When a network begins, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_790_000_000_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// Share of messages that are lost.
    pub(crate) loss: f64,
    /// Share of messages that come twice.
    pub(crate) twice: f64,
    /// Most milliseconds that a message takes; at least one.
    pub(crate) delay_ms: usize,
    /// Most milliseconds that a node's clock is wrong by, either way.
    pub(crate) skew_ms: usize,
}

/// A node of the network.
pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) writer: Writer,
    pub(crate) gossip: Gossip,
    pub(crate) is_up: bool,
    /// Which side of a split it is on.
    pub(crate) side: u8,
    skew_ms: i64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick(usize),
    Arrival { to: usize, from: u64, bytes: Vec<u8> },
}

/// The network.
pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    pub(crate) faults: Faults,
    pub(crate) now: u64,
    pub(crate) chance: Chance,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    zone_nodes: usize,
}

/// The origin of a node; they all work for one tenant.
pub(crate) const fn origin(node: usize) -> Origin {
    Origin {
        tenant: 1,
        node: node as u64 + 1,
    }
}

/// A node as its peers know it, in zones of this many nodes.
fn peer(node: usize, zone_nodes: usize) -> Peer {
    Peer {
        node: origin(node).node,
        tenants: [1].into(),
        groups: [].into(),
        zone: u32::try_from(node / zone_nodes).expect("no network has so many zones"),
    }
}

impl Network {
    /// Nodes that know each other, in zones of at most `zone_nodes`.
    pub(crate) fn new(count: usize, zone_nodes: usize, faults: Faults, seed: u64) -> Self {
        let mut network = Self {
            nodes: Vec::new(),
            faults,
            now: START_MS,
            chance: Chance::new(seed),
            queue: BinaryHeap::new(),
            order: 0,
            zone_nodes,
        };
        for node in 0..count {
            let mut gossip = Gossip::new(Config::new(peer(node, zone_nodes), network.chance.draw()));
            for other in 0..count {
                gossip.add(peer(other, zone_nodes));
            }
            let replica = Replica::new(&Params::default());
            let skew = network.chance.below(2 * faults.skew_ms + 1);
            network.nodes.push(Node {
                writer: Writer::resume(&replica, origin(node), 0),
                replica,
                gossip,
                is_up: true,
                side: 0,
                skew_ms: skew.cast_signed() as i64 - faults.skew_ms.cast_signed() as i64,
            });
            let phase = network.chance.below(usize::try_from(ROUND_MS).expect("small"));
            network.plan(phase as u64, Event::Tick(node));
        }
        network
    }

    /// The zone of a node.
    pub(crate) fn zone(&self, node: usize) -> u32 {
        peer(node, self.zone_nodes).zone
    }

    fn plan(&mut self, after_ms: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((self.now + after_ms, self.order, event)));
    }

    /// What a node's clock shows.
    pub(crate) fn clock(&self, node: usize) -> u64 {
        self.now.saturating_add_signed(self.nodes[node].skew_ms)
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, for_ms: u64) {
        let until = self.now + for_ms;
        while self.queue.peek().is_some_and(|Reverse((at, _, _))| *at <= until) {
            let Some(Reverse((at, _, event))) = self.queue.pop() else {
                break;
            };
            self.now = at;
            match event {
                Event::Tick(node) => self.tick(node),
                Event::Arrival { to, from, bytes } => self.arrive(to, from, &bytes),
            }
        }
        self.now = until;
    }

    fn tick(&mut self, index: usize) {
        self.plan(ROUND_MS, Event::Tick(index));
        let now = self.clock(index);
        let node = &mut self.nodes[index];
        if node.is_up {
            let output = node.gossip.on_tick(&mut node.replica, now);
            self.carry(index, output);
        }
    }

    fn arrive(&mut self, to: usize, from: u64, bytes: &[u8]) {
        let now = self.clock(to);
        let node = &mut self.nodes[to];
        if node.is_up {
            let output = node.gossip.on_message(&mut node.replica, from, bytes, now);
            self.carry(to, output);
        }
    }

    /// A node writes facts and pushes them.
    pub(crate) fn write(
        &mut self,
        index: usize,
        write: impl FnOnce(&mut Writer, &mut Replica, u64) -> Vec<Fact>,
    ) -> Vec<Fact> {
        let now = self.clock(index);
        let node = &mut self.nodes[index];
        let facts = write(&mut node.writer, &mut node.replica, now);
        let output = node.gossip.on_fresh(&node.replica, &facts);
        self.carry(index, output);
        facts
    }

    fn carry(&mut self, from: usize, output: Output) {
        for Send { to, bytes } in output.sends {
            let to = usize::try_from(to - 1).expect("a node of the network");
            if self.nodes[from].side != self.nodes[to].side {
                continue;
            }
            let copies = 1 + usize::from(self.chance.is(self.faults.twice));
            for _ in 0..copies {
                if !self.chance.is(self.faults.loss) {
                    let delay = 1 + self.chance.below(self.faults.delay_ms) as u64;
                    let from = origin(from).node;
                    let bytes = bytes.clone();
                    self.plan(delay, Event::Arrival { to, from, bytes });
                }
            }
        }
    }

    /// A node dies and comes back with what it had made durable: its facts, and nothing of what was on its way.
    #[cfg(test)]
    pub(crate) fn restart(&mut self, index: usize) {
        let (count, zone_nodes) = (self.nodes.len(), self.zone_nodes);
        let node = &mut self.nodes[index];
        let mut replica = Replica::new(&Params::default());
        let (own, others): (Vec<Fact>, Vec<Fact>) = node
            .replica
            .facts()
            .partition(|fact| fact.origin() == node.writer.origin);
        for fact in own {
            replica.write(fact, self.now);
        }
        for fact in others {
            replica.merge(fact, self.now);
        }
        let seed = self.chance.draw();
        node.gossip = Gossip::new(Config::new(peer(index, zone_nodes), seed));
        for other in 0..count {
            node.gossip.add(peer(other, zone_nodes));
        }
        // The count of its writes is durable with the facts; a new incarnation begins a stream of its own.
        node.writer = Writer::resume(&replica, origin(index), node.writer.stamp.inc + 1);
        node.replica = replica;
    }

    /// Bytes that all nodes have sent.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.nodes.iter().map(|node| node.gossip.stats().bytes_sent).sum()
    }
}
