//! The events of an answer from its bytes: server-sent events as the WHATWG standard says, and what servers send
//! instead, with a bound on each event.
//!
//! Beside the standard it takes what servers in use do: a field `error`, which is an event of that name; events that a
//! single line end parts, where each is a value of its own; a last event without its empty line; and bodies that are no
//! event stream at all but one JSON value, or one a line. Which of the two a body is, its first character says, and
//! never its content type, which many gateways get wrong.
//!
//! No crate, after a look at `eventsource-stream`, `sse-stream` and `sseer`: they buffer without limit, pass over the
//! field `error`, drop a last event without its empty line, and know no JSON bodies. Whether an answer is complete is
//! not decided here: the protocol's end marker says that.

use serde::de::IgnoredAny;

/// Most bytes of one event.
pub(crate) const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The name of an event that says why there is no answer.
pub(crate) const ERROR_EVENT: &str = "error";

/// The data of the end marker.
pub(crate) const DONE: &str = "[DONE]";

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
    /// It is a page for a browser.
    #[error("a page of HTML instead of an event stream")]
    Page,
}

/// What a body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    /// Nothing but white space came so far.
    #[default]
    Unknown,
    /// Lines with fields.
    Events,
    /// JSON values, one after the other.
    Values,
}

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    form: Form,
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    name: String,
    data: String,
    data_lines: usize,
    balance: Balance,
    /// Bytes looked at, each as often as that happened.
    #[cfg(test)]
    pub(crate) work: usize,
}

impl SseDecoder {
    /// Takes in bytes, cut anywhere, and adds the events that they complete to `events`.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        #[cfg(test)]
        {
            self.work += bytes.len();
        }
        for &byte in bytes {
            if self.form == Form::Unknown {
                self.form = self.form_by(byte)?;
            }
            match self.form {
                Form::Unknown => self.keep(byte)?,
                Form::Values => self.value_byte(byte, events)?,
                Form::Events => self.event_byte(byte, events)?,
            }
        }
        Ok(())
    }

    /// The body has ended: what stands in it without its empty line is an event, too.
    pub(crate) fn finish(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        match self.form {
            Form::Unknown => Ok(()),
            Form::Events => {
                if !self.line.is_empty() {
                    self.end_line(events)?;
                }
                self.dispatch(events);
                Ok(())
            }
            Form::Values => self.end_value(events),
        }
    }

    /// What a body is, by its first character that is no white space and no byte order mark.
    fn form_by(&self, byte: u8) -> Result<Form, SseError> {
        Ok(match byte {
            b'{' | b'[' => Form::Values,
            b'<' => return Err(SseError::Page),
            b' ' | b'\t' | b'\n' | b'\r' | 0xEF => Form::Unknown,
            0xBB | 0xBF if self.line.last().is_some_and(|last| matches!(last, 0xEF | 0xBB)) => Form::Unknown,
            _ => Form::Events,
        })
    }

    /// White space and a mark before the first character mean nothing, but a body of them alone has an end, too.
    fn keep(&mut self, byte: u8) -> Result<(), SseError> {
        match byte {
            0xEF | 0xBB | 0xBF => self.push_byte(byte),
            _ => Ok(()),
        }
    }

    fn push_byte(&mut self, byte: u8) -> Result<(), SseError> {
        if self.line.len() + self.data.len() >= EVENT_BYTES_MAX {
            return Err(SseError::TooLong);
        }
        self.line.push(byte);
        Ok(())
    }

    fn value_byte(&mut self, byte: u8, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        self.forget_mark();
        if self.line.is_empty() && byte.is_ascii_whitespace() {
            return Ok(());
        }
        self.push_byte(byte)?;
        self.balance.take(byte);
        if self.balance.is_complete() {
            self.end_value(events)?;
        }
        Ok(())
    }

    fn end_value(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        self.balance = Balance::default();
        let value = std::mem::take(&mut self.line);
        let data = String::from_utf8(value).map_err(|_| SseError::NotUtf8)?;
        if !data.trim().is_empty() {
            events.push(SseEvent {
                name: String::new(),
                data,
            });
        }
        Ok(())
    }

    fn event_byte(&mut self, byte: u8, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        self.forget_mark();
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match byte {
            b'\n' if after_return => Ok(()),
            b'\n' | b'\r' => self.end_line(events),
            _ => self.push_byte(byte),
        }
    }

    /// A byte order mark that was kept while the form was not known.
    fn forget_mark(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.line.clear();
        }
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        #[cfg(test)]
        {
            self.work += line.len();
        }
        let line = std::str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data_line(value, events),
            ERROR_EVENT => {
                self.dispatch(events);
                ERROR_EVENT.clone_into(&mut self.name);
                self.data_line(value, events);
                self.dispatch(events);
            }
            // A value without a field: an error that was written into the stream as it is.
            _ if line.starts_with('{') => self.data_line(line, events),
            // Comments have an empty field; ids and retry times mean nothing here.
            _ => {}
        }
        Ok(())
    }

    /// Adds a line to the data. Lines of one event are parts of one text; where the only line so far is a value by
    /// itself, the server has left out the empty line behind it.
    fn data_line(&mut self, value: &str, events: &mut Vec<SseEvent>) {
        #[cfg(test)]
        {
            self.work += if self.data_lines == 1 { self.data.len() } else { 0 };
        }
        if self.data_lines == 1 && is_whole(&self.data) {
            let name = self.name.clone();
            self.dispatch(events);
            self.name = name;
        }
        if self.data_lines > 0 {
            self.data.push('\n');
        }
        self.data.push_str(value);
        self.data_lines += 1;
    }

    fn dispatch(&mut self, events: &mut Vec<SseEvent>) {
        let event = SseEvent {
            name: std::mem::take(&mut self.name),
            data: std::mem::take(&mut self.data),
        };
        if std::mem::take(&mut self.data_lines) > 0 {
            events.push(event);
        }
    }
}

/// Whether a text is one JSON value, or the end marker.
fn is_whole(data: &str) -> bool {
    data.trim() == DONE || serde_json::from_str::<IgnoredAny>(data).is_ok()
}

/// Follows the brackets of a JSON value byte by byte, so that its end is known without reading it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Balance {
    depth: usize,
    in_string: bool,
    escaped: bool,
    opened: bool,
}

impl Balance {
    /// Takes in the next byte.
    pub(crate) fn take(&mut self, byte: u8) {
        if self.in_string {
            let is_escape = byte == b'\\' && !self.escaped;
            self.in_string = byte != b'"' || self.escaped;
            self.escaped = is_escape;
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// Whether what was opened is closed.
    pub(crate) const fn is_complete(self) -> bool {
        self.opened && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests;
