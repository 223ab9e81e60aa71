//! How a job ends, pauses or is cancelled.

use anthill_contracts::budget::Dimension;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::TaskId;
use anthill_contracts::task::ReasonCode;

use super::{Closing, Cx, Lead, LeadStep, Mood};
use crate::lead::job_state::NodeState;

impl Closing {
    /// The dimension that is used up, where that is the reason.
    pub(super) const fn dimension(&self) -> Option<Dimension> {
        match self {
            Self::Pause {
                reason: ReasonCode::BudgetExhausted(dimension),
                ..
            } => Some(*dimension),
            Self::Pause { .. } | Self::Cancel => None,
        }
    }

    /// Whether somebody wants the job stopped now, whatever it is about.
    const fn does_not_wait(&self) -> bool {
        match self {
            Self::Pause { reason, .. } => matches!(reason, ReasonCode::Interrupted),
            Self::Cancel => true,
        }
    }

    /// Whether agents end the calls that are paid for already. What stopped the job is then none of their business:
    /// an account without money takes back no answer that is on its way.
    pub(super) const fn lets_calls_end(&self) -> bool {
        match self {
            Self::Pause { reason, .. } => match reason {
                ReasonCode::BudgetExhausted(dimension) => !matches!(dimension, Dimension::Wall),
                reason => matches!(
                    reason,
                    ReasonCode::ModelError | ReasonCode::InputChanged | ReasonCode::DescriptorsExhausted
                ),
            },
            Self::Cancel => false,
        }
    }
}

impl Lead {
    /// Ends the job if nothing is left to do.
    pub(super) fn finish_if_complete(&mut self, cx: Cx) {
        let is_over = self.failed_planning.is_some() || self.is_complete();
        if !is_over || self.retrying || !self.has_concluded() {
            return;
        }
        if let Some(detail) = self.failed_planning.take() {
            self.fail_job(cx, ReasonCode::PlanInvalid, detail);
            return;
        }
        self.finish(cx);
    }

    /// Whether every task of the plan has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.job.plan.is_some() && self.job.nodes.iter().all(NodeState::is_complete)
    }

    fn finish(&mut self, cx: Cx) {
        match self.first_unsound() {
            None => {
                let (output, wall_ms) = (self.final_output(), cx.run_ms);
                let unread = self.words_of_unread().filter(|_| !self.bugs.succeeds_in_part);
                self.emit(match unread {
                    None => JobEvent::JobSucceeded { output, wall_ms },
                    // The result is whole and checked, and not made of all that was asked for.
                    Some(detail) => JobEvent::JobPaused {
                        reason: ReasonCode::DocumentsUnread,
                        partial: output,
                        wall_ms,
                        detail,
                    },
                });
                self.end();
            }
            Some(index) => {
                let (reason, detail) = self.first_failure(index);
                self.fail_job(cx, reason, detail);
            }
        }
    }

    /// The first node that did not end well.
    pub(super) fn first_unsound(&self) -> Option<usize> {
        (0..self.job.nodes.len()).find(|index| !self.node_is_sound(*index))
    }

    /// Pauses the job: it can be resumed.
    pub(super) fn pause(&mut self, reason: ReasonCode, detail: String) {
        self.close(Closing::Pause { reason, detail });
    }

    /// Records that a limit was reached, and pauses with what there is.
    pub(super) fn exhaust(&mut self, task_id: Option<TaskId>, dimension: Dimension) {
        if self.mood != Mood::Working {
            return;
        }
        self.emit(JobEvent::BudgetExhausted { task_id, dimension });
        self.pause(
            ReasonCode::BudgetExhausted(dimension),
            format!("the limit on {dimension} is reached"),
        );
    }

    /// Records that the wall time is used up. Calls that were let end on another limit have no more time either.
    pub(super) fn on_wall_over(&mut self) {
        match &self.mood {
            Mood::Closing(closing) if closing.lets_calls_end() => self.stop_agents(),
            _ => self.exhaust(None, Dimension::Wall),
        }
    }

    /// Takes no new step from now on. Agents are stopped, but for a used-up budget: then the calls that are paid
    /// for already may still end and be recorded.
    pub(super) fn close(&mut self, closing: Closing) {
        let may_close = match &self.mood {
            Mood::Working => true,
            // A cancelled job never ends paused, and the first reason for a pause stands: what goes wrong while agents
            // end must not cost the partial result. Only a node that stops does not wait for them.
            Mood::Closing(earlier) => *earlier != Closing::Cancel && closing.does_not_wait(),
            Mood::Composing(_) => closing == Closing::Cancel,
            Mood::New | Mood::Ended => false,
        };
        if !may_close {
            return;
        }
        let lets_calls_end = closing.lets_calls_end();
        self.mood = Mood::Closing(closing);
        self.ready.clear();
        self.preparing.clear();
        self.waiting.clear();
        self.refuse_deferred();
        self.forget_recalls();
        if !lets_calls_end {
            self.stop_agents();
        }
    }

    fn stop_agents(&mut self) {
        self.stopping = true;
        self.recalling.clear();
        if !self.agents.is_empty() {
            self.hold(LeadStep::StopAgents);
        }
    }

    /// Whether what agents of a closing job have made is still reviewed. It is paid for, and only what was reviewed
    /// comes into a partial result.
    pub(super) fn reviews_while_closing(&self) -> bool {
        let exhausted = matches!(&self.mood, Mood::Closing(closing) if closing.dimension().is_some());
        exhausted && !self.stopping
    }

    /// Goes on with closing once every agent is gone.
    pub(super) fn finish_closing(&mut self, cx: Cx) {
        let Mood::Closing(closing) = &self.mood else {
            return;
        };
        if !self.agents.is_empty() || !self.recalling.is_empty() {
            return;
        }
        let closing = closing.clone();
        if !self.has_told_enough(&closing) {
            return;
        }
        match closing {
            Closing::Cancel => {
                self.cancel_open_tasks(ReasonCode::Cancelled);
                self.emit(JobEvent::JobCancelled { wall_ms: cx.run_ms });
                self.end();
            }
            // The last task ended while the job was about to pause: there is nothing left to resume.
            Closing::Pause { .. } if self.is_complete() && self.has_concluded() => self.finish(cx),
            closing if closing.dimension().is_some() && self.job.plan.is_some() => {
                self.mood = Mood::Composing(closing);
                self.hold(LeadStep::ComposePartial);
            }
            Closing::Pause { reason, detail } => {
                self.emit(JobEvent::JobPaused {
                    reason,
                    partial: None,
                    wall_ms: cx.run_ms,
                    detail,
                });
                self.end();
            }
        }
    }

    /// Whether the job may stop, as far as the knowledge is concerned. A job that can be resumed tells the rest then,
    /// and a node that stops does not wait.
    fn has_told_enough(&mut self, closing: &Closing) -> bool {
        match closing {
            Closing::Cancel => self.has_concluded(),
            Closing::Pause { .. } if closing.does_not_wait() => true,
            Closing::Pause { .. } if self.is_complete() => self.has_concluded(),
            Closing::Pause { .. } => self.concluding.is_empty(),
        }
    }

    pub(super) fn on_partial(&mut self, cx: Cx, body: Option<Blob>) {
        let Mood::Composing(Closing::Pause { reason, detail }) = self.mood.clone() else {
            return;
        };
        let partial = body.as_ref().map(Blob::digest);
        self.outbox.blobs.extend(body);
        self.emit(JobEvent::JobPaused {
            reason,
            partial,
            wall_ms: cx.run_ms,
            detail,
        });
        self.end();
    }

    fn fail_job(&mut self, cx: Cx, reason: ReasonCode, detail: String) {
        self.cancel_open_tasks(reason);
        self.emit(JobEvent::JobFailed {
            reason,
            detail,
            wall_ms: cx.run_ms,
        });
        self.end();
    }

    fn end(&mut self) {
        self.mood = Mood::Ended;
        self.hold(LeadStep::End);
    }

    /// Ends every task that has not ended, and gives its reservations back: the job is over.
    fn cancel_open_tasks(&mut self, reason: ReasonCode) {
        for task_id in self.unended_tasks() {
            self.release_all(task_id);
            self.emit(JobEvent::TaskCancelled { task_id, reason });
        }
    }

    fn unended_tasks(&self) -> Vec<TaskId> {
        let open = self
            .job
            .tasks
            .iter()
            .filter(|(_, task)| !task.status.is_terminal());
        open.map(|(task_id, _)| *task_id).collect()
    }

    /// The output of the last node that no other node builds on.
    fn final_output(&self) -> Option<Digest> {
        match self.job.outputs_of(self.last_node()?).as_slice() {
            [output] => Some(*output),
            _ => None,
        }
    }

    /// The last node that no other node builds on.
    pub(super) fn last_node(&self) -> Option<usize> {
        let plan = self.job.plan.as_ref()?;
        let built_on = |id: &str| {
            plan.nodes
                .iter()
                .any(|node| node.deps.iter().any(|dep| dep == id))
        };
        plan.nodes.iter().rposition(|node| !built_on(&node.id))
    }

    /// Why a node did not end well, traced back to where it began.
    pub(super) fn first_failure(&self, index: usize) -> (ReasonCode, String) {
        let failed = self.job.nodes[index].tasks.iter().find_map(|task_id| {
            let task = self.job.tasks.get(task_id)?;
            Some((
                task_id,
                task.reason?,
                task.detail.as_deref().unwrap_or("no detail"),
            ))
        });
        let name = self.plan_node(index).map_or("?", |node| node.id.as_str());
        match failed {
            // The task's own words come first: a provider's failure begins with its code.
            Some((task_id, reason, detail)) => (reason, format!("{detail} ({task_id} of `{name}`)")),
            None => (ReasonCode::DependencyFailed, format!("`{name}` could not begin")),
        }
    }
}
