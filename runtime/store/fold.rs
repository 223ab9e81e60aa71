//! What people see of a job, folded from its journal, pure.
//!
//! The projector, a reader whose projection lags behind, and the test of both run this one fold, so a row means the
//! same wherever it comes from. The fold keeps what it needs to go on (the job, its tasks, counts); what only grows
//! (steps, versions, reviews, memos) leaves through the [`Delta`].

use std::collections::{BTreeSet, HashMap};

use anthill_contracts::artifact::{ArtifactVersion, Review};
use anthill_contracts::budget::Amount;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::{Frame, JobEvent, Reuse};
use anthill_contracts::id::{ArtifactId, JobId, TaskId, TenantId};
use anthill_contracts::plan::{Item, NodeKind, Plan, PlanNode, Role};
use anthill_contracts::signal::Receipt;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::step::StepRecord;
use anthill_contracts::store::{ArtifactRow, JobRow, JobStatus, Memo, StepRow, TaskRow};
use anthill_contracts::task::{ReasonCode, TaskStatus};

use score::Scores;

mod score;

/// The name under which the planning task is listed; no node of a plan may have it.
pub const PLANNING: &str = "#plan";

/// A job's rows that may still change.
#[derive(Debug, Clone)]
pub struct JobFold {
    job_id: JobId,
    head: Digest,
    seq: u64,
    job: Option<JobRow>,
    tasks: Vec<TaskRow>,
    asks_model: Vec<bool>,
    positions: HashMap<TaskId, usize>,
    maps: HashMap<String, bool>,
    /// How many tasks of each map are known.
    expanded: HashMap<String, u32>,
    steps: u64,
    versions: HashMap<(ArtifactId, u32), VersionEntry>,
    scores: Scores,
}

#[derive(Debug, Clone, Copy)]
struct VersionEntry {
    position: u64,
    task: Option<usize>,
    reviews: u64,
}

/// What some frames changed.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// Positions of tasks that are new or changed.
    pub tasks: BTreeSet<usize>,
    /// New steps with their positions.
    pub steps: Vec<(u64, StepRow)>,
    /// New versions with their positions, without reviews.
    pub artifacts: Vec<(u64, ArtifactRow)>,
    /// New reviews.
    pub reviews: Vec<ReviewEntry>,
    /// New memos.
    pub memos: Vec<MemoEntry>,
}

/// A review with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewEntry {
    /// Position of the version.
    pub artifact: u64,
    /// Number of the review within the version, from 0.
    pub number: u64,
    /// The review.
    pub review: Review,
}

/// A memo with what it is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoEntry {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its key.
    pub key: Digest,
    /// When the task ended.
    pub at: Timestamp,
    /// The finished work.
    pub memo: Memo,
}

impl JobFold {
    /// A job of which nothing is known.
    pub fn new(job_id: JobId) -> Self {
        Self {
            job_id,
            head: crate::journal::GENESIS,
            seq: 0,
            job: None,
            tasks: Vec::new(),
            asks_model: Vec::new(),
            positions: HashMap::new(),
            maps: HashMap::new(),
            expanded: HashMap::new(),
            steps: 0,
            versions: HashMap::new(),
            scores: Scores::default(),
        }
    }

    /// Number of the last frame in it.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Hash of the last frame in it.
    pub const fn head(&self) -> Digest {
        self.head
    }

    /// The job's row, once it was submitted.
    pub const fn job(&self) -> Option<&JobRow> {
        self.job.as_ref()
    }

    /// The tasks in the order in which they became known.
    pub fn tasks(&self) -> &[TaskRow] {
        &self.tasks
    }

    /// Takes the next frame in.
    pub fn apply(&mut self, frame: Frame, delta: &mut Delta) {
        assert_eq!(frame.seq, self.seq + 1, "a journal is folded frame by frame");
        (self.seq, self.head) = (frame.seq, frame.hash);
        let at = frame.at;
        for event in frame.events {
            self.take(event, at, delta);
        }
        let tasks = self.tasks.len() as u64;
        if let Some(job) = &mut self.job {
            (job.seq, job.epoch, job.updated_at, job.tasks) = (frame.seq, frame.epoch, at, tasks);
            job.score = self.scores.of_job();
        }
    }

    fn take(&mut self, event: JobEvent, at: Timestamp, delta: &mut Delta) {
        match event {
            JobEvent::JobSubmitted { spec } => self.submit(*spec, at),
            JobEvent::LeadChanged { .. } => self.stand(JobStatus::Running, None, None),
            JobEvent::PlanProposed { plan, .. } => self.adopt(plan, at, delta),
            JobEvent::NodeExpanded { node, items } => self.expand((&node, 0), items, delta),
            JobEvent::NodeGrown { node, items } => {
                let known = self.expanded.get(&node).copied().unwrap_or(0);
                self.expand((&node, known), items, delta);
            }
            JobEvent::JobPaused {
                reason,
                detail,
                partial,
                wall_ms,
            } => {
                self.stand(JobStatus::Paused, Some(reason), Some(detail));
                self.end_run(partial, wall_ms);
            }
            JobEvent::JobSucceeded { output, wall_ms } => {
                self.stand(JobStatus::Succeeded, None, None);
                self.end_run(output, wall_ms);
            }
            JobEvent::JobFailed {
                reason,
                detail,
                wall_ms,
            } => {
                self.stand(JobStatus::Failed, Some(reason), Some(detail));
                self.end_run(None, wall_ms);
            }
            JobEvent::JobCancelled { wall_ms } => {
                self.stand(JobStatus::Cancelled, Some(ReasonCode::Cancelled), None);
                self.end_run(None, wall_ms);
            }
            // Nothing that a row shows.
            JobEvent::PlanRefused { .. }
            | JobEvent::BudgetReserved { .. }
            | JobEvent::BudgetReleased { .. }
            | JobEvent::BudgetExhausted { .. }
            | JobEvent::BudgetToppedUp { .. }
            | JobEvent::SignalsProposed { .. }
            | JobEvent::SignalCredited { .. }
            | JobEvent::KnowledgeCut { .. }
            | JobEvent::InputsChanged { .. } => {}
            event => self.take_task_event(event, at, delta),
        }
    }

    fn take_task_event(&mut self, event: JobEvent, at: Timestamp, delta: &mut Delta) {
        match event {
            JobEvent::TaskStarted { task_id, attempt } => self.start(task_id, attempt, at, delta),
            JobEvent::StepRecorded { task_id, step } => self.record(task_id, step, at, delta),
            JobEvent::ArtifactPosted { task_id, version } => self.post(task_id, (version, at), delta),
            JobEvent::ArtifactReviewed { review, .. } => self.review(review, delta),
            JobEvent::SignalExposed { task_id, receipt } => self.expose(task_id, &receipt, delta),
            JobEvent::TaskSucceeded {
                task_id,
                output,
                reused,
                memo,
            } => {
                let ending = Ending {
                    status: TaskStatus::Succeeded,
                    reason: None,
                    detail: None,
                    at,
                };
                if let Some(position) = self.end(task_id, ending, delta) {
                    self.settle(position, output, reused);
                    self.memorize(position, memo, at, delta);
                }
            }
            JobEvent::TaskFailed {
                task_id,
                reason,
                detail,
            } => {
                let ending = Ending {
                    status: TaskStatus::Failed,
                    reason: Some(reason),
                    detail: Some(detail),
                    at,
                };
                if let Some(position) = self.end(task_id, ending, delta) {
                    let score = reason.judges_work().then_some(0);
                    self.scores.set(position, (&mut self.tasks[position], score));
                }
            }
            JobEvent::TaskCancelled { task_id, reason } => {
                let ending = Ending {
                    status: TaskStatus::Cancelled,
                    reason: Some(reason),
                    detail: None,
                    at,
                };
                self.end(task_id, ending, delta);
            }
            JobEvent::TaskReopened { task_id, item } => self.reopen(task_id, item, delta),
            // A crashed attempt is followed by another, which says more.
            _ => {}
        }
    }

    fn submit(&mut self, spec: JobSpec, at: Timestamp) {
        self.scores.begin(&spec);
        self.job = Some(JobRow {
            job_id: self.job_id,
            name: spec.name,
            tenant: spec.tenant,
            goal: spec.goal,
            status: JobStatus::Running,
            reason: None,
            detail: None,
            submitted_at: at,
            updated_at: at,
            seq: 0,
            epoch: 0,
            tasks: 0,
            tasks_succeeded: 0,
            tasks_reused: 0,
            spent: Amount::ZERO,
            saved: Amount::ZERO,
            output: None,
            score: None,
        });
    }

    fn stand(&mut self, status: JobStatus, reason: Option<ReasonCode>, detail: Option<String>) {
        if let Some(job) = &mut self.job {
            (job.status, job.reason) = (status, reason);
            job.detail = detail.filter(|text| !text.is_empty());
        }
    }

    fn end_run(&mut self, output: Option<Digest>, wall_ms: u64) {
        self.spend(Amount {
            wall_ms,
            ..Amount::ZERO
        });
        if let Some(job) = &mut self.job {
            job.output = output;
        }
    }

    fn spend(&mut self, cost: Amount) {
        if let Some(job) = &mut self.job {
            job.spent = job.spent.plus(cost);
        }
    }

    fn adopt(&mut self, plan: Plan, at: Timestamp, delta: &mut Delta) {
        let planning = TaskId::planning(self.job_id);
        if self.positions.contains_key(&planning) {
            let ending = Ending {
                status: TaskStatus::Succeeded,
                reason: None,
                detail: None,
                at,
            };
            if let Some(position) = self.end(planning, ending, delta) {
                self.settle(position, None, None);
            }
        }
        for node in plan.nodes {
            let asks_model = asks_model(&node);
            if node.kind == NodeKind::Map {
                self.maps.insert(node.id, asks_model);
            } else {
                let task_id = TaskId::derive(self.job_id, &node.id, None);
                self.add(
                    task_id,
                    Listed {
                        node: node.id,
                        label: None,
                        document: None,
                        asks_model,
                    },
                    delta,
                );
            }
        }
    }

    fn expand(&mut self, (node, first): (&str, u32), items: Vec<Item>, delta: &mut Delta) {
        let asks_model = self.maps.get(node).copied().unwrap_or(false);
        let known = first.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
        self.expanded.insert(node.to_owned(), known);
        for (index, item) in (first..).zip(items) {
            let task_id = TaskId::derive(self.job_id, node, Some(index));
            let listed = Listed {
                node: node.to_owned(),
                label: Some(item.label),
                document: item.document.map(|document| document.path),
                asks_model,
            };
            self.add(task_id, listed, delta);
        }
    }

    /// Position of a task; one that no plan announced is listed under what is known of it.
    fn position(&mut self, task_id: TaskId, delta: &mut Delta) -> usize {
        if let Some(position) = self.positions.get(&task_id) {
            return *position;
        }
        let is_planning = task_id == TaskId::planning(self.job_id);
        let node = if is_planning {
            PLANNING.to_owned()
        } else {
            task_id.to_string()
        };
        self.add(
            task_id,
            Listed {
                node,
                label: None,
                document: None,
                asks_model: is_planning,
            },
            delta,
        )
    }

    fn add(&mut self, task_id: TaskId, listed: Listed, delta: &mut Delta) -> usize {
        if let Some(position) = self.positions.get(&task_id) {
            return *position;
        }
        let position = self.tasks.len();
        self.positions.insert(task_id, position);
        self.asks_model.push(listed.asks_model);
        self.tasks.push(TaskRow {
            task_id,
            node: listed.node,
            label: listed.label,
            status: TaskStatus::Pending,
            attempt: 0,
            reason: None,
            detail: None,
            spent: Amount::ZERO,
            reused: None,
            output: None,
            started_at: None,
            ended_at: None,
            model: None,
            score: None,
            estimated: false,
        });
        self.scores.add(listed.document.as_deref());
        delta.tasks.insert(position);
        position
    }

    fn expose(&mut self, task_id: TaskId, receipt: &Receipt, delta: &mut Delta) {
        let Some(position) = self.positions.get(&task_id).copied() else {
            return;
        };
        self.scores.expose(position, receipt);
        if receipt.model.is_some() {
            self.tasks[position].model.clone_from(&receipt.model);
            delta.tasks.insert(position);
        }
    }

    fn start(&mut self, task_id: TaskId, attempt: u32, at: Timestamp, delta: &mut Delta) {
        let position = self.position(task_id, delta);
        let agents = Amount {
            agents: u64::from(self.asks_model[position]),
            ..Amount::ZERO
        };
        self.spend(agents);
        let task = &mut self.tasks[position];
        task.spent = task.spent.plus(agents);
        if task.status.may_become(TaskStatus::Running) {
            (task.status, task.attempt) = (TaskStatus::Running, attempt);
            task.started_at.get_or_insert(at);
        }
        delta.tasks.insert(position);
    }

    fn record(&mut self, task_id: TaskId, step: StepRecord, at: Timestamp, delta: &mut Delta) {
        let position = self.position(task_id, delta);
        self.tasks[position].spent = self.tasks[position].spent.plus(step.cost);
        self.tasks[position].estimated |= step.kind.is_estimated();
        self.spend(step.cost);
        delta.tasks.insert(position);
        let row = StepRow {
            task_id,
            step_id: step.step_id,
            seq: step.seq,
            kind: step.kind,
            cost: step.cost,
            request: step.request,
            answer: step.answer,
            at,
        };
        delta.steps.push((self.steps, row));
        self.steps += 1;
    }

    fn post(&mut self, task_id: TaskId, (version, at): (ArtifactVersion, Timestamp), delta: &mut Delta) {
        let task = self.positions.get(&task_id).copied();
        if let Some(task) = task {
            self.scores.post(task);
        }
        let position = self.versions.len() as u64;
        let key = (version.artifact_id, version.version);
        if self.versions.contains_key(&key) {
            return;
        }
        let entry = VersionEntry {
            position,
            task,
            reviews: 0,
        };
        self.versions.insert(key, entry);
        delta.artifacts.push((
            position,
            ArtifactRow {
                version,
                reviews: Vec::new(),
                at,
            },
        ));
    }

    fn review(&mut self, review: Review, delta: &mut Delta) {
        let Some(entry) = self.versions.get_mut(&(review.artifact_id, review.version)) else {
            return;
        };
        if let Some(task) = entry.task.filter(|_| review.accepted()) {
            let score = u16::try_from(review.score_milli).ok();
            self.scores.set(task, (&mut self.tasks[task], score));
            delta.tasks.insert(task);
        }
        delta.reviews.push(ReviewEntry {
            artifact: entry.position,
            number: entry.reviews,
            review,
        });
        entry.reviews += 1;
    }

    /// Ends a task, unless it has ended before: the first outcome stands for ever.
    fn end(&mut self, task_id: TaskId, ending: Ending, delta: &mut Delta) -> Option<usize> {
        let position = self.position(task_id, delta);
        let task = &mut self.tasks[position];
        if !task.status.may_become(ending.status) {
            return None;
        }
        (task.status, task.reason) = (ending.status, ending.reason);
        task.detail = ending.detail.filter(|text| !text.is_empty());
        task.ended_at = Some(ending.at);
        delta.tasks.insert(position);
        Some(position)
    }

    /// Begins a task anew: its first end no longer stands.
    fn reopen(&mut self, task_id: TaskId, item: Option<Box<Item>>, delta: &mut Delta) {
        let position = self.position(task_id, delta);
        let task = &mut self.tasks[position];
        let (ended, reused) = (task.status, task.reused.take());
        task.status = TaskStatus::Pending;
        (task.reason, task.detail, task.output, task.ended_at) = (None, None, None, None);
        if let Some(item) = item {
            task.label = Some(item.label);
        }
        self.scores.set(position, (&mut self.tasks[position], None));
        delta.tasks.insert(position);
        let Some(job) = self.job.as_mut().filter(|_| ended == TaskStatus::Succeeded) else {
            return;
        };
        job.tasks_succeeded = job.tasks_succeeded.saturating_sub(1);
        if let Some(reuse) = reused {
            job.tasks_reused = job.tasks_reused.saturating_sub(1);
            job.saved = job.saved.minus(reuse.saved);
        }
    }

    fn settle(&mut self, position: usize, output: Option<Digest>, reused: Option<Reuse>) {
        if let Some(job) = &mut self.job {
            job.tasks_succeeded += 1;
            if let Some(reuse) = &reused {
                job.tasks_reused += 1;
                job.saved = job.saved.plus(reuse.saved);
            }
        }
        (self.tasks[position].output, self.tasks[position].reused) = (output, reused);
    }

    fn memorize(&self, position: usize, key: Option<Digest>, at: Timestamp, delta: &mut Delta) {
        let task = &self.tasks[position];
        let (Some(key), Some(output), Some(job)) = (key, task.output, &self.job) else {
            return;
        };
        // Work that was itself taken over is worth what it cost when it was done.
        let cost = task.reused.as_ref().map_or(task.spent, |reuse| reuse.saved);
        let memo = Memo {
            job_id: self.job_id,
            task_id: task.task_id,
            output,
            cost,
        };
        delta.memos.push(MemoEntry {
            tenant: job.tenant.clone(),
            key,
            at,
            memo,
        });
    }
}

/// What is known of a task before it starts.
struct Listed {
    node: String,
    label: Option<String>,
    document: Option<String>,
    asks_model: bool,
}

struct Ending {
    status: TaskStatus,
    reason: Option<ReasonCode>,
    detail: Option<String>,
    at: Timestamp,
}

/// Whether an attempt of this node's tasks counts as an agent.
fn asks_model(node: &PlanNode) -> bool {
    node.kind.asks_model() && node.role.is_some_and(|role| role != Role::Nobody)
}

/// Versions with their reviews, from what a fold gave out.
pub fn join_reviews(artifacts: Vec<(u64, ArtifactRow)>, reviews: Vec<ReviewEntry>) -> Vec<ArtifactRow> {
    let mut of: HashMap<u64, Vec<ReviewEntry>> = HashMap::new();
    for entry in reviews {
        of.entry(entry.artifact).or_default().push(entry);
    }
    let join = |(position, mut row): (u64, ArtifactRow)| {
        let mut entries = of.remove(&position).unwrap_or_default();
        entries.sort_by_key(|entry| entry.number);
        row.reviews = entries.into_iter().map(|entry| entry.review).collect();
        row
    };
    artifacts.into_iter().map(join).collect()
}

#[cfg(test)]
mod tests;
