//! What an agent has done already, read back from its recorded steps.
//!
//! The bodies come from the store by their address. Nothing is asked again: an answer that was rejected for its form
//! is composed once more to learn why, which has no effect and always says the same.

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::TaskId;
use anthill_contracts::model::ModelReply;
use anthill_contracts::step::{StepKind, StepRecord};
use anthill_contracts::task::ReasonCode;
use anthill_contracts::tool::{ToolCall, ToolOutput};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::shell::{is_final, next_of};
use super::{AgentPorts, Answer, Craft, Ending, History, POST_ARTIFACT};
use crate::agent::Trouble;
use crate::prompts::Turn;
use crate::step_loop::Recorded;

/// An agent's own past.
#[derive(Debug, Clone)]
pub struct Past {
    /// The task.
    pub task_id: TaskId,
    /// The agent's own steps, in order.
    pub steps: Vec<StepRecord>,
    /// What the critic found wrong with each earlier round, by round.
    pub rejected: Vec<Vec<ReviewFinding>>,
}

/// Reads the past back.
pub async fn history(craft: &dyn Craft, ports: &AgentPorts, past: &Past) -> Result<History, Trouble> {
    let mut history = History::default();
    for (position, step) in past.steps.iter().enumerate() {
        let following = past.steps.get(position + 1);
        let round_ends =
            following.map_or(past.rejected.len(), |next| next.round as usize) > step.round as usize;
        take_step(&mut history, ports, step).await?;
        if round_ends {
            let findings = past
                .rejected
                .get(step.round as usize)
                .cloned()
                .unwrap_or_default();
            history.turns.push(Turn::Rejected(findings));
            history.reject_last();
        } else if let (Some(answer), true) = (history.answer.clone(), following.is_some()) {
            // An answer that others followed in the same round did not fit its contract.
            history.rejections += 1;
            let findings = craft.compose(ports, &answer).await.err().unwrap_or_default();
            history.turns.push(Turn::Rejected(findings));
            history.reject_last();
        }
    }
    Ok(history)
}

impl History {
    /// Marks the last step's answer as rejected: the agent goes on behind it.
    fn reject_last(&mut self) {
        self.answer = None;
        self.calls.clear();
        if let Some(last) = self.recorded.last_mut() {
            *last = Recorded::Rejected;
        }
    }
}

async fn take_step(history: &mut History, ports: &AgentPorts, step: &StepRecord) -> Result<(), Trouble> {
    match &step.kind {
        StepKind::Model { .. } => {
            let reply: ModelReply = body(ports, step.answer).await?;
            history.recorded.push(Recorded::Reply(next_of(&reply)));
            history.calls.clone_from(&reply.tool_calls);
            history.answer = is_final(&reply).then(|| Answer {
                text: reply.text.clone(),
                step_id: step.step_id,
                ending: Ending::of(&reply),
            });
            history.turns.push(Turn::Reply(reply));
        }
        StepKind::Tool { .. } => {
            let call: ToolCall = body(ports, step.request).await?;
            let output: ToolOutput = body(ports, step.answer).await?;
            let takes_answer = call.tool == POST_ARTIFACT && output.ok;
            history.recorded.push(Recorded::Tool { takes_answer });
            if !history.calls.is_empty() {
                history.calls.remove(0);
            }
            history.answer = takes_answer.then(|| Answer {
                text: body_of(&call),
                step_id: step.step_id,
                ending: Ending::Whole,
            });
            history.turns.push(Turn::Tool { call, output });
        }
    }
    Ok(())
}

async fn body<T: DeserializeOwned>(ports: &AgentPorts, digest: Digest) -> Result<T, Trouble> {
    let trouble = |detail: String| Trouble {
        reason: ReasonCode::Defect,
        detail,
        concerns_job: true,
    };
    let blob = ports
        .store
        .blob(digest)
        .await
        .map_err(|error| trouble(error.to_string()))?;
    serde_json::from_slice(blob.bytes())
        .map_err(|error| trouble(format!("{digest} does not decode: {error}")))
}

/// The answer that a call of `post_artifact` carries: its `body`, as text or as JSON.
pub(super) fn body_of(call: &ToolCall) -> String {
    match call.args.get("body") {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// Tries whether an answer fits its contract, and tells the model.
pub(super) async fn try_answer(craft: &dyn Craft, ports: &AgentPorts, answer: &Answer) -> ToolOutput {
    match craft.compose(ports, answer).await {
        Ok(_) => {
            let text = "accepted: it goes to the critic now".to_owned();
            ToolOutput {
                ok: true,
                text,
                truncated: false,
                passages: Vec::new(),
            }
        }
        Err(findings) => {
            let lines: Vec<String> = findings
                .iter()
                .map(|flaw| format!("- {}: {}", flaw.reason, flaw.detail))
                .collect();
            ToolOutput::failure(format!("not accepted:\n{}", lines.join("\n")))
        }
    }
}
