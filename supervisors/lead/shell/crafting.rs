//! Starting agents: everything that one needs is read from the job's state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_actors::planning::PlannerCraft;
use anthill_actors::review::{CriticCraft, Subject};
use anthill_actors::step_agent::{AgentArguments, AgentHandle, Craft, Past};
use anthill_actors::worker::{Covered, WorkerCraft};
use anthill_contracts::brief::{SkipReason, Skipped};
use anthill_contracts::id::{ArtifactId, ReceiptId, TaskId};
use anthill_contracts::model::ModelName;
use anthill_contracts::plan::{NodeKind, PlanNode, Role};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::step::{Phase, StepRecord};
use anthill_contracts::task::TaskStatus;
use ractor::ActorProcessingErr;
use tracing::{debug, info_span};

use super::LeadShell;
use super::learning::routed;
use crate::lead::job_state::{JobState, TaskState};

impl LeadShell {
    pub(super) async fn start_agent(&mut self, key: AgentKey) -> Result<(), ActorProcessingErr> {
        self.shared.refresh(self.machine.job());
        let setting = self.setting(key);
        let job = self.machine.job();
        let task = job.tasks.get(&key.task_id).ok_or("an agent without a task")?;
        let spec = match key.kind {
            AgentKind::Worker => self.shared.spec_of_worker(routed(job, key)),
            AgentKind::Critic | AgentKind::Planner => self.shared.spec(),
        };
        let spec = spec.ok_or("an agent before the spec")?;
        let round = match key.kind {
            AgentKind::Planner => u32::try_from(job.refused.len()).unwrap_or(u32::MAX),
            AgentKind::Worker | AgentKind::Critic => task.round(),
        };
        let craft = self
            .craft(key, task, &spec, round)
            .ok_or("an agent without a node")?;
        let arguments = AgentArguments {
            key,
            job_id: job.job_id,
            spec,
            craft,
            next_seq: u32::try_from(task.steps.len()).unwrap_or(u32::MAX),
            round,
            setting,
            ports: self.ports.clone(),
            report: self.report_sink(),
            span: info_span!(
                parent: &self.span,
                "task",
                task_id = %key.task_id,
                attempt = key.attempt,
                agent = key.kind.as_str()
            ),
        };
        debug!(job_id = %job.job_id, task_id = %key.task_id, attempt = key.attempt, kind = key.kind.as_str(), "agent starts");
        let (handle, cell) = AgentHandle::start(arguments, self.cell()).await?;
        self.crew.join(key, cell.get_id(), handle);
        Ok(())
    }

    fn craft(
        &self,
        key: AgentKey,
        task: &TaskState,
        spec: &Arc<JobSpec>,
        round: u32,
    ) -> Option<Arc<dyn Craft>> {
        let job = self.machine.job();
        let receipt = job
            .receipt(ReceiptId::derive(key.task_id, key.kind.as_str()))
            .cloned();
        if key.kind == AgentKind::Planner {
            return Some(Arc::new(PlannerCraft {
                spec: Arc::clone(spec),
                documents: self.machine.documents(),
                refused: job.refused.concat(),
                receipt,
                past: past(key.task_id, task, |step| step.round == round),
            }));
        }
        let (index, _) = job.node_of(key.task_id)?;
        let node = self.shared.node(index)?;
        if key.kind == AgentKind::Critic {
            let verifies = node.kind == NodeKind::Verify;
            return Some(Arc::new(CriticCraft {
                spec: Arc::clone(spec),
                node: Arc::clone(&node),
                subject: if verifies {
                    verified_subject(job, index)?
                } else {
                    subject(key.task_id, task)?
                },
                round,
                wants_opinion: spec.review.opinion && !verifies,
                covered: if verifies || writes_brief(&node) {
                    covered(job)
                } else {
                    Covered::default()
                },
                receipt,
                past: past(key.task_id, task, |step| {
                    step.phase == Phase::Review && step.round == round
                }),
                score_milli: OnceLock::new(),
            }));
        }
        let rejected = task.own_reviews().iter().filter(|review| !review.accepted());
        Some(Arc::new(WorkerCraft {
            spec: Arc::clone(spec),
            node: Arc::clone(&node),
            task_id: key.task_id,
            item: task.item.clone(),
            inputs: inputs(job, &node),
            covered: if writes_brief(&node) {
                covered(job)
            } else {
                Covered::default()
            },
            newest: task.versions.last().cloned(),
            past: Past {
                rejected: rejected.map(|review| review.findings.clone()).collect(),
                ..past(key.task_id, task, |step| step.phase == Phase::Work)
            },
            receipt,
            blackboard: self.blackboard.clone(),
            gathered: OnceLock::new(),
            opened: Mutex::default(),
        }))
    }
}

/// What all agents of a job share, cloned once: a spec may hold a list of a hundred thousand items.
#[derive(Default)]
pub(super) struct Shared {
    spec: Option<Arc<JobSpec>>,
    /// The same with the model that a worker was routed to.
    routed: BTreeMap<ModelName, Arc<JobSpec>>,
    nodes: Vec<Arc<PlanNode>>,
}

impl Shared {
    /// Takes in what has become known since.
    pub(super) fn refresh(&mut self, job: &JobState) {
        if self.spec.is_none() {
            // Agents have no use for the plan, which is carried out by the lead.
            self.spec = job.spec.as_ref().map(|spec| {
                Arc::new(JobSpec {
                    plan: None,
                    ..spec.clone()
                })
            });
        }
        if let Some(plan) = job.plan.as_ref().filter(|_| self.nodes.is_empty()) {
            let bare = |node: &PlanNode| {
                Arc::new(PlanNode {
                    items: Vec::new(),
                    ..node.clone()
                })
            };
            self.nodes = plan.nodes.iter().map(bare).collect();
        }
    }

    pub(super) fn spec(&self) -> Option<Arc<JobSpec>> {
        self.spec.clone()
    }

    /// The spec as a worker sees it: with the model that was chosen for it, or else the usual one of the job's workers.
    fn spec_of_worker(&mut self, routed: Option<&ModelName>) -> Option<Arc<JobSpec>> {
        let spec = self.spec.as_ref()?;
        let model = routed.unwrap_or_else(|| spec.usual_model());
        if *model == spec.model {
            return Some(Arc::clone(spec));
        }
        if let Some(known) = self.routed.get(model) {
            return Some(Arc::clone(known));
        }
        let of_model = Arc::new(spec.with_model(model.clone()));
        self.routed.insert(model.clone(), Arc::clone(&of_model));
        Some(of_model)
    }

    pub(super) fn node(&self, index: usize) -> Option<Arc<PlanNode>> {
        self.nodes.get(index).cloned()
    }
}

/// Whether a node's artifact says what was covered and what was not.
fn writes_brief(node: &PlanNode) -> bool {
    node.role.is_some_and(|role| role.contract() == "brief")
}

fn past(task_id: TaskId, task: &TaskState, own: impl Fn(&StepRecord) -> bool) -> Past {
    let steps = task
        .own_steps()
        .iter()
        .filter(|step| own(step))
        .cloned()
        .collect();
    Past {
        task_id,
        steps,
        rejected: Vec::new(),
    }
}

fn subject(task_id: TaskId, task: &TaskState) -> Option<Subject> {
    let newest = task.versions.last()?;
    let document = task.item.as_ref().and_then(|item| item.document.as_ref());
    Some(Subject {
        artifact_id: ArtifactId::derive(task_id, &newest.name),
        version: newest.version,
        body: newest.body,
        contract: newest.contract.clone(),
        document: document.cloned(),
    })
}

/// The brief that a `verify` node checks again: its dependency's output, whoever has written it.
fn verified_subject(job: &JobState, index: usize) -> Option<Subject> {
    let plan = job.plan.as_ref()?;
    let dep = plan.nodes.get(index)?.deps.iter().find_map(|dep| {
        let index = job.node_index(dep)?;
        let contract = plan.nodes[index].role.map(Role::contract)?;
        let task_id = *job.nodes[index].tasks.first()?;
        Some((task_id, contract))
    });
    let (task_id, contract) = dep?;
    let task = job.tasks.get(&task_id)?;
    Some(Subject {
        artifact_id: ArtifactId::derive(task_id, contract),
        version: task.versions.last().map_or(0, |version| version.version),
        body: task.output?,
        contract: contract.to_owned(),
        document: None,
    })
}

/// Outputs of the readers that a node builds on.
pub(super) fn inputs(job: &JobState, node: &PlanNode) -> Vec<anthill_contracts::digest::Digest> {
    let readers = node
        .deps
        .iter()
        .filter_map(|dep| job.node_index(dep))
        .filter(|index| {
            let plan = job.plan.as_ref();
            plan.is_some_and(|plan| plan.nodes[*index].role == Some(Role::Reader))
        });
    readers.flat_map(|index| job.outputs_of(index)).collect()
}

/// What the job's readers have covered so far.
pub(super) fn covered(job: &JobState) -> Covered {
    let mut covered = Covered::default();
    let Some(plan) = job.plan.as_ref() else {
        return covered;
    };
    for (index, node) in plan.nodes.iter().enumerate() {
        if node.kind == NodeKind::Documents {
            covered.listing = job.outputs_of(index).first().copied();
        }
    }
    for task in job.tasks.values() {
        let Some(document) = task.item.as_ref().and_then(|item| item.document.as_ref()) else {
            continue;
        };
        covered.digests.insert(document.path.clone(), document.digest);
        if matches!(task.status, TaskStatus::Pending | TaskStatus::Running) {
            covered.unread.push(document.path.clone());
        }
    }
    for (path, reason) in job.unread() {
        covered.failed.push(Skipped {
            path: path.to_owned(),
            reason: SkipReason::of_failure(reason),
        });
    }
    covered.set_aside.clone_from(&job.set_aside);
    covered.unread.sort();
    covered.unread.dedup();
    covered
}
