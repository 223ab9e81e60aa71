//! Critic: reviews one version of an artifact, then stops.
//! Parent: `Lead`, temporary; a crash is another attempt of the task. Talks to: the job's sources, and a `Provider`
//! where an opinion is asked for, through its [`step agent`](crate::step_agent).
//! Survives a restart: nothing; the same version gets the same verdict.
//! Invariants: the deterministic checks come first and cannot be talked over; an opinion can only reject.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use anthill_contracts::artifact::Review;
use anthill_contracts::brief::{Brief, Finding, Findings};
use anthill_contracts::digest::Digest;
use anthill_contracts::id::ArtifactId;
use anthill_contracts::model::OpinionAnswer;
use anthill_contracts::plan::{DocumentSlice, PlanNode};
use anthill_contracts::signal::Receipt;
use anthill_contracts::sources::Sources;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::task::ReasonCode;
use futures::future::BoxFuture;

use crate::agent::{AgentNews, Trouble};
use crate::compose;
use crate::critic::{FindingsRule, Verdict, Wanted, check_brief, check_findings, opinion_findings};
use crate::metrics;
use crate::prompts::WorkOrder;
use crate::step_agent::{AgentPorts, Answer, Composed, Craft, Past, Prepared, history};
use crate::worker::{Covered, blocking, changed, defect, still_as_listed};

/// What a critic is for.
pub struct CriticCraft {
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// The node whose work is reviewed.
    pub node: Arc<PlanNode>,
    /// What is reviewed.
    pub subject: Subject,
    /// The round of work and review, from 0.
    pub round: u32,
    /// What the job's readers have covered, where a brief is reviewed.
    pub covered: Covered,
    /// Whether a model is asked once the checks have passed.
    pub wants_opinion: bool,
    /// What it is shown of what others have learned.
    pub receipt: Option<Receipt>,
    /// What it has asked already in this round.
    pub past: Past,
    /// The score of the checks; filled by [`Craft::prepare`].
    pub score_milli: OnceLock<u32>,
}

/// One version under review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The artifact.
    pub artifact_id: ArtifactId,
    /// The version; 0 for work that an earlier job has done.
    pub version: u32,
    /// Its body.
    pub body: Digest,
    /// What it claims to be.
    pub contract: String,
    /// The document that it may quote, where that is one.
    pub document: Option<DocumentSlice>,
}

impl Subject {
    fn path(&self) -> Option<&str> {
        self.document.as_ref().map(|document| document.path.as_str())
    }
}

impl Craft for CriticCraft {
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>> {
        Box::pin(async move {
            let changed = self.changed(ports).await?;
            if !changed.is_empty() {
                return Ok(Prepared::Done(AgentNews::InputsChanged { paths: changed }));
            }
            let (verdict, claims) = self.check(ports).await?;
            if let Some(flaw) = verdict.hindrance() {
                return Err(Trouble {
                    reason: flaw.reason,
                    detail: flaw.detail.clone(),
                    concerns_job: flaw.reason == ReasonCode::DescriptorsExhausted,
                });
            }
            // A critic prepares once; a second filling would bring the same.
            let _ = self.score_milli.set(verdict.score_milli);
            if !verdict.accepted() || !self.wants_opinion || claims.is_empty() {
                return Ok(Prepared::Done(self.reviewed(verdict)));
            }
            let order = WorkOrder::opinion(&self.spec, &self.node, claims).shown(self.receipt.as_ref());
            let order = Box::new(order);
            let history = history(self, ports, &self.past).await?;
            Ok(Prepared::Ask { order, history })
        })
    }

    fn compose<'a>(&'a self, _: &'a AgentPorts, answer: &'a Answer) -> BoxFuture<'a, Composed> {
        Box::pin(async move {
            let opinion: OpinionAnswer = compose::parse_answer(&answer.text)?;
            let score_milli = self.score_milli.get().copied().unwrap_or_default();
            Ok(self.reviewed(Verdict {
                findings: opinion_findings(&opinion),
                score_milli,
            }))
        })
    }
}

impl CriticCraft {
    /// Which documents are not what they were when the job listed them: no author can mend what they say of these. A
    /// reader's only document fails its task.
    async fn changed(&self, ports: &AgentPorts) -> Result<Vec<String>, Trouble> {
        if let Some(slice) = &self.subject.document {
            still_as_listed(ports, slice.clone()).await?;
            return Ok(Vec::new());
        }
        if self.covered.listing.is_none() {
            return Ok(Vec::new());
        }
        let blob = ports.store.blob(self.subject.body).await;
        let blob = blob.map_err(|error| defect(error.to_string()))?;
        // What is no brief is found by the checks.
        let Ok(brief) = compose::decode::<Brief>(blob.bytes()) else {
            return Ok(Vec::new());
        };
        let cited: BTreeSet<String> = brief
            .citations
            .into_iter()
            .map(|citation| citation.path)
            .collect();
        let coverage = self.covered.load(ports).await?;
        let aside = coverage
            .set_aside
            .iter()
            .filter(|path| cited.contains(*path))
            .cloned();
        let mut found: Vec<String> = aside.collect();
        found.extend(changed(ports, &coverage, cited).await?);
        Ok(found)
    }

    /// What a program can say, and the claims that a model may be asked about.
    async fn check(&self, ports: &AgentPorts) -> Result<(Verdict, Vec<Finding>), Trouble> {
        let blob = ports
            .store
            .blob(self.subject.body)
            .await
            .map_err(|error| defect(error.to_string()))?;
        let (sources, subject, spec) = (
            Arc::clone(&ports.sources),
            self.subject.clone(),
            Arc::clone(&self.spec),
        );
        blocking(move || Ok(check_body(blob.bytes(), &subject, &spec, &*sources))).await
    }

    fn reviewed(&self, verdict: Verdict) -> AgentNews {
        metrics::review(if verdict.accepted() {
            "accepted"
        } else {
            "rejected"
        });
        let review: Review = verdict.into_review(self.subject.artifact_id, self.subject.version, self.round);
        AgentNews::Reviewed { review }
    }
}

fn check_body(
    body: &[u8],
    subject: &Subject,
    spec: &JobSpec,
    sources: &dyn Sources,
) -> (Verdict, Vec<Finding>) {
    let unreadable = |error: serde_json::Error| {
        let detail = format!("the artifact is no `{}`: {error}", subject.contract);
        let finding = anthill_contracts::artifact::ReviewFinding {
            reason: ReasonCode::ContractViolation,
            detail,
        };
        (
            Verdict {
                findings: vec![finding],
                score_milli: 0,
            },
            Vec::new(),
        )
    };
    if subject.contract == "findings" {
        return match compose::decode::<Findings>(body) {
            Ok(findings) => {
                let claims_max = spec.output.claims_per_document_max;
                let wanted = Wanted::of(spec, subject.path());
                let rule = FindingsRule {
                    path: subject.path(),
                    claims_max,
                    wanted: Some(&wanted),
                };
                (check_findings(&findings, rule, sources), findings.claims)
            }
            Err(error) => unreadable(error),
        };
    }
    match compose::decode::<Brief>(body) {
        Ok(brief) => (
            check_brief(&brief, &spec.goal, &spec.output, sources),
            compose::claims_of(&brief),
        ),
        Err(error) => unreadable(error),
    }
}
