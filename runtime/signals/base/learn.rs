//! Learning: what the end of a run teaches, and what people and agents contribute.
//!
//! Weight moves by what users of a signal achieved, and only on the word of somebody else than the run itself. A
//! signal that was born in the very job proves nothing by that job.

use anthill_contracts::id::{JobId, SignalId};
use anthill_contracts::knowledge::Conclusion;
use anthill_contracts::signal::{
    BundleClass, EvidenceClass, GUARD_SCHEMA, Guard, Origin, Outcome, PROPOSALS_PER_RUN_MAX, Polarity,
    Proposal, ScopePath, Share, Signal, SignalBody,
};
use serde::{Deserialize, Serialize};

use super::KnowledgeBase;
use crate::credit;
use crate::dedup;
use crate::evidence::Reader;
use crate::fact::{Fact, ScopeId};
use crate::guard;
use crate::hygiene;
use crate::lifecycle;
use crate::regime;
use crate::route;
use crate::view::View;

/// Most signals that one may be made of.
const PARENTS_MAX: usize = 4;

/// Least score, in thousandths, of a run that may advise others.
const ADVICE_SCORE_MIN: u16 = 500;

/// What the end of a run came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Concluded {
    /// Facts to be kept and passed on.
    pub facts: Vec<Fact>,
    /// Signals that its proposals became, new or known.
    pub signals: Vec<SignalId>,
    /// Proposals that were refused, and why.
    pub refused: Vec<Refusal>,
}

/// Why a signal is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// Which rule, and what would fit it.
    pub detail: String,
}

impl Refusal {
    fn because(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
        }
    }
}

/// A signal that somebody contributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// For which kind of task.
    pub scope: ScopePath,
    /// What.
    pub proposal: Proposal,
    /// Number of the tenant for which it is written.
    pub tenant: u32,
    /// How far it may travel.
    pub share: Share,
    /// The job that it was learned in; `None` where a person says it.
    pub born_in: Option<JobId>,
    /// With what it was learned.
    pub bundle: BundleClass,
}

/// A signal that was taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributed {
    /// Its id.
    pub signal: SignalId,
    /// Whether nobody had said it before.
    pub is_new: bool,
    /// Known signals that say nearly the same; they count as one with it from now on.
    pub near: Vec<SignalId>,
    /// Facts to be kept and passed on.
    pub facts: Vec<Fact>,
}

impl KnowledgeBase {
    /// Takes in how a run ended. Who calls it makes sure that a receipt is concluded once.
    pub fn conclude(&mut self, conclusion: &Conclusion, now: u64) -> Concluded {
        let receipt = &conclusion.receipt;
        self.under_way.remove(&receipt.receipt_id);
        let mut concluded = Concluded::default();
        let Some(outcome) = credit::surest(&conclusion.outcomes) else {
            return concluded;
        };
        let tenant = Origin::tenant_number(&receipt.tenant);
        let shown: Vec<credit::Shown> = receipt
            .exposures
            .iter()
            .map(|exposure| credit::Shown {
                signal: exposure.signal,
                mean: f64::from(exposure.mean_micro) / 1e6,
                kept: exposure.kept,
                own: self.is_born_in(exposure.signal, receipt.job_id),
            })
            .collect();
        let run = credit::Run {
            scope: ScopeId::of(&receipt.scope),
            bundle: receipt.bundle,
            y: f64::from(outcome.score_milli.min(1000)) / 1000.0,
            class: outcome.class,
            arm: receipt.arm,
            shown: &shown,
            harm: outcome.harm,
            now,
        };
        self.counts.concluded += 1;
        concluded.facts.extend(self.name_scopes(tenant, &receipt.scope));
        self.settle(tenant, &receipt.scope, &run, &mut concluded.facts);
        // An agent's own word moves no weight, and no figure either.
        if let Some(spent) = conclusion
            .spent
            .filter(|_| outcome.class != EvidenceClass::SelfReport)
        {
            let run = (receipt.exposures.as_slice(), receipt.bundle);
            concluded
                .facts
                .extend(self.measure(tenant, &receipt.scope, run, (spent, now)));
        }
        self.adopt(conclusion, &outcome, &mut concluded, now);
        concluded
    }

    /// Writes a run down: what it leaves is cut to the regime that this node sees, and where a signal of it has broken,
    /// this node votes for a new one.
    fn settle(&mut self, tenant: u32, scope: &ScopePath, run: &credit::Run<'_>, facts: &mut Vec<Fact>) {
        let params = self.params.clone();
        self.view(tenant, run.now);
        let blank = (run.now, View::blank(self.origin(tenant)));
        let (at, mut view) = self.views.remove(&tenant).unwrap_or(blank);
        let scopes: Vec<ScopeId> = scope.lineage().map(|path| ScopeId::of(&path)).collect();
        for scope in &scopes {
            view.refresh(&self.replica, *scope, run.now, &params);
        }
        let reader = Reader {
            view: &view,
            bundle: run.bundle,
            now: run.now,
            params: &params,
        };
        let used = || {
            run.shown
                .iter()
                .filter(|shown| shown.kept && !shown.own)
                .map(|shown| shown.signal)
        };
        let (writer, replica) = self.pen(tenant);
        for scope in &scopes {
            facts.extend(used().filter_map(|signal| regime::fold(replica, writer, &reader, *scope, signal)));
        }
        let weight = |origin| view.weight(origin);
        facts.extend(credit::settle_believing(replica, writer, &params, run, weight));
        let votes: Vec<Fact> = scopes
            .iter()
            .filter_map(|scope| regime::vote(replica, writer, &reader, *scope, used()))
            .collect();
        self.counts.votes += votes.len() as u64;
        facts.extend(votes);
        self.views.insert(tenant, (at, view));
    }

    /// Seconds what others have voted for, as far as this node's facts say the same.
    pub(super) fn second(&mut self, tenant: u32, now: u64) -> Vec<Fact> {
        let params = self.params.clone();
        let Some((at, view)) = self.views.remove(&tenant) else {
            return Vec::new();
        };
        let reader = Reader {
            view: &view,
            // Whichever bundles the evidence is of, each is read as by a run of its own.
            bundle: BundleClass::default(),
            now,
            params: &params,
        };
        let (writer, replica) = self.pen(tenant);
        let facts = regime::second(replica, writer, &reader);
        self.counts.votes += facts.len() as u64;
        self.views.insert(tenant, (at, view));
        facts
    }

    /// Takes in what a run proposes.
    fn adopt(&mut self, conclusion: &Conclusion, outcome: &Outcome, concluded: &mut Concluded, now: u64) {
        let receipt = &conclusion.receipt;
        for proposal in conclusion.proposals.iter().take(PROPOSALS_PER_RUN_MAX) {
            let mut proposal = proposal.clone();
            if proposal.source.is_empty() {
                proposal.source = receipt.task_id.to_string();
            }
            let taken = may_propose(proposal.polarity, outcome).and_then(|()| {
                let contribution = Contribution {
                    scope: receipt.scope.clone(),
                    proposal,
                    tenant: Origin::tenant_number(&receipt.tenant),
                    share: conclusion.share,
                    born_in: Some(receipt.job_id),
                    bundle: receipt.bundle,
                };
                self.contribute(&contribution, now)
            });
            match taken {
                Ok(contributed) => {
                    self.counts.proposed += 1;
                    concluded.signals.push(contributed.signal);
                    concluded.facts.extend(contributed.facts);
                }
                Err(refusal) => {
                    self.counts.refused += 1;
                    concluded.refused.push(refusal);
                }
            }
        }
    }

    /// Takes in a signal. One that says the same as a known one pools with it; one that says nearly the same counts
    /// with it from now on.
    pub fn contribute(&mut self, contribution: &Contribution, now: u64) -> Result<Contributed, Refusal> {
        let signal = self.signal_of(contribution, now)?;
        let id = signal.id;
        let tenant = contribution.tenant;
        let mut facts = self.name_scopes(tenant, &contribution.scope);
        let (writer, replica) = self.pen(tenant);
        let written = writer.signal(replica, signal);
        let is_new = written.is_some();
        facts.extend(written);
        let near = self.admit(id);
        let (writer, replica) = self.pen(tenant);
        for alias in near.iter().filter(|_| is_new) {
            facts.extend(writer.alias(replica, *alias));
        }
        let near = near
            .into_iter()
            .map(|alias| {
                if alias.stands == id {
                    alias.follows
                } else {
                    alias.stands
                }
            })
            .collect();
        Ok(Contributed {
            signal: id,
            is_new,
            near,
            facts,
        })
    }

    /// The signal of a contribution, or why it is none.
    fn signal_of(&self, contribution: &Contribution, now: u64) -> Result<Signal, Refusal> {
        let Contribution { scope, proposal, .. } = contribution;
        let body = canonical(&proposal.body, proposal.polarity)?;
        let signal = Signal {
            id: dedup::signal_id(scope, proposal.polarity, &body),
            scope: scope.clone(),
            polarity: proposal.polarity,
            tokens: tokens(&body),
            body,
            trigger: proposal.trigger.clone(),
            parents: proposal.parents.iter().copied().take(PARENTS_MAX).collect(),
            author: self.origin(contribution.tenant),
            born_in: contribution.born_in,
            created: anthill_contracts::clock::Timestamp(now),
            bundle: contribution.bundle,
            share: contribution.share,
            source: proposal.source.clone(),
        };
        let leaves = matches!(signal.share, Share::Group(_) | Share::Public);
        let clean = hygiene::check(&signal).and_then(|()| {
            if leaves {
                hygiene::check_leaving(&signal)
            } else {
                Ok(())
            }
        });
        clean.map_err(|rejection| Refusal::because(rejection.to_string()))?;
        Ok(signal)
    }

    /// Whether a signal was born in this job.
    fn is_born_in(&self, signal: SignalId, job_id: JobId) -> bool {
        self.replica
            .signal(signal)
            .is_some_and(|signal| signal.born_in == Some(job_id))
    }

    /// The paths of a scope and of those that it refines, where nobody has written them yet.
    fn name_scopes(&mut self, tenant: u32, scope: &ScopePath) -> Vec<Fact> {
        let (writer, replica) = self.pen(tenant);
        scope
            .lineage()
            .filter_map(|path| writer.scope(replica, &path))
            .collect()
    }

    /// Warnings that mirror refuted advice; they have to prove themselves like any other signal.
    pub(super) fn mirror(&mut self, tenant: u32, now: u64) -> Vec<Fact> {
        let Some((at, view)) = self.views.remove(&tenant) else {
            return Vec::new();
        };
        let advice: Vec<_> = self.replica.signals().cloned().collect();
        let mut facts = Vec::new();
        for signal in advice {
            // A model that does worse is chosen less often; nobody has to be warned of it.
            if route::is_choice(&signal.body) {
                continue;
            }
            let Some(proposal) = lifecycle::twin(&self.replica, &view, signal.id, now, &self.params) else {
                continue;
            };
            let contribution = Contribution {
                scope: signal.scope.clone(),
                proposal,
                tenant,
                share: Share::Tenant,
                born_in: None,
                bundle: signal.bundle,
            };
            match self.contribute(&contribution, now) {
                Ok(contributed) => facts.extend(contributed.facts),
                Err(_) => self.counts.refused += 1,
            }
        }
        self.views.insert(tenant, (at, view));
        facts
    }
}

/// Whether a run that ended like this may propose.
fn may_propose(polarity: Polarity, outcome: &Outcome) -> Result<(), Refusal> {
    if outcome.class == EvidenceClass::SelfReport {
        return Err(Refusal::because(
            "nobody but the agent itself says how its run ended",
        ));
    }
    if polarity == Polarity::Do && outcome.score_milli < ADVICE_SCORE_MIN {
        return Err(Refusal::because("a run that failed gives warnings, not advice"));
    }
    Ok(())
}

/// The body with its arguments in canonical form, or what is wrong with it.
fn canonical(body: &SignalBody, polarity: Polarity) -> Result<SignalBody, Refusal> {
    let SignalBody::Action { schema, args } = body else {
        return Ok(body.clone());
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(args).is_err() {
        return Err(Refusal::because(format!(
            "the arguments of `{schema}` are no JSON"
        )));
    }
    let canonical = dedup::canonical_args(args);
    if schema == GUARD_SCHEMA {
        if polarity != Polarity::Avoid {
            return Err(Refusal::because("a guard warns: its polarity is `avoid`"));
        }
        let read = serde_json::from_str::<Guard>(&canonical).map_err(|error| error.to_string());
        read.and_then(|read| guard::check(&read))
            .map_err(|error| Refusal::because(format!("the arguments are no guard: {error}")))?;
    }
    Ok(SignalBody::Action {
        schema: schema.clone(),
        args: canonical,
    })
}

/// About how many tokens a body takes: a quarter of its characters, and a few for its frame.
pub(super) fn tokens(body: &SignalBody) -> u16 {
    let chars = match body {
        SignalBody::Text { text } => text.chars().count(),
        SignalBody::Action { schema, args } => schema.chars().count() + args.chars().count(),
    };
    u16::try_from(chars.div_ceil(4) + 4).unwrap_or(u16::MAX)
}
