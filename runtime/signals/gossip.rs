//! Gossip: how replicas come to hold the same facts, as a machine without sockets, clock or threads.
//!
//! Whoever owns the machine calls it with the replica, arms its timer and carries its messages. Fresh facts are pushed
//! at once to a few peers. Every round the machine asks a peer for what it misses, by versions: the answer brings it,
//! oldest first and without gaps, and says in turn what the other end misses. Once a minute hashes over ranges of
//! entries find what versions hide, such as an entry that a disk has lost. Rejected: pushing alone, with which a fact
//! is lost for good now and then, and asking alone, with which the first copy waits for a round.
//!
//! In a large fleet nodes lie in zones. Evidence stays in its zone; what its publishers say of it goes to the others, with
//! everything that is no evidence (see [`crate::zone`]).
//!
//! Everything is bounded: bytes of a message, bytes of a round, facts of one origin over time. What does not fit waits
//! for a later round. Nothing that arrives can stop the machine; what is wrong with it is counted.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::signal::Origin;

use self::chance::Chance;
use self::message::{Given, Kind, Piece, Reading, Theirs, Writing, origins, runs};
use crate::codec::{Flaw, Packer};
use crate::fact::Fact;
use crate::replica::{Delta, Merged, Replica, Span, Stream, Versions};

pub(crate) mod chance;
mod message;
pub mod peers;
mod repair;
mod zones;

pub use self::peers::{Peer, may_go};

/// No longer message is looked at.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// The short form is for counts no further apart than its one byte tells, with some room.
const SHORT_FORM_GAP: u64 = 100;

/// What a machine is told once.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// This node, as its peers know it.
    pub me: Peer,
    /// Decides which peers are asked; equal seeds, equal runs. Another one at each start of a node, because it names the
    /// stream that the node publishes in for its zone, too.
    pub seed: u64,
    /// Peers that are asked in a round; one more or two where many messages are lost.
    pub fanout: usize,
    /// Peers that fresh facts are pushed to.
    pub push_fanout: usize,
    /// Most bytes of facts in one message.
    pub message_bytes: usize,
    /// Most bytes sent between two rounds; pushes and answers beyond are left to later rounds.
    pub round_bytes: usize,
    /// Rounds between two checks of hashes.
    pub tree_rounds: u64,
    /// News of one origin that are taken at a stretch.
    pub burst_facts: u32,
    /// News of one origin that are taken per round, on average.
    pub round_facts: u32,
    /// Rounds between two entries that a publisher of a zone writes at one key; the first is written at once.
    pub publish_rounds: u64,
}

impl Config {
    /// The usual numbers: rounds of 100 ms, one peer a round, a check of hashes each minute.
    pub fn new(me: Peer, seed: u64) -> Self {
        Self {
            me,
            seed,
            fanout: 1,
            push_fanout: 1,
            message_bytes: 16 * 1024,
            round_bytes: 256 * 1024,
            tree_rounds: 600,
            burst_facts: 65_536,
            round_facts: 100,
            publish_rounds: 50,
        }
    }
}

/// A message to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The peer.
    pub to: u64,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What a call of the machine leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Messages to carry; one that is lost costs time and nothing else.
    pub sends: Vec<Send>,
    /// Facts that the replica did not have, to be kept.
    pub news: Vec<Fact>,
    /// Origins that were found to have written two values under one stamp; the owner sets tombstones on them.
    pub offenders: BTreeSet<Origin>,
}

/// Counters since the machine was made, and how far behind the replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes of all messages sent.
    pub bytes_sent: u64,
    /// Bytes of all messages received.
    pub bytes_received: u64,
    /// Facts sent.
    pub facts_sent: u64,
    /// Facts received, known ones too.
    pub facts_received: u64,
    /// Facts received that were news.
    pub news: u64,
    /// Values that were not taken because they do not decode or cannot be.
    pub quarantined: u64,
    /// What newer programs wrote: facts of kinds that are not known here, which are carried, and messages and findings
    /// of kinds that are not known, which are passed over.
    pub unknown: u64,
    /// Messages that were not looked at: too long, unreadable, or of nobody that is known.
    pub refused: u64,
    /// Facts of origins that wrote faster than allowed, left for later.
    pub limited: u64,
    /// Facts sent or received because a check of hashes found them missing.
    pub repaired: u64,
    /// Rounds begun, and peers asked in them.
    pub rounds: u64,
    /// See [`Stats::rounds`].
    pub asked: u64,
    /// Answers received.
    pub answered: u64,
    /// Writes of one origin that this replica was behind a peer by, at most, in the last round.
    pub lag: u64,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Gossip {
    config: Config,
    peers: BTreeMap<u64, Peer>,
    chance: Chance,
    stats: Stats,
    /// How far streams of other tenants were seen, of which this node gets a part only. Never told as a version.
    partial: Versions,
    /// Peers that are asked in the long form: the last exchange showed that the short one would not be read.
    long_form: BTreeSet<u64>,
    allowance: BTreeMap<Origin, u32>,
    bytes_left: usize,
    /// Share of questions that were answered of late.
    answer_share: f64,
    /// Questions and answers since the last round began.
    asked_of_late: u64,
    /// See [`Gossip::asked_of_late`].
    answered_of_late: u64,
    lag: u64,
    repair: repair::Repair,
    zones: zones::Zones,
}

impl Gossip {
    /// A machine without peers.
    pub fn new(config: Config) -> Self {
        Self {
            peers: BTreeMap::new(),
            chance: Chance::new(config.seed),
            stats: Stats::default(),
            partial: Versions::new(),
            long_form: BTreeSet::new(),
            allowance: BTreeMap::new(),
            bytes_left: config.round_bytes,
            answer_share: 1.0,
            asked_of_late: 0,
            answered_of_late: 0,
            lag: 0,
            repair: repair::Repair::default(),
            zones: zones::Zones::new(&config),
            config,
        }
    }

    /// Adds a peer, or changes what is known of it.
    pub fn add(&mut self, peer: Peer) {
        if peer.node != self.config.me.node {
            self.peers.insert(peer.node, peer);
            self.zones.forget_publishers();
        }
    }

    /// Forgets a peer.
    pub fn remove(&mut self, node: u64) {
        self.peers.remove(&node);
        self.long_form.remove(&node);
        self.zones.forget_publishers();
    }

    /// The peers, by node.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values()
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// A round: to be called every 100 ms.
    pub fn on_tick(&mut self, replica: &mut Replica, now: u64) -> Output {
        self.begin_round();
        self.read_from_here(replica);
        let mut output = Output::default();
        let count = self.config.fanout + self.more_peers();
        let mut asked = self.chosen(count);
        asked.extend(self.chosen_afar(count));
        for node in asked {
            self.ask(replica, node, &mut output);
        }
        if let Some(node) = self.compared() {
            self.begin_repair(replica, node, &mut output);
        }
        self.publish(replica, now, &mut output);
        output
    }

    fn ask(&mut self, replica: &Replica, node: u64, output: &mut Output) {
        let peer = self.peers[&node].clone();
        let mut writing = Writing::new(Kind::Ask);
        let versions = self.versions_for(replica, &peer);
        if self.long_form.contains(&node) {
            writing.long(&versions);
        } else {
            writing.short(&versions);
        }
        self.stats.asked += 1;
        self.asked_of_late += 1;
        self.send(output, node, writing);
    }

    /// Facts that this node has just written, and laid into its replica.
    pub fn on_fresh(&mut self, replica: &Replica, facts: &[Fact]) -> Output {
        let mut output = Output::default();
        self.note_for_zone(facts);
        let mut nodes = self.chosen(self.config.push_fanout + self.more_peers());
        let publishers = self.publishers_here();
        nodes.extend(
            publishers
                .into_iter()
                .filter(|node| !nodes.contains(node))
                .collect::<Vec<_>>(),
        );
        for node in nodes {
            self.push(replica, node, facts, &mut output);
        }
        output
    }

    /// Gives a peer fresh facts, as far as it may have them and they fit.
    fn push(&mut self, replica: &Replica, node: u64, facts: &[Fact], output: &mut Output) {
        let peer = self.peers[&node].clone();
        let going: Vec<Fact> = facts
            .iter()
            .filter(|fact| self.goes(replica, fact, &peer))
            .cloned()
            .collect();
        let mut packer = Packer::new(&[]);
        let mut count = 0;
        for fact in &going {
            if packer.len() >= self.room() {
                break;
            }
            packer.push(fact);
            count += 1;
        }
        if count == 0 {
            return;
        }
        let mut pieces = runs(&going[..count]);
        for piece in &mut pieces {
            piece.is_partial = !peer.serves(piece.span.stream.origin);
        }
        self.stats.facts_sent += count as u64;
        let mut writing = Writing::new(Kind::Give);
        writing.facts(&pieces, packer, &[]);
        self.send(output, node, writing);
    }

    /// A message of a peer, whose name the link vouches for.
    pub fn on_message(&mut self, replica: &mut Replica, from: u64, bytes: &[u8], now: u64) -> Output {
        let mut output = Output::default();
        self.read_from_here(replica);
        self.stats.bytes_received += bytes.len() as u64;
        let peer = self.peers.get(&from).cloned();
        let (Some(peer), true) = (peer, bytes.len() <= MESSAGE_BYTES_MAX) else {
            self.stats.refused += 1;
            return output;
        };
        let reading = match Reading::new(bytes) {
            Ok(reading) => reading,
            Err(flaw) => {
                self.pass_over(flaw);
                return output;
            }
        };
        let mine = self.versions_for(replica, &peer);
        let common: Vec<Stream> = mine.keys().copied().collect();
        let (Ok(theirs), Ok(given)) = (reading.theirs(&mine), reading.given(&common)) else {
            self.stats.refused += 1;
            return output;
        };
        match given {
            Some(given) => self.take(replica, (&peer, given), now, &mut output),
            None => {
                self.long_form.insert(from);
            }
        }
        match reading.kind {
            Kind::Ask => self.answer(replica, &peer, (&mine, theirs), &mut output),
            Kind::Answer => {
                self.stats.answered += 1;
                self.answered_of_late += 1;
                self.give_rest(replica, &peer, (&mine, theirs), &mut output);
            }
            Kind::Give => {}
            Kind::Tree => self.on_tree(replica, &peer, reading.tree.unwrap_or_default(), &mut output),
        }
        self.publish(replica, now, &mut output);
        output
    }

    /// Counts a message that is not looked at. A newer program may say more than this one knows; that is no harm.
    const fn pass_over(&mut self, flaw: Flaw) {
        match flaw {
            Flaw::Newer => self.stats.unknown += 1,
            _ => self.stats.refused += 1,
        }
    }

    fn begin_round(&mut self) {
        if self.asked_of_late > 0 {
            // A moving mean over about ten rounds.
            let share = self.answered_of_late.min(self.asked_of_late) as f64 / self.asked_of_late as f64;
            self.answer_share += (share - self.answer_share) / 10.0;
        }
        (self.asked_of_late, self.answered_of_late) = (0, 0);
        self.stats.rounds += 1;
        self.stats.lag = self.lag;
        self.lag = 0;
        self.bytes_left = self.config.round_bytes;
        let (most, more) = (self.config.burst_facts, self.config.round_facts);
        self.allowance.retain(|_, left| {
            *left = left.saturating_add(more);
            *left < most
        });
    }

    /// Peers beyond the usual ones, where messages are lost: a question and its answer both arrive with the square of
    /// the share that one message does.
    fn more_peers(&self) -> usize {
        match self.answer_share {
            share if share > 0.75 => 0,
            share if share > 0.4 => 1,
            _ => 2,
        }
    }

    fn chosen(&mut self, count: usize) -> Vec<u64> {
        let near: Vec<u64> = self
            .peers
            .values()
            .filter(|peer| peer.zone == self.config.me.zone)
            .map(|peer| peer.node)
            .collect();
        self.chance.some(&near, count)
    }

    /// Bytes of facts that a message may still hold.
    fn room(&self) -> usize {
        self.config.message_bytes.min(self.bytes_left)
    }

    fn send(&mut self, output: &mut Output, to: u64, writing: Writing) {
        let bytes = writing.finish();
        self.stats.bytes_sent += bytes.len() as u64;
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
        output.sends.push(Send { to, bytes });
    }

    /// How far this replica has come with the streams that a peer can help it with.
    fn versions_for(&self, replica: &Replica, peer: &Peer) -> Versions {
        let mut versions = self.all_versions(replica, peer);
        versions.retain(|stream, _| peer.serves(stream.origin));
        for (stream, count) in &self.partial {
            if peer.serves(stream.origin) && !self.config.me.serves(stream.origin) {
                let known = versions.entry(*stream).or_default();
                *known = (*known).max(*count);
            }
        }
        versions
    }

    fn answer(
        &mut self,
        replica: &Replica,
        peer: &Peer,
        (mine, theirs): (&Versions, Theirs),
        output: &mut Output,
    ) {
        if self.bytes_left == 0 {
            return;
        }
        let mut writing = Writing::new(Kind::Answer);
        match theirs {
            Theirs::Told(theirs, is_short) => {
                self.note_lag(mine, &theirs);
                if is_short || are_near(mine, &theirs) {
                    writing.short(mine);
                } else {
                    writing.long(mine);
                }
                self.put_missing(&mut writing, replica, peer, (&theirs, is_short));
            }
            Theirs::Unreadable | Theirs::Untold => writing.long(mine),
        }
        self.send(output, peer.node, writing);
    }

    fn give_rest(
        &mut self,
        replica: &Replica,
        peer: &Peer,
        (mine, theirs): (&Versions, Theirs),
        output: &mut Output,
    ) {
        match theirs {
            Theirs::Told(theirs, is_short) => {
                self.note_lag(mine, &theirs);
                if is_short {
                    self.long_form.remove(&peer.node);
                } else {
                    self.long_form.insert(peer.node);
                }
                let mut writing = Writing::new(Kind::Give);
                if self.put_missing(&mut writing, replica, peer, (&theirs, is_short)) {
                    self.send(output, peer.node, writing);
                }
            }
            Theirs::Unreadable => {
                self.long_form.insert(peer.node);
            }
            Theirs::Untold => {}
        }
    }

    fn note_lag(&mut self, mine: &Versions, theirs: &Versions) {
        for (stream, count) in theirs {
            if self.config.me.serves(stream.origin) {
                let mine = mine.get(stream).copied().unwrap_or(0);
                self.lag = self.lag.max(count.saturating_sub(mine));
            }
        }
    }

    /// Adds what a peer with these versions misses. True where there is anything.
    fn put_missing(
        &mut self,
        writing: &mut Writing,
        replica: &Replica,
        peer: &Peer,
        (theirs, is_short): (&Versions, bool),
    ) -> bool {
        let common: Vec<Stream> = if is_short {
            theirs.keys().copied().collect()
        } else {
            Vec::new()
        };
        let common_origins = origins(&common);
        let room = self.room();
        // The replica counts bytes in memory; here they are counted as they are sent.
        let Delta { spans, facts } = self.delta_for(replica, peer, theirs, room.saturating_mul(3));
        let mut packer = Packer::new(&common_origins);
        let mut left_out: BTreeMap<Stream, u64> = BTreeMap::new();
        for fact in &facts {
            if !self.goes(replica, fact, peer) {
                continue;
            }
            if !left_out.is_empty() || (!packer.is_empty() && packer.len() >= room) {
                left_out.entry(fact.stream()).or_insert(fact.stamp().seq);
                continue;
            }
            packer.push(fact);
        }
        let pieces: Vec<Piece> = spans
            .into_iter()
            .filter_map(|span| upto_cut(span, left_out.get(&span.stream)))
            .map(|span| Piece {
                span,
                is_partial: !peer.serves(span.stream.origin),
            })
            .collect();
        if pieces.is_empty() && packer.is_empty() {
            return false;
        }
        self.stats.facts_sent += packer.count() as u64;
        writing.facts(&pieces, packer, &common);
        true
    }

    /// Takes in the facts of a message.
    fn take(&mut self, replica: &mut Replica, (peer, given): (&Peer, Given), now: u64, output: &mut Output) {
        let Given { mut pieces, batch } = given;
        self.stats.facts_received += batch.facts.len() as u64;
        self.stats.quarantined += batch.flaws.len() as u64;
        let unknown = |fact: &&Fact| matches!(fact, Fact::Other { .. });
        self.stats.unknown += batch.facts.iter().filter(unknown).count() as u64;
        let mut held_back = BTreeSet::new();
        let mut facts = batch.facts;
        self.keep_zones_apart(peer, &mut pieces, &mut facts);
        facts.retain(|fact| {
            let allowed = self.is_allowed(fact.origin());
            if !allowed {
                held_back.insert(fact.stream());
            }
            allowed
        });
        let mut spans = Vec::new();
        for Piece { span, is_partial } in pieces {
            if held_back.contains(&span.stream) {
                continue;
            }
            if !is_partial {
                spans.push(span);
            } else if !self.config.me.serves(span.stream.origin) {
                let known = self.partial.entry(span.stream).or_default();
                if *known >= span.after {
                    *known = (*known).max(span.upto);
                }
            }
        }
        let before = output.news.len();
        let (spans, facts) = self.take_for_zone(replica, (spans, facts), now);
        replica.absorb(Delta { spans, facts }, now, |fact, merged| match merged {
            Merged::News => output.news.push(fact.clone()),
            Merged::Equivocation => {
                output.offenders.insert(fact.origin());
            }
            Merged::Known | Merged::Dead | Merged::Expired | Merged::Parked | Merged::Full => {}
        });
        self.stats.news += (output.news.len() - before) as u64;
        self.note_for_zone(&output.news[before..]);
    }

    fn is_allowed(&mut self, origin: Origin) -> bool {
        let left = self.allowance.entry(origin).or_insert(self.config.burst_facts);
        if *left == 0 {
            self.stats.limited += 1;
            return false;
        }
        *left -= 1;
        true
    }
}

/// Whether both hold the same streams and are nowhere further apart than the short form tells.
fn are_near(mine: &Versions, theirs: &Versions) -> bool {
    mine.len() == theirs.len()
        && mine.iter().zip(theirs).all(|((stream, mine), (other, theirs))| {
            stream == other && mine.abs_diff(*theirs) <= SHORT_FORM_GAP
        })
}

/// What is complete of a span when this is the first count of its stream that no longer fitted.
fn upto_cut(span: Span, left_out: Option<&u64>) -> Option<Span> {
    let Some(seq) = left_out else {
        return Some(span);
    };
    let upto = span.upto.min(seq - 1);
    (upto > span.after).then_some(Span { upto, ..span })
}

#[cfg(test)]
mod tests;
