//! A simulated agent: the real step loop, and a mind that never says the same thing twice.
//!
//! What a model answers is drawn anew for every call. A run in which a repeated call gave the same answer would hide
//! every bug that two leads of one job can make.

use std::collections::VecDeque;

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_actors::step_loop::{Next, PlannedCall, Recorded, StepLoop};
use anthill_contracts::budget::Amount;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::id::StepId;
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::checks::Violation;
use crate::dice::Dice;
use crate::schedule::LeadNo;
use crate::store::SimStore;
use crate::swarm::{ASK_WORST, Manners};

/// The tool that changes the outside.
pub(crate) const EFFECT: &str = "effect";

/// The tool whose argument is the answer.
pub(crate) const POST: &str = "post_artifact";

/// What a model said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reply {
    nonce: u64,
    /// Tools to run; none where this is the answer.
    pub(crate) calls: VecDeque<Call>,
    fits: bool,
    accepts: bool,
}

/// A tool call in a reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Call {
    /// Whether it posts the answer.
    pub(crate) posts: bool,
    arg: u64,
    fits: bool,
}

impl Call {
    /// Whether the tool takes the answer, so that nothing is left to ask.
    pub(crate) const fn takes_answer(&self) -> bool {
        self.posts && self.fits
    }

    /// The tool.
    pub(crate) const fn tool(&self) -> &'static str {
        if self.posts { POST } else { EFFECT }
    }
}

impl Reply {
    /// Draws one.
    pub(crate) fn draw(kind: AgentKind, manners: &Manners, dice: &mut Dice) -> Self {
        let calls_max = if kind == AgentKind::Worker && dice.one_in(2) {
            manners.calls_max
        } else {
            0
        };
        let count = dice.between(calls_max.min(1), calls_max);
        let call = |dice: &mut Dice| Call {
            posts: dice.one_in(6),
            arg: dice.any(),
            fits: !dice.one_in(manners.misfit),
        };
        Self {
            nonce: dice.any(),
            calls: (0..count).map(|_| call(dice)).collect(),
            fits: !dice.one_in(manners.misfit),
            accepts: !dice.one_in(manners.rejection),
        }
    }

    /// What the step loop must know of it.
    pub(crate) fn next(&self) -> Next {
        if self.calls.is_empty() {
            return Next::Final;
        }
        let planned = self.calls.iter().enumerate().map(|(index, call)| PlannedCall {
            index,
            tool: call.tool().to_owned(),
            canonical_args: format!("{{\"n\":{}}}", call.arg),
        });
        Next::Tools(planned.collect())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The step in which it was given.
    pub(crate) step_id: StepId,
    /// What it says.
    pub(crate) body: Blob,
    /// Whether it fits its contract.
    pub(crate) fits: bool,
    /// What a critic's opinion is.
    pub(crate) accepts: bool,
}

impl Answer {
    /// The answer that a final reply is.
    pub(crate) fn of_reply(step_id: StepId, reply: &Reply) -> Self {
        let body = Blob::new(format!("answer {} of {step_id}", reply.nonce).into_bytes());
        Self {
            step_id,
            body,
            fits: reply.fits,
            accepts: reply.accepts,
        }
    }

    /// The answer that a tool took.
    pub(crate) fn of_call(step_id: StepId, call: &Call) -> Self {
        let body = Blob::new(format!("posted {} in {step_id}", call.arg).into_bytes());
        Self {
            step_id,
            body,
            fits: true,
            accepts: true,
        }
    }
}

/// An agent's own steps so far, read back from the store.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// What the step loop must know of them.
    pub(crate) recorded: Vec<Recorded>,
    /// Calls of the last reply that have not run.
    pub(crate) calls: VecDeque<Call>,
    /// The last answer.
    pub(crate) answer: Option<Answer>,
    /// How often an answer did not fit its contract.
    pub(crate) misfits: u32,
}

impl History {
    /// Reads the past back. `rounds` says how many rounds a critic has rejected.
    pub(crate) fn read(steps: &[&StepRecord], rounds: usize, store: &SimStore) -> Result<Self, Violation> {
        let mut history = Self::default();
        for (position, step) in steps.iter().enumerate() {
            history.take(step, store)?;
            let following = steps.get(position + 1);
            let round_ends = following.map_or(rounds, |next| next.round as usize) > step.round as usize;
            if round_ends {
                history.reject_last();
            } else if history.answer.is_some() && following.is_some() {
                history.misfits += 1;
                history.reject_last();
            }
        }
        Ok(history)
    }

    fn take(&mut self, step: &StepRecord, store: &SimStore) -> Result<(), Violation> {
        match step.kind {
            StepKind::Model { .. } => {
                let reply: Reply = read(store, step.answer)?;
                self.recorded.push(Recorded::Reply(reply.next()));
                self.answer = reply
                    .calls
                    .is_empty()
                    .then(|| Answer::of_reply(step.step_id, &reply));
                self.calls = reply.calls;
            }
            StepKind::Tool { .. } => {
                let call: Call = read(store, step.request)?;
                self.recorded.push(Recorded::Tool {
                    takes_answer: call.takes_answer(),
                });
                self.calls.pop_front();
                self.answer = call.takes_answer().then(|| Answer::of_call(step.step_id, &call));
            }
        }
        Ok(())
    }

    fn reject_last(&mut self) {
        self.answer = None;
        self.calls.clear();
        if let Some(last) = self.recorded.last_mut() {
            *last = Recorded::Rejected;
        }
    }
}

/// Reads a kept body back.
pub(crate) fn read<T: DeserializeOwned>(store: &SimStore, digest: Digest) -> Result<T, Violation> {
    let gone = || {
        Violation::new(
            "I2 durable ack",
            format!("the body {digest} of a recorded step is gone"),
        )
    };
    let blob = store.blob(digest).ok_or_else(gone)?;
    serde_json::from_slice(blob.bytes()).map_err(|error| Violation::new("I9 artifacts", error.to_string()))
}

/// The bytes of something that is kept.
pub(crate) fn blob_of(value: &impl Serialize) -> Blob {
    Blob::new(serde_json::to_vec(value).expect("what agents keep has an encoding"))
}

/// What a tool returned; reads of the world differ from call to call.
#[derive(Debug, Serialize)]
pub(crate) struct ToolOutput {
    /// Whether it did what was asked.
    pub(crate) ok: bool,
    /// What the world looked like.
    pub(crate) seen: u64,
}

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Which.
    pub(crate) key: AgentKey,
    /// Whose.
    pub(crate) lead: LeadNo,
    /// Where it runs.
    pub(crate) node: usize,
    /// The loop.
    pub(crate) machine: StepLoop,
    /// The round of work and review.
    pub(crate) round: u32,
    /// Calls of the last reply that have not run.
    pub(crate) calls: VecDeque<Call>,
    /// A reply that is not recorded yet.
    pub(crate) reply: Option<Reply>,
    /// The answer.
    pub(crate) answer: Option<Answer>,
    /// How often an answer did not fit.
    pub(crate) misfits: u32,
    /// The reservation that was asked for.
    pub(crate) wish: Amount,
    /// The step that waits to be durable, with its answer.
    pub(crate) taken: Option<(StepId, Digest)>,
    /// What it is shown of what others have learned.
    pub(crate) shown: String,
    /// Number and parent of the version that it would post.
    pub(crate) next_version: (u32, Option<Digest>),
}

impl Agent {
    /// Whose steps an agent's are.
    pub(crate) const fn phase(kind: AgentKind) -> Phase {
        match kind {
            AgentKind::Worker | AgentKind::Planner => Phase::Work,
            AgentKind::Critic => Phase::Review,
        }
    }

    /// Draws the worst case of a model call. Prompts differ, so it does as well.
    pub(crate) fn draw_wish(dice: &mut Dice) -> Amount {
        Amount {
            tokens_in: dice.between(ASK_WORST.tokens_in / 2, ASK_WORST.tokens_in),
            tokens_out: dice.between(ASK_WORST.tokens_out / 2, ASK_WORST.tokens_out),
            usd_micro: dice.between(ASK_WORST.usd_micro / 2, ASK_WORST.usd_micro),
            ..ASK_WORST
        }
    }

    /// Draws what a call did cost, within its worst case.
    pub(crate) fn draw_cost(&self, dice: &mut Dice) -> Amount {
        Amount {
            tokens_in: dice.between(1, self.wish.tokens_in),
            tokens_out: dice.between(1, self.wish.tokens_out),
            usd_micro: dice.between(1, self.wish.usd_micro),
            ..self.wish
        }
    }
}
