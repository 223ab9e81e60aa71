//! Repair: what versions hide. A replica that has lost an entry, or never got it although its version says so, finds it.
//!
//! A tree of hashes over all entries that both ends may hold: sixteen ranges by the hash of the key, each of sixteen,
//! and so on. Two ends compare the top, then only the ranges that differ, down to short lists of entries, and give each
//! other what is missing. One exchange is bounded; a large difference takes several.

use super::message::{Kind, Writing};
use super::{Gossip, Output, Peer};
use crate::codec::bytes::{Reader, put_count};
use crate::codec::{Flaw, Packer, row};
use crate::fact::Fact;
use crate::replica::Replica;

/// A range with at most so many entries is told entry by entry.
const LEAF_ENTRIES: usize = 16;

/// Ranges in one message, at most; each takes 133 bytes.
const RANGES_MAX: usize = 64;

/// Entries told or wanted in one message, at most.
const ENTRIES_MAX: usize = 1024;

/// Deepest level: the hash of a key has sixteen times four bits.
const DEPTH_MAX: u8 = 15;

/// Numbers of what a message of the check says. Whatever comes after these says its length first, so that it can be
/// passed over by those who do not know it.
mod op {
    pub(super) const HASHES: u8 = 1;
    pub(super) const ENTRIES: u8 = 2;
    pub(super) const WANT: u8 = 3;
}

/// Entries by the hash of their key, with the hash of their whole row.
#[derive(Debug, Clone, Default)]
struct Tree(Vec<(u64, u64)>);

/// The tree of the last few rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Repair {
    tree: Tree,
    /// For which peer and in which round it was made.
    made_for: Option<(u64, u64)>,
}

/// Rounds for which a tree is used again.
const TREE_ROUNDS: u64 = 3;

fn hashes(fact: &Fact) -> (u64, u64) {
    let (key, value) = row(fact);
    let first = |hash: blake3::Hash| {
        let (first, _) = hash
            .as_bytes()
            .split_first_chunk()
            .expect("a hash has thirty-two bytes");
        u64::from_be_bytes(*first)
    };
    let of_key = first(blake3::hash(&key));
    let mut hasher = blake3::Hasher::new();
    hasher.update(&key).update(&value);
    (of_key, first(hasher.finalize()))
}

/// The keys whose first `depth` times four bits are those of `prefix`.
fn range(prefix: u64, depth: u8) -> (u64, u64) {
    let free = 64 - 4 * u32::from(depth);
    if free >= 64 {
        return (0, u64::MAX);
    }
    (prefix, prefix | ((1 << free) - 1))
}

fn child(prefix: u64, depth: u8, place: u64) -> u64 {
    prefix | (place << (60 - 4 * u32::from(depth)))
}

impl Tree {
    fn of(facts: impl Iterator<Item = Fact>) -> Self {
        let mut entries: Vec<(u64, u64)> = facts.map(|fact| hashes(&fact)).collect();
        entries.sort_unstable();
        Self(entries)
    }

    fn within(&self, prefix: u64, depth: u8) -> &[(u64, u64)] {
        let (from, to) = range(prefix, depth);
        let start = self.0.partition_point(|(key, _)| *key < from);
        let end = self.0.partition_point(|(key, _)| *key <= to);
        &self.0[start..end]
    }

    fn hash(&self, prefix: u64, depth: u8) -> u64 {
        let entries = self.within(prefix, depth);
        entries
            .iter()
            .fold(0, |sum: u64, (_, row)| sum.wrapping_add(*row))
    }

    fn put_hashes(&self, out: &mut Vec<u8>, prefix: u64, depth: u8) {
        out.push(op::HASHES);
        out.push(depth);
        out.extend_from_slice(&prefix.to_be_bytes());
        for place in 0..16 {
            let hash = self.hash(child(prefix, depth, place), depth + 1);
            out.extend_from_slice(&hash.to_be_bytes());
        }
    }

    fn put_entries(&self, out: &mut Vec<u8>, prefix: u64, depth: u8) -> usize {
        let entries = self.within(prefix, depth);
        out.push(op::ENTRIES);
        out.push(depth);
        out.extend_from_slice(&prefix.to_be_bytes());
        put_count(out, entries.len());
        for (key, row) in entries {
            out.extend_from_slice(&key.to_be_bytes());
            out.extend_from_slice(&row.to_be_bytes());
        }
        entries.len()
    }
}

/// What one message of a check leads to.
#[derive(Debug, Default)]
struct Findings {
    body: Vec<u8>,
    ranges: usize,
    told: usize,
    wanted: Vec<u64>,
    giving: Vec<u64>,
    /// Findings of kinds that a newer program has.
    unknown: u64,
}

impl Gossip {
    pub(super) fn begin_repair(&mut self, replica: &Replica, node: u64, output: &mut Output) {
        let peer = self.peers[&node].clone();
        self.make_tree(replica, &peer);
        let mut body = Vec::new();
        self.repair.tree.put_hashes(&mut body, 0, 0);
        let mut writing = Writing::new(Kind::Tree);
        writing.tree(&body);
        self.send(output, node, writing);
    }

    fn make_tree(&mut self, replica: &Replica, peer: &Peer) {
        let round = self.stats.rounds;
        let is_fresh = self
            .repair
            .made_for
            .is_some_and(|(node, at)| node == peer.node && at + TREE_ROUNDS >= round);
        if !is_fresh {
            self.repair.tree = self.tree_for(replica, peer);
            self.repair.made_for = Some((peer.node, round));
        }
    }

    /// What both ends may hold whole: facts of tenants that both work for.
    fn tree_for(&self, replica: &Replica, peer: &Peer) -> Tree {
        let me = &self.config.me;
        Tree::of(self.all_facts(replica).filter(|fact| {
            let origin = fact.origin();
            me.serves(origin) && peer.serves(origin) && self.goes(replica, fact, peer)
        }))
    }

    pub(super) fn on_tree(&mut self, replica: &Replica, peer: &Peer, body: &[u8], output: &mut Output) {
        // News that came with this very message are in no older tree.
        if !output.news.is_empty() {
            self.repair.made_for = None;
            self.stats.repaired += output.news.len() as u64;
        }
        if body.is_empty() {
            return;
        }
        self.make_tree(replica, peer);
        let mut findings = Findings::default();
        if self.compare(Reader::new(body), &mut findings).is_err() {
            self.stats.quarantined += 1;
        }
        self.stats.unknown += findings.unknown;
        let Findings {
            mut body,
            wanted,
            giving,
            ..
        } = findings;
        if !wanted.is_empty() {
            body.push(op::WANT);
            put_count(&mut body, wanted.len());
            for key in wanted {
                body.extend_from_slice(&key.to_be_bytes());
            }
        }
        let packer = self.pack(replica, peer, giving);
        if body.is_empty() && packer.is_empty() {
            return;
        }
        self.stats.facts_sent += packer.count() as u64;
        self.stats.repaired += packer.count() as u64;
        let mut writing = Writing::new(Kind::Tree);
        writing.facts(&[], packer, &[]);
        writing.tree(&body);
        self.send(output, peer.node, writing);
    }

    fn compare(&self, mut from: Reader<'_>, findings: &mut Findings) -> Result<(), Flaw> {
        while !from.is_empty() {
            match from.byte()? {
                op::HASHES => self.compare_hashes(&mut from, findings)?,
                op::ENTRIES => self.compare_entries(&mut from, findings)?,
                op::WANT => {
                    for _ in 0..from.count(8, ENTRIES_MAX)? {
                        findings.giving.push(u64::from_be_bytes(from.array()?));
                    }
                }
                0 => return Err(Flaw::Damaged),
                _ => {
                    let length = from.small()?;
                    from.take(length)?;
                    findings.unknown += 1;
                }
            }
        }
        Ok(())
    }

    fn compare_hashes(&self, from: &mut Reader<'_>, findings: &mut Findings) -> Result<(), Flaw> {
        let depth = from.byte()?;
        let prefix = u64::from_be_bytes(from.array()?);
        if depth >= DEPTH_MAX || prefix != range_start(prefix, depth) {
            return Err(Flaw::Impossible);
        }
        let tree = &self.repair.tree;
        for place in 0..16 {
            let theirs = u64::from_be_bytes(from.array()?);
            let (below, depth) = (child(prefix, depth, place), depth + 1);
            let differs = tree.hash(below, depth) != theirs;
            if !differs || findings.ranges >= RANGES_MAX || findings.told >= ENTRIES_MAX {
                continue;
            }
            if tree.within(below, depth).len() <= LEAF_ENTRIES || depth >= DEPTH_MAX {
                findings.told += tree.put_entries(&mut findings.body, below, depth);
            } else {
                tree.put_hashes(&mut findings.body, below, depth);
            }
            findings.ranges += 1;
        }
        Ok(())
    }

    fn compare_entries(&self, from: &mut Reader<'_>, findings: &mut Findings) -> Result<(), Flaw> {
        let depth = from.byte()?;
        let prefix = u64::from_be_bytes(from.array()?);
        if depth > DEPTH_MAX || prefix != range_start(prefix, depth) {
            return Err(Flaw::Impossible);
        }
        let mine = self.repair.tree.within(prefix, depth);
        let mut theirs = Vec::new();
        for _ in 0..from.count(16, ENTRIES_MAX * 2)? {
            theirs.push((
                u64::from_be_bytes(from.array()?),
                u64::from_be_bytes(from.array()?),
            ));
        }
        theirs.sort_unstable();
        for entry in &theirs {
            if mine.binary_search(entry).is_err() && findings.wanted.len() < ENTRIES_MAX {
                findings.wanted.push(entry.0);
            }
        }
        for entry in mine {
            if theirs.binary_search(entry).is_err() && findings.giving.len() < ENTRIES_MAX {
                findings.giving.push(entry.0);
            }
        }
        Ok(())
    }

    /// The facts behind these hashes of keys, as far as they may go and fit.
    fn pack(&self, replica: &Replica, peer: &Peer, mut keys: Vec<u64>) -> Packer<'static> {
        let mut packer = Packer::new(&[]);
        if keys.is_empty() {
            return packer;
        }
        keys.sort_unstable();
        for fact in self.all_facts(replica) {
            if packer.len() >= self.room() {
                break;
            }
            if keys.binary_search(&hashes(&fact).0).is_ok() && self.goes(replica, &fact, peer) {
                packer.push(&fact);
            }
        }
        packer
    }
}

fn range_start(prefix: u64, depth: u8) -> u64 {
    let free = 64 - 4 * u32::from(depth);
    if free >= 64 { 0 } else { prefix >> free << free }
}
