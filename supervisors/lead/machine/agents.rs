//! Agents: starting them, and what their reports change.

use std::collections::BTreeSet;

use anthill_actors::agent::{AgentKey, AgentKind, AgentNews, AgentOrder, AgentReport, Trouble};
use anthill_actors::planner::PROPOSALS_MAX;
use anthill_contracts::artifact::{ArtifactVersion, Review};
use anthill_contracts::budget::{Amount, Dimension};
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::{JobEvent, Reuse};
use anthill_contracts::id::{StepId, TaskId};
use anthill_contracts::plan::NodeKind;
use anthill_contracts::step::StepRecord;
use anthill_contracts::store::Memo;
use anthill_contracts::task::ReasonCode;
use anthill_policy::ledger::{Refusal, Reserved, Scope};

use super::{Cx, Lead, LeadStep, Mood};

/// Wait before the second attempt of a task whose worker crashed; doubles with each further crash.
const BACKOFF_MS: u64 = 200;

/// Longest wait between two attempts.
const BACKOFF_MS_MAX: u64 = 30_000;

impl Lead {
    /// Gives free workers to waiting tasks.
    pub(super) fn start_ready(&mut self) {
        let workers_max = self
            .job
            .spec
            .as_ref()
            .map_or(1, |spec| spec.work.workers_max.max(1)) as usize;
        while self.mood == Mood::Working && self.busy() < workers_max {
            let Some(task_id) = self.ready.pop_front() else {
                return;
            };
            if self.wants_memo(task_id) && !self.looked_up.contains(&task_id) {
                self.preparing.insert(task_id);
                self.hold(LeadStep::LookUpMemo { task_id });
            } else {
                self.start_attempt(task_id);
            }
        }
    }

    /// Agents that work, or will in a moment.
    fn busy(&self) -> usize {
        self.agents.len() + self.preparing.len() + self.recalling.len()
    }

    pub(super) fn on_memo(&mut self, task_id: TaskId, key: Option<Digest>, memo: Option<Memo>) {
        if !self.preparing.remove(&task_id) || self.mood != Mood::Working {
            return;
        }
        self.looked_up.insert(task_id);
        if let Some(key) = key {
            self.memo_keys.insert(task_id, key);
        }
        let untouched = self.job.tasks.get(&task_id).is_some_and(|task| !task.has_begun());
        match memo.filter(|_| untouched) {
            None => self.start_attempt(task_id),
            Some(memo) => {
                let reused = Reuse {
                    job_id: memo.job_id,
                    task_id: memo.task_id,
                    saved: memo.cost,
                };
                self.emit(JobEvent::TaskSucceeded {
                    task_id,
                    output: Some(memo.output),
                    reused: Some(reused),
                    memo: None,
                });
                self.advance_nodes();
            }
        }
    }

    pub(super) fn start_planner(&mut self) {
        self.start_attempt(TaskId::planning(self.job.job_id));
    }

    pub(super) fn on_report(&mut self, report: AgentReport) {
        let from = report.from;
        if !self.agents.contains(&from) {
            return;
        }
        match report.news {
            AgentNews::Reserve { step_id, amount } => self.on_reserve(from, step_id, amount),
            AgentNews::StepTaken { step, bodies } => self.on_step_taken(from, *step, bodies),
            AgentNews::Posted {
                version,
                body,
                lessons,
            } => {
                self.keep_lessons(from.task_id, &lessons);
                self.on_posted(from, *version, body);
            }
            AgentNews::Reviewed { review } => self.on_reviewed(from, review),
            AgentNews::Planned { proposal, author } => {
                self.agents.remove(&from);
                match proposal {
                    Ok(plan) => self.hold(LeadStep::ValidatePlan { plan, author }),
                    Err(reasons) => self.refuse_plan(reasons),
                }
            }
            AgentNews::Finished => {
                self.agents.remove(&from);
                self.succeed(from.task_id, None);
            }
            AgentNews::InputsChanged { paths } => self.on_inputs_changed(from, &paths),
            AgentNews::Failed { trouble } => self.on_failed(from, trouble),
        }
    }

    pub(super) fn refuse_plan(&mut self, reasons: Vec<String>) {
        self.proposals += 1;
        let (proposal, detail) = (self.proposals, reasons.join("; "));
        self.emit(JobEvent::PlanRefused { proposal, reasons });
        if self.proposals >= PROPOSALS_MAX {
            self.failed_planning = Some(detail);
        } else if self.mood == Mood::Working {
            let task_id = TaskId::planning(self.job.job_id);
            let attempt = self.job.tasks.get(&task_id).map_or(1, |task| task.attempt);
            self.start_agent(AgentKey {
                task_id,
                attempt,
                kind: AgentKind::Planner,
            });
        }
    }

    pub(super) fn on_crashed(&mut self, cx: Cx, agent: AgentKey, detail: &str) {
        if !self.agents.remove(&agent) || self.mood != Mood::Working {
            return;
        }
        let attempts_max = self.job.spec.as_ref().map_or(1, |spec| spec.work.attempts_max);
        let task_id = agent.task_id;
        let crashes = self.job.tasks.get(&task_id).map_or(0, |task| task.crashes) + 1;
        if crashes >= attempts_max {
            let detail = format!(
                "its {} crashed {crashes} times, last: {detail}",
                agent.kind.as_str()
            );
            self.fail(task_id, ReasonCode::Poison, detail);
            return;
        }
        self.emit(JobEvent::TaskRetried {
            task_id,
            attempt: agent.attempt,
            detail: detail.to_owned(),
        });
        self.waiting.insert(task_id);
        let ceiling = BACKOFF_MS
            .saturating_mul(1 << (crashes - 1).min(20))
            .min(BACKOFF_MS_MAX);
        // Half of the wait is fixed, half is drawn: crashed tasks do not come back in step.
        let wait_ms = ceiling / 2 + cx.random % (ceiling / 2 + 1);
        self.hold(LeadStep::ArmBackoff { task_id, wait_ms });
    }

    pub(super) fn on_backoff_over(&mut self, task_id: TaskId) {
        if self.waiting.remove(&task_id) {
            self.ready.push_back(task_id);
        }
    }

    /// Fails a task and gives its reservations back.
    pub(super) fn fail(&mut self, task_id: TaskId, reason: ReasonCode, detail: String) {
        self.release_all(task_id);
        if task_id == TaskId::planning(self.job.job_id) {
            self.failed_planning = Some(detail.clone());
        }
        self.propose(task_id, Some(reason));
        self.emit(JobEvent::TaskFailed {
            task_id,
            reason,
            detail,
        });
        self.advance_nodes();
    }

    fn succeed(&mut self, task_id: TaskId, output: Option<Digest>) {
        // A critic that died while it asked may have left a reservation that its successor had no use for.
        self.release_all(task_id);
        let memo = self.memo_keys.remove(&task_id);
        self.propose(task_id, None);
        self.emit(JobEvent::TaskSucceeded {
            task_id,
            output,
            reused: None,
            memo,
        });
        self.advance_nodes();
    }

    /// Whether this task's work may be taken from an earlier job: it asks a model, and a critic stands behind it.
    fn wants_memo(&self, task_id: TaskId) -> bool {
        let reviewed = self.job.node_of(task_id).is_some_and(|(_, node)| node.review);
        reviewed && self.job.asks_model(task_id)
    }

    pub(super) fn start_attempt(&mut self, task_id: TaskId) {
        let planning = task_id == TaskId::planning(self.job.job_id);
        let counts_as_agent = planning || self.job.asks_model(task_id);
        if counts_as_agent && self.job.ledger.left(Dimension::Agents) == Some(0) {
            self.exhaust(Some(task_id), Dimension::Agents);
            return;
        }
        let attempt = self.job.tasks.get(&task_id).map_or(0, |task| task.attempt) + 1;
        // An attempt that was interrupted is no fault of the task: its share is for crashes.
        let started = self
            .job
            .tasks
            .get(&task_id)
            .map_or(0, |task| u64::from(task.crashes))
            + 1;
        let share = self.job.node_of(task_id).and_then(|(_, node)| node.budget.agents);
        if share.is_some_and(|share| counts_as_agent && started > share) {
            let reason = ReasonCode::BudgetExhausted(Dimension::Agents);
            self.fail(task_id, reason, "the task may not start another agent".to_owned());
            return;
        }
        let kind = self.kind_of_first(task_id);
        let key = AgentKey {
            task_id,
            attempt,
            kind,
        };
        if self.wants_recall(key) {
            self.recall(key);
            return;
        }
        self.emit(JobEvent::TaskStarted { task_id, attempt });
        self.start_agent(key);
    }

    /// Which agent an attempt begins with.
    fn kind_of_first(&self, task_id: TaskId) -> AgentKind {
        if task_id == TaskId::planning(self.job.job_id) {
            return AgentKind::Planner;
        }
        let unreviewed = self
            .job
            .tasks
            .get(&task_id)
            .is_some_and(|task| task.unreviewed().is_some());
        let verifies = self
            .job
            .node_of(task_id)
            .is_some_and(|(_, node)| node.kind == NodeKind::Verify);
        if unreviewed || verifies {
            AgentKind::Critic
        } else {
            AgentKind::Worker
        }
    }

    pub(super) fn start_agent(&mut self, key: AgentKey) {
        let reviews = key.kind == AgentKind::Critic && self.reviews_while_closing();
        if self.mood == Mood::Working || reviews {
            self.agents.insert(key);
            self.hold(LeadStep::StartAgent(key));
        }
    }

    fn start_critic(&mut self, key: AgentKey) {
        let starts = self.mood == Mood::Working || self.reviews_while_closing();
        if starts && self.wants_recall(key) {
            self.recall(key);
        } else {
            self.start_agent(key);
        }
    }

    fn on_reserve(&mut self, from: AgentKey, step_id: StepId, amount: Amount) {
        if let Mood::Closing(closing) = &self.mood {
            let dimension = closing.dimension().unwrap_or(Dimension::Steps);
            // Where agents are what is used up, those that were started still work: they are paid for.
            let works_on = dimension == Dimension::Agents && !self.stopping;
            if !works_on || self.reserve(from, step_id, amount).is_err() {
                self.hold(LeadStep::Tell(from, AgentOrder::Refused(step_id, dimension)));
            }
            return;
        }
        match self.reserve(from, step_id, amount) {
            Ok(()) => {}
            Err(Refusal {
                dimension,
                scope: Scope::Job,
            }) if self.may_come_back(from, dimension) => self.deferred.push_back((from, step_id, amount)),
            Err(Refusal { dimension, scope }) => {
                self.hold(LeadStep::Tell(from, AgentOrder::Refused(step_id, dimension)));
                if scope == Scope::Job {
                    self.exhaust(Some(from.task_id), dimension);
                }
            }
        }
    }

    /// Sets a step's worst case aside and lets its agent take it, if the budget has room.
    fn reserve(&mut self, from: AgentKey, step_id: StepId, amount: Amount) -> Result<(), Refusal> {
        let task_id = from.task_id;
        if self.job.ledger.reserve(task_id, step_id, amount)? != Reserved::Again {
            self.emit(JobEvent::BudgetReserved {
                task_id,
                step_id,
                amount,
            });
        }
        self.hold(LeadStep::Tell(from, AgentOrder::Granted(step_id)));
        Ok(())
    }

    /// Whether a step under way holds some of what is missing, and may cost less: a worst case that is set aside for
    /// others is no budget used up. Steps of agents that wait themselves, or are gone, give nothing back.
    fn may_come_back(&self, from: AgentKey, dimension: Dimension) -> bool {
        let waits =
            |agent: &AgentKey| *agent == from || self.deferred.iter().any(|(other, ..)| other == agent);
        let working: BTreeSet<TaskId> = self
            .agents
            .iter()
            .filter(|agent| !waits(agent))
            .map(|agent| agent.task_id)
            .collect();
        self.job
            .ledger
            .outstanding()
            .any(|(task_id, _, amount)| amount.get(dimension) > 0 && working.contains(&task_id))
    }

    /// Asks again for what did not fit, in the order in which it was asked for.
    pub(super) fn retry_deferred(&mut self) {
        while let Some((from, step_id, amount)) = self.deferred.pop_front() {
            if !self.agents.contains(&from) {
                continue;
            }
            self.on_reserve(from, step_id, amount);
            // It waits again, now at the end: the place at the front is its own.
            if self.deferred.back().is_some_and(|(last, ..)| *last == from) {
                self.deferred.rotate_right(1);
                return;
            }
        }
    }

    /// Refuses what still waits: the job takes no new step.
    pub(super) fn refuse_deferred(&mut self) {
        for (from, step_id, amount) in std::mem::take(&mut self.deferred) {
            self.on_reserve(from, step_id, amount);
        }
    }

    fn on_step_taken(&mut self, from: AgentKey, step: StepRecord, bodies: Vec<Blob>) {
        let expected = self
            .job
            .tasks
            .get(&from.task_id)
            .map_or(0, |task| task.steps.len());
        let fits = step.seq as usize == expected && step.step_id == StepId::derive(from.task_id, step.seq);
        if !fits {
            return;
        }
        let step_id = step.step_id;
        self.outbox.blobs.extend(bodies);
        self.emit(JobEvent::StepRecorded {
            task_id: from.task_id,
            step,
        });
        self.hold(LeadStep::Tell(from, AgentOrder::Durable(step_id)));
    }

    fn on_posted(&mut self, from: AgentKey, version: ArtifactVersion, body: Blob) {
        self.agents.remove(&from);
        let task_id = from.task_id;
        let known = self
            .job
            .tasks
            .get(&task_id)
            .is_some_and(|task| task.versions.contains(&version));
        let output = version.body;
        if !known {
            self.outbox.blobs.push(body);
            self.emit(JobEvent::ArtifactPosted { task_id, version });
        }
        if self.job.node_of(task_id).is_some_and(|(_, node)| node.review) {
            self.start_critic(AgentKey {
                kind: AgentKind::Critic,
                ..from
            });
        } else {
            self.succeed(task_id, Some(output));
        }
    }

    fn on_reviewed(&mut self, from: AgentKey, review: Review) {
        self.agents.remove(&from);
        let task_id = from.task_id;
        let (accepted, round, summary) = (review.accepted(), review.round, summary(&review));
        self.emit(JobEvent::ArtifactReviewed { task_id, review });
        let verified = self
            .job
            .node_of(task_id)
            .filter(|(_, node)| node.kind == NodeKind::Verify);
        if let Some((index, _)) = verified {
            let output = self
                .dep_indexes(index)
                .into_iter()
                .find_map(|dep| self.job.outputs_of(dep).pop());
            if accepted {
                self.succeed(task_id, output);
            } else {
                self.fail(task_id, ReasonCode::CriticRejected, summary);
            }
            return;
        }
        let rounds_max = self.job.spec.as_ref().map_or(0, |spec| spec.review.rounds);
        if accepted {
            let output = self.job.tasks.get(&task_id).and_then(|task| task.versions.last());
            let output = output.map(|version| version.body);
            self.succeed(task_id, output);
        } else if round >= rounds_max {
            self.fail(task_id, ReasonCode::CriticRejected, summary);
        } else {
            self.start_agent(AgentKey {
                kind: AgentKind::Worker,
                ..from
            });
        }
    }

    fn on_failed(&mut self, from: AgentKey, trouble: Trouble) {
        self.agents.remove(&from);
        let exhausted = matches!(trouble.reason, ReasonCode::BudgetExhausted(_));
        if exhausted && self.mood != Mood::Working {
            return;
        }
        if trouble.concerns_job {
            self.release_all(from.task_id);
            self.pause(trouble.reason, trouble.detail);
        } else {
            self.fail(from.task_id, trouble.reason, trouble.detail);
        }
    }

    pub(super) fn release_all(&mut self, task_id: TaskId) {
        let outstanding: Vec<StepId> = self
            .job
            .ledger
            .outstanding()
            .filter(|(owner, _, _)| *owner == task_id)
            .map(|(_, step_id, _)| step_id)
            .collect();
        for step_id in outstanding {
            self.emit(JobEvent::BudgetReleased { task_id, step_id });
        }
    }
}

/// The first flaws of a review, for people.
fn summary(review: &Review) -> String {
    let shown: Vec<String> = review
        .findings
        .iter()
        .take(3)
        .map(|flaw| format!("{}: {}", flaw.reason, flaw.detail))
        .collect();
    let more = review.findings.len().saturating_sub(shown.len());
    match more {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}
