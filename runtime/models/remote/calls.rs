//! Tool calls from the pieces in which servers send them.
//!
//! The rule is that pieces of one call share an index and only the first has an id and a name. Servers in use break
//! each part of it: two calls share an index and differ in their ids; a name is repeated with each piece; ids are left
//! out or given twice; arguments are an object, a text within a text, or are sent whole again at the end. What a piece
//! belongs to is decided from all that it says, and the arguments are read when all of them are there.

use std::collections::BTreeSet;

use anthill_contracts::model::{Message, ModelRequest};
use anthill_contracts::tool::{ToolCall, ToolSpec};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::protocol::{CALLS_MAX, RawCall};
use super::sse::Balance;

/// Most characters of a tool's name; the limit of both protocols.
const NAME_CHARS_MAX: usize = 64;

/// Most characters of a call's id that go back to a server.
const ID_CHARS_MAX: usize = 64;

/// What goes back in place of a name without any letter.
const NAMELESS: &str = "unnamed_tool";

/// One piece of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Piece<'a> {
    /// Which call of the answer, where the server says so.
    pub(crate) index: Option<u64>,
    /// Its id, where the server says so.
    pub(crate) id: Option<&'a str>,
    /// Its name, or more of it.
    pub(crate) name: Option<&'a str>,
    /// Its arguments, or more of them.
    pub(crate) args: Option<&'a Value>,
}

/// The calls of one answer in the making.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    building: Vec<Building>,
}

#[derive(Debug, Default)]
struct Building {
    index: Option<u64>,
    id: String,
    name: String,
    args: String,
    /// Where the last piece of `args` begins.
    last: usize,
    balance: Balance,
}

impl Calls {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.building.is_empty()
    }

    /// Takes in a piece.
    pub(crate) fn piece(&mut self, piece: Piece<'_>) -> Result<(), Failure> {
        let piece = Piece {
            id: piece.id.filter(|id| !id.is_empty()),
            name: piece.name.filter(|name| !name.is_empty()),
            ..piece
        };
        let place = match self.building.iter().rposition(|call| call.owns(&piece)) {
            Some(place) if piece.is_addressed() || place + 1 == self.building.len() => place,
            _ if self.building.len() >= CALLS_MAX => {
                return Err(Failure::malformed(format!("more than {CALLS_MAX} tool calls")));
            }
            _ => {
                self.building.push(Building {
                    index: piece.index,
                    ..Building::default()
                });
                self.building.len() - 1
            }
        };
        self.building[place].take(&piece);
        Ok(())
    }

    /// The calls, in the model's order.
    pub(crate) fn finish(mut self) -> Vec<RawCall> {
        self.building.sort_by_key(|call| call.index);
        self.building
            .into_iter()
            .filter(|call| !(call.name.is_empty() && call.args.is_empty() && call.id.is_empty()))
            .map(Building::finish)
            .collect()
    }
}

impl Piece<'_> {
    /// Whether it says which call it belongs to.
    const fn is_addressed(&self) -> bool {
        self.index.is_some() || self.id.is_some()
    }
}

impl Building {
    /// Whether a piece is more of this call.
    fn owns(&self, piece: &Piece<'_>) -> bool {
        let same_index = match (self.index, piece.index) {
            (Some(own), Some(index)) => own == index,
            _ => true,
        };
        let same_id = match piece.id {
            Some(id) if !self.id.is_empty() => Some(self.id == id),
            _ => None,
        };
        // A name behind whole arguments begins the next call, unless all of it is only said once more.
        let begins_next = piece.name.is_some() && self.is_whole() && !self.is_repeated_by(piece);
        match same_id {
            // A new id names a new call, unless it comes without a name: then a server draws ids for each piece.
            Some(false) => same_index && piece.index.is_some() && piece.name.is_none(),
            Some(true) | None => same_index && !begins_next,
        }
    }

    /// Whether an addressed piece says what is there already.
    fn is_repeated_by(&self, piece: &Piece<'_>) -> bool {
        let same_name = piece.name.is_none_or(|name| name == self.name);
        let same_args = match piece.args {
            Some(Value::String(text)) => text.is_empty() || *text == self.args,
            Some(Value::Object(fields)) => {
                fields.is_empty() || serde_json::to_string(fields).is_ok_and(|text| text == self.args)
            }
            _ => true,
        };
        piece.is_addressed() && same_name && same_args
    }

    fn is_whole(&self) -> bool {
        !self.name.is_empty() && self.balance.is_complete()
    }

    fn take(&mut self, piece: &Piece<'_>) {
        if let Some(id) = piece.id.filter(|_| self.id.is_empty()) {
            id.clone_into(&mut self.id);
        }
        if let Some(name) = piece.name {
            self.take_name(name);
        }
        match piece.args {
            Some(Value::String(text)) => self.take_args(text),
            Some(Value::Object(fields)) if fields.is_empty() && !self.args.is_empty() => {}
            Some(whole @ (Value::Object(_) | Value::Array(_))) => self.take_args(&whole.to_string()),
            _ => {}
        }
    }

    /// A name that is repeated is one name, also where each piece has a little more of it.
    fn take_name(&mut self, name: &str) {
        if name.starts_with(self.name.as_str()) {
            name.clone_into(&mut self.name);
        } else if self.args.is_empty() {
            self.name.push_str(name);
        }
    }

    fn take_args(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.last = self.args.len();
        self.args.push_str(text);
        for byte in text.bytes() {
            self.balance.take(byte);
        }
    }

    fn finish(self) -> RawCall {
        let is_value = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        // Arguments that were sent whole again at the end, or once more with each piece.
        let last = &self.args[self.last..];
        let args = if !is_value(&self.args) && is_value(last) {
            last.to_owned()
        } else {
            self.args
        };
        RawCall {
            id: self.id,
            name: self.name,
            args,
        }
    }
}

/// The calls as the runtime takes them: with ids that no earlier call of the conversation has, and names that either
/// are those of tools that there are or can at least be sent back.
pub(crate) fn finished(request: &ModelRequest, calls: Vec<RawCall>) -> Vec<ToolCall> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for message in &request.messages {
        if let Message::Assistant { tool_calls, .. } = message {
            taken.extend(tool_calls.iter().map(|call| call.call.as_str()));
        }
    }
    let mut taken: BTreeSet<String> = taken.into_iter().map(str::to_owned).collect();
    let mut next = taken.len();
    calls
        .into_iter()
        .map(|call| ToolCall {
            call: unique(&call.id, &mut taken, &mut next),
            tool: tool_name(&call.name, &request.tools),
            args: arguments(&call.args),
        })
        .collect()
}

fn unique(id: &str, taken: &mut BTreeSet<String>, next: &mut usize) -> String {
    let id = id.trim();
    // Strict servers take fewer; `.` and `:` stand in the ids of models that read them again.
    let is_id_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let is_sendable = !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(is_id_char);
    if is_sendable && taken.insert(id.to_owned()) {
        return id.to_owned();
    }
    loop {
        let fresh = format!("call_{next}");
        *next += 1;
        if taken.insert(fresh.clone()) {
            return fresh;
        }
    }
}

/// The tool that a name means: as it stands, or as one word of what models put around it. A name that means none keeps
/// only the characters that servers take back, so that the model can be told what there is.
fn tool_name(name: &str, tools: &[ToolSpec]) -> String {
    let known = |name: &str| {
        let exact = tools.iter().find(|tool| tool.name == name);
        exact
            .or_else(|| tools.iter().find(|tool| tool.name.eq_ignore_ascii_case(name)))
            .map(|tool| tool.name.clone())
    };
    let words = || {
        let is_between = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        name.split(is_between).filter(|word| !word.is_empty())
    };
    let meant = known(name.trim()).or_else(|| words().find_map(known));
    meant.unwrap_or_else(|| {
        let mut sendable = words().collect::<Vec<_>>().join("_");
        sendable.truncate(NAME_CHARS_MAX);
        if sendable.is_empty() {
            NAMELESS.to_owned()
        } else {
            sendable
        }
    })
}

/// Arguments that are no JSON go on as a string, so that the tool's schema refuses them where the model can see it.
fn arguments(args: &str) -> Value {
    let text = args.trim();
    if text.is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(text) {
        // A text that holds the object: encoded once too often.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(object @ Value::Object(_)) => object,
            _ => Value::String(inner),
        },
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(_) => Value::String(args.to_owned()),
    }
}

#[cfg(test)]
mod tests;
