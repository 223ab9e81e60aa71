//! Asking the knowledge for the machine, and telling it how runs ended.
//!
//! Both have a deadline: a knowledge that is away or slow means that an agent is shown nothing, and never that a job
//! fails or hangs. What a lead gives up telling is still uncredited in its journal, and told again by the next one, or
//! when the data directory of a job that has ended is opened again.

use std::sync::Arc;
use std::time::Duration;

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_actors::prompts::{Face, bundle_class, model_family};
use anthill_contracts::digest::Digest;
use anthill_contracts::id::ReceiptId;
use anthill_contracts::knowledge::{Ask, Conclusion, Cut, Knowledge, KnowledgeError, ModelOption, Spent};
use anthill_contracts::model::{EXTRACT_STRATEGY_SCHEMA, ModelName, Models, PLAN_SHAPE_SCHEMA};
use anthill_contracts::plan::{PlanNode, Role};
use anthill_contracts::signal::{GUARD_SCHEMA, Outcome, Proposal, Receipt, ScopePath};
use anthill_contracts::sources::DocumentKind;
use anthill_contracts::spec::{JobSpec, Shape};
use anthill_contracts::tool::{Setting, ToolSpec};
use futures::future::BoxFuture;
use tracing::{debug, warn};

use super::{LeadShell, happened};
use crate::lead::job_state::JobState;
use crate::lead::machine::LeadInput;
use crate::metrics;

/// Longest wait for what an agent is shown. Long, for a busy machine must not change what a job comes to.
const RECALL_DEADLINE: Duration = Duration::from_secs(20);

/// How often a knowledge that is away is asked again.
const AWAY_MAX: u32 = 20;

/// Longest wait until the knowledge has acknowledged how a run ended.
const CONCLUDE_DEADLINE: Duration = Duration::from_secs(5);

/// Wait before a knowledge that is busy or away is told again.
const TELL_AGAIN: Duration = Duration::from_millis(100);

/// Most tokens of everything that one agent is shown.
const TOKENS_MAX: u32 = 512;

/// Most signals that one agent is shown.
const SLOTS_MAX: u32 = 8;

/// Tells the knowledge how a run ended, again and again while it is busy or away. False where it was not taken in before
/// the deadline: then what the run teaches is given up for now.
pub(crate) async fn tell(knowledge: &dyn Knowledge, conclusion: Conclusion) -> bool {
    let receipt_id = conclusion.receipt.receipt_id;
    let telling = async {
        loop {
            match knowledge.conclude(conclusion.clone()).await {
                Ok(()) => break Ok(()),
                Err(KnowledgeError::Busy | KnowledgeError::Away) => tokio::time::sleep(TELL_AGAIN).await,
                Err(error) => break Err(error),
            }
        }
    };
    match tokio::time::timeout(CONCLUDE_DEADLINE, telling).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            warn!(%receipt_id, %error, "outcome not taken in");
            false
        }
        Err(_) => {
            warn!(%receipt_id, "outcome not acknowledged in time");
            false
        }
    }
}

/// Asks again while the knowledge is busy, which passes, and for a while where it is away; `None` where no answer comes in
/// time.
async fn patiently<'a, T>(
    ask: impl Fn() -> BoxFuture<'a, Result<T, KnowledgeError>>,
) -> Option<Result<T, KnowledgeError>> {
    let asking = async {
        let mut away = 0;
        loop {
            match ask().await {
                Err(KnowledgeError::Busy) => {}
                Err(KnowledgeError::Away) if away < AWAY_MAX => away += 1,
                answer => break answer,
            }
            tokio::time::sleep(TELL_AGAIN).await;
        }
    };
    tokio::time::timeout(RECALL_DEADLINE, asking).await.ok()
}

impl LeadShell {
    /// Has the knowledge hold for the job what is known now.
    pub(super) fn take_cut(&mut self) {
        let job_id = self.arguments.job_id;
        let journaled = self.machine.job().beginning.map(|beginning| beginning.cut);
        let knowledge = Arc::clone(&self.arguments.services.ports.knowledge);
        self.spawn(async move {
            let cut = match patiently(|| knowledge.cut(job_id)).await {
                Some(Ok(cut)) => {
                    if journaled.is_some_and(|journaled| journaled != cut) {
                        warn!(%job_id, "what was known when the job began is gone; it goes on with what is known now");
                    }
                    Some(cut)
                }
                Some(Err(error)) => {
                    warn!(%job_id, %error, "agents are shown nothing of what others have learned");
                    None
                }
                None => {
                    warn!(%job_id, "knowledge did not answer in time; agents are shown nothing");
                    None
                }
            };
            happened(LeadInput::CutTaken { cut })
        });
    }

    /// Asks what an agent is to be shown.
    pub(super) fn recall(&mut self, key: AgentKey, seed: Digest, cut: Option<Cut>) {
        let ask = self.ask(key).map(|ask| Ask { seed, cut, ..ask });
        let knowledge = Arc::clone(&self.arguments.services.ports.knowledge);
        self.spawn(async move {
            let receipt = match ask {
                Some(ask) => patiently(|| knowledge.recall(ask.clone())).await,
                None => Some(Err(KnowledgeError::Away)),
            };
            let receipt = match receipt {
                Some(Ok(receipt)) => Some(Box::new(receipt)),
                Some(Err(KnowledgeError::CutGone)) => return happened(LeadInput::CutLost { key }),
                Some(Err(error)) => {
                    debug!(task_id = %key.task_id, %error, "agent is shown nothing");
                    None
                }
                None => {
                    metrics::recall_timed_out(key.kind.as_str());
                    warn!(task_id = %key.task_id, agent = key.kind.as_str(), "knowledge did not answer in time");
                    None
                }
            };
            happened(LeadInput::Recalled { key, receipt })
        });
    }

    /// Tells how a run ended.
    pub(super) fn conclude(
        &mut self,
        receipt: Receipt,
        (outcomes, proposals): (Vec<Outcome>, Vec<Proposal>),
        spent: Option<Spent>,
    ) {
        let receipt_id = receipt.receipt_id;
        let spec = self.machine.job().spec.as_ref();
        let conclusion = Conclusion {
            receipt,
            outcomes,
            proposals,
            share: spec.map(|spec| spec.knowledge.share).unwrap_or_default(),
            at: self.arguments.services.clock.now(),
            spent,
        };
        let knowledge = Arc::clone(&self.arguments.services.ports.knowledge);
        self.spawn(async move {
            let kept = tell(&*knowledge, conclusion).await;
            if !kept {
                metrics::conclusion_given_up("run");
            }
            happened(LeadInput::Concluded { receipt_id, kept })
        });
    }

    /// What an agent's task is like: what the knowledge is asked for is what guards are held against.
    pub(super) fn setting(&mut self, key: AgentKey) -> Arc<Setting> {
        let setting = self.ask(key).map(|ask| Setting {
            tenant: ask.tenant,
            scope: Some(ask.scope),
            state: ask.state,
        });
        Arc::new(setting.unwrap_or_default())
    }

    fn ask(&mut self, key: AgentKey) -> Option<Ask> {
        self.shared.refresh(self.machine.job());
        let job = self.machine.job();
        let spec = self.shared.spec()?;
        let node = job
            .node_of(key.task_id)
            .and_then(|(index, _)| self.shared.node(index));
        let item = job.tasks.get(&key.task_id).and_then(|task| task.item.as_ref());
        let agent = Agent {
            kind: key.kind,
            spec: &spec,
            node: node.as_deref(),
            document_kind: item.and_then(|item| item.kind).map(DocumentKind::as_str),
            documents: self.machine.documents_at_beginning(),
            tools: &self.ports.tools,
            routed: routed(job, key),
        };
        let (model, face) = (agent.model(), agent.face()?);
        let words = [
            Some(spec.goal.as_str()),
            node.as_ref().and_then(|node| node.instructions.as_deref()),
            item.map(|item| item.label.as_str()),
        ];
        Some(Ask {
            receipt_id: ReceiptId::derive(key.task_id, key.kind.as_str()),
            job_id: job.job_id,
            task_id: key.task_id,
            seed: self.machine.seed(key),
            cut: None,
            peers: peers(job, key),
            tenant: spec.tenant.clone(),
            scope: agent.scope(face)?,
            bundle: bundle_class(model, face, agent.own_tools(face)),
            text: words.into_iter().flatten().collect::<Vec<_>>().join("\n"),
            state: agent.state(face).into_iter().collect(),
            schemas: agent.schemas(face),
            reads_text: agent.reads_text(),
            tokens_max: TOKENS_MAX,
            slots_max: SLOTS_MAX,
            models: agent.options(face, &*self.ports.models),
            quality_min: spec.routing.quality_min,
        })
    }
}

/// How many tasks of the job are of this task's node.
fn peers(job: &JobState, key: AgentKey) -> u32 {
    let node = job
        .node_of(key.task_id)
        .and_then(|(index, _)| job.nodes.get(index));
    node.map_or(1, |node| u32::try_from(node.tasks.len()).unwrap_or(u32::MAX))
}

/// The model that the receipt of a worker names.
pub(super) fn routed(job: &JobState, key: AgentKey) -> Option<&ModelName> {
    let receipt = job.receipt(ReceiptId::derive(key.task_id, key.kind.as_str()))?;
    receipt.model.as_ref()
}

/// An agent, as far as what it may be shown depends on it.
#[derive(Clone, Copy)]
struct Agent<'a> {
    kind: AgentKind,
    spec: &'a JobSpec,
    node: Option<&'a PlanNode>,
    document_kind: Option<&'static str>,
    documents: usize,
    tools: &'a [ToolSpec],
    /// The model that was chosen for it.
    routed: Option<&'a ModelName>,
}

impl Agent<'_> {
    fn model(&self) -> &ModelName {
        match self.kind {
            AgentKind::Critic => self.spec.review.model.as_ref().unwrap_or(&self.spec.model),
            AgentKind::Planner => &self.spec.model,
            AgentKind::Worker => self.routed.unwrap_or_else(|| self.spec.usual_model()),
        }
    }

    /// The models between which it may be routed, each with what of its run depends on it. Critics and planners are not.
    fn options(&self, face: Face, models: &dyn Models) -> Vec<ModelOption> {
        if self.kind != AgentKind::Worker {
            return Vec::new();
        }
        let option = |model: &ModelName| {
            let agent = Agent {
                routed: Some(model),
                ..*self
            };
            // A model that is not there any more fails where it is asked, with what is wrong.
            let price = models.provider(model).ok().and_then(|own| own.price(model));
            ModelOption {
                model: model.clone(),
                bundle: bundle_class(model, face, agent.own_tools(face)),
                price,
                state: agent.state(face).into_iter().collect(),
                schemas: agent.schemas(face),
                reads_text: agent.reads_text(),
            }
        };
        self.spec.routing.models.iter().map(option).collect()
    }

    fn face(&self) -> Option<Face> {
        match self.kind {
            AgentKind::Planner => Some(Face::Planner),
            AgentKind::Critic => Some(Face::Critic),
            AgentKind::Worker => self.node?.role.and_then(Face::of),
        }
    }

    /// The kind of task: what is done, and to what.
    fn scope(&self, face: Face) -> Option<ScopePath> {
        let contract = self
            .node
            .and_then(|node| node.role)
            .map_or("none", Role::contract);
        let path = match face {
            Face::Reader => format!("read/{}", self.document_kind.unwrap_or("text")),
            Face::Writer => format!("write/{contract}"),
            Face::Generalist => format!("answer/{contract}"),
            Face::Critic => format!("review/{contract}"),
            Face::Planner => format!(
                "plan/{}",
                if self.spec.shape == Shape::Auto {
                    "auto"
                } else {
                    "model"
                }
            ),
        };
        path.parse().ok()
    }

    fn reads_text(&self) -> bool {
        self.model().provider() != ModelName::default().provider()
    }

    fn schemas(&self, face: Face) -> Vec<String> {
        let schemas: &[&str] = match face {
            Face::Reader | Face::Writer if !self.reads_text() => &[EXTRACT_STRATEGY_SCHEMA],
            Face::Planner if self.spec.shape == Shape::Auto => &[PLAN_SHAPE_SCHEMA],
            Face::Generalist => &[GUARD_SCHEMA],
            _ => &[],
        };
        schemas.iter().map(|schema| (*schema).to_owned()).collect()
    }

    fn own_tools(&self, face: Face) -> &[ToolSpec] {
        if face == Face::Generalist { self.tools } else { &[] }
    }

    /// What triggers may require.
    fn state(&self, face: Face) -> Vec<(String, String)> {
        let documents = match self.documents {
            0 | 1 => "one",
            2..=8 => "few",
            _ => "many",
        };
        let mut tools: Vec<&str> = self
            .own_tools(face)
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        tools.sort_unstable();
        let values = [
            ("document_kind", self.document_kind.unwrap_or_default().to_owned()),
            ("model_family", model_family(self.model())),
            ("role", face.as_str().to_owned()),
            ("tools", tools.join(",")),
            ("documents", documents.to_owned()),
        ];
        let known = values.into_iter().filter(|(_, value)| !value.is_empty());
        known.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests;
