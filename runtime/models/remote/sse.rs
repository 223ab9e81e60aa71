//! Server-sent events from bytes, as the WHATWG standard says, with a bound on each event.
//!
//! Crates for this buffer without limit, and end a stream that was cut inside an event as if it had been complete.
//! Here an event counts when its empty line has arrived, and never before.

/// Most bytes of one event.
pub(crate) const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SseEvent {
    /// Its name; empty where none was given.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: String,
}

/// Failed to read an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    /// It is too long.
    #[error("an event of the stream is longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
    /// It is no text.
    #[error("the stream is not UTF-8")]
    NotUtf8,
}

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    line: Vec<u8>,
    after_return: bool,
    event: SseEvent,
    has_data: bool,
}

impl SseDecoder {
    /// Takes in bytes, cut anywhere, and adds the events that they complete to `events`.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(events)?,
                _ if self.line.len() + self.event.data.len() >= EVENT_BYTES_MAX => {
                    return Err(SseError::TooLong);
                }
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                events.push(event);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // Comments have an empty field; ids and retry times mean nothing here.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
