//! Worker: turns one task into one artifact, then stops.
//! Parent: `Lead`, temporary; the lead starts the next attempt. Talks to: a `Provider`, the `Executor`, the job's
//! `Blackboard`, through its [`step agent`](crate::step_agent).
//! Survives a restart: nothing; the journal holds the task's steps.
//! Invariants: an answer becomes an artifact only if it fits its contract; posting twice has one effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anthill_contracts::artifact::{ArtifactVersion, ReviewFinding, Trust};
use anthill_contracts::brief::{Finding, Findings, Passage, Skipped};
use anthill_contracts::codes;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::id::{ArtifactId, TaskId, ToolCallId};
use anthill_contracts::model::{FindingsAnswer, OutlineAnswer};
use anthill_contracts::plan::{DocumentSlice, Item, PlanNode, Role};
use anthill_contracts::signal::Receipt;
use anthill_contracts::sources::{Listing, SourceError, Sources};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::task::ReasonCode;
use anthill_contracts::tool::{ToolCall, ToolOutput};
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
    /// Documents of which its tools have shown it something.
    pub opened: Mutex<BTreeSet<String>>,
}

/// What the job's readers have covered, by address.
#[derive(Debug, Clone, Default)]
pub struct Covered {
    /// The listing's body; where there is none, the inputs are listed anew.
    pub listing: Option<Digest>,
    /// Documents whose reader failed, and why.
    pub failed: Vec<Skipped>,
    /// Paths of documents that were not reached.
    pub unread: Vec<String>,
    /// Paths of documents that are not what they were.
    pub set_aside: BTreeSet<String>,
    /// The documents that the job's readers were given, each with the hash that it had then; empty where it has none.
    pub digests: BTreeMap<String, Digest>,
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
        let mut listing: Listing = if let Some(digest) = self.listing {
            load(ports, digest).await?
        } else {
            let sources = Arc::clone(&ports.sources);
            blocking(move || sources.list()).await?
        };
        if !self.digests.is_empty() {
            // A document that was listed anew may stand beside files that came later and are no part of the job.
            listing.documents.retain_mut(|document| {
                let digest = self.digests.get(&document.path);
                document.digest = digest.copied().unwrap_or(document.digest);
                digest.is_some()
            });
        }
        Ok(Coverage {
            listing,
            failed: self.failed.clone(),
            unread: self.unread.clone(),
            set_aside: self.set_aside.clone(),
            opened: None,
        })
    }
}

impl Craft for WorkerCraft {
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>> {
        Box::pin(async move {
            let (gathered, assignment) = match self.gather(ports).await? {
                Matter::Nothing => return Ok(Prepared::Done(AgentNews::Finished)),
                Matter::Changed(paths) => return Ok(Prepared::Done(AgentNews::InputsChanged { paths })),
                Matter::Work(gathered, assignment) => (*gathered, *assignment),
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
                Err(Unfit::Changed(paths)) => Ok(AgentNews::InputsChanged { paths }),
            }
        })
    }

    fn observe(&self, call: &ToolCall, output: &ToolOutput) {
        if !output.ok {
            return;
        }
        let named = call.args.get("path").and_then(|path| path.as_str());
        let named = named.map(|path| path.trim().trim_start_matches("./").to_owned());
        let shown = output.passages.iter().map(|passage| passage.path.clone());
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.extend(shown.chain(named));
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
    /// These documents are not what they were.
    Changed(Vec<String>),
}

/// What there is to work on.
enum Matter {
    /// Nothing.
    Nothing,
    /// Nothing yet: these documents are not what they were.
    Changed(Vec<String>),
    /// This.
    Work(Box<Gathered>, Box<Assignment>),
}

impl Matter {
    fn work(gathered: Gathered, assignment: Assignment) -> Self {
        Self::Work(Box::new(gathered), Box::new(assignment))
    }
}

impl WorkerCraft {
    /// Collects what the first request needs; nothing where the task asks no model.
    async fn gather(&self, ports: &AgentPorts) -> Result<Matter, Trouble> {
        match self.node.role {
            None | Some(Role::Nobody) => Ok(Matter::Nothing),
            Some(Role::Reader) => {
                let slice = self
                    .slice()
                    .ok_or_else(|| defect("a reader without a document"))?;
                let path = slice.path.clone();
                let passages = read_listed(ports, slice).await?;
                let assignment = Assignment::Read {
                    path,
                    passages: passages.clone(),
                };
                let gathered = Gathered {
                    passages,
                    ..Gathered::default()
                };
                Ok(Matter::work(gathered, assignment))
            }
            Some(Role::Writer) => {
                let mut reports: Vec<Findings> = Vec::with_capacity(self.inputs.len());
                for digest in &self.inputs {
                    reports.push(load(ports, *digest).await?);
                }
                let coverage = self.covered.load(ports).await?;
                let changed = changed(ports, &coverage, compose::quoted_in(&reports)).await?;
                if !changed.is_empty() {
                    return Ok(Matter::Changed(changed));
                }
                for report in &mut reports {
                    coverage.retain_known(report);
                }
                let findings = compose::select_findings(&self.spec.goal, reports, &self.spec.output);
                let assignment = Assignment::Write {
                    findings: findings.clone(),
                };
                let gathered = Gathered {
                    findings,
                    coverage,
                    ..Gathered::default()
                };
                Ok(Matter::work(gathered, assignment))
            }
            Some(Role::Generalist) => {
                let coverage = self.covered.load(ports).await?;
                let assignment = Assignment::Answer {
                    tools: ports.tools.to_vec(),
                };
                let gathered = Gathered {
                    coverage,
                    ..Gathered::default()
                };
                Ok(Matter::work(gathered, assignment))
            }
        }
    }

    fn slice(&self) -> Option<DocumentSlice> {
        self.item.as_ref().and_then(|item| item.document.clone())
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
                let findings = self.own_findings(ports, answer, &gathered.coverage).await?;
                let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let coverage = Coverage {
                    opened: Some(opened),
                    ..gathered.coverage.clone()
                };
                let brief = compose::brief_from_findings(goal, &findings, &coverage, &self.spec.output);
                brief.map(|brief| compose::encode(&brief)).map_err(Unfit::Flaws)
            }
            Some(Role::Reader | Role::Nobody) | None => {
                let parsed: FindingsAnswer = compose::parse_answer(&answer.text).map_err(Unfit::Flaws)?;
                let slice = self.slice();
                let path = slice.as_ref().map(|slice| slice.path.clone());
                let findings = self.placed(ports, parsed, path).await.map_err(Unfit::Trouble)?;
                if let Some(slice) = slice {
                    // What no longer stands there is no fault of the answer.
                    still_as_listed(ports, slice).await.map_err(Unfit::Trouble)?;
                }
                Ok(compose::encode(&findings))
            }
        }
    }

    /// The claims of an agent that found its own way, without what it took from documents that have changed since.
    async fn own_findings(
        &self,
        ports: &AgentPorts,
        answer: &Answer,
        coverage: &Coverage,
    ) -> Result<Findings, Unfit> {
        let parsed: FindingsAnswer = compose::parse_answer(&answer.text).map_err(Unfit::Flaws)?;
        let had_claims = !parsed.claims.is_empty();
        let parsed = compose::without_quotes_of(parsed, &coverage.set_aside);
        if had_claims && parsed.claims.is_empty() {
            let paths: Vec<&str> = coverage.set_aside.iter().map(String::as_str).collect();
            return Err(Unfit::Trouble(input_changed(format!(
                "all that was found stands in documents that have changed: `{}`",
                paths.join("`, `")
            ))));
        }
        let named = compose::named_in(&parsed);
        let findings = self.placed(ports, parsed, None).await;
        let changed = changed(ports, coverage, named).await.map_err(Unfit::Trouble)?;
        if changed.is_empty() {
            findings.map_err(Unfit::Trouble)
        } else {
            Err(Unfit::Changed(changed))
        }
    }

    /// The answer's claims with their quotations placed in the files.
    async fn placed(
        &self,
        ports: &AgentPorts,
        parsed: FindingsAnswer,
        path: Option<String>,
    ) -> Result<Findings, Trouble> {
        let passages = self
            .gathered
            .get()
            .map(|gathered| gathered.passages.clone())
            .unwrap_or_default();
        let sources = Arc::clone(&ports.sources);
        let placing = move || compose::findings(parsed, path.as_deref(), &passages, &*sources);
        blocking(placing).await
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

/// Reads a document as it was listed.
async fn read_listed(ports: &AgentPorts, slice: DocumentSlice) -> Result<Vec<Passage>, Trouble> {
    if slice.start == slice.end {
        let detail = format!(
            "{}: the input `{}` could not be read when it was listed",
            codes::INPUT_UNREADABLE.id,
            slice.path
        );
        return Err(Trouble {
            reason: ReasonCode::InputUnreadable,
            detail,
            concerns_job: false,
        });
    }
    let sources = Arc::clone(&ports.sources);
    let reading = move || match sources.read(&slice) {
        Ok(passages) => Ok(Ok(passages)),
        Err(error @ SourceError::Changed { .. }) => Ok(Err(error.to_string())),
        Err(error) if is_change(&error) => {
            let path = &slice.path;
            Ok(Err(format!("`{path}` is not what the job listed: {error}")))
        }
        Err(error) => Err(error),
    };
    blocking(reading).await?.map_err(input_changed)
}

/// Fails where a document is not what it was when the job listed it.
pub(crate) async fn still_as_listed(ports: &AgentPorts, slice: DocumentSlice) -> Result<(), Trouble> {
    let nothing_of_it = DocumentSlice {
        start: 0,
        end: 0,
        ..slice
    };
    let (sources, path) = (Arc::clone(&ports.sources), nothing_of_it.path.clone());
    let is_same = blocking(move || is_unchanged(&*sources, &nothing_of_it)).await?;
    if is_same {
        return Ok(());
    }
    Err(input_changed(format!(
        "`{path}` has changed since the job listed it"
    )))
}

/// Which of these documents are not what they were when the job listed them.
pub async fn changed(
    ports: &AgentPorts,
    coverage: &Coverage,
    paths: BTreeSet<String>,
) -> Result<Vec<String>, Trouble> {
    let known = paths
        .into_iter()
        .filter(|path| !coverage.set_aside.contains(path));
    let slices: Vec<DocumentSlice> = known
        .filter_map(|path| {
            let digest = coverage.digest(&path)?;
            let (start, end) = (0, 0);
            Some(DocumentSlice {
                path,
                digest,
                start,
                end,
            })
        })
        .collect();
    let sources = Arc::clone(&ports.sources);
    blocking(move || {
        let mut changed = Vec::new();
        for slice in slices {
            if !is_unchanged(&*sources, &slice)? {
                changed.push(slice.path);
            }
        }
        Ok(changed)
    })
    .await
}

/// Whether a document has the content that it had. Reading none of it compares the content and nothing else.
fn is_unchanged(sources: &dyn Sources, slice: &DocumentSlice) -> Result<bool, SourceError> {
    match sources.read(slice) {
        Ok(_) => Ok(true),
        Err(error) if is_change(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether this is what a document says that was there when the job listed it: it is gone, somebody took the right to
/// read it away, or something else stands in its place.
const fn is_change(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Changed { .. }
            | SourceError::Missing { .. }
            | SourceError::Unreadable { .. }
            | SourceError::Outside { .. }
    )
}

fn input_changed(detail: impl std::fmt::Display) -> Trouble {
    Trouble {
        reason: ReasonCode::InputChanged,
        detail: format!("{}: {detail}", codes::INPUT_CHANGED.id),
        concerns_job: false,
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
        SourceError::DescriptorsExhausted { .. } => ReasonCode::DescriptorsExhausted,
        SourceError::Outside { .. } => ReasonCode::PolicyDenied,
        SourceError::NoDocuments { .. } | SourceError::Pattern { .. } => ReasonCode::ContractViolation,
    };
    Trouble {
        reason,
        detail: format!("{}: {error}", error.code().id),
        concerns_job: reason == ReasonCode::DescriptorsExhausted,
    }
}

pub(crate) fn defect(detail: impl Into<String>) -> Trouble {
    Trouble {
        reason: ReasonCode::Defect,
        detail: detail.into(),
        concerns_job: true,
    }
}
