//! The contents of facts: everything of a fact but who wrote it, when in its order, and under which key it lies.
//!
//! Fields come in a fixed order, and the contents of the kinds that are known are what they are for good: a byte more at
//! the end, or a choice that is not among these, is damage to every version alike.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, SignalId};
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Share, Signal, SignalBody, Trigger};

use super::Flaw;
use super::bytes::{Reader, put_count, put_number, put_signed, put_text};
use crate::fact::{
    Cell, OTHER_CONTENT_BYTES_MAX, OTHER_KEY_BYTES_MAX, Other, ScopeCell, Stamp, Sums, Target, VOTES_MAX, Why,
};

/// No text of a signal is longer, whatever it is for; the exact limits are looked at afterwards.
const TEXT_BYTES_MAX: usize = 4096;

/// No list of a signal is longer.
const LIST_MAX: usize = 64;

/// Origins as bytes, in the order of their numbers.
pub(super) fn put_origin(out: &mut Vec<u8>, origin: Origin) {
    out.extend_from_slice(&origin.tenant.to_be_bytes());
    out.extend_from_slice(&origin.node.to_be_bytes());
}

pub(super) fn origin(from: &mut Reader<'_>) -> Result<Origin, Flaw> {
    Ok(Origin {
        tenant: u32::from_be_bytes(from.array()?),
        node: u64::from_be_bytes(from.array()?),
    })
}

pub(super) fn put_bundle(out: &mut Vec<u8>, bundle: BundleClass) {
    out.extend_from_slice(&bundle.family.to_be_bytes());
    out.extend_from_slice(&bundle.exact.to_be_bytes());
}

pub(super) fn bundle(from: &mut Reader<'_>) -> Result<BundleClass, Flaw> {
    Ok(BundleClass {
        family: u16::from_be_bytes(from.array()?),
        exact: u16::from_be_bytes(from.array()?),
    })
}

pub(super) fn signal_id(from: &mut Reader<'_>) -> Result<SignalId, Flaw> {
    Ok(SignalId::from_bytes(from.array()?))
}

fn put_sums(out: &mut Vec<u8>, sums: &Sums) {
    put_number(out, sums.n.into());
    put_number(out, sums.y.into());
    put_signed(out, sums.adv);
}

fn sums(from: &mut Reader<'_>) -> Result<Sums, Flaw> {
    Ok(Sums {
        n: from.small()?,
        y: from.small()?,
        adv: from.signed()?,
    })
}

/// Times are written as what has passed since `base`, which may be later.
fn put_time(out: &mut Vec<u8>, at: u64, base: u64) {
    put_signed(out, at.wrapping_sub(base).cast_signed());
}

fn time(from: &mut Reader<'_>, base: u64) -> Result<u64, Flaw> {
    Ok(base.wrapping_add(from.signed()?.cast_unsigned()))
}

pub(super) fn put_cell(out: &mut Vec<u8>, cell: &Cell, base: u64) {
    put_time(out, cell.at, base);
    out.push(cell.regime);
    out.push(cell.harm);
    put_number(out, cell.total.into());
    put_sums(out, &cell.slow);
    put_sums(out, &cell.fast);
    put_number(out, cell.held_n.into());
    put_number(out, cell.held_y.into());
    out.push(cell.era);
}

pub(super) fn cell(from: &mut Reader<'_>, stamp: Stamp, base: u64) -> Result<Cell, Flaw> {
    Ok(Cell {
        stamp,
        at: time(from, base)?,
        regime: from.byte()?,
        harm: from.byte()?,
        total: from.small()?,
        slow: sums(from)?,
        fast: sums(from)?,
        held_n: from.small()?,
        held_y: from.small()?,
        era: from.byte()?,
    })
}

pub(super) fn put_scope_cell(out: &mut Vec<u8>, cell: &ScopeCell, base: u64) {
    put_time(out, cell.at, base);
    put_sums(out, &cell.slow);
    put_sums(out, &cell.fast);
    put_number(out, cell.control_n.into());
    put_number(out, cell.control_y.into());
    put_count(out, cell.votes.len());
    for (signal, regime) in &cell.votes {
        out.extend_from_slice(signal.as_bytes());
        out.push(*regime);
    }
}

pub(super) fn scope_cell(from: &mut Reader<'_>, stamp: Stamp, base: u64) -> Result<ScopeCell, Flaw> {
    let mut cell = ScopeCell {
        stamp,
        at: time(from, base)?,
        slow: sums(from)?,
        fast: sums(from)?,
        control_n: from.small()?,
        control_y: from.small()?,
        votes: Vec::new(),
    };
    for _ in 0..from.count(17, VOTES_MAX)? {
        cell.votes.push((signal_id(from)?, from.byte()?));
    }
    Ok(cell)
}

/// Everything of a signal but its id and its author.
pub(super) fn put_signal(out: &mut Vec<u8>, signal: &Signal) {
    put_text(out, signal.scope.as_str());
    out.push(match signal.polarity {
        Polarity::Do => 0,
        Polarity::Avoid => 1,
    });
    match &signal.body {
        SignalBody::Text { text } => {
            out.push(0);
            put_text(out, text);
        }
        SignalBody::Action { schema, args } => {
            out.push(1);
            put_text(out, schema);
            put_text(out, args);
        }
    }
    put_number(out, signal.tokens.into());
    put_count(out, signal.trigger.require.len());
    for (name, value) in &signal.trigger.require {
        put_text(out, name);
        put_text(out, value);
    }
    put_count(out, signal.trigger.terms.len());
    for term in &signal.trigger.terms {
        out.extend_from_slice(&term.to_be_bytes());
    }
    put_count(out, signal.parents.len());
    for parent in &signal.parents {
        out.extend_from_slice(parent.as_bytes());
    }
    match signal.born_in {
        None => out.push(0),
        Some(job_id) => {
            out.push(1);
            out.extend_from_slice(job_id.as_bytes());
        }
    }
    put_number(out, signal.created.0);
    put_bundle(out, signal.bundle);
    match signal.share {
        Share::Private => out.push(0),
        Share::Tenant => out.push(1),
        Share::Group(group) => {
            out.push(2);
            put_number(out, group.into());
        }
        Share::Public => out.push(3),
    }
    put_text(out, &signal.source);
}

pub(super) fn signal(from: &mut Reader<'_>, id: SignalId, author: Origin) -> Result<Signal, Flaw> {
    Ok(Signal {
        id,
        author,
        scope: from.text(TEXT_BYTES_MAX)?.parse().map_err(|_| Flaw::NoScope)?,
        polarity: match from.byte()? {
            0 => Polarity::Do,
            1 => Polarity::Avoid,
            _ => return Err(Flaw::Damaged),
        },
        body: match from.byte()? {
            0 => SignalBody::Text {
                text: from.text(TEXT_BYTES_MAX)?,
            },
            1 => SignalBody::Action {
                schema: from.text(TEXT_BYTES_MAX)?,
                args: from.text(TEXT_BYTES_MAX)?,
            },
            _ => return Err(Flaw::Damaged),
        },
        tokens: from.small()?,
        trigger: trigger(from)?,
        parents: {
            let count = from.count(16, LIST_MAX)?;
            (0..count).map(|_| signal_id(from)).collect::<Result<_, _>>()?
        },
        born_in: match from.byte()? {
            0 => None,
            1 => Some(JobId::from_bytes(from.array()?)),
            _ => return Err(Flaw::Damaged),
        },
        created: Timestamp(from.number()?),
        bundle: bundle(from)?,
        share: match from.byte()? {
            0 => Share::Private,
            1 => Share::Tenant,
            2 => Share::Group(from.small()?),
            3 => Share::Public,
            _ => return Err(Flaw::Damaged),
        },
        source: from.text(TEXT_BYTES_MAX)?,
    })
}

fn trigger(from: &mut Reader<'_>) -> Result<Trigger, Flaw> {
    let mut trigger = Trigger::default();
    for _ in 0..from.count(2, LIST_MAX)? {
        let name = from.text(TEXT_BYTES_MAX)?;
        trigger.require.insert(name, from.text(TEXT_BYTES_MAX)?);
    }
    for _ in 0..from.count(4, LIST_MAX)? {
        trigger.terms.push(u32::from_be_bytes(from.array()?));
    }
    Ok(trigger)
}

pub(super) fn put_target(out: &mut Vec<u8>, target: Target) {
    match target {
        Target::Signal(id) => {
            out.push(0);
            out.extend_from_slice(id.as_bytes());
        }
        Target::Origin(of) => {
            out.push(1);
            put_origin(out, of);
        }
        Target::Tenant(tenant) => {
            out.push(2);
            out.extend_from_slice(&tenant.to_be_bytes());
        }
    }
}

pub(super) fn target(from: &mut Reader<'_>) -> Result<Target, Flaw> {
    Ok(match from.byte()? {
        0 => Target::Signal(signal_id(from)?),
        1 => Target::Origin(origin(from)?),
        2 => Target::Tenant(u32::from_be_bytes(from.array()?)),
        _ => return Err(Flaw::Damaged),
    })
}

pub(super) fn put_why(out: &mut Vec<u8>, why: Why) {
    out.push(match why {
        Why::Quarantine => 0,
        Why::Equivocation => 1,
        Why::Erasure => 2,
    });
}

pub(super) fn why(from: &mut Reader<'_>) -> Result<Why, Flaw> {
    Ok(match from.byte()? {
        0 => Why::Quarantine,
        1 => Why::Equivocation,
        2 => Why::Erasure,
        _ => return Err(Flaw::Damaged),
    })
}

/// What a fact of a kind of its own is about.
pub(super) fn put_about(out: &mut Vec<u8>, about: Option<SignalId>) {
    match about {
        None => out.push(0),
        Some(signal) => {
            out.push(1);
            out.extend_from_slice(signal.as_bytes());
        }
    }
}

pub(super) fn about(from: &mut Reader<'_>) -> Result<Option<SignalId>, Flaw> {
    Ok(match from.byte()? {
        0 => None,
        1 => Some(signal_id(from)?),
        _ => return Err(Flaw::Damaged),
    })
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(super) fn bytes(from: &mut Reader<'_>, most: usize) -> Result<Vec<u8>, Flaw> {
    let count = from.count(1, most)?;
    from.take(count).map(<[u8]>::to_vec)
}

/// Everything of a fact of a kind of its own but the kind.
pub(super) fn put_other(out: &mut Vec<u8>, other: &Other) {
    put_number(out, other.at);
    put_about(out, other.about);
    put_bytes(out, &other.key);
    put_bytes(out, &other.content);
}

pub(super) fn other(from: &mut Reader<'_>, kind: u8) -> Result<Other, Flaw> {
    Ok(Other {
        kind,
        at: from.number()?,
        about: about(from)?,
        key: bytes(from, OTHER_KEY_BYTES_MAX)?,
        content: bytes(from, OTHER_CONTENT_BYTES_MAX)?,
    })
}
