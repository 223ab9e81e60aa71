//! Looking things up for the machine: the inputs, a plan, earlier work, and what there is when the budget is gone.

use std::sync::Arc;

use anthill_actors::agent::{AgentKind, Trouble};
use anthill_actors::compose::{self, Coverage, MemoInput, memo_key};
use anthill_actors::planner;
use anthill_actors::step_agent::AgentPorts;
use anthill_actors::worker::{Covered, changed, source_trouble};
use anthill_contracts::brief::{Findings, SkipReason};
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::id::{ReceiptId, TaskId};
use anthill_contracts::plan::{DocumentSlice, ITEMS_MAX, Item, Plan, PlanNode, Role};
use anthill_contracts::sources::{Document, Listing, Sources};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::task::{ReasonCode, TaskStatus};
use tracing::warn;

use super::crafting::{Shared, covered, inputs};
use super::{LeadShell, happened};
use crate::lead::job_state::JobState;
use crate::lead::machine::{LeadInput, Listed};

impl LeadShell {
    pub(super) fn list_inputs(&mut self) {
        let sources = Arc::clone(&self.ports.sources);
        let has_inputs = self
            .machine
            .job()
            .spec
            .as_ref()
            .is_some_and(|spec| !spec.inputs.is_empty());
        let listing = tokio::task::spawn_blocking(move || list(&*sources, has_inputs));
        self.spawn(async move {
            let listed = listing.await.unwrap_or_else(|error| {
                let detail = format!("the listing of the inputs ended: {error}");
                Err(Trouble {
                    reason: ReasonCode::Defect,
                    detail,
                    concerns_job: true,
                })
            });
            happened(LeadInput::Listed { listed })
        });
    }

    pub(super) fn make_plan(&mut self) {
        let Some(spec) = self.machine.job().spec.clone() else {
            return;
        };
        let count = self.machine.documents();
        let planning = TaskId::planning(self.machine.job().job_id);
        let receipt = self
            .machine
            .job()
            .receipt(ReceiptId::derive(planning, AgentKind::Planner.as_str()));
        let learned = receipt.and_then(planner::learned_shape);
        self.spawn(async move {
            let plan = planner::template_of(&spec, count, learned);
            let reasons = plan
                .as_ref()
                .map(|(plan, _)| planner::validate(plan, &spec, count))
                .unwrap_or_default();
            happened(LeadInput::Templated { plan, reasons })
        });
    }

    pub(super) fn validate_plan(&mut self, plan: Plan, author: String) {
        let Some(spec) = self.machine.job().spec.clone() else {
            return;
        };
        let count = self.machine.documents();
        self.spawn(async move {
            let reasons = planner::validate(&plan, &spec, count);
            happened(LeadInput::Validated {
                plan,
                author,
                reasons,
            })
        });
    }

    pub(super) fn look_up_memo(&mut self, task_id: TaskId) {
        self.shared.refresh(self.machine.job());
        let looking = Lookup::of(self.machine.job(), &self.shared, task_id);
        let ports = self.ports.clone();
        self.spawn(async move {
            let Some(looking) = looking else {
                return happened(LeadInput::MemoLookedUp {
                    task_id,
                    key: None,
                    memo: None,
                });
            };
            let key = looking.key(&ports).await;
            let memo = match key {
                None => None,
                Some(key) => {
                    let found = ports.store.memo(looking.spec.tenant.clone(), key).await;
                    // Work that cannot be looked up is done again: that costs, and harms nothing.
                    found
                        .inspect_err(|error| warn!(%task_id, %error, "memo not looked up"))
                        .unwrap_or_default()
                }
            };
            happened(LeadInput::MemoLookedUp { task_id, key, memo })
        });
    }

    pub(super) fn compose_partial(&mut self) {
        let partial = Partial::of(self.machine.job());
        let ports = self.ports.clone();
        self.spawn(async move {
            let body = match partial {
                Some(partial) => partial.compose(&ports).await,
                None => None,
            };
            happened(LeadInput::PartialReady { body })
        });
    }
}

/// What a memo key is made of.
struct Lookup {
    spec: Arc<JobSpec>,
    node: Arc<PlanNode>,
    slice: Option<DocumentSlice>,
    bodies: Vec<Digest>,
    covered: Covered,
}

impl Lookup {
    fn of(job: &JobState, shared: &Shared, task_id: TaskId) -> Option<Self> {
        let (index, _) = job.node_of(task_id)?;
        let node = shared.node(index)?;
        let slice = job
            .tasks
            .get(&task_id)?
            .item
            .as_ref()
            .and_then(|item| item.document.clone());
        // A reader's key is made of its document alone.
        let reads_alone = slice.is_some();
        Some(Self {
            spec: shared.spec()?,
            slice,
            bodies: inputs(job, &node),
            covered: if reads_alone {
                Covered::default()
            } else {
                covered(job)
            },
            node,
        })
    }

    async fn key(&self, ports: &AgentPorts) -> Option<Digest> {
        if let Some(slice) = &self.slice {
            return memo_key(&self.spec, &self.node, MemoInput::Document(slice));
        }
        let coverage = self.covered.load(ports).await.ok()?;
        let input = match self.node.role {
            Some(Role::Writer) => MemoInput::Findings {
                bodies: &self.bodies,
                coverage: &coverage,
            },
            _ => MemoInput::Documents(&coverage.listing),
        };
        memo_key(&self.spec, &self.node, input)
    }
}

/// What a stopped job has to show.
struct Partial {
    spec: JobSpec,
    /// A brief that is finished already.
    brief: Option<Digest>,
    reports: Vec<Digest>,
    covered: Covered,
}

impl Partial {
    fn of(job: &JobState) -> Option<Self> {
        let plan = job.plan.as_ref()?;
        let outputs_of = |wanted: &str| -> Vec<Digest> {
            let nodes = plan.nodes.iter().enumerate();
            let wanted = nodes.filter(|(_, node)| node.role.is_some_and(|role| role.contract() == wanted));
            wanted.flat_map(|(index, _)| job.outputs_of(index)).collect()
        };
        let brief = outputs_of("brief").pop();
        let read = |status: TaskStatus| status == TaskStatus::Succeeded;
        let has_readers = job
            .tasks
            .values()
            .any(|task| task.item.is_some() && read(task.status));
        if brief.is_none() && !has_readers {
            return None;
        }
        Some(Self {
            spec: job.spec.clone()?,
            brief,
            reports: outputs_of("findings"),
            covered: covered(job),
        })
    }

    async fn compose(&self, ports: &AgentPorts) -> Option<Blob> {
        if let Some(brief) = self.brief {
            return ports.store.blob(brief).await.ok();
        }
        let mut reports: Vec<Findings> = Vec::with_capacity(self.reports.len());
        for digest in &self.reports {
            let body = ports.store.blob(*digest).await.ok()?;
            reports.push(compose::decode(body.bytes()).ok()?);
        }
        let mut coverage: Coverage = self.covered.load(ports).await.ok()?;
        let quoted = compose::quoted_in(&reports);
        coverage.set_aside(changed(ports, &coverage, quoted).await.ok()?);
        for report in &mut reports {
            coverage.retain_known(report);
        }
        let brief = compose::partial_brief(&self.spec.goal, reports, &coverage, &self.spec.output);
        Some(Blob::new(compose::encode(&brief)))
    }
}

/// Lists the inputs as items to map over.
fn list(sources: &dyn Sources, has_inputs: bool) -> Result<Listed, Trouble> {
    let listing = if has_inputs {
        sources.list().map_err(|error| source_trouble(&error))?
    } else {
        Listing::default()
    };
    let mut items: Vec<Item> = listing.documents.iter().flat_map(items_of).collect();
    let unreadable = listing
        .skipped
        .iter()
        .filter(|file| file.reason == SkipReason::Unreadable);
    let hidden: Vec<Item> = unreadable.map(|file| hidden(&file.path)).collect();
    let documents = listing.documents.len() + hidden.len();
    items.extend(hidden);
    if items.len() > ITEMS_MAX {
        let detail = format!(
            "the inputs make {} tasks; at most {ITEMS_MAX} are possible",
            items.len()
        );
        return Err(Trouble {
            reason: ReasonCode::ContractViolation,
            detail,
            concerns_job: true,
        });
    }
    Ok(Listed {
        items,
        documents,
        body: Blob::new(compose::encode(&listing)),
    })
}

/// A file that the operating system keeps to itself: its reader says so, and can try again when the job is resumed.
fn hidden(path: &str) -> Item {
    Item {
        label: path.to_owned(),
        document: Some(DocumentSlice {
            path: path.to_owned(),
            digest: Digest::of(&[]),
            start: 0,
            end: 0,
        }),
        kind: None,
    }
}

/// One item per chunk of a document.
fn items_of(document: &Document) -> Vec<Item> {
    let starts = std::iter::once(0).chain(document.cuts.iter().copied());
    let ends = document
        .cuts
        .iter()
        .copied()
        .chain(std::iter::once(document.bytes));
    let slices = starts.zip(ends).enumerate().map(|(position, (start, end))| Item {
        label: match (position, document.cuts.len()) {
            (_, 0) => document.path.clone(),
            (position, cuts) => format!("{} ({} of {})", document.path, position + 1, cuts + 1),
        },
        document: Some(DocumentSlice {
            path: document.path.clone(),
            digest: document.digest,
            start,
            end,
        }),
        kind: Some(document.kind),
    });
    slices.collect()
}

#[cfg(test)]
mod tests;
