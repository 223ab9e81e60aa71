//! A world for the lead: a journal that is always durable, and agents that do as they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anthill_actors::agent::{AgentKey, AgentKind, AgentNews, AgentOrder, AgentReport, Trouble};
use anthill_contracts::artifact::{ArtifactVersion, Review, ReviewFinding, Trust};
use anthill_contracts::budget::{Amount, Limits};
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{
    ArtifactId, JobId, NodeId, ReceiptId, SignalId, StepId, TaskId, TenantId, ToolCallId,
};
use anthill_contracts::knowledge::{Cut, Spent};
use anthill_contracts::model::Counted;
use anthill_contracts::plan::{DocumentSlice, Item, NodeKind, Plan, PlanNode, Role};
use anthill_contracts::signal::{
    Arm, BundleClass, Chosen, Exposure, Outcome, Polarity, Proposal, Receipt, SignalBody,
};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use anthill_contracts::store::Memo;
use anthill_contracts::task::ReasonCode;

use crate::lead::job_state::JobState;
use crate::lead::machine::{Cx, Lead, LeadInput, LeadStep, Listed};

/// How agents behave.
#[derive(Debug, Clone, Default)]
pub(super) struct Behaviour {
    /// What a step costs beyond being a step.
    pub(super) cost: Amount,
    /// How often the worker of the first document crashes.
    pub(super) crashes: u32,
    /// How often the first reviews reject.
    pub(super) rejections: u32,
    /// Whether every lookup finds earlier work.
    pub(super) remembers: bool,
    /// What workers have learned.
    pub(super) lessons: Vec<Proposal>,
    /// Whether the provider refuses to work.
    pub(super) provider_down: bool,
    /// Whether the job goes on when a reader fails.
    pub(super) readers_are_optional: bool,
    /// Why the readers of these documents fail, by the document's number.
    pub(super) troubles: BTreeMap<u32, ReasonCode>,
    /// Documents that are listed with other content, and into how many parts they are cut.
    pub(super) relisted: BTreeMap<u32, u32>,
    /// Documents that are gone when the inputs are listed.
    pub(super) gone: BTreeSet<u32>,
    /// Which documents are found changed when a brief is about to be written or reviewed, one list a time.
    pub(super) changes: Vec<(AgentKind, Vec<String>)>,
}

/// The world around one lead.
pub(super) struct World {
    pub(super) journal: Vec<Vec<JobEvent>>,
    pub(super) behaviour: Behaviour,
    pub(super) plan_reasons: Vec<String>,
    pub(super) topup: Option<Limits>,
    pub(super) cancel_after_frames: Option<usize>,
    pub(super) told_early: Vec<String>,
    pub(super) stops_agents_often: bool,
    pub(super) agents_per_reader: Option<u64>,
    /// What the knowledge holds for the job.
    pub(super) cut: Option<Cut>,
    /// Leads that the knowledge tells first that what it held is gone.
    pub(super) loses: u32,
    /// As of when, and by which seeds, it was asked.
    pub(super) recalled: Vec<(AgentKey, Digest, Option<Cut>)>,
    /// Whether the knowledge answers what agents are shown.
    pub(super) knows: bool,
    /// Whether the knowledge acknowledges what it is told.
    pub(super) acknowledges: bool,
    /// What the knowledge was told.
    pub(super) concluded: Vec<(ReceiptId, Vec<Outcome>, Vec<Proposal>)>,
    /// What the knowledge was told that runs have spent.
    pub(super) spent: Vec<(ReceiptId, Option<Spent>)>,
    documents: u32,
    pub(super) spec: Box<JobSpec>,
    durable_steps: BTreeSet<StepId>,
    durable_grants: BTreeSet<StepId>,
    crashed: BTreeMap<TaskId, u32>,
    inbox: VecDeque<LeadInput>,
}

fn node(id: &str, kind: NodeKind, role: Option<Role>, deps: &[&str]) -> PlanNode {
    PlanNode {
        id: id.to_owned(),
        kind,
        role,
        deps: deps.iter().map(|dep| (*dep).to_owned()).collect(),
        over: (kind == NodeKind::Map).then(|| "documents".to_owned()),
        items: Vec::new(),
        instructions: None,
        review: role.is_some(),
        budget: Limits::default(),
        optional: false,
    }
}

fn plan() -> Plan {
    Plan {
        nodes: vec![
            node("documents", NodeKind::Documents, None, &[]),
            node("read", NodeKind::Map, Some(Role::Reader), &["documents"]),
            node("brief", NodeKind::Reduce, Some(Role::Writer), &["read"]),
            node("verify", NodeKind::Verify, None, &["brief"]),
        ],
    }
}

/// What is known at some moment.
pub(super) fn cut(number: u8) -> Cut {
    Cut {
        digest: Digest::of(&[number]),
        at: Timestamp(u64::from(number)),
    }
}

fn job_id() -> JobId {
    JobId::new(1, 1)
}

/// What an agent is shown: one text.
pub(super) fn receipt(key: AgentKey) -> Receipt {
    let exposure = Exposure {
        signal: SignalId::of_parts(&[b"text"]),
        propensity_milli: 1000,
        kept: true,
        chosen: Chosen::Drawn,
        tokens: 4,
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: "Look twice.".to_owned(),
        },
        mean_micro: 1,
    };
    Receipt {
        receipt_id: ReceiptId::derive(key.task_id, key.kind.as_str()),
        job_id: job_id(),
        task_id: key.task_id,
        tenant: TenantId::default(),
        scope: "read/text".parse().expect("a scope"),
        bundle: BundleClass::default(),
        arm: Arm::Treated,
        exposures: vec![exposure],
        at: Timestamp::default(),
        model: None,
        weighed: Vec::new(),
    }
}

impl World {
    pub(super) fn new(documents: u32, budget: Limits) -> Self {
        let spec = serde_json::json!({"name": "t", "goal": "why?", "budget": budget});
        Self {
            journal: Vec::new(),
            behaviour: Behaviour::default(),
            plan_reasons: Vec::new(),
            topup: None,
            cancel_after_frames: None,
            told_early: Vec::new(),
            stops_agents_often: false,
            agents_per_reader: None,
            cut: Some(cut(1)),
            loses: 0,
            recalled: Vec::new(),
            knows: true,
            acknowledges: true,
            concluded: Vec::new(),
            spent: Vec::new(),
            documents,
            spec: Box::new(serde_json::from_value(spec).expect("the spec is valid")),
            durable_steps: BTreeSet::new(),
            durable_grants: BTreeSet::new(),
            crashed: BTreeMap::new(),
            inbox: VecDeque::new(),
        }
    }

    /// The same job after its process died, with the first frames of its journal.
    pub(super) fn resumed(other: &Self, frames: usize) -> Self {
        let mut world = Self::new(other.documents, Limits::default());
        world.spec = other.spec.clone();
        for events in &other.journal[..frames] {
            world.keep(events.clone());
        }
        world
    }

    /// Runs a lead until it has ended.
    pub(super) fn run(&mut self) -> Lead {
        let mut job = JobState::new(job_id());
        self.journal.iter().flatten().for_each(|event| job.apply(event));
        let epoch = job.epoch + 1;
        let spec = job.spec.is_none().then(|| self.spec.clone());
        let mut lead = Lead::new(job, self.journal.len() as u64);
        let topup = self.topup;
        self.inbox.push_back(LeadInput::Begin {
            node_id: NodeId::new(1, 1),
            epoch,
            spec,
            topup,
        });
        let mut inputs = 0;
        while let Some(input) = self.inbox.pop_front() {
            inputs += 1;
            assert!(inputs < 10_000, "the job does not end");
            let mut out = Vec::new();
            lead.step(
                Cx {
                    run_ms: inputs,
                    random: inputs,
                    now: Timestamp(inputs),
                },
                input,
                &mut out,
            );
            assert_eq!(lead.check(), Ok(()));
            for step in out {
                self.perform(&lead, step);
            }
        }
        assert!(lead.has_ended(), "the job is stuck: {:?}", lead.job().nodes);
        lead
    }

    fn keep(&mut self, events: Vec<JobEvent>) {
        for event in &events {
            match event {
                JobEvent::StepRecorded { step, .. } => drop(self.durable_steps.insert(step.step_id)),
                JobEvent::BudgetReserved { step_id, .. } => drop(self.durable_grants.insert(*step_id)),
                _ => {}
            }
        }
        self.journal.push(events);
    }

    fn perform(&mut self, lead: &Lead, step: LeadStep) {
        if self.stops_agents_often {
            self.inbox.push_back(LeadInput::AgentsStopped);
        }
        match step {
            LeadStep::Append { seq, events, .. } => {
                self.keep(events);
                assert_eq!(seq, self.journal.len() as u64);
                self.inbox.push_back(LeadInput::Appended { seq });
                if self.cancel_after_frames == Some(self.journal.len()) {
                    self.inbox.push_back(LeadInput::Cancel);
                }
            }
            LeadStep::ListInputs => self.list(),
            LeadStep::MakePlan => {
                let mut plan = plan();
                plan.nodes[1].budget.agents = self.agents_per_reader;
                plan.nodes[1].optional = self.behaviour.readers_are_optional;
                let plan = Some((plan, "template:test".to_owned()));
                self.inbox.push_back(LeadInput::Templated {
                    plan,
                    reasons: self.plan_reasons.clone(),
                });
            }
            LeadStep::LookUpMemo { task_id } => {
                let output = Digest::of(task_id.to_string().as_bytes());
                let memo = Memo {
                    job_id: job_id(),
                    task_id,
                    output,
                    cost: Amount::ZERO,
                };
                let memo = self.behaviour.remembers.then_some(memo);
                self.inbox.push_back(LeadInput::MemoLookedUp {
                    task_id,
                    key: Some(output),
                    memo,
                });
            }
            LeadStep::TakeCut => self.inbox.push_back(LeadInput::CutTaken { cut: self.cut }),
            LeadStep::Recall { key, .. } if self.loses > 0 => {
                self.loses -= 1;
                self.cut = Some(cut(2));
                self.inbox.push_back(LeadInput::CutLost { key });
            }
            LeadStep::Recall { key, seed, cut } => {
                self.recalled.push((key, seed, cut));
                let receipt = self.knows.then(|| Box::new(receipt(key)));
                self.inbox.push_back(LeadInput::Recalled { key, receipt });
            }
            LeadStep::Conclude {
                receipt,
                outcomes,
                proposals,
                spent,
            } => {
                let receipt_id = receipt.receipt_id;
                self.concluded.push((receipt_id, outcomes, proposals));
                self.spent.push((receipt_id, spent));
                self.inbox.push_back(LeadInput::Concluded {
                    receipt_id,
                    kept: self.acknowledges,
                });
            }
            LeadStep::StartAgent(key) => self.start(lead, key),
            LeadStep::Tell(key, order) => self.tell(lead, key, order),
            LeadStep::ArmBackoff { task_id, .. } => self.inbox.push_back(LeadInput::BackoffOver { task_id }),
            LeadStep::StopAgents => self.inbox.push_back(LeadInput::AgentsStopped),
            LeadStep::ComposePartial => {
                let body = Some(Blob::new(b"partial".to_vec()));
                self.inbox.push_back(LeadInput::PartialReady { body });
            }
            LeadStep::ValidatePlan { .. } | LeadStep::End => {}
        }
    }

    fn list(&mut self) {
        let there = (0..self.documents).filter(|index| !self.behaviour.gone.contains(index));
        let items = there.flat_map(|index| {
            let parts = self.behaviour.relisted.get(&index).copied();
            let mut content = index.to_le_bytes().to_vec();
            content.extend_from_slice(if parts.is_some() { b"new" } else { b"d" });
            (0..parts.unwrap_or(1)).map(move |part| Item {
                label: format!("d{index} part {part}"),
                document: Some(DocumentSlice {
                    path: format!("d{index}"),
                    digest: Digest::of(&content),
                    start: u64::from(part),
                    end: u64::from(part) + 1,
                }),
                kind: None,
            })
        });
        let listed = Listed {
            items: items.collect(),
            documents: self.documents as usize,
            body: Blob::new(b"listing".to_vec()),
        };
        self.inbox.push_back(LeadInput::Listed { listed: Ok(listed) });
    }

    fn report(&mut self, from: AgentKey, news: AgentNews) {
        self.inbox
            .push_back(LeadInput::Report(AgentReport { from, news }));
    }

    fn start(&mut self, lead: &Lead, key: AgentKey) {
        let task = &lead.job().tasks[&key.task_id];
        let first_reader = TaskId::derive(job_id(), "read", Some(0));
        let crashed = self.crashed.entry(key.task_id).or_default();
        if key.task_id == first_reader && *crashed < self.behaviour.crashes {
            *crashed += 1;
            self.inbox.push_back(LeadInput::Crashed {
                agent: key,
                detail: "boom".to_owned(),
            });
            return;
        }
        if self.behaviour.provider_down {
            let trouble = Trouble {
                reason: ReasonCode::ModelError,
                detail: "down".to_owned(),
                concerns_job: true,
            };
            self.report(key, AgentNews::Failed { trouble });
            return;
        }
        let document = task
            .path()
            .and_then(|path| path.strip_prefix('d')?.parse::<u32>().ok());
        if let Some(reason) = document.and_then(|document| self.behaviour.troubles.get(&document)) {
            let trouble = Trouble {
                reason: *reason,
                detail: "it cannot be done".to_owned(),
                concerns_job: false,
            };
            self.report(key, AgentNews::Failed { trouble });
            return;
        }
        let changes = &mut self.behaviour.changes;
        let is_due = document.is_none() && changes.first().is_some_and(|(kind, _)| *kind == key.kind);
        if is_due {
            let (_, paths) = changes.remove(0);
            self.report(key, AgentNews::InputsChanged { paths });
            return;
        }
        if key.kind == AgentKind::Critic {
            self.review(lead, key);
        } else if task.own_steps().iter().any(|step| step.round == task.round()) {
            self.post(lead, key);
        } else {
            let step_id = StepId::derive(key.task_id, number(task.steps.len()));
            let amount = Amount {
                steps: 1,
                ..self.behaviour.cost
            };
            self.report(key, AgentNews::Reserve { step_id, amount });
        }
    }

    fn tell(&mut self, lead: &Lead, key: AgentKey, order: AgentOrder) {
        match order {
            AgentOrder::Granted(step_id) => {
                if !self.durable_grants.contains(&step_id) {
                    self.told_early.push(format!("{step_id} was granted"));
                }
                let task = &lead.job().tasks[&key.task_id];
                let body = Blob::new(step_id.to_string().into_bytes());
                let step = StepRecord {
                    step_id,
                    seq: number(task.steps.len()),
                    phase: Phase::Work,
                    round: task.round(),
                    kind: StepKind::Model {
                        model: "test".to_owned(),
                        counted: Counted::Provider,
                    },
                    request: body.digest(),
                    answer: body.digest(),
                    cost: Amount {
                        steps: 1,
                        ..self.behaviour.cost
                    },
                };
                self.report(
                    key,
                    AgentNews::StepTaken {
                        step: Box::new(step),
                        bodies: vec![body],
                    },
                );
            }
            AgentOrder::Refused(_, dimension) => {
                let trouble = Trouble {
                    reason: ReasonCode::BudgetExhausted(dimension),
                    detail: String::new(),
                    concerns_job: false,
                };
                self.report(key, AgentNews::Failed { trouble });
            }
            AgentOrder::Durable(step_id) => {
                if !self.durable_steps.contains(&step_id) {
                    self.told_early.push(format!("{step_id} was called durable"));
                }
                self.post(lead, key);
            }
        }
    }

    fn post(&mut self, lead: &Lead, key: AgentKey) {
        let task = &lead.job().tasks[&key.task_id];
        let last = task.steps.last().expect("a step was taken").step_id;
        let body = Blob::new(format!("body of {last}").into_bytes());
        let version = ArtifactVersion {
            artifact_id: ArtifactId::derive(key.task_id, "out"),
            name: "out".to_owned(),
            version: number(task.versions.len()) + 1,
            parent: task.versions.last().map(|version| version.body),
            body: body.digest(),
            bytes: body.bytes().len() as u64,
            owner: key.task_id,
            key: ToolCallId::derive(last, "post_artifact", "{}"),
            contract: "findings".to_owned(),
            model: "test".to_owned(),
            trust: Trust::Internal,
        };
        self.report(
            key,
            AgentNews::Posted {
                version: Box::new(version),
                body,
                lessons: self.behaviour.lessons.clone(),
            },
        );
    }

    fn review(&mut self, lead: &Lead, key: AgentKey) {
        let task = &lead.job().tasks[&key.task_id];
        let round = task.round();
        let rejects = round < self.behaviour.rejections && !task.versions.is_empty();
        let flaw = ReviewFinding {
            reason: ReasonCode::QuoteNotFound,
            detail: "not there".to_owned(),
        };
        let review = Review {
            artifact_id: ArtifactId::derive(key.task_id, "out"),
            version: task.versions.last().map_or(1, |version| version.version),
            round,
            findings: if rejects { vec![flaw] } else { Vec::new() },
            score_milli: 1000,
        };
        self.report(key, AgentNews::Reviewed { review });
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a test counts to small numbers")
}
