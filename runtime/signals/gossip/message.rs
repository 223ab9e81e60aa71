//! Messages between two replicas: a version, a kind, and sections that say their length.
//!
//! A section or kind of a newer program is passed over and not held against its sender. How far a replica has come is
//! said in one of two ways. The long one names each stream, 14 bytes or so. The short one is for two ends that hold the
//! same streams, as they nearly always do: the low byte of each count in the order of streams, and a hash over streams
//! and counts. The reader takes, of all counts with such a byte, the one next to its own, and knows by the hash whether
//! it is right; if not, the long form follows. At 64 origins that is 75 bytes instead of 900, twenty times a second.

use anthill_contracts::signal::Origin;

use crate::codec::bytes::{Reader, put_count, put_number};
use crate::codec::{Batch, Flaw, Packer, VERSION, VERSION_END, unpack};
use crate::fact::Fact;
use crate::replica::{Span, Stream, Versions};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// How far the sender has come; wants an answer.
    Ask,
    /// What the asker misses, and how far the sender has come.
    Answer,
    /// Facts: the rest of an exchange, or fresh ones.
    Give,
    /// Hashes over ranges of entries, to find what versions hide.
    Tree,
}

/// A part of a stream, and whether facts were left out of it that its reader has no right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) is_partial: bool,
}

/// A message as it is written.
#[derive(Debug)]
pub(super) struct Writing {
    out: Vec<u8>,
}

/// Numbers of the sections of a message.
mod section {
    pub(super) const LONG: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(super) const PIECES: u8 = 3;
    pub(super) const FACTS: u8 = 4;
    pub(super) const TREE: u8 = 5;
}

impl Writing {
    pub(super) fn new(kind: Kind) -> Self {
        let kind = match kind {
            Kind::Ask => 1,
            Kind::Answer => 2,
            Kind::Give => 3,
            Kind::Tree => 4,
        };
        Self {
            out: vec![VERSION, kind],
        }
    }

    fn section(&mut self, tag: u8, body: &[u8]) {
        self.out.push(tag);
        put_count(&mut self.out, body.len());
        self.out.extend_from_slice(body);
    }

    /// How far the sender has come, every stream by its name.
    pub(super) fn long(&mut self, versions: &Versions) {
        let mut body = Vec::with_capacity(versions.len() * 16);
        for (stream, count) in versions {
            put_origin(&mut body, stream.origin);
            put_number(&mut body, stream.inc.into());
            put_number(&mut body, *count);
        }
        self.section(section::LONG, &body);
    }

    /// The same in one byte per stream.
    pub(super) fn short(&mut self, versions: &Versions) {
        let mut body = hash_of(versions).to_vec();
        for count in versions.values() {
            body.push(count.to_le_bytes()[0]);
        }
        self.section(section::SHORT, &body);
    }

    /// Facts and what they complete. `common` is the list of streams that both ends hold; may be empty.
    pub(super) fn facts(&mut self, pieces: &[Piece], packer: Packer<'_>, common: &[Stream]) {
        let mut body = list_hash(common).to_vec();
        for piece in pieces {
            let Span { stream, after, upto } = piece.span;
            if let Ok(place) = common.binary_search(&stream) {
                put_count(&mut body, (place + 1) << 1 | usize::from(piece.is_partial));
            } else {
                body.push(u8::from(piece.is_partial));
                put_origin(&mut body, stream.origin);
                put_number(&mut body, stream.inc.into());
            }
            put_number(&mut body, upto);
            put_number(&mut body, upto.saturating_sub(after));
        }
        self.section(section::PIECES, &body);
        if !packer.is_empty() {
            self.section(section::FACTS, &packer.finish());
        }
    }

    pub(super) fn tree(&mut self, body: &[u8]) {
        self.section(section::TREE, body);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// A message as it is read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) kind: Kind,
    long: Option<&'a [u8]>,
    short: Option<&'a [u8]>,
    pieces: Option<&'a [u8]>,
    facts: Option<&'a [u8]>,
    pub(super) tree: Option<&'a [u8]>,
}

/// How far the other end has come.
#[derive(Debug, PartialEq)]
pub(super) enum Theirs {
    /// It says nothing of it.
    Untold,
    /// In the short form, which cannot be read here.
    Unreadable,
    /// So far, and whether in the short form: then both ends hold the same streams.
    Told(Versions, bool),
}

/// Facts of a message and what they complete.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) pieces: Vec<Piece>,
    pub(super) batch: Batch,
}

impl<'a> Reading<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let mut from = Reader::new(bytes);
        if from.byte()? >= VERSION_END {
            return Err(Flaw::Newer);
        }
        let kind = match from.byte()? {
            1 => Kind::Ask,
            2 => Kind::Answer,
            3 => Kind::Give,
            4 => Kind::Tree,
            _ => return Err(Flaw::Newer),
        };
        let mut read = Self {
            kind,
            long: None,
            short: None,
            pieces: None,
            facts: None,
            tree: None,
        };
        while !from.is_empty() {
            let tag = from.byte()?;
            let length = from.small()?;
            let body = Some(from.take(length)?);
            match tag {
                section::LONG => read.long = body,
                section::SHORT => read.short = body,
                section::PIECES => read.pieces = body,
                section::FACTS => read.facts = body,
                section::TREE => read.tree = body,
                _ => {}
            }
        }
        Ok(read)
    }

    /// How far the sender has come; `mine` is what it would hold if it were this replica.
    pub(super) fn theirs(&self, mine: &Versions) -> Result<Theirs, Flaw> {
        if let Some(body) = self.long {
            return read_long(body).map(|versions| Theirs::Told(versions, false));
        }
        let Some(body) = self.short else {
            return Ok(Theirs::Untold);
        };
        Ok(read_short(body, mine).map_or(Theirs::Unreadable, |versions| Theirs::Told(versions, true)))
    }

    /// The facts. `Ok(None)` where they were written for another list of streams than this replica's.
    pub(super) fn given(&self, common: &[Stream]) -> Result<Option<Given>, Flaw> {
        let Some(body) = self.pieces else {
            return Ok(Some(Given::default()));
        };
        let mut from = Reader::new(body);
        let written_for: [u8; 4] = from.array()?;
        let common = match written_for {
            [0, 0, 0, 0] => &[],
            hash if hash == list_hash(common) => common,
            _ => return Ok(None),
        };
        let mut pieces = Vec::new();
        while !from.is_empty() {
            pieces.push(read_piece(&mut from, common)?);
        }
        let batch = match self.facts {
            Some(bytes) => unpack(bytes, &origins(common))?,
            None => Batch::default(),
        };
        Ok(Some(Given { pieces, batch }))
    }
}

fn read_piece(from: &mut Reader<'_>, common: &[Stream]) -> Result<Piece, Flaw> {
    let head: usize = from.small()?;
    let stream = match head >> 1 {
        0 => Stream {
            origin: read_origin(from)?,
            inc: from.small()?,
        },
        place => *common.get(place - 1).ok_or(Flaw::Damaged)?,
    };
    let upto = from.number()?;
    let after = upto.checked_sub(from.number()?).ok_or(Flaw::Damaged)?;
    Ok(Piece {
        span: Span { stream, after, upto },
        is_partial: head & 1 == 1,
    })
}

fn read_long(body: &[u8]) -> Result<Versions, Flaw> {
    let mut from = Reader::new(body);
    let mut versions = Versions::new();
    while !from.is_empty() {
        let stream = Stream {
            origin: read_origin(&mut from)?,
            inc: from.small()?,
        };
        versions.insert(stream, from.number()?);
    }
    Ok(versions)
}

/// `None` where the other end's streams are not ours, or its counts are too far from ours.
fn read_short(body: &[u8], mine: &Versions) -> Option<Versions> {
    let (hash, low) = body.split_first_chunk::<8>()?;
    if low.len() != mine.len() {
        return None;
    }
    let versions = mine.iter().zip(low).map(|((stream, mine), low)| {
        // The distance from ours, between -128 and 127.
        let ahead = low.wrapping_sub(mine.to_le_bytes()[0]).cast_signed();
        (*stream, mine.wrapping_add_signed(ahead.into()))
    });
    let versions: Versions = versions.collect();
    (hash_of(&versions) == *hash).then_some(versions)
}

/// Eight bytes that tell two sets of streams and counts apart.
pub(super) fn hash_of(versions: &Versions) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for (stream, count) in versions {
        hash_stream(&mut hasher, stream);
        hasher.update(&count.to_le_bytes());
    }
    let mut out = [0; 8];
    hasher.finalize_xof().fill(&mut out);
    out
}

fn hash_stream(hasher: &mut blake3::Hasher, stream: &Stream) {
    hasher
        .update(&stream.origin.tenant.to_le_bytes())
        .update(&stream.origin.node.to_le_bytes())
        .update(&stream.inc.to_le_bytes());
}

/// Four bytes that tell two lists of streams apart; zero for the empty one.
fn list_hash(streams: &[Stream]) -> [u8; 4] {
    if streams.is_empty() {
        return [0; 4];
    }
    let mut hasher = blake3::Hasher::new();
    for stream in streams {
        hash_stream(&mut hasher, stream);
    }
    let mut out = [0; 4];
    hasher.finalize_xof().fill(&mut out);
    // Zero means no list.
    out[0] |= 1;
    out
}

/// The origins of a list of streams, sorted, each once.
pub(super) fn origins(streams: &[Stream]) -> Vec<Origin> {
    let mut origins: Vec<Origin> = streams.iter().map(|stream| stream.origin).collect();
    origins.dedup();
    origins
}

fn put_origin(out: &mut Vec<u8>, origin: Origin) {
    out.extend_from_slice(&origin.tenant.to_be_bytes());
    out.extend_from_slice(&origin.node.to_be_bytes());
}

fn read_origin(from: &mut Reader<'_>) -> Result<Origin, Flaw> {
    Ok(Origin {
        tenant: u32::from_be_bytes(from.array()?),
        node: u64::from_be_bytes(from.array()?),
    })
}

/// Runs of facts without gaps, of each stream the ones that one writer has just made.
pub(super) fn runs(facts: &[Fact]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for fact in facts {
        let (stream, seq) = (fact.stream(), fact.stamp().seq);
        match pieces.iter_mut().find(|piece| piece.span.stream == stream) {
            Some(piece) if piece.span.upto + 1 == seq => piece.span.upto = seq,
            // A gap: its facts are taken, and nothing is said of what lies between.
            Some(_) => {}
            None => pieces.push(Piece {
                span: Span {
                    stream,
                    after: seq.saturating_sub(1),
                    upto: seq,
                },
                is_partial: false,
            }),
        }
    }
    pieces
}
