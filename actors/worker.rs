//! Worker: turns one task into one artifact, then stops.
//! Parent: `Lead`, temporary; the lead starts the next attempt. Talks to: a `Provider`, the `Executor`, the job's
//! `Blackboard`, through its [`step agent`](crate::step_agent).
//! Survives a restart: nothing; the journal holds the task's steps.
//! Invariants: an answer becomes an artifact only if it fits its contract; posting twice has one effect.

use std::sync::{Arc, OnceLock};

use anthill_contracts::artifact::{ArtifactVersion, ReviewFinding, Trust};
use anthill_contracts::brief::{Finding, Findings, Passage};
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::id::{ArtifactId, TaskId, ToolCallId};
use anthill_contracts::model::{FindingsAnswer, OutlineAnswer};
use anthill_contracts::plan::{Item, PlanNode, Role};
use anthill_contracts::signal::Receipt;
use anthill_contracts::sources::{Listing, SourceError};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::task::ReasonCode;
use futures::future::BoxFuture;

use crate::agent::{AgentNews, Trouble};
use crate::blackboard::BlackboardHandle;
use crate::blackboard::board::Posting;
use crate::compose::{self, Coverage};
use crate::prompts::{Assignment, WorkOrder};
use crate::step_agent::{AgentPorts, Answer, Composed, Craft, POST_ARTIFACT, Past, Prepared, history};

/// What a worker is for.
pub struct WorkerCraft {
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// The task's node.
    pub node: Arc<PlanNode>,
    /// The task.
    pub task_id: TaskId,
    /// What it works on, where its node maps over a list.
    pub item: Option<Item>,
    /// Outputs of the readers that it builds on, where its node reduces.
    pub inputs: Vec<Digest>,
    /// What the job's readers have covered.
    pub covered: Covered,
    /// The newest version of its artifact, if there is one.
    pub newest: Option<ArtifactVersion>,
    /// What it has done already.
    pub past: Past,
    /// What it is shown of what others have learned.
    pub receipt: Option<Receipt>,
    /// Where it posts.
    pub blackboard: BlackboardHandle,
    /// What it has gathered; filled by [`Craft::prepare`].
    pub gathered: OnceLock<Gathered>,
}

/// What the job's readers have covered, by address.
#[derive(Debug, Clone, Default)]
pub struct Covered {
    /// The listing's body; where there is none, the inputs are listed anew.
    pub listing: Option<Digest>,
    /// Paths of documents whose reader failed.
    pub failed: Vec<String>,
    /// Paths of documents that were not reached.
    pub unread: Vec<String>,
}

/// What a worker has gathered before it asks.
#[derive(Debug, Default)]
pub struct Gathered {
    passages: Vec<Passage>,
    findings: Vec<Finding>,
    coverage: Coverage,
}

impl Covered {
    /// The coverage with its listing read back.
    pub async fn load(&self, ports: &AgentPorts) -> Result<Coverage, Trouble> {
        let listing: Listing = if let Some(digest) = self.listing {
            load(ports, digest).await?
        } else {
            let sources = Arc::clone(&ports.sources);
            blocking(move || sources.list()).await?
        };
        Ok(Coverage {
            listing,
            failed: self.failed.clone(),
            unread: self.unread.clone(),
        })
    }
}

impl Craft for WorkerCraft {
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>> {
        Box::pin(async move {
            let Some((gathered, assignment)) = self.gather(ports).await? else {
                return Ok(Prepared::Done(AgentNews::Finished));
            };
            // An attempt prepares once; a second filling would bring the same.
            let _ = self.gathered.set(gathered);
            let order = WorkOrder::new(&self.spec, &self.node, assignment).shown(self.receipt.as_ref());
            let order = Box::new(order);
            let history = history(self, ports, &self.past).await?;
            Ok(Prepared::Ask { order, history })
        })
    }

    fn compose<'a>(&'a self, ports: &'a AgentPorts, answer: &'a Answer) -> BoxFuture<'a, Composed> {
        Box::pin(async move {
            match self.body_of(ports, answer).await {
                Ok(body) => Ok(self.posted(answer, body)),
                Err(Unfit::Flaws(flaws)) => Err(flaws),
                Err(Unfit::Trouble(trouble)) => Ok(AgentNews::Failed { trouble }),
            }
        })
    }

    fn deliver<'a>(&'a self, _: &'a AgentPorts, news: AgentNews) -> BoxFuture<'a, AgentNews> {
        Box::pin(async move {
            let AgentNews::Posted {
                version,
                body,
                lessons,
            } = news
            else {
                return news;
            };
            match self.blackboard.post(Posting { version: *version }).await {
                Ok(standing) => AgentNews::Posted {
                    version: Box::new(standing),
                    body,
                    lessons,
                },
                Err(error) => AgentNews::Failed {
                    trouble: defect(error.to_string()),
                },
            }
        })
    }
}

/// Why no artifact came of an answer.
enum Unfit {
    /// The answer's fault.
    Flaws(Vec<ReviewFinding>),
    /// Somebody else's.
    Trouble(Trouble),
}

impl WorkerCraft {
    /// Collects what the first request needs; nothing where the task asks no model.
    async fn gather(&self, ports: &AgentPorts) -> Result<Option<(Gathered, Assignment)>, Trouble> {
        match self.node.role {
            None | Some(Role::Nobody) => Ok(None),
            Some(Role::Reader) => {
                let slice = self.item.as_ref().and_then(|item| item.document.clone());
                let slice = slice.ok_or_else(|| defect("a reader without a document"))?;
                let (sources, path) = (Arc::clone(&ports.sources), slice.path.clone());
                let passages = blocking(move || sources.read(&slice)).await?;
                let assignment = Assignment::Read {
                    path,
                    passages: passages.clone(),
                };
                Ok(Some((
                    Gathered {
                        passages,
                        ..Gathered::default()
                    },
                    assignment,
                )))
            }
            Some(Role::Writer) => {
                let mut reports: Vec<Findings> = Vec::with_capacity(self.inputs.len());
                for digest in &self.inputs {
                    reports.push(load(ports, *digest).await?);
                }
                let coverage = self.covered.load(ports).await?;
                let findings = compose::select_findings(&self.spec.goal, reports, &self.spec.output);
                let assignment = Assignment::Write {
                    findings: findings.clone(),
                };
                Ok(Some((
                    Gathered {
                        findings,
                        coverage,
                        ..Gathered::default()
                    },
                    assignment,
                )))
            }
            Some(Role::Generalist) => {
                let coverage = self.covered.load(ports).await?;
                let assignment = Assignment::Answer {
                    tools: ports.tools.to_vec(),
                };
                Ok(Some((
                    Gathered {
                        coverage,
                        ..Gathered::default()
                    },
                    assignment,
                )))
            }
        }
    }

    async fn body_of(&self, ports: &AgentPorts, answer: &Answer) -> Result<Vec<u8>, Unfit> {
        let gathered = self
            .gathered
            .get()
            .ok_or_else(|| Unfit::Trouble(defect("nothing was gathered")))?;
        let goal = &self.spec.goal;
        match self.node.role {
            Some(Role::Writer) => {
                let outline: OutlineAnswer = compose::parse_answer(&answer.text).map_err(Unfit::Flaws)?;
                let brief =
                    compose::brief_from_outline(goal, &outline, &gathered.findings, &gathered.coverage);
                brief.map(|brief| compose::encode(&brief)).map_err(Unfit::Flaws)
            }
            Some(Role::Generalist) => {
                let findings = self.findings_of(ports, answer, None).await?;
                let output = &self.spec.output;
                let brief = compose::brief_from_findings(goal, &findings, &gathered.coverage, output);
                brief.map(|brief| compose::encode(&brief)).map_err(Unfit::Flaws)
            }
            Some(Role::Reader | Role::Nobody) | None => {
                let document = self.item.as_ref().and_then(|item| item.document.as_ref());
                let path = document.map(|document| document.path.clone());
                let findings = self.findings_of(ports, answer, path).await?;
                Ok(compose::encode(&findings))
            }
        }
    }

    /// The answer's claims with their quotations placed in the files.
    async fn findings_of(
        &self,
        ports: &AgentPorts,
        answer: &Answer,
        path: Option<String>,
    ) -> Result<Findings, Unfit> {
        let parsed: FindingsAnswer = compose::parse_answer(&answer.text).map_err(Unfit::Flaws)?;
        let passages = self
            .gathered
            .get()
            .map(|gathered| gathered.passages.clone())
            .unwrap_or_default();
        let sources = Arc::clone(&ports.sources);
        let placing = move || compose::findings(parsed, path.as_deref(), &passages, &*sources);
        blocking(placing).await.map_err(Unfit::Trouble)
    }

    fn posted(&self, answer: &Answer, body: Vec<u8>) -> AgentNews {
        let contract = self.node.role.map_or("none", Role::contract);
        let body = Blob::new(body);
        let key = ToolCallId::derive(answer.step_id, POST_ARTIFACT, &body.digest().to_string());
        let version = ArtifactVersion {
            artifact_id: ArtifactId::derive(self.task_id, contract),
            name: contract.to_owned(),
            version: self.newest.as_ref().map_or(0, |newest| newest.version) + 1,
            parent: self.newest.as_ref().map(|newest| newest.body),
            body: body.digest(),
            bytes: body.bytes().len() as u64,
            owner: self.task_id,
            key,
            contract: contract.to_owned(),
            model: self.spec.model.to_string(),
            trust: Trust::Internal,
        };
        AgentNews::Posted {
            version: Box::new(version),
            body,
            lessons: if self.spec.knowledge.used {
                compose::lessons(&answer.text)
            } else {
                Vec::new()
            },
        }
    }
}

/// Runs something that waits for the disk on the blocking pool.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, Trouble> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| source_trouble(&error)),
        Err(error) => Err(defect(format!("a reader of files ended: {error}"))),
    }
}

/// Reads a JSON body back.
pub(crate) async fn load<T: serde::de::DeserializeOwned>(
    ports: &AgentPorts,
    digest: Digest,
) -> Result<T, Trouble> {
    let blob = ports
        .store
        .blob(digest)
        .await
        .map_err(|error| defect(error.to_string()))?;
    compose::decode(blob.bytes()).map_err(|error| defect(format!("{digest} does not decode: {error}")))
}

/// What the lead must know of an input that cannot be read.
pub fn source_trouble(error: &SourceError) -> Trouble {
    let reason = match error {
        SourceError::Changed { .. } | SourceError::Missing { .. } | SourceError::Unreadable { .. } => {
            ReasonCode::InputChanged
        }
        SourceError::Outside { .. } => ReasonCode::PolicyDenied,
        SourceError::NoDocuments { .. } | SourceError::Pattern { .. } => ReasonCode::ContractViolation,
    };
    Trouble {
        reason,
        detail: format!("{}: {error}", error.code().id),
        concerns_job: false,
    }
}

pub(crate) fn defect(detail: impl Into<String>) -> Trouble {
    Trouble {
        reason: ReasonCode::Defect,
        detail: detail.into(),
        concerns_job: true,
    }
}
