//! A job as its journal tells it: the fold of its events, and nothing that is not in them.
//!
//! The lead keeps one while it runs and makes the same one again when it resumes. The fold takes no clock, draws no
//! number and never fails: an event that does not fit is a defect of its writer, which [`JobState::check`] finds.

use std::collections::{BTreeMap, BTreeSet};

use anthill_actors::agent::AgentKind;
use anthill_contracts::artifact::{ArtifactVersion, Review};
use anthill_contracts::budget::{Amount, Dimension, Limits};
use anthill_contracts::digest::Digest;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{JobId, ReceiptId, TaskId};
use anthill_contracts::knowledge::Cut;
use anthill_contracts::plan::{Item, NodeKind, Plan, PlanNode};
use anthill_contracts::signal::{Proposal, Receipt};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::step::StepRecord;
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::{ReasonCode, TaskStatus};
use anthill_policy::ledger::Ledger;
use serde::{Deserialize, Serialize};

mod reopening;

pub use reopening::Base;

/// The fold of a job's journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobState {
    /// The job.
    pub job_id: JobId,
    /// What was asked for; known from the first event on.
    pub spec: Option<JobSpec>,
    /// Where the job stands.
    pub status: JobStatus,
    /// Epoch of its newest lead.
    pub epoch: u64,
    /// The plan that passed validation.
    pub plan: Option<Plan>,
    /// Reasons for which proposals were refused, one list each.
    pub refused: Vec<Vec<String>>,
    /// One entry per node of the plan, in its order.
    pub nodes: Vec<NodeState>,
    /// Every task that is known, the planning task included.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// The budget.
    pub ledger: Ledger,
    /// The result, or a partial one while the job is paused.
    pub output: Option<Digest>,
    /// Why the job paused or failed.
    pub reason: Option<ReasonCode>,
    /// For people, where it paused or failed.
    pub detail: String,
    /// What its agents were shown of what others have learned.
    #[serde(default)]
    pub receipts: BTreeMap<ReceiptId, ReceiptState>,
    /// As of when its agents are shown what others have learned.
    #[serde(default)]
    pub beginning: Option<Beginning>,
    /// Documents that are not what they were when the job listed them.
    #[serde(default)]
    pub set_aside: BTreeSet<String>,
    /// Whether the job paused because documents could not be read, and nobody has tried them again yet.
    #[serde(default)]
    pub retry_due: bool,
}

/// What a job began with: whatever is drawn by lot for one of its tasks follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    /// What was known.
    pub cut: Cut,
    /// The content of its inputs, whatever their names.
    pub inputs: Digest,
    /// How many documents these were.
    pub documents: u32,
}

/// What one agent of a task was shown, and whether the knowledge knows how that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptState {
    /// The task.
    pub task_id: TaskId,
    /// What was shown; let go of once nobody can need it any more.
    pub receipt: Option<Box<Receipt>>,
    /// What its run hands in.
    pub proposals: Vec<Proposal>,
    /// Whether the knowledge has taken the end in.
    pub credited: bool,
}

/// What is known of one node of the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its tasks, by index.
    pub tasks: Vec<TaskId>,
    /// Whether the list of its tasks is complete.
    pub expanded: bool,
    /// Tasks that ended well.
    pub succeeded: usize,
    /// Tasks that ended in any other way.
    pub failed: usize,
    /// Whether what it builds on has changed since it began.
    #[serde(default)]
    pub stale: bool,
}

impl NodeState {
    /// Whether all of its tasks are known and have ended.
    pub fn is_complete(&self) -> bool {
        self.expanded && self.succeeded + self.failed == self.tasks.len()
    }
}

/// One task as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Position of its node in the plan; `None` for the planning task.
    pub node: Option<usize>,
    /// What it works on, where its node maps over a list.
    pub item: Option<Item>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// How often its worker crashed.
    pub crashes: u32,
    /// Its steps, by number.
    pub steps: Vec<StepRecord>,
    /// The versions it posted, in order.
    pub versions: Vec<ArtifactVersion>,
    /// The reviews of these, in order.
    pub reviews: Vec<Review>,
    /// The body of its output.
    pub output: Option<Digest>,
    /// Why it ended badly.
    pub reason: Option<ReasonCode>,
    /// For people, where it failed.
    pub detail: Option<Box<str>>,
    /// Where its present work begins.
    #[serde(default)]
    pub base: Base,
}

impl TaskState {
    fn new(node: Option<usize>, item: Option<Item>) -> Self {
        Self {
            node,
            item,
            status: TaskStatus::Pending,
            attempt: 0,
            crashes: 0,
            steps: Vec::new(),
            versions: Vec::new(),
            reviews: Vec::new(),
            output: None,
            reason: None,
            detail: None,
            base: Base::default(),
        }
    }

    /// The round of work and review that is under way, from 0.
    pub fn round(&self) -> u32 {
        let rejected = self.own_reviews().iter().filter(|review| !review.accepted());
        u32::try_from(rejected.count()).unwrap_or(u32::MAX)
    }

    /// The newest version, if it waits for its review.
    pub fn unreviewed(&self) -> Option<&ArtifactVersion> {
        let newest = self.own_versions().last()?;
        let reviewed = self
            .own_reviews()
            .last()
            .is_some_and(|review| review.version == newest.version);
        (!reviewed).then_some(newest)
    }
}

impl JobState {
    /// A job of which nothing is known yet.
    pub fn new(job_id: JobId) -> Self {
        Self {
            job_id,
            spec: None,
            status: JobStatus::Running,
            epoch: 0,
            plan: None,
            refused: Vec::new(),
            nodes: Vec::new(),
            tasks: BTreeMap::new(),
            ledger: Ledger::new(Limits::default()),
            output: None,
            reason: None,
            detail: String::new(),
            receipts: BTreeMap::new(),
            beginning: None,
            set_aside: BTreeSet::new(),
            retry_due: false,
        }
    }

    /// What an agent of a task was shown, where that is on record and still of use.
    pub fn receipt(&self, receipt_id: ReceiptId) -> Option<&Receipt> {
        self.receipts.get(&receipt_id)?.receipt.as_deref()
    }

    /// The plan's node of a task.
    pub fn node_of(&self, task_id: TaskId) -> Option<(usize, &PlanNode)> {
        let index = self.tasks.get(&task_id)?.node?;
        Some((index, self.plan.as_ref()?.nodes.get(index)?))
    }

    /// Position of a node in the plan.
    pub fn node_index(&self, name: &str) -> Option<usize> {
        self.plan.as_ref()?.nodes.iter().position(|node| node.id == name)
    }

    /// Outputs of the tasks of a node that ended well, by index.
    pub fn outputs_of(&self, node: usize) -> Vec<Digest> {
        let tasks = self
            .nodes
            .get(node)
            .map(|state| state.tasks.as_slice())
            .unwrap_or_default();
        tasks
            .iter()
            .filter_map(|task_id| self.tasks.get(task_id)?.output)
            .collect()
    }

    /// What the job has cost so far.
    pub fn spent(&self) -> Amount {
        self.ledger.committed()
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &JobEvent) {
        match event {
            JobEvent::JobSubmitted { spec } => {
                self.ledger = Ledger::new(spec.budget);
                self.spec = Some((**spec).clone());
            }
            JobEvent::LeadChanged { epoch, .. } => {
                self.epoch = *epoch;
                self.status = JobStatus::Running;
                self.reason = None;
            }
            JobEvent::PlanRefused { reasons, .. } => self.refused.push(reasons.clone()),
            JobEvent::PlanProposed { plan, .. } => self.adopt_plan(plan),
            JobEvent::NodeExpanded { node, items } => self.expand(node, items, 0),
            JobEvent::NodeGrown { node, items } => {
                let known = self
                    .node_index(node)
                    .map_or(0, |index| self.nodes[index].tasks.len());
                self.expand(node, items, known);
            }
            JobEvent::BudgetToppedUp { limits } => self.ledger.set_limits(*limits),
            JobEvent::BudgetExhausted { .. } => {}
            JobEvent::JobPaused {
                reason,
                partial,
                wall_ms,
                detail,
            } => {
                self.status = JobStatus::Paused;
                self.output = *partial;
                self.retry_due |= *reason == ReasonCode::DocumentsUnread;
                self.end(Some(*reason), detail, *wall_ms);
            }
            JobEvent::JobSucceeded { output, wall_ms } => {
                self.status = JobStatus::Succeeded;
                self.output = *output;
                self.end(None, "", *wall_ms);
            }
            JobEvent::JobFailed {
                reason,
                detail,
                wall_ms,
            } => {
                self.status = JobStatus::Failed;
                self.end(Some(*reason), detail, *wall_ms);
            }
            JobEvent::JobCancelled { wall_ms } => {
                self.status = JobStatus::Cancelled;
                self.end(Some(ReasonCode::Cancelled), "", *wall_ms);
            }
            task_event => self.apply_to_task(task_event),
        }
    }

    /// Whether the fold is sound: budgets hold, statuses fit counts, steps have no gap.
    pub fn check(&self) -> Result<(), String> {
        self.ledger
            .check()
            .map_err(|broken| format!("budget: {broken:?}"))?;
        for (task_id, task) in &self.tasks {
            let gap = task
                .steps
                .iter()
                .enumerate()
                .find(|(position, step)| step.seq as usize != *position);
            if let Some((position, _)) = gap {
                return Err(format!("{task_id} has a gap at step {position}"));
            }
        }
        for (position, node) in self.nodes.iter().enumerate() {
            let count = |wanted: fn(TaskStatus) -> bool| {
                node.tasks
                    .iter()
                    .filter(|id| self.tasks.get(id).is_some_and(|task| wanted(task.status)))
                    .count()
            };
            let succeeded = count(|status| status == TaskStatus::Succeeded);
            let failed = count(|status| matches!(status, TaskStatus::Failed | TaskStatus::Cancelled));
            if (succeeded, failed) != (node.succeeded, node.failed) {
                return Err(format!(
                    "node {position} counts {node:?}, its tasks say {succeeded} and {failed}"
                ));
            }
        }
        Ok(())
    }

    fn apply_to_task(&mut self, event: &JobEvent) {
        match event {
            JobEvent::TaskStarted { task_id, attempt } => self.start_task(*task_id, *attempt),
            JobEvent::BudgetReserved {
                task_id,
                step_id,
                amount,
            } => {
                self.ledger.adopt(*task_id, *step_id, *amount);
            }
            JobEvent::BudgetReleased { step_id, .. } => self.ledger.release(*step_id),
            JobEvent::StepRecorded { task_id, step } => {
                self.ledger.settle(step.step_id, step.cost);
                self.with_task(*task_id, |task| task.steps.push(step.clone()));
            }
            JobEvent::ArtifactPosted { task_id, version } => {
                self.with_task(*task_id, |task| task.versions.push(version.clone()));
            }
            JobEvent::ArtifactReviewed { task_id, review } => {
                self.with_task(*task_id, |task| task.reviews.push(review.clone()));
            }
            JobEvent::TaskRetried { task_id, .. } => self.with_task(*task_id, |task| task.crashes += 1),
            JobEvent::TaskSucceeded { task_id, output, .. } => {
                self.end_task(*task_id, TaskStatus::Succeeded, None);
                self.with_task(*task_id, |task| task.output = *output);
                self.note_new_output(*task_id);
            }
            JobEvent::TaskFailed {
                task_id,
                reason,
                detail,
            } => {
                self.end_task(*task_id, TaskStatus::Failed, Some(*reason));
                self.with_task(*task_id, |task| task.detail = Some(detail.as_str().into()));
            }
            JobEvent::TaskCancelled { task_id, reason } => {
                self.end_task(*task_id, TaskStatus::Cancelled, Some(*reason));
            }
            JobEvent::SignalExposed { task_id, receipt } => self.expose(*task_id, receipt),
            JobEvent::SignalsProposed { task_id, proposals } => {
                let receipt_id = ReceiptId::derive(*task_id, AgentKind::Worker.as_str());
                if let Some(state) = self.receipts.get_mut(&receipt_id) {
                    state.proposals.clone_from(proposals);
                }
            }
            JobEvent::SignalCredited { receipt_id, .. } => self.credit(*receipt_id),
            JobEvent::KnowledgeCut {
                cut,
                inputs,
                documents,
            } => {
                self.beginning = Some(Beginning {
                    cut: *cut,
                    inputs: *inputs,
                    documents: *documents,
                });
            }
            JobEvent::TaskReopened { task_id, item } => self.reopen(*task_id, item.as_deref()),
            JobEvent::InputsChanged { paths } => self.set_aside.extend(paths.iter().cloned()),
            // `apply` has taken all the others.
            _ => {}
        }
    }

    fn expose(&mut self, task_id: TaskId, receipt: &Receipt) {
        let state = ReceiptState {
            task_id,
            receipt: Some(Box::new(receipt.clone())),
            proposals: Vec::new(),
            credited: false,
        };
        self.receipts.insert(receipt.receipt_id, state);
    }

    fn credit(&mut self, receipt_id: ReceiptId) {
        let Some(state) = self.receipts.get_mut(&receipt_id) else {
            return;
        };
        state.credited = true;
        state.proposals = Vec::new();
        let task = self.tasks.get(&state.task_id);
        // A job of a hundred thousand tasks would keep the words of as many receipts. One that may be tried again is
        // shown then what it was shown before.
        let is_done = |task: &TaskState| match task.status {
            TaskStatus::Succeeded => task.item.is_some() || task.node.is_none(),
            status => status.is_terminal() && task.item.is_none(),
        };
        if task.is_some_and(is_done) {
            state.receipt = None;
        }
    }

    fn with_task(&mut self, task_id: TaskId, change: impl FnOnce(&mut TaskState)) {
        if let Some(task) = self.tasks.get_mut(&task_id) {
            change(task);
        }
    }

    fn start_task(&mut self, task_id: TaskId, attempt: u32) {
        if task_id == TaskId::planning(self.job_id) {
            self.tasks
                .entry(task_id)
                .or_insert_with(|| TaskState::new(None, None));
        }
        if self.asks_model(task_id) {
            self.open_account(task_id);
            // The limit was checked before the event was written.
            let _ = self.ledger.charge(
                Some(task_id),
                Amount {
                    agents: 1,
                    ..Amount::ZERO
                },
            );
        }
        self.with_task(task_id, |task| {
            task.status = TaskStatus::Running;
            task.attempt = attempt;
        });
    }

    /// Opens the task's account when its first attempt begins: a task that waits owns none.
    fn open_account(&mut self, task_id: TaskId) {
        let Some((_, node)) = self.node_of(task_id) else {
            return;
        };
        let mut limits = node.budget;
        if let Some(spec) = &self.spec {
            let steps_max = u64::from(spec.work.steps_per_task_max);
            limits.steps = Some(limits.steps.map_or(steps_max, |steps| steps.min(steps_max)));
        }
        let spent = self
            .tasks
            .get(&task_id)
            .map_or(Amount::ZERO, |task| task.base.spent);
        self.ledger.open_task(task_id, reopening::beyond(limits, spent));
    }

    /// Whether an attempt of this task counts as an agent.
    pub fn asks_model(&self, task_id: TaskId) -> bool {
        let Some(task) = self.tasks.get(&task_id) else {
            return false;
        };
        let Some(index) = task.node else { return true };
        let node = self.plan.as_ref().and_then(|plan| plan.nodes.get(index));
        node.is_some_and(|node| {
            node.kind.asks_model() && node.role.is_some_and(|role| role.contract() != "none")
        })
    }

    fn end_task(&mut self, task_id: TaskId, status: TaskStatus, reason: Option<ReasonCode>) {
        let Some(task) = self.tasks.get_mut(&task_id) else {
            return;
        };
        task.status = status;
        task.reason = reason;
        let Some(node) = task.node.and_then(|index| self.nodes.get_mut(index)) else {
            return;
        };
        if status == TaskStatus::Succeeded {
            node.succeeded += 1;
        } else {
            node.failed += 1;
        }
    }

    fn adopt_plan(&mut self, plan: &Plan) {
        self.end_task(TaskId::planning(self.job_id), TaskStatus::Succeeded, None);
        self.plan = Some(plan.clone());
        self.nodes = vec![NodeState::default(); plan.nodes.len()];
        for (index, node) in plan.nodes.iter().enumerate() {
            if node.kind != NodeKind::Map {
                self.add_task(index, node, None);
                self.nodes[index].expanded = true;
            }
        }
    }

    fn expand(&mut self, name: &str, items: &[Item], known: usize) {
        let Some(index) = self.node_index(name) else {
            return;
        };
        let Some(node) = self.plan.as_ref().and_then(|plan| plan.nodes.get(index)).cloned() else {
            return;
        };
        for (position, item) in (known..).zip(items) {
            self.add_task(
                index,
                &node,
                Some((u32::try_from(position).unwrap_or(u32::MAX), item.clone())),
            );
        }
        self.nodes[index].expanded = true;
    }

    fn add_task(&mut self, index: usize, node: &PlanNode, item: Option<(u32, Item)>) {
        let task_id = TaskId::derive(
            self.job_id,
            &node.id,
            item.as_ref().map(|(position, _)| *position),
        );
        self.tasks
            .insert(task_id, TaskState::new(Some(index), item.map(|(_, item)| item)));
        self.nodes[index].tasks.push(task_id);
    }

    fn end(&mut self, reason: Option<ReasonCode>, detail: &str, wall_ms: u64) {
        self.reason = reason;
        detail.clone_into(&mut self.detail);
        self.ledger.charge_unchecked(Amount {
            wall_ms,
            ..Amount::ZERO
        });
    }

    /// Milliseconds of wall time that the budget still allows, if it is limited.
    pub fn wall_left_ms(&self) -> Option<u64> {
        self.ledger.left(Dimension::Wall)
    }
}

#[cfg(test)]
mod tests;
