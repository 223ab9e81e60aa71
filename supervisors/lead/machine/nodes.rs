//! Nodes of the plan: which may begin, what a map fans out to, and which task waits for a free worker.

use anthill_contracts::event::JobEvent;
use anthill_contracts::id::TaskId;
use anthill_contracts::plan::{Item, NodeKind, PlanNode};
use anthill_contracts::task::ReasonCode;

use super::{Lead, LeadStep, Mood};

impl Lead {
    /// Begins every node whose dependencies have ended; repeats while that ends further nodes.
    pub(super) fn advance_nodes(&mut self) {
        if self.mood != Mood::Working {
            return;
        }
        loop {
            self.reopen_outdated();
            if self.mood != Mood::Working {
                return;
            }
            let candidates: Vec<usize> = (0..self.job.nodes.len())
                .filter(|index| !self.launched.contains(index))
                .collect();
            let begun = candidates.into_iter().filter(|index| self.launch(*index)).count();
            if begun == 0 {
                return self.forget_listing();
            }
        }
    }

    /// Lets go of the listing once every list that needs it is written down: a hundred thousand items are in the
    /// tasks already.
    fn forget_listing(&mut self) {
        let needs_listing = |node: &PlanNode| node.kind == NodeKind::Documents || node.over.is_some();
        let nodes = self
            .job
            .plan
            .iter()
            .flat_map(|plan| plan.nodes.iter().enumerate());
        let needed = nodes
            .into_iter()
            .any(|(index, node)| needs_listing(node) && !self.launched.contains(&index));
        if !needed {
            self.listed = None;
        }
    }

    /// Finds out which nodes came to nothing because one that they build on did.
    pub(super) fn find_broken(&mut self) {
        loop {
            let builds_on_none = |index: &usize| {
                let deps = self.dep_indexes(*index);
                !self.broken.contains(index) && !deps.iter().all(|dep| self.node_is_sound(*dep))
            };
            let found: Vec<usize> = (0..self.job.nodes.len()).filter(builds_on_none).collect();
            if found.is_empty() {
                return;
            }
            self.broken.extend(found);
        }
    }

    /// Whether a node has ended in a way that its dependants can build on.
    pub(super) fn node_is_sound(&self, index: usize) -> bool {
        let (Some(state), Some(node)) = (self.job.nodes.get(index), self.plan_node(index)) else {
            return false;
        };
        let own = state.failed == 0 || (node.optional && state.succeeded > 0);
        own && state.is_complete() && !self.broken.contains(&index)
    }

    pub(super) fn plan_node(&self, index: usize) -> Option<&PlanNode> {
        self.job.plan.as_ref()?.nodes.get(index)
    }

    pub(super) fn dep_indexes(&self, index: usize) -> Vec<usize> {
        let deps = self
            .plan_node(index)
            .map(|node| node.deps.clone())
            .unwrap_or_default();
        deps.iter().filter_map(|dep| self.job.node_index(dep)).collect()
    }

    /// Begins one node if it can; answers whether it did.
    fn launch(&mut self, index: usize) -> bool {
        let deps = self.dep_indexes(index);
        // A resumed lead learns anew which nodes are broken, and only by launching them: whoever comes first in the
        // list must not build on one that comes later.
        if !deps.iter().all(|dep| self.stands(*dep)) {
            return false;
        }
        let Some(node) = self.plan_node(index).cloned() else {
            return false;
        };
        if !deps.iter().all(|dep| self.node_is_sound(*dep)) {
            self.launched.insert(index);
            self.break_node(index, &node);
            return true;
        }
        match node.kind {
            NodeKind::Documents => self.launch_documents(index),
            NodeKind::Map => self.launch_map(index, &node),
            NodeKind::Pass => self.launch_pass(index),
            NodeKind::Reduce | NodeKind::Agent | NodeKind::Verify => {
                self.launched.insert(index);
                self.queue_tasks(index);
                true
            }
        }
    }

    /// Whether a node has ended in this lead's eyes, on the ground that is there now.
    pub(super) fn stands(&self, index: usize) -> bool {
        let node = &self.job.nodes[index];
        self.launched.contains(&index) && node.is_complete() && !node.stale
    }

    /// Ends a node that can never begin.
    fn break_node(&mut self, index: usize, node: &PlanNode) {
        self.broken.insert(index);
        if !self.job.nodes[index].expanded {
            self.emit(JobEvent::NodeExpanded {
                node: node.id.clone(),
                items: Vec::new(),
            });
        }
        for task_id in self.open_tasks(index) {
            self.emit(JobEvent::TaskFailed {
                task_id,
                reason: ReasonCode::DependencyFailed,
                detail: format!("a task that `{}` needs did not succeed", node.id),
            });
        }
    }

    fn launch_documents(&mut self, index: usize) -> bool {
        let open = self.open_tasks(index);
        if open.is_empty() {
            self.launched.insert(index);
            return true;
        }
        let Some(listed) = self.listed.clone() else {
            self.ask_for_listing();
            return false;
        };
        self.launched.insert(index);
        for task_id in open {
            self.emit(JobEvent::TaskStarted { task_id, attempt: 1 });
            self.outbox.blobs.push(listed.body.clone());
            let output = Some(listed.body.digest());
            self.emit(JobEvent::TaskSucceeded {
                task_id,
                output,
                reused: None,
                memo: None,
            });
        }
        true
    }

    fn launch_map(&mut self, index: usize, node: &PlanNode) -> bool {
        if !self.job.nodes[index].expanded {
            let Some(items) = self.items_of(node) else {
                self.ask_for_listing();
                return false;
            };
            self.emit(JobEvent::NodeExpanded {
                node: node.id.clone(),
                items,
            });
        }
        self.launched.insert(index);
        self.queue_tasks(index);
        true
    }

    fn launch_pass(&mut self, index: usize) -> bool {
        self.launched.insert(index);
        for task_id in self.open_tasks(index) {
            self.emit(JobEvent::TaskStarted { task_id, attempt: 1 });
            self.emit(JobEvent::TaskSucceeded {
                task_id,
                output: None,
                reused: None,
                memo: None,
            });
        }
        true
    }

    fn items_of(&self, node: &PlanNode) -> Option<Vec<Item>> {
        if node.over.is_none() {
            let written = node.items.iter().map(|label| Item {
                label: label.clone(),
                document: None,
                kind: None,
            });
            return Some(written.collect());
        }
        self.listed.as_ref().map(|listed| listed.items.clone())
    }

    pub(super) fn ask_for_listing(&mut self) {
        if !self.listing_asked {
            self.listing_asked = true;
            self.hold(LeadStep::ListInputs);
        }
    }

    fn open_tasks(&self, index: usize) -> Vec<TaskId> {
        let open = |id: &&TaskId| {
            self.job
                .tasks
                .get(id)
                .is_some_and(|task| !task.status.is_terminal())
        };
        self.job.nodes[index].tasks.iter().filter(open).copied().collect()
    }

    fn queue_tasks(&mut self, index: usize) {
        let open = self.open_tasks(index);
        self.ready.extend(open);
    }
}
