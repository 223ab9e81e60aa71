//! Between zones: what of a replica goes to a peer of another zone, and what a publisher says for its own.
//!
//! What is said for the own zone is kept beside the replica and not in it: a member reads raw evidence, and would count
//! it twice. To peers both are one. Two members publish, in case that one is gone; the second only says what the first
//! has not said after some rounds. What another zone's nodes have written comes here without evidence, so how far a
//! stream has come means something else here than at home; home never takes such counts back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anthill_contracts::signal::Origin;

use super::message::Piece;
use super::{Config, Gossip, Output, Peer, may_go};
use crate::fact::{CellKey, Fact, ScopeId, Stamp, Target, is_zone, zone_of, zone_origin};
use crate::replica::{Delta, Part, Replica, Span, Stream, Vantage, Versions};
use crate::zone;

/// Members that publish for a zone.
const PUBLISHERS: usize = 2;

/// Rounds that the second publisher gives the first.
const STAND_BY_ROUNDS: u64 = 2;

/// After so many rounds in which the zone's entry seems to know more than the members' facts, it is taken to be wrong: an
/// origin was revoked.
const RESTATE_ROUNDS: u64 = 50;

/// What an entry of a zone is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Cell(CellKey, u32),
    Scope(ScopeId, u32),
}

/// What a machine knows of zones.
#[derive(Debug, Clone)]
pub(super) struct Zones {
    /// What was said for the own zone.
    said: Replica,
    /// The incarnation that this node writes under for its zone: no two nodes or starts of a node share one.
    inc: u32,
    /// The last count that it wrote under.
    count: u64,
    /// Publishers by zone, the first one first; empty where they have to be found anew.
    publishers: BTreeMap<u32, Vec<u64>>,
    /// Topics with news, and the round of the first.
    waiting: BTreeMap<Topic, u64>,
    /// Topics written of late, and the round.
    written: BTreeMap<Topic, u64>,
    /// From where this node reads; remade with the publishers.
    vantage: Arc<Vantage>,
    /// Everything has to be looked at.
    is_unsure: bool,
}

impl Zones {
    pub(super) fn new(config: &Config) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&config.me.node.to_le_bytes())
            .update(&config.seed.to_le_bytes());
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        Self {
            said: Replica::default(),
            inc: u32::from_le_bytes([a, b, c, d]),
            count: 0,
            publishers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            written: BTreeMap::new(),
            vantage: Arc::default(),
            is_unsure: true,
        }
    }

    /// Members have come or gone.
    pub(super) fn forget_publishers(&mut self) {
        self.publishers.clear();
        self.is_unsure = true;
    }
}

/// The members who publish for a zone: those with the largest hash of zone and member (Thaler and Ravishankar 1998), so
/// that a member that comes or goes changes little.
pub(super) fn publishers(zone: u32, members: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut ranked: Vec<([u8; 32], u64)> = members
        .into_iter()
        .map(|member| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&zone.to_le_bytes()).update(&member.to_le_bytes());
            (*hasher.finalize().as_bytes(), member)
        })
        .collect();
    ranked.sort_unstable_by(|left, right| right.cmp(left));
    ranked.truncate(PUBLISHERS);
    ranked.into_iter().map(|(_, member)| member).collect()
}

impl Gossip {
    /// What this machine says for its zone, and has heard of its fellow publisher: facts that no reader of this zone
    /// counts.
    pub fn said_for_zone(&self) -> impl Iterator<Item = Fact> + '_ {
        self.zones.said.facts()
    }

    fn find_publishers(&mut self) {
        if !self.zones.publishers.is_empty() {
            return;
        }
        let mut members: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for peer in self.peers.values().chain([&self.config.me]) {
            members.entry(peer.zone).or_default().push(peer.node);
        }
        self.zones.publishers = members
            .into_iter()
            .map(|(zone, members)| (zone, publishers(zone, members)))
            .collect();
        let here = self.config.me.zone;
        let afar = self.peers.values().filter(|peer| peer.zone != here);
        let vantage = Vantage {
            zone: Some(here),
            afar: afar.map(|peer| peer.node).collect(),
        };
        if *self.zones.vantage != vantage {
            self.zones.vantage = Arc::new(vantage);
        }
    }

    /// Has the replica count what counts in the zone that this node lives in now.
    pub(super) fn read_from_here(&mut self, replica: &mut Replica) {
        self.find_publishers();
        replica.read_from(&self.zones.vantage);
    }

    /// The place of this node among the publishers of its zone; `None` where it is none, or there is one zone only.
    fn place(&mut self) -> Option<usize> {
        self.find_publishers();
        if self.zones.publishers.len() < 2 {
            return None;
        }
        let me = &self.config.me;
        let here = self.zones.publishers.get(&me.zone)?;
        here.iter().position(|node| *node == me.node)
    }

    /// The other publishers of the own zone, where there are other zones.
    pub(super) fn publishers_here(&mut self) -> Vec<u64> {
        self.find_publishers();
        if self.zones.publishers.len() < 2 {
            return Vec::new();
        }
        let me = &self.config.me;
        let mut here = self.zones.publishers.get(&me.zone).cloned().unwrap_or_default();
        here.retain(|node| *node != me.node);
        here
    }

    /// Publishers of other zones to talk to in this round; a publisher alone talks to them.
    pub(super) fn chosen_afar(&mut self, count: usize) -> Vec<u64> {
        if self.place().is_none() {
            return Vec::new();
        }
        let me = self.config.me.zone;
        let others = self.zones.publishers.iter().filter(|(zone, _)| **zone != me);
        let others: Vec<u64> = others.flat_map(|(_, nodes)| nodes.iter().copied()).collect();
        self.chance.some(&others, count)
    }

    /// The peer to compare hashes with in this round: now and then one of the zone, and half way between one of another.
    pub(super) fn compared(&mut self) -> Option<u64> {
        let every = self.config.tree_rounds.max(1);
        // What is merged behind this machine's back is found now and then, too.
        self.zones.is_unsure |= self.stats.rounds.is_multiple_of(every);
        let chosen = match self.stats.rounds % every {
            0 => self.chosen(1),
            rounds if rounds == every / 2 => self.chosen_afar(1),
            _ => Vec::new(),
        };
        chosen.first().copied()
    }

    fn is_afar(&self, peer: &Peer) -> bool {
        peer.zone != self.config.me.zone
    }

    fn is_own_zone(&self, origin: Origin) -> bool {
        zone_of(origin) == Some(self.config.me.zone)
    }

    /// The zone of a node; `None` where it is not known.
    fn home(&self, origin: Origin) -> Option<u32> {
        let me = &self.config.me;
        if origin.node == me.node {
            return Some(me.zone);
        }
        self.peers.get(&origin.node).map(|peer| peer.zone)
    }

    /// Whether a fact may go to a peer: where it may be known, and where it belongs.
    pub(super) fn goes(&self, replica: &Replica, fact: &Fact, peer: &Peer) -> bool {
        let belongs = !self.is_afar(peer) || !fact.is_evidence() || is_zone(fact.origin());
        belongs && may_go(replica, fact, peer)
    }

    /// Everything to be gossiped, what was said for the zone included.
    pub(super) fn all_facts<'a>(&'a self, replica: &'a Replica) -> impl Iterator<Item = Fact> + 'a {
        replica.facts().chain(self.zones.said.facts())
    }

    /// How far this machine has come with what a peer gets.
    pub(super) fn all_versions(&self, replica: &Replica, peer: &Peer) -> Versions {
        let is_afar = self.is_afar(peer);
        let part = |stream: Stream| {
            if is_afar && !is_zone(stream.origin) {
                Part::Shared
            } else {
                Part::Whole
            }
        };
        let mut versions = replica.versions_of(part);
        versions.extend(self.zones.said.versions());
        versions
    }

    /// What a peer with these versions misses.
    pub(super) fn delta_for(&self, replica: &Replica, peer: &Peer, theirs: &Versions, bytes: usize) -> Delta {
        let is_afar = self.is_afar(peer);
        let part = |stream: Stream| {
            if !is_afar || is_zone(stream.origin) {
                Part::Whole
            } else if self.home(stream.origin) == Some(peer.zone) {
                Part::Nothing
            } else {
                Part::Shared
            }
        };
        let mut delta = self.zones.said.delta(theirs, bytes / 2);
        let rest = replica.delta_of(theirs, bytes, part);
        delta.spans.extend(rest.spans);
        delta.facts.extend(rest.facts);
        delta
    }

    /// Drops what a peer of another zone has no business to say: raw evidence, and how far streams of this zone are.
    pub(super) fn keep_zones_apart(&self, peer: &Peer, pieces: &mut Vec<Piece>, facts: &mut Vec<Fact>) {
        if !self.is_afar(peer) {
            return;
        }
        facts.retain(|fact| !fact.is_evidence() || is_zone(fact.origin()));
        let here = Some(self.config.me.zone);
        pieces.retain(|piece| {
            let origin = piece.span.stream.origin;
            is_zone(origin) || self.home(origin) != here
        });
    }

    /// Takes in what is said for the own zone; the rest is for the replica.
    pub(super) fn take_for_zone(
        &mut self,
        replica: &Replica,
        (spans, facts): (Vec<Span>, Vec<Fact>),
        now: u64,
    ) -> (Vec<Span>, Vec<Fact>) {
        let (said_spans, spans): (Vec<Span>, Vec<Span>) = spans
            .into_iter()
            .partition(|span| self.is_own_zone(span.stream.origin));
        let (said, facts): (Vec<Fact>, Vec<Fact>) = facts
            .into_iter()
            .partition(|fact| self.is_own_zone(fact.origin()));
        if !said.is_empty() || !said_spans.is_empty() {
            let delta = Delta {
                spans: said_spans,
                facts: said,
            };
            self.said_mut(replica).absorb(delta, now, |_, _| {});
        }
        (spans, facts)
    }

    /// Notes what there is to say of new facts.
    pub(super) fn note_for_zone(&mut self, facts: &[Fact]) {
        if self.place().is_none() {
            self.zones.is_unsure = true;
            return;
        }
        let round = self.stats.rounds;
        for fact in facts {
            let origin = fact.origin();
            let topic = match fact {
                Fact::Cell { key, .. } => Topic::Cell(*key, origin.tenant),
                Fact::ScopeCell { scope, .. } => Topic::Scope(*scope, origin.tenant),
                Fact::Tomb { tomb, .. } => {
                    self.zones.is_unsure |= !matches!(tomb.target, Target::Signal(_));
                    continue;
                }
                _ => continue,
            };
            if !is_zone(origin) {
                self.zones.waiting.entry(topic).or_insert(round);
            }
        }
    }

    /// Says for the zone what has changed, where this node is one of its publishers.
    pub(super) fn publish(&mut self, replica: &Replica, now: u64, output: &mut Output) {
        if self.zones.waiting.is_empty() && !self.zones.is_unsure {
            return;
        }
        let Some(place) = self.place() else { return };
        let (round, every) = (self.stats.rounds, self.config.publish_rounds);
        if self.zones.is_unsure {
            self.look_at_everything(replica, now);
        }
        self.zones.written.retain(|_, at| *at + every > round);
        let patience = if place == 0 { 0 } else { STAND_BY_ROUNDS };
        let due: Vec<(Topic, u64)> = self
            .zones
            .waiting
            .iter()
            .filter(|(topic, since)| **since + patience <= round && !self.zones.written.contains_key(topic))
            .map(|(topic, since)| (*topic, *since))
            .collect();
        let mut facts = Vec::new();
        for (topic, since) in due {
            let at = (since + RESTATE_ROUNDS <= round).then_some(now);
            match self.statement(replica, topic, at) {
                Statement::Stands => drop(self.zones.waiting.remove(&topic)),
                Statement::Behind => {}
                Statement::New(fact) => {
                    self.said_mut(replica).write(&*fact, now);
                    self.zones.waiting.remove(&topic);
                    self.zones.written.insert(topic, round);
                    facts.push(*fact);
                }
            }
        }
        if facts.is_empty() {
            return;
        }
        let count = self.config.push_fanout + self.more_peers();
        let mut nodes: BTreeSet<u64> = self.publishers_here().into_iter().collect();
        nodes.extend(self.chosen(count));
        nodes.extend(self.chosen_afar(count));
        for node in nodes {
            self.push(replica, node, &facts, output);
        }
    }

    /// After a start, a change of publishers or a tombstone on an origin nobody can tell what has changed.
    fn look_at_everything(&mut self, replica: &Replica, now: u64) {
        self.zones.is_unsure = false;
        self.said_mut(replica).collect(now);
        let cells = replica.keys().flat_map(|key| {
            let origins = replica.cells(key).map(|(origin, _)| origin);
            origins.map(|origin| (origin, Topic::Cell(*key, origin.tenant)))
        });
        let scopes = replica.scopes_with_cells().flat_map(|scope| {
            let origins = replica.scope_cells(scope).map(|(origin, _)| *origin);
            origins.map(move |origin| (origin, Topic::Scope(scope, origin.tenant)))
        });
        let topics: Vec<(Origin, Topic)> = cells.chain(scopes).collect();
        for (origin, topic) in topics {
            if !is_zone(origin) {
                self.zones.waiting.entry(topic).or_insert(self.stats.rounds);
            }
        }
    }

    /// What is to be said on a topic. `restated` is the time to restate it for, where what was said knows of more than
    /// there is.
    fn statement(&mut self, replica: &Replica, topic: Topic, restated: Option<u64>) -> Statement {
        let said = &self.zones.said;
        match topic {
            Topic::Cell(key, tenant) => {
                let origin = zone_origin(tenant, self.config.me.zone);
                let held = said.cell(&key, origin);
                let (at, knows) = held.map_or((0, (0, 0)), |held| (held.at, (held.at, held.total)));
                let computed = |at| zone::cell(replica, &key, tenant, at);
                let Some(mut cell) = computed(0) else {
                    return Statement::Stands;
                };
                let stamp = held.map(|held| held.stamp).unwrap_or_default();
                let same = computed(at).map(|cell| crate::fact::Cell { stamp, ..cell });
                if held.is_some() && held == same {
                    return Statement::Stands;
                }
                if (cell.at, cell.total) < knows {
                    let Some(restated) = restated.and_then(|now| computed(now.max(at + 1))) else {
                        return Statement::Behind;
                    };
                    cell = restated;
                }
                cell.stamp = self.next(stamp);
                Statement::New(Box::new(Fact::Cell { origin, key, cell }))
            }
            Topic::Scope(scope, tenant) => {
                let origin = zone_origin(tenant, self.config.me.zone);
                let held = said.scope_cell(scope, origin).cloned();
                let (at, knows) = held
                    .as_ref()
                    .map_or((0, (0, 0)), |held| (held.at, (held.at, held.slow.n)));
                let computed = |at| zone::scope_cell(replica, scope, tenant, at);
                let Some(mut cell) = computed(0) else {
                    return Statement::Stands;
                };
                let stamp = held.as_ref().map(|held| held.stamp).unwrap_or_default();
                let same = computed(at).map(|cell| crate::fact::ScopeCell { stamp, ..cell });
                if held.is_some() && held == same {
                    return Statement::Stands;
                }
                if (cell.at, cell.slow.n) < knows {
                    let Some(restated) = restated.and_then(|now| computed(now.max(at + 1))) else {
                        return Statement::Behind;
                    };
                    cell = restated;
                }
                cell.stamp = self.next(stamp);
                Statement::New(Box::new(Fact::ScopeCell { origin, scope, cell }))
            }
        }
    }

    /// The next stamp of this node for its zone, later than what it replaces.
    fn next(&mut self, held: Stamp) -> Stamp {
        self.zones.count = self.zones.count.max(held.seq) + 1;
        Stamp {
            inc: self.zones.inc,
            seq: self.zones.count,
        }
    }

    /// What was said, to fade as the facts of this replica do.
    fn said_mut(&mut self, replica: &Replica) -> &mut Replica {
        let said = &mut self.zones.said;
        if said.params() != replica.params() {
            *said = Replica::new(replica.params());
        }
        said
    }
}

/// What there is to say on a topic.
enum Statement {
    /// What was said stands.
    Stands,
    /// What was said knows more than this node.
    Behind,
    /// Something new.
    New(Box<Fact>),
}
