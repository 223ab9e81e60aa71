//! The fold of a job's frames into what people want to know: how far each node is, what runs, what it cost.

use std::collections::HashMap;

use anthill_contracts::artifact::Review;
use anthill_contracts::budget::{Amount, Dimension};
use anthill_contracts::event::{Frame, JobEvent};
use anthill_contracts::id::{JobId, TaskId};
use anthill_contracts::model::ModelName;
use anthill_contracts::plan::{NodeKind, Plan};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::{ReasonCode, TaskStatus};

use crate::view::summary::standing;
use crate::words;

/// How far a job is.
#[derive(Debug, Default)]
pub struct Progress {
    last_seq: u64,
    title: Option<Title>,
    nodes: Vec<NodeProgress>,
    tasks: HashMap<TaskId, TaskProgress>,
    spent: Amount,
    saved: Amount,
}

/// What stands above the bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// The job.
    pub job_id: JobId,
    /// Its name.
    pub name: String,
    /// The model that works, or those between which workers are routed.
    pub model: String,
}

/// How far a node of the plan is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProgress {
    /// Its name.
    pub id: String,
    /// What it does.
    pub kind: NodeKind,
    /// Its tasks; unknown until a map's list is.
    pub total: Option<u64>,
    /// Tasks that ended well, reused ones included.
    pub succeeded: u64,
    /// Tasks whose work was taken from an earlier job.
    pub reused: u64,
    /// Tasks that ended otherwise.
    pub failed: u64,
    /// Tasks that are being worked on.
    pub running: u64,
}

impl NodeProgress {
    /// Tasks that have ended.
    pub const fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }
}

#[derive(Debug)]
struct TaskProgress {
    node: usize,
    label: Option<String>,
    status: TaskStatus,
    spent: Amount,
    model: Option<ModelName>,
}

/// Something worth a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The job is durable.
    Submitted(Title),
    /// Another process goes on with the job.
    Resumed {
        /// The job.
        job_id: JobId,
        /// The lead's fence.
        epoch: u64,
    },
    /// There is a plan.
    Planned {
        /// Names of the nodes.
        nodes: Vec<String>,
        /// Who wrote it.
        author: String,
    },
    /// A plan went back to its author.
    PlanRefused {
        /// Why.
        reasons: Vec<String>,
    },
    /// The list of a map became known.
    Expanded {
        /// The node.
        node: String,
        /// How many items.
        items: u64,
    },
    /// A critic sent work back.
    Rejected {
        /// The task's name.
        task: String,
        /// The kinds of flaws.
        reasons: Vec<ReasonCode>,
    },
    /// An attempt crashed and another follows.
    Retried {
        /// The task's name.
        task: String,
        /// What was seen.
        detail: String,
    },
    /// A task ended.
    TaskEnded(TaskEnd),
    /// A limit of the budget was reached.
    Exhausted(Dimension),
    /// The job ended, or stopped before its end.
    Ended {
        /// Such as `succeeded`.
        word: &'static str,
        /// Why, where it did not end well.
        reason: Option<ReasonCode>,
        /// For people.
        detail: String,
    },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEnd {
    /// The task's name.
    pub task: String,
    /// How many of its node's tasks have ended, and how many there are.
    pub position: (u64, Option<u64>),
    /// Where it stands now.
    pub status: TaskStatus,
    /// Whether its work was taken from an earlier job.
    pub reused: bool,
    /// Why it ended badly.
    pub reason: Option<ReasonCode>,
    /// For people, where it ended badly.
    pub detail: String,
    /// What it cost.
    pub spent: Amount,
    /// The model that was chosen for it, where the job routes between several.
    pub model: Option<ModelName>,
}

impl Progress {
    /// Number of the newest frame in it.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// What stands above the bars, once the job is known.
    pub const fn title(&self) -> Option<&Title> {
        self.title.as_ref()
    }

    /// The plan's nodes.
    pub fn nodes(&self) -> &[NodeProgress] {
        &self.nodes
    }

    /// What was spent.
    pub const fn spent(&self) -> Amount {
        self.spent
    }

    /// What reuse saved.
    pub const fn saved(&self) -> Amount {
        self.saved
    }

    /// Tasks that are being worked on.
    pub fn running(&self) -> u64 {
        self.nodes.iter().map(|node| node.running).sum()
    }

    /// A task's name for people: its node and what it works on.
    pub fn name_of(&self, task_id: TaskId) -> String {
        let Some(task) = self.tasks.get(&task_id) else {
            return "plan".to_owned();
        };
        let node = &self.nodes[task.node].id;
        match &task.label {
            Some(label) => format!("{node} {}", words::name(label)),
            None => node.clone(),
        }
    }

    /// Takes a frame in and answers with what is worth a line.
    pub fn apply(&mut self, frame: &Frame) -> Vec<Note> {
        self.last_seq = frame.seq;
        frame
            .events
            .iter()
            .filter_map(|event| self.on_event(frame.job_id, event))
            .collect()
    }

    fn on_event(&mut self, job_id: JobId, event: &JobEvent) -> Option<Note> {
        match event {
            JobEvent::JobSubmitted { spec } => {
                let (name, model) = (spec.name.clone(), models(spec));
                let title = Title { job_id, name, model };
                self.title = Some(title.clone());
                Some(Note::Submitted(title))
            }
            JobEvent::LeadChanged { epoch, .. } => self.on_lead_changed(job_id, *epoch),
            JobEvent::PlanProposed { plan, author } => Some(self.on_planned(job_id, plan, author)),
            JobEvent::PlanRefused { reasons, .. } => Some(Note::PlanRefused {
                reasons: reasons.clone(),
            }),
            JobEvent::NodeExpanded { node, items } | JobEvent::NodeGrown { node, items } => {
                let labels: Vec<String> = items.iter().map(|item| item.label.clone()).collect();
                self.on_expanded(job_id, node, labels)
            }
            JobEvent::BudgetExhausted { dimension, .. } => Some(Note::Exhausted(*dimension)),
            JobEvent::JobPaused { reason, detail, .. } => {
                let word = standing(JobStatus::Paused, Some(*reason));
                Some(ended(word, Some(*reason), detail))
            }
            JobEvent::JobFailed { reason, detail, .. } => Some(ended("failed", Some(*reason), detail)),
            JobEvent::JobSucceeded { .. } => Some(ended("succeeded", None, "")),
            JobEvent::JobCancelled { .. } => Some(ended("cancelled", None, "")),
            _ => self.on_task_event(event),
        }
    }

    /// A new lead starts every attempt again, so nothing runs until it says so.
    fn on_lead_changed(&mut self, job_id: JobId, epoch: u64) -> Option<Note> {
        for task in self
            .tasks
            .values_mut()
            .filter(|task| task.status == TaskStatus::Running)
        {
            task.status = TaskStatus::Pending;
            self.nodes[task.node].running = 0;
        }
        (epoch > 1).then_some(Note::Resumed { job_id, epoch })
    }

    fn on_planned(&mut self, job_id: JobId, plan: &Plan, author: &str) -> Note {
        self.nodes.clear();
        for (position, node) in plan.nodes.iter().enumerate() {
            let single = node.kind != NodeKind::Map;
            self.nodes.push(NodeProgress {
                id: node.id.clone(),
                kind: node.kind,
                total: single.then_some(1),
                succeeded: 0,
                reused: 0,
                failed: 0,
                running: 0,
            });
            if single {
                self.add_task(TaskId::derive(job_id, &node.id, None), position, None);
            }
        }
        let nodes = plan.nodes.iter().map(|node| node.id.clone()).collect();
        Note::Planned {
            nodes,
            author: author.to_owned(),
        }
    }

    fn on_expanded(&mut self, job_id: JobId, node: &str, labels: Vec<String>) -> Option<Note> {
        let position = self.nodes.iter().position(|known| known.id == node)?;
        let items = labels.len() as u64;
        let known = self.nodes[position].total.unwrap_or(0);
        self.nodes[position].total = Some(known + items);
        for (index, label) in (u32::try_from(known).unwrap_or(u32::MAX)..).zip(labels) {
            self.add_task(TaskId::derive(job_id, node, Some(index)), position, Some(label));
        }
        Some(Note::Expanded {
            node: node.to_owned(),
            items,
        })
    }

    fn add_task(&mut self, task_id: TaskId, node: usize, label: Option<String>) {
        let (status, spent) = (TaskStatus::Pending, Amount::ZERO);
        self.tasks.insert(
            task_id,
            TaskProgress {
                node,
                label,
                status,
                spent,
                model: None,
            },
        );
    }

    fn on_task_event(&mut self, event: &JobEvent) -> Option<Note> {
        match event {
            JobEvent::TaskStarted { task_id, .. } => {
                let task = self.tasks.get_mut(task_id)?;
                if task.status == TaskStatus::Pending {
                    task.status = TaskStatus::Running;
                    self.nodes[task.node].running += 1;
                }
                None
            }
            JobEvent::SignalExposed { task_id, receipt } => {
                let task = self.tasks.get_mut(task_id)?;
                if receipt.model.is_some() {
                    task.model.clone_from(&receipt.model);
                }
                None
            }
            JobEvent::StepRecorded { task_id, step } => {
                self.spent = self.spent.plus(step.cost);
                let task = self.tasks.get_mut(task_id)?;
                task.spent = task.spent.plus(step.cost);
                None
            }
            JobEvent::ArtifactReviewed { task_id, review } if !review.accepted() => Some(Note::Rejected {
                task: self.name_of(*task_id),
                reasons: kinds(review),
            }),
            JobEvent::TaskRetried { task_id, detail, .. } => Some(Note::Retried {
                task: self.name_of(*task_id),
                detail: detail.clone(),
            }),
            JobEvent::TaskSucceeded { task_id, reused, .. } => {
                if let Some(reuse) = reused {
                    self.saved = self.saved.plus(reuse.saved);
                }
                let mut end = self.end_task(*task_id, TaskStatus::Succeeded)?;
                end.reused = reused.is_some();
                if end.reused {
                    self.nodes[self.tasks.get(task_id)?.node].reused += 1;
                }
                Some(Note::TaskEnded(end))
            }
            JobEvent::TaskFailed {
                task_id,
                reason,
                detail,
            } => {
                let mut end = self.end_task(*task_id, TaskStatus::Failed)?;
                end.reason = Some(*reason);
                end.detail.clone_from(detail);
                Some(Note::TaskEnded(end))
            }
            JobEvent::TaskReopened { task_id, item } => {
                self.reopen_task(*task_id, item.as_deref().map(|item| &item.label));
                None
            }
            JobEvent::TaskCancelled { task_id, reason } => {
                let mut end = self.end_task(*task_id, TaskStatus::Cancelled)?;
                end.reason = Some(*reason);
                Some(Note::TaskEnded(end))
            }
            _ => None,
        }
    }

    /// A task that begins anew has not ended.
    fn reopen_task(&mut self, task_id: TaskId, label: Option<&String>) {
        let Some(task) = self.tasks.get_mut(&task_id) else {
            return;
        };
        let node = &mut self.nodes[task.node];
        let count = match task.status {
            TaskStatus::Pending => None,
            TaskStatus::Running => Some(&mut node.running),
            TaskStatus::Succeeded => Some(&mut node.succeeded),
            TaskStatus::Failed | TaskStatus::Cancelled => Some(&mut node.failed),
        };
        if let Some(count) = count {
            *count = count.saturating_sub(1);
        }
        task.status = TaskStatus::Pending;
        if label.is_some() {
            task.label = label.cloned();
        }
    }

    fn end_task(&mut self, task_id: TaskId, status: TaskStatus) -> Option<TaskEnd> {
        let name = self.name_of(task_id);
        let task = self.tasks.get_mut(&task_id)?;
        let node = &mut self.nodes[task.node];
        if task.status == TaskStatus::Running {
            node.running = node.running.saturating_sub(1);
        }
        if status == TaskStatus::Succeeded {
            node.succeeded += 1;
        } else {
            node.failed += 1;
        }
        task.status = status;
        Some(TaskEnd {
            task: name,
            position: (node.ended(), node.total),
            status,
            reused: false,
            reason: None,
            detail: String::new(),
            spent: task.spent,
            model: task.model.clone(),
        })
    }
}

fn ended(word: &'static str, reason: Option<ReasonCode>, detail: &str) -> Note {
    Note::Ended {
        word,
        reason,
        detail: detail.to_owned(),
    }
}

/// The models that work: the job's own, or those between which its workers are routed.
fn models(spec: &JobSpec) -> String {
    if !spec.routing.is_on() {
        return spec.model.to_string();
    }
    let names: Vec<String> = spec.routing.models.iter().map(ToString::to_string).collect();
    names.join(" or ")
}

/// The kinds of flaws in a review, each once.
fn kinds(review: &Review) -> Vec<ReasonCode> {
    let mut kinds: Vec<ReasonCode> = review.findings.iter().map(|finding| finding.reason).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests;
