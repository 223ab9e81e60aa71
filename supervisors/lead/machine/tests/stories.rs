//! What the simulator found, told step by step. Its seeds change their histories whenever the simulator grows; these
//! stay.

use anthill_actors::agent::{AgentKey, AgentKind, AgentNews, AgentOrder, AgentReport};
use anthill_contracts::budget::{Amount, Span};
use anthill_contracts::id::{JobId, StepId};
use anthill_contracts::model::Counted;
use anthill_contracts::plan::{NodeKind, PlanNode, Role};
use anthill_contracts::step::{Phase, StepKind, StepRecord};
use anthill_contracts::store::JobStatus;

use super::*;

/// A lead whose journal is always durable, with everything that it ever said.
struct Told {
    lead: Lead,
    events: Vec<JobEvent>,
    steps: Vec<LeadStep>,
}

impl Told {
    /// A lead over earlier events.
    fn over(earlier: &[JobEvent]) -> Self {
        let mut job = JobState::new(JobId::new(1, 1));
        for event in earlier {
            job.apply(event);
        }
        Self {
            lead: Lead::new(job, 0),
            events: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn begin(&mut self, budget: Limits, topup: Option<Limits>) {
        let spec = serde_json::json!({"name": "t", "goal": "why?", "budget": budget});
        let (node_id, epoch) = (NodeId::new(1, 1), self.lead.job().epoch + 1);
        let spec = Some(Box::new(serde_json::from_value(spec).expect("the spec is valid")));
        self.hear(LeadInput::Begin {
            node_id,
            epoch,
            spec,
            topup,
        });
        let (items, body) = (Vec::new(), Blob::new(b"listing".to_vec()));
        let listed = Ok(Listed {
            items,
            documents: 0,
            body,
        });
        self.hear(LeadInput::Listed { listed });
    }

    fn hear(&mut self, input: LeadInput) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = Vec::new();
            self.lead.step(Cx::default(), input, &mut out);
            assert_eq!(self.lead.check(), Ok(()));
            for step in out {
                match step {
                    LeadStep::Append { seq, events, .. } => {
                        self.events.extend(events.iter().cloned());
                        inputs.push_back(LeadInput::Appended { seq });
                    }
                    LeadStep::LookUpMemo { task_id } => {
                        inputs.push_back(LeadInput::MemoLookedUp {
                            task_id,
                            key: None,
                            memo: None,
                        });
                    }
                    LeadStep::TakeCut => inputs.push_back(LeadInput::CutTaken { cut: None }),
                    LeadStep::Recall { key, .. } => {
                        inputs.push_back(LeadInput::Recalled { key, receipt: None });
                    }
                    other => self.steps.push(other),
                }
            }
        }
    }

    fn report(&mut self, from: AgentKey, news: AgentNews) {
        self.hear(LeadInput::Report(AgentReport { from, news }));
    }

    fn started(&self) -> Vec<AgentKey> {
        let started = self.steps.iter().filter_map(|step| match step {
            LeadStep::StartAgent(key) => Some(*key),
            _ => None,
        });
        started.collect()
    }

    fn status(&self) -> JobStatus {
        self.lead.job().status
    }
}

fn node(id: &str, kind: NodeKind, deps: &[&str]) -> PlanNode {
    PlanNode {
        id: id.to_owned(),
        kind,
        role: Some(Role::Generalist),
        deps: deps.iter().map(|dep| (*dep).to_owned()).collect(),
        over: None,
        items: Vec::new(),
        instructions: None,
        review: false,
        budget: Limits::default(),
        optional: false,
    }
}

fn templated(nodes: Vec<PlanNode>) -> LeadInput {
    let plan = Some((Plan { nodes }, "template:test".to_owned()));
    LeadInput::Templated {
        plan,
        reasons: Vec::new(),
    }
}

fn failed(reason: ReasonCode) -> AgentNews {
    let trouble = Trouble {
        reason,
        detail: String::new(),
        concerns_job: false,
    };
    AgentNews::Failed { trouble }
}

fn worker(node: &str) -> AgentKey {
    let task_id = TaskId::derive(JobId::new(1, 1), node, None);
    AgentKey {
        task_id,
        attempt: 1,
        kind: AgentKind::Worker,
    }
}

/// Somebody cancelled while the partial result was being put together; the job ended paused.
#[test]
fn a_cancel_is_not_lost_while_a_partial_result_is_composed() {
    let mut told = Told::over(&[]);
    let budget = Limits {
        steps: Some(1),
        ..Limits::default()
    };
    told.begin(budget, None);
    told.hear(templated(vec![node("answer", NodeKind::Agent, &[])]));
    let (from, amount) = (
        worker("answer"),
        Amount {
            steps: 2,
            ..Amount::ZERO
        },
    );
    let step_id = StepId::derive(from.task_id, 0);
    told.report(from, AgentNews::Reserve { step_id, amount });
    told.report(from, failed(ReasonCode::BudgetExhausted(Dimension::Steps)));
    assert!(matches!(told.steps.last(), Some(LeadStep::ComposePartial)));
    told.hear(LeadInput::Cancel);
    told.hear(LeadInput::PartialReady { body: None });
    assert_eq!(told.status(), JobStatus::Cancelled);
}

/// The quota was used up while another worker's call was under way; the call was paid for and its answer lost.
#[test]
fn what_is_paid_for_is_recorded_though_the_account_is_empty() {
    let mut told = Told::over(&[]);
    told.begin(Limits::default(), None);
    let nodes = vec![
        node("one", NodeKind::Agent, &[]),
        node("other", NodeKind::Agent, &[]),
        node("third", NodeKind::Agent, &[]),
    ];
    told.hear(templated(nodes));
    let (one, other, third) = (worker("one"), worker("other"), worker("third"));
    let amount = Amount {
        steps: 1,
        ..Amount::ZERO
    };
    let step_id = StepId::derive(other.task_id, 0);
    told.report(other, AgentNews::Reserve { step_id, amount });
    let trouble = Trouble {
        reason: ReasonCode::ModelError,
        detail: "AH0308: the quota of this month is used up".to_owned(),
        concerns_job: true,
    };
    told.report(
        one,
        AgentNews::Failed {
            trouble: trouble.clone(),
        },
    );
    assert_eq!(told.status(), JobStatus::Running, "a call is under way");
    assert!(!told.steps.iter().any(|step| matches!(step, LeadStep::StopAgents)));
    let refused = StepId::derive(third.task_id, 0);
    told.report(
        third,
        AgentNews::Reserve {
            step_id: refused,
            amount,
        },
    );
    let last = told.steps.last();
    let is_refused = matches!(last, Some(LeadStep::Tell(key, AgentOrder::Refused(id, _))) if *key == third && *id == refused);
    assert!(is_refused, "nothing more is asked: {last:?}");
    told.report(third, failed(ReasonCode::BudgetExhausted(Dimension::Steps)));
    let body = Blob::new(b"answer".to_vec());
    let step = StepRecord {
        step_id,
        seq: 0,
        phase: Phase::Work,
        round: 0,
        kind: StepKind::Model {
            model: "test".to_owned(),
            counted: Counted::Provider,
        },
        request: body.digest(),
        answer: body.digest(),
        cost: amount,
    };
    told.report(
        other,
        AgentNews::StepTaken {
            step: Box::new(step),
            bodies: vec![body],
        },
    );
    told.report(other, AgentNews::Failed { trouble });
    let job = told.lead.job();
    assert_eq!(
        (job.status, job.reason, job.detail.as_str()),
        (
            JobStatus::Paused,
            Some(ReasonCode::ModelError),
            "AH0308: the quota of this month is used up"
        )
    );
    assert_eq!(job.spent().steps, 1, "the answer that was paid for is on record");
    assert!(
        job.tasks.values().all(|task| !task.status.is_terminal()),
        "each is tried again"
    );
}

/// The provider failed while a cancelled job's agents were being stopped; the job ended paused.
#[test]
fn a_cancel_is_not_lost_to_a_provider_that_fails() {
    let mut told = Told::over(&[]);
    told.begin(Limits::default(), None);
    told.hear(templated(vec![node("answer", NodeKind::Agent, &[])]));
    told.hear(LeadInput::Cancel);
    let trouble = Trouble {
        reason: ReasonCode::ModelError,
        detail: String::new(),
        concerns_job: true,
    };
    told.report(worker("answer"), AgentNews::Failed { trouble });
    told.hear(LeadInput::AgentsStopped);
    assert_eq!(told.status(), JobStatus::Cancelled);
}

/// A resumed lead launched an empty map before the broken node that it needs, because it comes first in the plan, and
/// took it for sound.
#[test]
fn a_resumed_lead_builds_on_nothing_that_is_broken() {
    let mut first = Told::over(&[]);
    first.begin(Limits::default(), None);
    first.hear(templated(vec![
        node("again", NodeKind::Map, &["empty"]),
        node("empty", NodeKind::Map, &["answer"]),
        node("answer", NodeKind::Agent, &[]),
        node("other", NodeKind::Agent, &[]),
        node("last", NodeKind::Reduce, &["again", "other"]),
    ]));
    first.report(worker("answer"), failed(ReasonCode::ContractViolation));
    let mut resumed = Told::over(&first.events);
    resumed.begin(Limits::default(), None);
    let other = AgentKey {
        attempt: 2,
        ..worker("other")
    };
    assert_eq!(resumed.started(), [other]);
    resumed.report(other, AgentNews::Finished);
    assert_eq!(
        resumed.started(),
        [other],
        "`last` needs what `answer` did not give"
    );
    assert_eq!(resumed.status(), JobStatus::Failed);
}

/// The planner failed while the job was about to pause; the resumed job began the ended task again.
#[test]
fn planning_that_has_failed_is_not_begun_again() {
    let mut first = Told::over(&[]);
    let wall = |seconds: u64| Limits {
        wall: Some(Span(seconds * 1000)),
        ..Limits::default()
    };
    first.begin(wall(1), None);
    first.hear(LeadInput::Templated {
        plan: None,
        reasons: Vec::new(),
    });
    first.hear(LeadInput::WallOver);
    let planner = AgentKey {
        task_id: TaskId::planning(JobId::new(1, 1)),
        attempt: 1,
        kind: AgentKind::Planner,
    };
    first.report(planner, failed(ReasonCode::ContractViolation));
    first.hear(LeadInput::AgentsStopped);
    assert_eq!(first.status(), JobStatus::Paused);
    let mut resumed = Told::over(&first.events);
    resumed.begin(wall(1), Some(wall(60)));
    assert_eq!(resumed.status(), JobStatus::Failed);
    assert_eq!(resumed.started(), []);
}

fn reserved(told: &mut Told, from: AgentKey, amount: Amount) {
    let step_id = StepId::derive(from.task_id, 0);
    told.report(from, AgentNews::Reserve { step_id, amount });
}

const ONE_STEP: Amount = Amount {
    steps: 1,
    ..Amount::ZERO
};

const ONE_TOOL_CALL: Amount = Amount {
    tool_calls: 1,
    ..ONE_STEP
};

/// A cancelled job kept what was set aside for its steps under way.
#[test]
fn a_cancelled_job_gives_its_reservations_back() {
    let mut told = Told::over(&[]);
    told.begin(Limits::default(), None);
    told.hear(templated(vec![node("answer", NodeKind::Agent, &[])]));
    reserved(&mut told, worker("answer"), ONE_STEP);
    told.hear(LeadInput::Cancel);
    told.hear(LeadInput::AgentsStopped);
    assert_eq!(told.status(), JobStatus::Cancelled);
    assert!(told.lead.job().ledger.reserved().is_zero());
}

/// The calls of a job whose tokens were used up were let end; one never did, and the wall time meant nothing any more.
#[test]
fn the_wall_stops_calls_that_were_let_end() {
    let mut told = Told::over(&[]);
    let budget = Limits {
        tool_calls: Some(0),
        ..Limits::default()
    };
    told.begin(budget, None);
    told.hear(templated(vec![
        node("hangs", NodeKind::Agent, &[]),
        node("other", NodeKind::Agent, &[]),
    ]));
    reserved(&mut told, worker("hangs"), ONE_STEP);
    reserved(&mut told, worker("other"), ONE_TOOL_CALL);
    told.report(
        worker("other"),
        failed(ReasonCode::BudgetExhausted(Dimension::ToolCalls)),
    );
    assert_eq!(told.status(), JobStatus::Running);
    told.hear(LeadInput::WallOver);
    assert!(matches!(told.steps.last(), Some(LeadStep::StopAgents)));
    told.hear(LeadInput::AgentsStopped);
    told.hear(LeadInput::PartialReady { body: None });
    assert_eq!(
        told.lead.job().reason,
        Some(ReasonCode::BudgetExhausted(Dimension::ToolCalls))
    );
}

/// The provider went away while the calls of a job without budget were let end: the pause lost its reason, and with it
/// the partial result.
#[test]
fn the_first_reason_for_a_pause_stands() {
    let mut told = Told::over(&[]);
    let budget = Limits {
        tool_calls: Some(0),
        ..Limits::default()
    };
    told.begin(budget, None);
    told.hear(templated(vec![
        node("fails", NodeKind::Agent, &[]),
        node("other", NodeKind::Agent, &[]),
    ]));
    reserved(&mut told, worker("fails"), ONE_STEP);
    reserved(&mut told, worker("other"), ONE_TOOL_CALL);
    let trouble = Trouble {
        reason: ReasonCode::ModelError,
        detail: String::new(),
        concerns_job: true,
    };
    told.report(worker("fails"), AgentNews::Failed { trouble });
    told.report(
        worker("other"),
        failed(ReasonCode::BudgetExhausted(Dimension::ToolCalls)),
    );
    assert!(matches!(told.steps.last(), Some(LeadStep::ComposePartial)));
}

/// A model was asked for a plan while the job was being cancelled: an agent was charged that never began.
#[test]
fn a_job_that_stops_begins_no_planner() {
    let mut told = Told::over(&[]);
    let begin = LeadInput::Begin {
        node_id: NodeId::new(1, 1),
        epoch: 1,
        spec: Some(Box::new(
            serde_json::from_value(serde_json::json!({"name": "t", "goal": "why?"}))
                .expect("the spec is valid"),
        )),
        topup: None,
    };
    told.hear(begin);
    told.lead.agents.insert(worker("answer"));
    told.hear(LeadInput::Cancel);
    let unplanned = LeadInput::Templated {
        plan: None,
        reasons: Vec::new(),
    };
    told.hear(unplanned);
    assert_eq!(told.lead.job().spent().agents, 0);
}

/// A job was interrupted when its last proposal had been refused; the resumed job asked for one more.
#[test]
fn no_proposal_follows_the_last_one() {
    let mut earlier = Told::over(&[]);
    earlier.begin(Limits::default(), None);
    earlier.events.extend((1..=PROPOSALS_MAX).map(|proposal| {
        let reasons = vec!["it has a cycle".to_owned()];
        JobEvent::PlanRefused { proposal, reasons }
    }));
    let mut resumed = Told::over(&earlier.events);
    resumed.begin(Limits::default(), None);
    assert_eq!(resumed.status(), JobStatus::Failed);
    assert_eq!(resumed.started(), []);
}

/// Many workers set their worst cases aside at once; the first that found no room paused a job that had spent nothing.
#[test]
fn a_worst_case_set_aside_for_others_is_waited_for() {
    let mut told = Told::over(&[]);
    let budget = Limits {
        tokens_out: Some(100),
        ..Limits::default()
    };
    told.begin(budget, None);
    told.hear(templated(vec![
        node("first", NodeKind::Agent, &[]),
        node("second", NodeKind::Agent, &[]),
    ]));
    let worst = Amount {
        tokens_out: 90,
        ..ONE_STEP
    };
    reserved(&mut told, worker("first"), worst);
    reserved(&mut told, worker("second"), worst);
    let granted = |told: &Told, node: &str| {
        let step_id = StepId::derive(worker(node).task_id, 0);
        told.steps.iter().any(
            |step| matches!(step, LeadStep::Tell(_, AgentOrder::Granted(granted)) if *granted == step_id),
        )
    };
    assert!(granted(&told, "first") && !granted(&told, "second"));
    told.report(worker("first"), failed(ReasonCode::ModelError));
    assert!(granted(&told, "second"), "the first one's share has come back");
    told.report(worker("second"), AgentNews::Finished);
    assert_eq!(told.lead.job().reason, Some(ReasonCode::ModelError));
}

/// Whoever waits for budget is answered when none can come back any more.
#[test]
fn a_wait_for_budget_ends_with_the_steps_under_way() {
    let mut told = Told::over(&[]);
    let budget = Limits {
        steps: Some(1),
        ..Limits::default()
    };
    told.begin(budget, None);
    told.hear(templated(vec![
        node("crashes", NodeKind::Agent, &[]),
        node("waits", NodeKind::Agent, &[]),
    ]));
    reserved(&mut told, worker("crashes"), ONE_STEP);
    reserved(&mut told, worker("waits"), ONE_STEP);
    let (agent, detail) = (worker("crashes"), "it is gone".to_owned());
    told.hear(LeadInput::Crashed { agent, detail });
    let refused = told
        .steps
        .iter()
        .any(|step| matches!(step, LeadStep::Tell(_, AgentOrder::Refused(..))));
    assert!(refused);
    told.report(
        worker("waits"),
        failed(ReasonCode::BudgetExhausted(Dimension::Steps)),
    );
    assert!(matches!(told.steps.last(), Some(LeadStep::ComposePartial)));
}

mod closing;
