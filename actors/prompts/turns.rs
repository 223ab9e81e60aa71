//! Recorded turns as messages.

use std::collections::VecDeque;

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::brief::Passage;
use anthill_contracts::model::{Message, ModelReply};
use anthill_contracts::tool::{ToolCall, ToolOutput};
use minijinja::{Value, context};

use super::{Turn, fence, templates};

/// Most flaws that a model is told of at once.
const FLAWS_MAX: usize = 24;

/// Most characters of one flaw.
const FLAW_CHARS_MAX: usize = 500;

/// A message that stands behind the first turn.
pub(super) struct Drafted {
    /// What is sent.
    pub(super) message: Message,
    /// Its name in the manifest.
    pub(super) name: String,
    /// For the result of a tool: the passages in it.
    pub(super) passages: Vec<Passage>,
    /// Whether it is the result of a tool, which may be left out.
    pub(super) is_result: bool,
    /// Whether it was left out.
    pub(super) left_out: bool,
}

impl Drafted {
    fn new(name: impl Into<String>, message: Message) -> Self {
        Self {
            message,
            name: name.into(),
            passages: Vec::new(),
            is_result: false,
            left_out: false,
        }
    }

    /// Puts a marker in the place of a tool's result.
    pub(super) fn leave_out(&mut self) {
        if let Message::Tool { text, .. } = &mut self.message {
            *text = format!(
                "[a result of {} bytes was left out to keep the prompt short; call the tool again if it is needed]",
                text.len()
            );
        }
        self.passages.clear();
        self.left_out = true;
    }

    /// The text that counts, tool calls included.
    pub(super) fn bytes(&self) -> usize {
        match &self.message {
            Message::User { text } | Message::Tool { text, .. } => text.len(),
            Message::Assistant { text, tool_calls } => {
                let calls: usize = tool_calls
                    .iter()
                    .map(|call| call.call.len() + call.tool.len() + call.args.to_string().len())
                    .sum();
                text.len() + calls
            }
        }
    }
}

/// Every turn as messages. A provider refuses a call without a result, so each call that has none gets a word.
pub(super) fn draft(turns: &[Turn]) -> Vec<Drafted> {
    let mut drafted = Vec::with_capacity(turns.len());
    let mut open: VecDeque<&ToolCall> = VecDeque::new();
    for turn in turns {
        match turn {
            Turn::Tool { call, output } => {
                if let Some(position) = open.iter().position(|waiting| waiting.call == call.call) {
                    open.remove(position);
                }
                drafted.push(result(call, output));
            }
            Turn::Reply(reply) => {
                close(&mut open, &mut drafted);
                open.extend(&reply.tool_calls);
                drafted.push(answer(reply));
            }
            Turn::Rejected(findings) => {
                close(&mut open, &mut drafted);
                drafted.push(Drafted::new("rejected", rejection(findings)));
            }
        }
    }
    close(&mut open, &mut drafted);
    drafted
}

fn close(open: &mut VecDeque<&ToolCall>, drafted: &mut Vec<Drafted>) {
    for call in open.drain(..) {
        let message = Message::Tool {
            call: call.call.clone(),
            tool: call.tool.clone(),
            text: "this call has no result".to_owned(),
        };
        drafted.push(Drafted::new(format!("tool:{}", call.tool), message));
    }
}

fn answer(reply: &ModelReply) -> Drafted {
    let silent = reply.text.trim().is_empty() && reply.tool_calls.is_empty();
    let text = if silent {
        "(no answer)"
    } else {
        reply.text.as_str()
    };
    let message = Message::Assistant {
        text: text.to_owned(),
        tool_calls: reply.tool_calls.clone(),
    };
    Drafted::new("reply", message)
}

fn result(call: &ToolCall, output: &ToolOutput) -> Drafted {
    let mut text = fence::wrap(&output.text);
    if !output.ok {
        text = format!("The call failed.\n{text}");
    }
    if output.truncated {
        text.push_str("\nThe result was cut at its cap.");
    }
    let message = Message::Tool {
        call: call.call.clone(),
        tool: call.tool.clone(),
        text,
    };
    Drafted {
        passages: output.passages.clone(),
        is_result: true,
        ..Drafted::new(format!("tool:{}", call.tool), message)
    }
}

fn rejection(findings: &[ReviewFinding]) -> Message {
    let mut flaws: Vec<String> = findings.iter().take(FLAWS_MAX).map(flaw).collect();
    if findings.len() > FLAWS_MAX {
        flaws.push(format!("and {} more of this kind", findings.len() - FLAWS_MAX));
    }
    let flaws: Vec<Value> = flaws.into_iter().map(Value::from).collect();
    Message::User {
        text: templates::rejected(context! { flaws => flaws.as_slice() }),
    }
}

/// One flaw on one line. Details quote what the model wrote, so line breaks in them are closed up.
fn flaw(finding: &ReviewFinding) -> String {
    let detail = finding.detail.split_whitespace().collect::<Vec<_>>().join(" ");
    let detail: String = detail.chars().take(FLAW_CHARS_MAX).collect();
    format!("{}: {detail}", finding.reason)
}
