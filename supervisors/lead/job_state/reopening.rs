//! What begins anew: tasks that are tried again, and work whose ground has changed under it.
//!
//! A task that is reopened keeps its id and everything on record; where its present work begins is a mark in each of
//! its lists. So ids stay unique, what was paid for stays in the sums, and no recorded answer is taken for an answer
//! to another question. The choice rejected was a new task for each try: then plans and counts would grow with it.

use std::collections::BTreeMap;

use anthill_contracts::artifact::{ArtifactVersion, Review};
use anthill_contracts::budget::{Amount, Dimension, Limits, Span, Usd};
use anthill_contracts::id::TaskId;
use anthill_contracts::plan::{Item, NodeKind, Role};
use anthill_contracts::step::StepRecord;
use anthill_contracts::task::{ReasonCode, TaskStatus};
use serde::{Deserialize, Serialize};

use super::{JobState, TaskState};

/// Where the present work of a task begins in what is on record of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// How often it was reopened.
    pub times: u32,
    /// Attempts before.
    pub attempt: u32,
    /// Steps before.
    pub steps: usize,
    /// Versions before.
    pub versions: usize,
    /// Reviews before.
    pub reviews: usize,
    /// What was spent before; its own limits begin beyond that.
    pub spent: Amount,
}

impl TaskState {
    /// The steps of its present work.
    pub fn own_steps(&self) -> &[StepRecord] {
        self.steps.get(self.base.steps..).unwrap_or_default()
    }

    /// The versions of its present work.
    pub fn own_versions(&self) -> &[ArtifactVersion] {
        self.versions.get(self.base.versions..).unwrap_or_default()
    }

    /// The reviews of its present work.
    pub fn own_reviews(&self) -> &[Review] {
        self.reviews.get(self.base.reviews..).unwrap_or_default()
    }

    /// Whether an attempt of its present work has begun.
    pub const fn has_begun(&self) -> bool {
        self.attempt > self.base.attempt
    }

    /// The path of the document that it works on.
    pub fn path(&self) -> Option<&str> {
        let document = self.item.as_ref()?.document.as_ref()?;
        Some(document.path.as_str())
    }
}

impl JobState {
    /// Documents of which a part was not read because of a failure, each with the first reason; those that were set
    /// aside without a reader are among them.
    pub fn unread(&self) -> BTreeMap<&str, ReasonCode> {
        let mut unread: BTreeMap<&str, ReasonCode> = BTreeMap::new();
        for task in self.tasks.values() {
            if let (TaskStatus::Failed, Some(path), Some(reason)) = (task.status, task.path(), task.reason) {
                unread.entry(path).or_insert(reason);
            }
        }
        for path in &self.set_aside {
            unread.entry(path).or_insert(ReasonCode::InputChanged);
        }
        unread
    }

    /// Whether an attempt of a node's tasks has begun.
    pub fn has_node_begun(&self, index: usize) -> bool {
        self.nodes.get(index).is_some_and(|node| {
            let mut tasks = node.tasks.iter().filter_map(|task_id| self.tasks.get(task_id));
            tasks.any(|task| task.has_begun() || task.status.is_terminal())
        })
    }

    pub(super) fn reopen(&mut self, task_id: TaskId, item: Option<&Item>) {
        self.retry_due = false;
        let role = self.node_of(task_id).and_then(|(_, node)| node.role);
        let spent = self.ledger.task_committed(task_id);
        let Some(task) = self.tasks.get_mut(&task_id) else {
            return;
        };
        let (before, node) = (task.status, task.node);
        let had_output = task.output.take().is_some();
        task.base = Base {
            times: task.base.times.saturating_add(1),
            attempt: task.attempt,
            steps: task.steps.len(),
            versions: task.versions.len(),
            reviews: task.reviews.len(),
            spent,
        };
        task.status = TaskStatus::Pending;
        (task.crashes, task.reason, task.detail) = (0, None, None);
        if let Some(item) = item {
            if let Some(document) = &item.document {
                self.set_aside.remove(&document.path);
            }
            task.item = Some(item.clone());
        }
        if role == Some(Role::Generalist) {
            // It begins on the inputs as they are now.
            self.set_aside.clear();
        }
        let Some(index) = node else { return };
        if let Some(node) = self.nodes.get_mut(index) {
            match before {
                TaskStatus::Succeeded => node.succeeded = node.succeeded.saturating_sub(1),
                TaskStatus::Failed | TaskStatus::Cancelled => node.failed = node.failed.saturating_sub(1),
                TaskStatus::Pending | TaskStatus::Running => {}
            }
            node.stale = false;
        }
        if had_output {
            self.outdate_builders(index);
        }
    }

    /// Takes note that a task which was tried again has brought something.
    pub(super) fn note_new_output(&mut self, task_id: TaskId) {
        let brought = self
            .tasks
            .get(&task_id)
            .filter(|task| task.base.times > 0 && task.output.is_some());
        if let Some(index) = brought.and_then(|task| task.node) {
            self.outdate_builders(index);
        }
    }

    /// What builds on this node and has begun does not build on what is there now.
    fn outdate_builders(&mut self, index: usize) {
        let Some(plan) = &self.plan else { return };
        // Whoever works on the list itself is told what of it is new.
        let listed = plan
            .nodes
            .get(index)
            .filter(|node| node.kind != NodeKind::Documents);
        let Some(id) = listed.map(|node| &node.id) else {
            return;
        };
        let builders: Vec<usize> = plan
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.deps.contains(id))
            .map(|(builder, _)| builder)
            .collect();
        for builder in builders {
            if self.has_node_begun(builder) {
                self.nodes[builder].stale = true;
            }
        }
    }
}

/// The same limits, counted from what is spent already.
pub(super) fn beyond(limits: Limits, spent: Amount) -> Limits {
    let raised = |limit: Option<u64>, dimension: Dimension| {
        limit.map(|limit| limit.saturating_add(spent.get(dimension)))
    };
    Limits {
        tokens_in: raised(limits.tokens_in, Dimension::TokensIn),
        tokens_out: raised(limits.tokens_out, Dimension::TokensOut),
        usd: raised(limits.usd.map(|usd| usd.0), Dimension::Usd).map(Usd),
        tool_calls: raised(limits.tool_calls, Dimension::ToolCalls),
        steps: raised(limits.steps, Dimension::Steps),
        wall: raised(limits.wall.map(|span| span.0), Dimension::Wall).map(Span),
        agents: raised(limits.agents, Dimension::Agents),
    }
}
