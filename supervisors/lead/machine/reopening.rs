//! Beginning anew: documents that are tried again when a job is resumed, and work whose documents changed under it.
//!
//! A document that is not what it was when the job listed it is set aside: its readers' work no longer counts, and
//! what was built on it is built again on the rest. A resumed job tries again just what could not be read; only where
//! that brought something is the work behind it done anew.

use std::collections::{BTreeMap, BTreeSet};

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::TaskId;
use anthill_contracts::plan::{DocumentSlice, Item, NodeKind, Role};
use anthill_contracts::task::{ReasonCode, TaskStatus};

use super::{Lead, Mood};

/// How often one task is begun anew in a run because documents changed; files that never stand still would else have
/// a job written for ever.
const REWORKED_MAX: u32 = 3;

impl Lead {
    /// How many documents were not read because of a failure, and why; nothing where all were.
    pub(super) fn words_of_unread(&self) -> Option<String> {
        let unread = self.job.unread();
        if unread.is_empty() {
            return None;
        }
        let known: BTreeSet<&str> = self.job.tasks.values().filter_map(|task| task.path()).collect();
        let documents = known.len().max(self.documents).max(unread.len());
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in unread.values() {
            *kinds.entry(words_of(*reason)).or_default() += 1;
        }
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(words, count)| format!("{count} {words}"))
            .collect();
        let noun = if documents == 1 { "document" } else { "documents" };
        Some(format!(
            "not read: {} of {documents} {noun} ({})",
            unread.len(),
            kinds.join(", ")
        ))
    }

    /// Documents are not what they were: sets them aside, and begins anew what was built on them.
    pub(super) fn on_inputs_changed(&mut self, from: AgentKey, paths: &[String]) {
        self.agents.remove(&from);
        if self.mood != Mood::Working {
            // The next lead meets the same.
            return;
        }
        let fresh: Vec<String> = paths
            .iter()
            .filter(|path| !self.job.set_aside.contains(*path))
            .cloned()
            .collect();
        let is_news = !fresh.is_empty();
        if is_news {
            self.set_aside(fresh);
        }
        let task_id = from.task_id;
        let role = self.job.node_of(task_id).and_then(|(_, node)| node.role);
        if is_news && role == Some(Role::Generalist) {
            // What it has said stands, but for what it says of these: its answer is composed again.
            self.start_agent(AgentKey {
                kind: AgentKind::Worker,
                ..from
            });
            return;
        }
        self.release_all(task_id);
        self.advance_nodes();
        if self.mood == Mood::Working && self.is_stranded(task_id) {
            let detail = format!("`{}` changed while it was worked on", paths.join("`, `"));
            self.fail(task_id, ReasonCode::InputChanged, detail);
        }
    }

    fn set_aside(&mut self, paths: Vec<String>) {
        let paths: BTreeSet<String> = paths.into_iter().collect();
        let read: Vec<(TaskId, String)> = self
            .job
            .tasks
            .iter()
            .filter(|(_, task)| task.status == TaskStatus::Succeeded)
            .filter_map(|(task_id, task)| Some((*task_id, task.path()?.to_owned())))
            .filter(|(_, path)| paths.contains(path))
            .collect();
        self.emit(JobEvent::InputsChanged {
            paths: paths.into_iter().collect(),
        });
        for (task_id, path) in read {
            self.emit(JobEvent::TaskReopened { task_id, item: None });
            self.emit(JobEvent::TaskFailed {
                task_id,
                reason: ReasonCode::InputChanged,
                detail: format!("`{path}` has changed since the job listed it"),
            });
        }
    }

    /// Whether a task has begun and nobody works on it any more.
    fn is_stranded(&self, task_id: TaskId) -> bool {
        let is_running = self
            .job
            .tasks
            .get(&task_id)
            .is_some_and(|task| task.status == TaskStatus::Running);
        is_running && !self.is_under_way(task_id)
    }

    /// Whether somebody works on a task, or is about to.
    fn is_under_way(&self, task_id: TaskId) -> bool {
        let mut agents = self.agents.iter().chain(&self.recalling);
        agents.any(|agent| agent.task_id == task_id)
            || self.preparing.contains(&task_id)
            || self.waiting.contains(&task_id)
            || self.ready.contains(&task_id)
    }

    /// Reopens nodes that were begun on other ground than there is now, once that ground stands. Who works on such a
    /// task still may end first: the call is paid for.
    pub(super) fn reopen_outdated(&mut self) {
        for index in 0..self.job.nodes.len() {
            if self.bugs.keeps_outdated {
                self.job.nodes[index].stale = false;
            }
            if !self.job.nodes[index].stale || self.mood != Mood::Working {
                continue;
            }
            let tasks = self.job.nodes[index].tasks.clone();
            let deps = self.dep_indexes(index);
            let is_due = deps.iter().all(|dep| self.stands(*dep))
                && !tasks.iter().any(|task_id| self.is_under_way(*task_id));
            if is_due {
                self.launched.remove(&index);
                self.broken.remove(&index);
                for task_id in tasks {
                    self.rework(task_id);
                }
            }
        }
    }

    fn rework(&mut self, task_id: TaskId) {
        let reworked = self.reworked.entry(task_id).or_default();
        *reworked += 1;
        if *reworked > REWORKED_MAX {
            let detail = "documents went on changing while they were written about; \
                          resume the job when they stand still";
            self.pause(ReasonCode::InputChanged, detail.to_owned());
            return;
        }
        self.release_all(task_id);
        self.reopen(task_id, None);
    }

    fn reopen(&mut self, task_id: TaskId, item: Option<Item>) {
        // Earlier work is looked for anew: it is other work now.
        self.looked_up.remove(&task_id);
        self.memo_keys.remove(&task_id);
        let item = item.map(Box::new);
        self.emit(JobEvent::TaskReopened { task_id, item });
    }

    /// Tries documents again that could not be read, as they are listed now.
    pub(super) fn retry_unread(&mut self, listed: &[Item]) {
        let unread: BTreeSet<String> = self.job.unread().into_keys().map(str::to_owned).collect();
        for index in 0..self.job.nodes.len() {
            self.retry_node(index, &unread, listed);
        }
    }

    fn retry_node(&mut self, index: usize, unread: &BTreeSet<String>, listed: &[Item]) {
        let Some(node) = self.plan_node(index) else { return };
        if node.role == Some(Role::Generalist) && !self.job.set_aside.is_empty() {
            for task_id in self.job.nodes[index].tasks.clone() {
                self.reopen(task_id, None);
            }
            return;
        }
        if node.kind == NodeKind::Documents {
            for task_id in self.job.nodes[index].tasks.clone() {
                self.reopen(task_id, None);
            }
            return;
        }
        let name = node.id.clone();
        let mut more = Vec::new();
        for (path, tasks) in self.tasks_by_path(index) {
            if unread.contains(&path) {
                more.extend(self.retry_document(&path, &tasks, listed));
            }
        }
        if !more.is_empty() {
            self.emit(JobEvent::NodeGrown {
                node: name,
                items: more,
            });
        }
    }

    fn tasks_by_path(&self, index: usize) -> BTreeMap<String, Vec<TaskId>> {
        let mut by_path: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
        for task_id in &self.job.nodes[index].tasks {
            if let Some(path) = self.job.tasks.get(task_id).and_then(|task| task.path()) {
                by_path.entry(path.to_owned()).or_default().push(*task_id);
            }
        }
        by_path
    }

    /// Reopens the tasks of one document. Answers with the parts of it for which there is no task yet.
    fn retry_document(&mut self, path: &str, tasks: &[TaskId], listed: &[Item]) -> Vec<Item> {
        let now = parts_of(path, listed);
        let is_same = |task_id: &TaskId| {
            let slice = self.slice_of(*task_id);
            now.first()
                .and_then(|item| item.document.as_ref())
                .map(|now| now.digest)
                == slice.map(|slice| slice.digest)
        };
        if now.is_empty() {
            // It is gone; what was said of it stands.
            return Vec::new();
        }
        if tasks.iter().all(is_same) {
            let failed = tasks.iter().copied().filter(|task_id| self.has_failed(*task_id));
            let mut again: Vec<TaskId> = failed.collect();
            if again.is_empty() {
                // It was set aside, and is what it was again.
                again = tasks.to_vec();
            }
            for task_id in again {
                let item = self.job.tasks.get(&task_id).and_then(|task| task.item.clone());
                self.reopen(task_id, item);
            }
            return Vec::new();
        }
        for (task_id, item) in tasks.iter().zip(&now) {
            self.reopen(*task_id, Some(item.clone()));
        }
        for task_id in tasks.iter().skip(now.len()) {
            // The document is shorter now and has no such part.
            self.reopen(*task_id, None);
            self.emit(JobEvent::TaskSucceeded {
                task_id: *task_id,
                output: None,
                reused: None,
                memo: None,
            });
        }
        now.into_iter().skip(tasks.len()).collect()
    }

    fn slice_of(&self, task_id: TaskId) -> Option<&DocumentSlice> {
        self.job.tasks.get(&task_id)?.item.as_ref()?.document.as_ref()
    }

    fn has_failed(&self, task_id: TaskId) -> bool {
        let task = self.job.tasks.get(&task_id);
        task.is_some_and(|task| task.status == TaskStatus::Failed)
    }
}

/// The parts of a document as it is listed now; of a folder that nobody could look into, the parts of all that it
/// holds.
fn parts_of(path: &str, listed: &[Item]) -> Vec<Item> {
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<Item> {
        let parts = listed.iter().filter(|item| {
            let document = item.document.as_ref();
            document.is_some_and(|document| wanted(&document.path))
        });
        parts.cloned().collect()
    };
    let own = of(&|listed| listed == path);
    if own.is_empty() {
        return of(&|listed| {
            listed
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('/'))
        });
    }
    own
}

/// Why documents were not read, as it follows their number.
const fn words_of(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::InputChanged => "changed or gone",
        ReasonCode::InputUnreadable => "not readable",
        ReasonCode::PromptTooLong => "too long for the model",
        ReasonCode::AnswerRefused => "refused by the model",
        ReasonCode::AnswerCut => "with an answer that was cut off",
        ReasonCode::Poison => "crashed its reader",
        ReasonCode::ContractViolation | ReasonCode::CriticRejected => {
            "without an answer that passes the checks"
        }
        ReasonCode::BudgetExhausted(_) => "beyond the limits of one task",
        ReasonCode::ModelError => "refused by the provider",
        _ => "failed",
    }
}
