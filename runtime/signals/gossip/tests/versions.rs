//! Programs of two versions in one fleet: what the newer ones say to each other comes through the older one unharmed.
//!
//! The newer program is this one and a reading of kind 7, which this one does not know: so it is this one that is the
//! older. Nothing but the older one connects the newer ones.

use super::*;
use crate::codec;
use crate::codec::bytes::{Reader, put_count};

const HALF_LIFE_MS: u64 = 60_000;
const ROUNDS_BETWEEN_CHECKS: u64 = u64::MAX;

/// What a newer program reads where an older one sees bytes: a count, by signal, name and origin.
type Seven = BTreeMap<Name, u64>;

/// What names such a count.
type Name = (Option<SignalId>, Vec<u8>, Origin);

fn sevens(replica: &Replica) -> Seven {
    let read = replica.others(7).map(|(origin, other)| {
        let count: [u8; 8] = other.content.as_slice().try_into().expect("eight bytes");
        let name = (other.about, other.key.clone(), origin);
        (name, u64::from_be_bytes(count))
    });
    read.collect()
}

fn other(kind: u8, number: u64, count: u64) -> Other {
    let about = SignalId::of_parts(&[&number.to_le_bytes()]);
    Other {
        kind,
        at: 0,
        about: (!number.is_multiple_of(3)).then_some(about),
        key: number.to_be_bytes()[7..].to_vec(),
        content: count.to_be_bytes().to_vec(),
    }
}

struct Member {
    replica: Replica,
    writer: Writer,
    gossip: Gossip,
}

/// A message on its way: when it is there, to whom, from whom.
type Sent = (u64, usize, u64, Vec<u8>);

/// Three in a row: newer, older, newer. Versions alone have to do; ranges are not compared.
struct Row {
    members: Vec<Member>,
    on_the_way: Vec<Sent>,
    chance: Chance,
    now: u64,
    loss: f64,
    /// Members that take part.
    up: usize,
    convicted: BTreeSet<Origin>,
    /// What was written of kind 7, with its time.
    written: BTreeMap<Name, (u64, u64)>,
}

fn params() -> Params {
    Params {
        slow_half_life_ms: HALF_LIFE_MS,
        fast_half_life_ms: HALF_LIFE_MS / 64,
        ..Params::default()
    }
}

fn peer(place: usize) -> Peer {
    Peer {
        node: place as u64 + 1,
        tenants: [1].into(),
        groups: [].into(),
        zone: 0,
    }
}

fn machine(place: usize, seed: u64) -> Gossip {
    let mut config = Config::new(peer(place), seed);
    config.tree_rounds = ROUNDS_BETWEEN_CHECKS;
    let mut gossip = Gossip::new(config);
    for other in [place.wrapping_sub(1), place + 1] {
        if other < 3 {
            gossip.add(peer(other));
        }
    }
    gossip
}

impl Row {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let members = (0..3).map(|place| {
            let replica = Replica::new(&params());
            let node = peer(place).node;
            Member {
                writer: Writer::resume(&replica, Origin { tenant: 1, node }, 1),
                replica,
                gossip: machine(place, chance.draw()),
            }
        });
        Self {
            members: members.collect(),
            on_the_way: Vec::new(),
            loss: 0.5 * chance.below(100) as f64 / 100.0,
            chance,
            now: START_MS,
            up: 2,
            convicted: BTreeSet::new(),
            written: BTreeMap::new(),
        }
    }

    fn carry(&mut self, from: usize, output: Output) {
        self.convicted.extend(output.offenders);
        for Send { to, bytes } in output.sends {
            let to = usize::try_from(to - 1).expect("one of three");
            for _ in 0..=usize::from(self.chance.is(0.3)) {
                let due = self.now + 1 + self.chance.below(150) as u64;
                if !self.chance.is(self.loss) && to < self.up {
                    self.on_the_way.push((due, to, peer(from).node, bytes.clone()));
                }
            }
        }
    }

    fn round(&mut self) {
        self.now += ROUND_MS;
        for place in 0..self.up {
            let Member { replica, gossip, .. } = &mut self.members[place];
            let output = gossip.on_tick(replica, self.now);
            self.carry(place, output);
        }
        let (due, rest): (Vec<Sent>, Vec<Sent>) = std::mem::take(&mut self.on_the_way)
            .into_iter()
            .partition(|sent| sent.0 <= self.now);
        self.on_the_way = rest;
        for (_, to, from, bytes) in due {
            let Member { replica, gossip, .. } = &mut self.members[to];
            let output = gossip.on_message(replica, from, &bytes, self.now);
            self.carry(to, output);
        }
    }

    fn write(&mut self, place: usize) {
        let (number, count) = (self.chance.below(8), self.chance.draw());
        let name = number as u64;
        let what = self.chance.below(4);
        let now = self.now;
        let Member {
            replica,
            writer,
            gossip,
        } = &mut self.members[place];
        let fact = match what {
            // The older one says nothing that it does not know.
            0 | 1 if place != 1 => writer
                .other(replica, other(7, name, count), now)
                .expect("it is small"),
            2 if place != 1 => writer
                .other(replica, other(200, name, count), now)
                .expect("it is small"),
            _ => writer.cell(replica, key(number), now, |cell| cell.total += 1),
        };
        let output = gossip.on_fresh(replica, std::slice::from_ref(&fact));
        if let Fact::Other { origin, other, .. } = fact
            && other.kind == 7
        {
            let Other { at, about, key, .. } = *other;
            self.written.insert((about, key, origin), (at, count));
        }
        self.carry(place, output);
    }

    /// The older one dies, and comes back with its rows and, mostly, with how far it had come.
    fn restart(&mut self) {
        let Member { replica, writer, .. } = &self.members[1];
        let rows: Vec<_> = replica.facts().map(|fact| codec::row(&fact)).collect();
        let (versions, Writer { origin, stamp }) = (replica.versions(), *writer);
        let facts = rows
            .iter()
            .map(|(key, value)| codec::fact(key, value).expect("a row"));
        let mut replica = Replica::new(&params());
        if self.chance.is(0.7) {
            replica.restore(facts, &versions, self.now);
        } else {
            for fact in facts {
                // Of its own streams nobody else can tell it how far they reach.
                if fact.origin() == origin {
                    replica.write(fact, self.now);
                } else {
                    replica.merge(fact, self.now);
                }
            }
        }
        self.members[1] = Member {
            writer: Writer::resume(&replica, origin, stamp.inc + 1),
            replica,
            gossip: machine(1, self.chance.draw()),
        };
    }

    /// The second newer one joins, with a snapshot of what the older one holds.
    fn join(&mut self) {
        let facts: Vec<Fact> = self.members[1].replica.facts().collect();
        let snapshot = codec::snapshot_of(&facts);
        for fact in codec::read_snapshot(&snapshot).expect("it is whole") {
            self.members[2].replica.merge(fact, self.now);
        }
        self.up = 3;
    }

    fn collect(&mut self) {
        for member in &mut self.members[..self.up] {
            member.replica.collect(self.now);
        }
    }

    /// What of everything that was written has not faded.
    fn living(&self) -> Seven {
        let living = self
            .written
            .iter()
            .filter(|(_, (at, _))| !fixed::is_past(self.now - at, HALF_LIFE_MS));
        living.map(|(name, (_, count))| (name.clone(), *count)).collect()
    }

    fn is_equal(&self) -> bool {
        let bytes = |place: usize| self.members[place].replica.canonical_bytes(self.now);
        bytes(0) == bytes(1) && bytes(1) == bytes(2)
    }
}

/// One life of such a fleet; how many facts of kind 7 it ends with.
fn life(seed: u64) -> usize {
    let mut row = Row::new(seed);
    for step in 0..120 {
        if step == 60 {
            row.join();
        }
        let place = row.chance.below(row.up);
        match row.chance.below(20) {
            0 => row.restart(),
            1 => row.collect(),
            2 if row.chance.is(0.2) => row.now += 21 * HALF_LIFE_MS,
            3 => row.now += 2 * HALF_LIFE_MS,
            4..8 => row.round(),
            _ => row.write(place),
        }
    }
    row.loss = 0.0;
    let mut rounds = 0;
    loop {
        row.round();
        row.collect();
        if row.is_equal() {
            break;
        }
        rounds += 1;
        assert!(rounds < 60, "not equal after {rounds} rounds, seed {seed}");
    }
    assert!(row.convicted.is_empty(), "an honest origin, seed {seed}");
    let living = row.living();
    for place in [0, 2] {
        assert_eq!(sevens(&row.members[place].replica), living, "seed {seed}");
    }
    for member in &row.members {
        assert_eq!(member.gossip.stats().quarantined, 0, "seed {seed}");
    }
    // The older one becomes a newer one, and finds in its rows what it could not read.
    row.restart();
    assert_eq!(sevens(&row.members[1].replica), living, "seed {seed}");
    living.len()
}

#[test]
fn newer_programs_lose_nothing_through_an_older_one() {
    let ends: usize = (0..200).map(life).sum();
    assert!(ends > 1_000, "{ends} facts were looked for");
}

/// A message that gives these facts as the whole of their stream, some of them with a byte too many.
fn spoilt(kind: Kind, facts: &[Fact], is_spoilt: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut packer = Packer::new(&[]);
    for fact in facts {
        packer.push(fact);
    }
    let values = packer.values_len();
    let mut writing = Writing::new(kind);
    writing.facts(&runs(facts), packer, &[]);
    let message = writing.finish();
    let batch = message.len() - values;
    // The batch is the last section; its front stays, and the length before it grows by one.
    let mut out = Vec::new();
    let mut from = Reader::new(&message[batch..]);
    let mut place = 0;
    while !from.is_empty() {
        out.push(from.byte().expect("a kind"));
        let length: usize = from.small().expect("a length");
        let body = from.take(length).expect("a body");
        let more = usize::from(is_spoilt(place));
        put_count(&mut out, length + more);
        out.extend_from_slice(body);
        out.extend(std::iter::repeat_n(0, more));
        place += 1;
    }
    let mut from = Reader::new(&message[2..batch]);
    let mut whole = message[..2].to_vec();
    while !from.is_empty() {
        let tag = from.byte().expect("a section");
        let length: usize = from.small().expect("a length");
        let body = from.take(length.min(from.left())).expect("a body");
        let is_batch = from.is_empty();
        whole.push(tag);
        put_count(&mut whole, if is_batch { body.len() + out.len() } else { length });
        whole.extend_from_slice(body);
    }
    whole.extend_from_slice(&out);
    whole
}

/// Two members, of which the left one has written some facts.
fn pair(count: usize) -> ([Member; 2], Vec<Fact>) {
    let mut pair = [0, 1].map(|place| {
        let replica = Replica::default();
        let node = peer(place).node;
        Member {
            writer: Writer::resume(&replica, Origin { tenant: 1, node }, 1),
            replica,
            gossip: machine(place, 7),
        }
    });
    let Member { replica, writer, .. } = &mut pair[0];
    let facts = (0..count).map(|number| writer.cell(replica, key(number), START_MS, |cell| cell.total += 1));
    let facts = facts.collect();
    (pair, facts)
}

/// Messages go back and forth until nobody answers.
fn exchange(pair: &mut [Member; 2], from: usize, output: Output) {
    let mut messages: Vec<(usize, Vec<u8>)> =
        output.sends.into_iter().map(|sent| (from, sent.bytes)).collect();
    let mut count = 0;
    while let Some((from, bytes)) = messages.pop() {
        count += 1;
        assert!(count < 20, "an exchange ends");
        let Member { replica, gossip, .. } = &mut pair[1 - from];
        let output = gossip.on_message(replica, peer(from).node, &bytes, START_MS);
        messages.extend(output.sends.into_iter().map(|sent| (1 - from, sent.bytes)));
    }
}

fn rounds(pair: &mut [Member; 2], count: usize) {
    for place in [1, 0].repeat(count) {
        let Member { replica, gossip, .. } = &mut pair[place];
        let output = gossip.on_tick(replica, START_MS);
        exchange(pair, place, output);
    }
}

#[test]
fn a_value_with_a_byte_too_many_costs_itself_and_holds_nothing_up() {
    let (mut pair, facts) = pair(5);
    let Member { replica, gossip, .. } = &mut pair[1];
    let message = spoilt(Kind::Give, &facts, |place| place == 2);
    gossip.on_message(replica, 1, &message, START_MS);
    let stats = *gossip.stats();
    assert_eq!((stats.news, stats.quarantined, stats.refused), (4, 1, 0));
    assert_eq!(
        replica.versions(),
        pair[0].replica.versions(),
        "it is not waited for"
    );
    rounds(&mut pair, 5);
    assert_eq!(pair[0].gossip.stats().facts_sent, 0, "it is not asked for again");
    assert_eq!(pair[1].replica.cell_count(), 4);
    // Whoever gives it once more in answer to a comparison of ranges is not asked once more for that.
    let Member { replica, gossip, .. } = &mut pair[1];
    let again = spoilt(Kind::Tree, &facts[2..3], |_| true);
    let output = gossip.on_message(replica, 1, &again, START_MS);
    assert_eq!((output.sends, gossip.stats().quarantined), (vec![], 2));
    // Where it was spoilt on the way and not by its sender, the comparison brings it.
    let mut output = Output::default();
    gossip.begin_repair(replica, 1, &mut output);
    exchange(&mut pair, 1, output);
    assert!(rows(&pair[0].replica) == rows(&pair[1].replica));
}

#[test]
fn a_stream_of_which_nothing_can_be_taken_is_not_asked_for_for_ever() {
    let (mut pair, facts) = pair(5);
    let Member { replica, gossip, .. } = &mut pair[1];
    let message = spoilt(Kind::Give, &facts, |_| true);
    gossip.on_message(replica, 1, &message, START_MS);
    assert_eq!((gossip.stats().news, gossip.stats().quarantined), (0, 5));
    assert_eq!(replica.versions(), pair[0].replica.versions());
    rounds(&mut pair, 5);
    assert_eq!(pair[0].gossip.stats().facts_sent, 0);
}

#[test]
fn messages_sections_and_findings_that_are_not_known_do_no_harm() {
    let (pair, _) = pair(1);
    let [mut left, _] = pair;
    let mut on_message = |bytes: &[u8]| left.gossip.on_message(&mut left.replica, 2, bytes, START_MS);
    assert_eq!(on_message(&[codec::VERSION, 9, 1, 2, 3]).sends, []);
    let mut ask = Writing::new(Kind::Ask);
    ask.long(&Versions::new());
    let mut ask = ask.finish();
    ask.extend_from_slice(&[77, 3, 1, 2, 3]);
    ask[0] += 1;
    assert_eq!(on_message(&ask).sends.len(), 1, "it is answered");
    // A finding of another kind, and then one that wants everything below a prefix: a leaf without entries.
    let mut body = vec![9, 2, 0xff, 0xff, 2, 0];
    body.extend_from_slice(&[0; 8]);
    put_count(&mut body, 0);
    let mut tree = Writing::new(Kind::Tree);
    tree.tree(&body);
    assert_eq!(
        on_message(&tree.finish()).sends.len(),
        1,
        "what comes after it is seen"
    );
    let stats = *left.gossip.stats();
    assert_eq!((stats.unknown, stats.refused, stats.quarantined), (2, 0, 0));
}

#[test]
fn evidence_of_an_unknown_kind_stays_in_its_zone() {
    let quiet = Faults {
        loss: 0.0,
        twice: 0.0,
        delay_ms: 3,
        skew_ms: 0,
    };
    let mut network = Network::new(4, 2, quiet, 3);
    for kind in [7, 127, 128, 254] {
        network.write(0, |writer, replica, now| {
            writer
                .other(replica, other(kind, 1, 5), now)
                .into_iter()
                .collect()
        });
    }
    network.run(3_000);
    let held = |node: usize| {
        let kinds = [7, 127, 128, 254];
        kinds.map(|kind| network.nodes[node].replica.others(kind).count())
    };
    assert_eq!(held(1), [1, 1, 1, 1]);
    assert_eq!((held(2), held(3)), ([1, 1, 0, 0], [1, 1, 0, 0]));
    let sent: u64 = network
        .nodes
        .iter()
        .map(|node| node.gossip.stats().facts_sent)
        .sum();
    network.run(3_000);
    let later: u64 = network
        .nodes
        .iter()
        .map(|node| node.gossip.stats().facts_sent)
        .sum();
    assert_eq!(sent, later, "nobody asks for what it does not get");
}
