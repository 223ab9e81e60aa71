//! The step loop of an agent, as a pure machine: which step is next, and when it may be taken.
//!
//! It knows the protocol and nothing else: reserve the worst case, take the step, have it recorded, go on. What is
//! asked and answered stays outside, so that the same machine runs under a worker, a critic and the simulator. A
//! resumed agent feeds the recorded steps back in and continues behind them; nothing recorded is ever asked again.
//!
//! Invariants: at most one step is under way; a step is taken only after its reservation is durable; the next step
//! begins only after the last one is durable; the id of a tool call does not depend on the attempt.

use std::collections::VecDeque;

use anthill_contracts::budget::Dimension;
use anthill_contracts::id::{StepId, TaskId, ToolCallId};

/// A tool call that a model asked for, as far as the machine must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// Its place among the calls of one reply.
    pub index: usize,
    /// The tool.
    pub tool: String,
    /// Its arguments in canonical form.
    pub canonical_args: String,
}

/// What a model reply asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Tools to run, then the model again.
    Tools(Vec<PlannedCall>),
    /// Nothing more: the reply is the answer.
    Final,
}

/// What a recorded step was, when an agent is resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// A model reply.
    Reply(Next),
    /// A tool outcome.
    Tool {
        /// Whether the tool took the answer itself, so that nothing is left to ask.
        takes_answer: bool,
    },
    /// A step whose answer was rejected; the agent shall try again from there.
    Rejected,
}

/// What happens to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopInput {
    /// The agent starts, with the steps that are on record.
    Begin(Vec<Recorded>),
    /// The reservation of a step is durable.
    Granted(StepId),
    /// The reservation of a step was refused.
    Refused(StepId, Dimension),
    /// The model answered.
    Replied(StepId, Next),
    /// The tool ended, well or badly.
    ToolEnded {
        /// The step.
        step_id: StepId,
        /// Whether the tool took the answer itself, so that nothing is left to ask.
        takes_answer: bool,
    },
    /// The step is durable.
    Durable(StepId),
    /// The answer does not fit its contract: ask again.
    TryAgain,
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopStep {
    /// Have the worst case of this deed set aside.
    Reserve(StepId, Deed),
    /// Do it.
    Take(StepId, Deed),
    /// Have its outcome recorded.
    Record(StepId, Deed),
    /// The answer is there: make of it what the agent is for.
    Conclude,
    /// The budget is used up.
    Exhausted(StepId, Dimension),
}

/// One step to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Ask the model.
    Ask,
    /// Run a tool.
    Run(PlannedCall, ToolCallId),
}

/// The machine.
#[derive(Debug, Clone)]
pub struct StepLoop {
    task_id: TaskId,
    next_seq: u32,
    waiting_calls: VecDeque<PlannedCall>,
    state: State,
    key_salt: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    New,
    Reserving(StepId, Deed),
    Taking(StepId, Deed),
    Recording(StepId, Then),
    Concluding,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Conclude,
}

impl StepLoop {
    /// A machine for one agent of a task, whose first own step gets the number `first_seq`.
    pub fn new(task_id: TaskId, first_seq: u32) -> Self {
        Self {
            task_id,
            next_seq: first_seq,
            waiting_calls: VecDeque::new(),
            state: State::New,
            key_salt: 0,
        }
    }

    /// Plants the bug "key per attempt" for the simulator's board of bugs: the same call of another attempt gets
    /// another key, so that its effect happens twice.
    #[cfg(feature = "seeded-bugs")]
    #[must_use]
    pub fn with_key_per_attempt(mut self, attempt: u32) -> Self {
        self.key_salt = attempt;
        self
    }

    /// Number that the next step gets.
    pub const fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// The next thing to do, if any. Inputs that belong to no step under way are ignored: they are late.
    pub fn step(&mut self, input: LoopInput) -> Option<LoopStep> {
        match (std::mem::replace(&mut self.state, State::Ended), input) {
            (State::New, LoopInput::Begin(recorded)) => Some(self.begin(recorded)),
            (State::Reserving(step_id, deed), LoopInput::Granted(granted)) if granted == step_id => {
                self.state = State::Taking(step_id, deed.clone());
                Some(LoopStep::Take(step_id, deed))
            }
            (State::Reserving(step_id, _), LoopInput::Refused(refused, dimension)) if refused == step_id => {
                Some(LoopStep::Exhausted(step_id, dimension))
            }
            (State::Taking(step_id, Deed::Ask), LoopInput::Replied(replied, next)) if replied == step_id => {
                let then = self.accept(next);
                self.state = State::Recording(step_id, then);
                Some(LoopStep::Record(step_id, Deed::Ask))
            }
            (
                State::Taking(taken, deed @ Deed::Run(..)),
                LoopInput::ToolEnded {
                    step_id,
                    takes_answer,
                },
            ) if taken == step_id => {
                let then = if takes_answer { Then::Conclude } else { Then::GoOn };
                self.state = State::Recording(step_id, then);
                Some(LoopStep::Record(step_id, deed))
            }
            (State::Recording(step_id, then), LoopInput::Durable(durable)) if durable == step_id => {
                self.next_seq += 1;
                Some(self.proceed(then))
            }
            (State::Concluding, LoopInput::TryAgain) => {
                self.waiting_calls.clear();
                Some(self.reserve_next())
            }
            (state, _) => {
                self.state = state;
                None
            }
        }
    }

    /// Replays what is on record, and goes on behind it.
    fn begin(&mut self, recorded: Vec<Recorded>) -> LoopStep {
        let mut then = Then::GoOn;
        for step in recorded {
            self.next_seq += 1;
            then = match step {
                Recorded::Reply(next) => self.accept(next),
                Recorded::Tool { takes_answer } => {
                    self.waiting_calls.pop_front();
                    if takes_answer { Then::Conclude } else { Then::GoOn }
                }
                Recorded::Rejected => {
                    self.waiting_calls.clear();
                    Then::GoOn
                }
            };
        }
        self.proceed(then)
    }

    fn proceed(&mut self, then: Then) -> LoopStep {
        match then {
            Then::GoOn => self.reserve_next(),
            Then::Conclude => {
                self.state = State::Concluding;
                LoopStep::Conclude
            }
        }
    }

    fn accept(&mut self, next: Next) -> Then {
        match next {
            Next::Tools(calls) if !calls.is_empty() => {
                self.waiting_calls = calls.into();
                Then::GoOn
            }
            Next::Tools(_) | Next::Final => Then::Conclude,
        }
    }

    fn reserve_next(&mut self) -> LoopStep {
        let step_id = StepId::derive(self.task_id, self.next_seq);
        let deed = match self.waiting_calls.pop_front() {
            None => Deed::Ask,
            Some(call) => {
                let call_id = self.call_id(step_id, &call);
                Deed::Run(call, call_id)
            }
        };
        self.state = State::Reserving(step_id, deed.clone());
        LoopStep::Reserve(step_id, deed)
    }

    /// The key of a call: the same for every attempt, epoch and node.
    fn call_id(&self, step_id: StepId, call: &PlannedCall) -> ToolCallId {
        if self.key_salt == 0 {
            return ToolCallId::derive(step_id, &call.tool, &call.canonical_args);
        }
        ToolCallId::derive(
            step_id,
            &format!("{}#{}", call.tool, self.key_salt),
            &call.canonical_args,
        )
    }
}

#[cfg(test)]
mod tests;
