//! The body of a frame: one byte for the version of the format, then the events as `MessagePack` arrays.
//!
//! The version stands outside the encoding, so that an older program can tell "newer than me" from "damaged".

use std::io::Cursor;

use anthill_contracts::event::{EVENT_FORMAT, JobEvent};
use anthill_contracts::store::StoreError;
use serde::{Deserialize, Serialize};

/// Most bytes of one frame's body: a plan with its longest list fits many times.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Encodes the body of a frame.
pub fn encode_events(events: &[JobEvent]) -> Result<Vec<u8>, StoreError> {
    if events.is_empty() {
        return Err(invalid("a frame holds at least one event"));
    }
    let mut body = Vec::with_capacity(64 + events.len() * 128);
    body.push(EVENT_FORMAT);
    events
        .serialize(&mut rmp_serde::Serializer::new(&mut body))
        .map_err(|error| invalid(&error.to_string()))?;
    if body.len() > BODY_BYTES_MAX {
        return Err(invalid(&format!(
            "{} bytes of events, at most {BODY_BYTES_MAX} fit a frame",
            body.len()
        )));
    }
    Ok(body)
}

/// Decodes the body of a frame of this or an older version.
pub fn decode_events(body: &[u8]) -> Result<Vec<JobEvent>, StoreError> {
    let (&format, encoded) = body
        .split_first()
        .ok_or_else(|| corrupt("the body of a frame is empty"))?;
    if format > EVENT_FORMAT {
        return Err(StoreError::TooNew {
            found: u32::from(format),
            known: u32::from(EVENT_FORMAT),
        });
    }
    if format == 0 {
        return Err(corrupt("the body of a frame has no format"));
    }
    let mut decoder = rmp_serde::Deserializer::new(Cursor::new(encoded));
    let events = Vec::deserialize(&mut decoder)
        .map_err(|error| corrupt(&format!("an event does not decode: {error}")))?;
    if decoder.position() != encoded.len() as u64 {
        return Err(corrupt("bytes follow the events of a frame"));
    }
    Ok(events)
}

fn invalid(detail: &str) -> StoreError {
    StoreError::Invalid {
        detail: detail.to_owned(),
    }
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::Corrupt {
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests;
