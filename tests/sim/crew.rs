//! The agents of a lead: what they do with orders, answers and tools.

use anthill_actors::agent::{AgentKey, AgentKind, AgentNews, AgentOrder, AgentReport, Trouble};
use anthill_actors::blackboard::board::Posting;
use anthill_actors::step_loop::{Deed, LoopInput, LoopStep, StepLoop};
use anthill_contracts::artifact::{ArtifactVersion, Review, ReviewFinding, Trust};
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{ArtifactId, ReceiptId, StepId, TaskId, ToolCallId};
use anthill_contracts::model::Counted;
use anthill_contracts::plan::{DocumentSlice, Item, NodeKind, Role};
use anthill_contracts::step::{StepKind, StepRecord};
use anthill_contracts::task::ReasonCode;
use anthill_supervisors::lead::job_state::JobState;
use anthill_supervisors::lead::machine::LeadInput;

use crate::agent::{Agent, Answer, History, POST, Reply, ToolOutput, blob_of, read};
use crate::checks::{Promise, Violation, ensure};
use crate::faults::{Site, When};
use crate::knowledge::{draw_lessons, shown};
use crate::outside::Arrival;
use crate::run::Sim;
use crate::schedule::{AgentNo, Channel, Event, LeadNo};
use crate::swarm::TOOL_COST;

const ARTIFACT: &str = "out";

impl Sim {
    /// Starts an agent from what the journal says of its task.
    pub(crate) fn start_agent(&mut self, lead: LeadNo, key: AgentKey) -> Result<(), Violation> {
        let Some(shell) = self.leads.get(&lead) else {
            return Ok(());
        };
        let job = shell.lead.job();
        let task = &job.tasks[&key.task_id];
        let phase = Agent::phase(key.kind);
        let own: Vec<&StepRecord> = task
            .own_steps()
            .iter()
            .filter(|step| step.phase == phase)
            .collect();
        let planner = key.kind == AgentKind::Planner;
        let rounds = if planner {
            job.refused.len()
        } else {
            task.round() as usize
        };
        let history = History::read(&own, rounds, &self.store)?;
        let first_seq = task.steps.len() - history.recorded.len();
        let machine = StepLoop::new(key.task_id, u32::try_from(first_seq).unwrap_or(u32::MAX));
        let machine = if self.setup.bugs.key_per_attempt {
            machine.with_key_per_attempt(key.attempt)
        } else {
            machine
        };
        let receipt_id = ReceiptId::derive(key.task_id, key.kind.as_str());
        let on_record = shown(self.truth.receipts.exposed(receipt_id));
        let shown = shown(job.receipt(receipt_id));
        // A lead that has lost the job does not know what its successor has written down.
        let is_owner = self
            .owners
            .last_key_value()
            .is_some_and(|(_, owner)| *owner == lead);
        // What a task was shown is let go of when it has ended well; one that begins anew after that is shown nothing.
        let is_let_go = task.base.times > 0 && job.receipt(receipt_id).is_none();
        let passes = !is_owner || self.setup.only_consequences || is_let_go;
        ensure(shown == on_record || passes, "I14 replay", || {
            format!("{key:?} is shown what is not on record")
        })?;
        self.asks_as_before(&own, &shown)?;
        let newest = task.versions.last();
        let agent = Agent {
            key,
            lead,
            node: shell.node,
            machine,
            round: u32::try_from(rounds).unwrap_or(u32::MAX),
            calls: history.calls,
            reply: None,
            answer: history.answer,
            misfits: history.misfits,
            wish: TOOL_COST,
            taken: None,
            shown,
            next_version: (
                newest.map_or(1, |last| last.version + 1),
                newest.map(|last| last.body),
            ),
        };
        let (idles, asks) = (is_idle(job, key), asks(job, key));
        self.born += 1;
        let no = self.born;
        self.agents.insert(no, agent);
        if idles {
            self.say_last(no, AgentNews::Finished);
            return Ok(());
        }
        if !asks {
            let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
            self.schedule.after(delay_ms, Event::Concluded { agent: no });
            return Ok(());
        }
        self.step_agent(no, LoopInput::Begin(history.recorded));
        Ok(())
    }

    /// An agent that goes on asks what was asked before it: its prompts show the same.
    fn asks_as_before(&self, own: &[&StepRecord], shown: &str) -> Result<(), Violation> {
        let asked = own
            .iter()
            .filter(|step| matches!(step.kind, StepKind::Model { .. }));
        for step in asked {
            let request: String = read(&self.store, step.request)?;
            ensure(request == request_of(shown), "I14 replay", || {
                format!(
                    "{} was asked with other signals than its successors",
                    step.step_id
                )
            })?;
        }
        Ok(())
    }

    /// Every agent of a lead is gone.
    pub(crate) fn drop_agents(&mut self, lead: LeadNo) {
        self.agents.retain(|_, agent| agent.lead != lead);
    }

    /// Every agent of a lead is killed. Of some the lead hears one by one, before it hears that all are gone.
    pub(crate) fn stop_agents(&mut self, lead: LeadNo) {
        let keys: Vec<AgentKey> = self
            .agents
            .values()
            .filter(|agent| agent.lead == lead)
            .map(|agent| agent.key)
            .collect();
        self.drop_agents(lead);
        for key in keys {
            if self.dice.one_in(2) {
                self.say_crashed(lead, key);
            }
        }
    }

    fn crash_agent(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.remove(&no) else {
            return;
        };
        let held = self
            .truth
            .fold
            .ledger
            .outstanding()
            .any(|(task_id, _, _)| task_id == agent.key.task_id);
        self.damage.agent_with_grant += u64::from(held);
        self.say_crashed(agent.lead, agent.key);
    }

    /// The news of a death overtakes what the dead have said.
    fn say_crashed(&mut self, lead: LeadNo, agent: AgentKey) {
        let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
        self.input_after(
            lead,
            delay_ms,
            LeadInput::Crashed {
                agent,
                detail: "boom".to_owned(),
            },
        );
    }

    fn say(&mut self, no: AgentNo, news: AgentNews) {
        let Some(agent) = self.agents.get(&no) else { return };
        let (lead, from) = (agent.lead, agent.key);
        let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
        let input = Box::new(LeadInput::Report(AgentReport { from, news }));
        self.schedule
            .send(Channel::ToLead(no), delay_ms, Event::Input { lead, input });
    }

    fn say_last(&mut self, no: AgentNo, news: AgentNews) {
        self.say(no, news);
        let Some(agent) = self.agents.remove(&no) else {
            return;
        };
        // It may still die on its way out.
        if self.is_stormy() && self.dice.one_in(self.swarm.weather.agent_crash) {
            self.say_crashed(agent.lead, agent.key);
        }
    }

    fn fail(&mut self, no: AgentNo, reason: ReasonCode, concerns_job: bool) {
        let trouble = Trouble {
            reason,
            detail: String::new(),
            concerns_job,
        };
        self.say_last(no, AgentNews::Failed { trouble });
    }

    fn step_agent(&mut self, no: AgentNo, input: LoopInput) {
        let Some(agent) = self.agents.get_mut(&no) else {
            return;
        };
        match agent.machine.step(input) {
            None => {}
            Some(LoopStep::Reserve(step_id, Deed::Ask)) => {
                let amount = Agent::draw_wish(&mut self.dice);
                agent.wish = amount;
                self.say(no, AgentNews::Reserve { step_id, amount });
            }
            Some(LoopStep::Reserve(step_id, Deed::Run(..))) => {
                self.say(
                    no,
                    AgentNews::Reserve {
                        step_id,
                        amount: TOOL_COST,
                    },
                );
            }
            Some(LoopStep::Take(step_id, Deed::Ask)) => {
                let delay_ms = self.dice.between(1, self.swarm.manners.model_ms_max);
                self.schedule
                    .after(delay_ms, Event::Replied { agent: no, step_id });
            }
            Some(LoopStep::Take(step_id, Deed::Run(_, key))) => self.call_tool(no, step_id, key),
            Some(LoopStep::Record(step_id, deed)) => self.record(no, step_id, &deed),
            Some(LoopStep::Conclude) => {
                let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
                self.schedule.after(delay_ms, Event::Concluded { agent: no });
            }
            Some(LoopStep::Exhausted(_, dimension)) => {
                self.fail(no, ReasonCode::BudgetExhausted(dimension), false);
            }
        }
    }

    fn call_tool(&mut self, no: AgentNo, step_id: StepId, key: ToolCallId) {
        let Some(agent) = self.agents.get(&no) else { return };
        let Some(call) = agent.calls.front() else { return };
        let takes_answer = call.takes_answer();
        let (task_id, posts) = (agent.key.task_id, call.posts);
        let delay_ms = self.net_ms();
        let event = if posts {
            Event::ToolEnded {
                agent: no,
                step_id,
                takes_answer,
            }
        } else {
            Event::Arrival {
                agent: no,
                arrival: Arrival {
                    task_id,
                    step_id,
                    key,
                    takes_answer,
                },
            }
        };
        self.schedule.after(delay_ms, event);
    }

    /// A call reaches the outside, whether or not its agent still lives.
    pub(crate) fn on_arrival(&mut self, no: AgentNo, arrival: Arrival) -> Result<(), Violation> {
        let lives = self.agents.contains_key(&no);
        if lives && self.strikes(Site::Tool, When::Before) {
            self.crash_agent(no);
            return Ok(());
        }
        self.outside.arrive(&arrival)?;
        self.hear(Promise::Called(arrival.step_id))?;
        if lives && self.strikes(Site::Tool, When::After) {
            self.crash_agent(no);
            return Ok(());
        }
        let delay_ms = self.net_ms();
        let (step_id, takes_answer) = (arrival.step_id, arrival.takes_answer);
        self.schedule.after(
            delay_ms,
            Event::ToolEnded {
                agent: no,
                step_id,
                takes_answer,
            },
        );
        Ok(())
    }

    pub(crate) fn on_tool_ended(&mut self, no: AgentNo, step_id: StepId, takes_answer: bool) {
        self.step_agent(
            no,
            LoopInput::ToolEnded {
                step_id,
                takes_answer,
            },
        );
    }

    pub(crate) fn on_replied(&mut self, no: AgentNo, step_id: StepId) {
        if !self.agents.contains_key(&no) {
            return;
        }
        if self.strikes(Site::Model, When::Before) {
            self.crash_agent(no);
            return;
        }
        if self.is_stormy() && self.dice.one_in(self.swarm.manners.provider_failure) {
            self.fail(no, ReasonCode::ModelError, true);
            return;
        }
        let Some(agent) = self.agents.get_mut(&no) else {
            return;
        };
        let reply = Reply::draw(agent.key.kind, &self.swarm.manners, &mut self.dice);
        let next = reply.next();
        agent.reply = Some(reply);
        self.step_agent(no, LoopInput::Replied(step_id, next));
        if self.strikes(Site::Model, When::After) {
            self.crash_agent(no);
        }
    }

    fn record(&mut self, no: AgentNo, step_id: StepId, deed: &Deed) {
        let seen = self.dice.any();
        let Some(agent) = self.agents.get_mut(&no) else {
            return;
        };
        let (kind, request, answer, cost) = match deed {
            Deed::Ask => {
                let reply = agent.reply.take().expect("a recorded call has a reply");
                let cost = agent.draw_cost(&mut self.dice);
                agent.answer = reply.calls.is_empty().then(|| Answer::of_reply(step_id, &reply));
                agent.calls.clone_from(&reply.calls);
                let kind = StepKind::Model {
                    model: "sim/chance".to_owned(),
                    counted: Counted::Provider,
                };
                (kind, blob_of(&request_of(&agent.shown)), blob_of(&reply), cost)
            }
            Deed::Run(_, call_id) => {
                let call = agent.calls.pop_front().expect("a recorded tool has its call");
                let ok = !call.posts || call.takes_answer();
                agent.answer = call.takes_answer().then(|| Answer::of_call(step_id, &call));
                let kind = StepKind::Tool {
                    call_id: *call_id,
                    tool: call.tool().to_owned(),
                    ok,
                };
                (kind, blob_of(&call), blob_of(&ToolOutput { ok, seen }), TOOL_COST)
            }
        };
        agent.taken = Some((step_id, answer.digest()));
        let step = StepRecord {
            step_id,
            seq: agent.machine.next_seq(),
            phase: Agent::phase(agent.key.kind),
            round: agent.round,
            kind,
            request: request.digest(),
            answer: answer.digest(),
            cost,
        };
        self.say(
            no,
            AgentNews::StepTaken {
                step: Box::new(step),
                bodies: vec![request, answer],
            },
        );
    }

    pub(crate) fn on_order(&mut self, no: AgentNo, order: AgentOrder) -> Result<(), Violation> {
        let Some(agent) = self.agents.get(&no) else {
            return Ok(());
        };
        let taken = agent.taken;
        if self.strikes(Site::Order, When::Before) {
            self.crash_agent(no);
            return Ok(());
        }
        let input = match order {
            AgentOrder::Granted(step_id) => {
                self.hear(Promise::Granted(step_id))?;
                LoopInput::Granted(step_id)
            }
            AgentOrder::Refused(step_id, dimension) => LoopInput::Refused(step_id, dimension),
            AgentOrder::Durable(step_id) => {
                if let Some((_, answer)) = taken.filter(|(taken, _)| *taken == step_id) {
                    self.hear(Promise::Recorded(step_id, answer))?;
                }
                LoopInput::Durable(step_id)
            }
        };
        self.step_agent(no, input);
        if self.strikes(Site::Order, When::After) {
            self.crash_agent(no);
        }
        Ok(())
    }

    /// An agent has looked at its answer, or at the work that it reviews.
    pub(crate) fn on_concluded(&mut self, no: AgentNo) -> Result<(), Violation> {
        if self.finds_change(no) {
            return Ok(());
        }
        let Some(agent) = self.agents.get_mut(&no) else {
            return Ok(());
        };
        if agent.answer.as_ref().is_some_and(|answer| !answer.fits) {
            agent.misfits += 1;
            if agent.misfits > self.swarm.job.spec.review.rounds {
                self.fail(no, ReasonCode::ContractViolation, false);
            } else {
                self.step_agent(no, LoopInput::TryAgain);
            }
            return Ok(());
        }
        match agent.key.kind {
            AgentKind::Worker => return self.post(no),
            AgentKind::Planner => {
                let proposal = Ok(self.swarm.job.plan.clone());
                self.say_last(
                    no,
                    AgentNews::Planned {
                        proposal,
                        author: "sim/chance".to_owned(),
                    },
                );
            }
            AgentKind::Critic => self.review(no),
        }
        Ok(())
    }

    /// Whether an agent that works on a brief, or reviews one, finds that a document is not what it was.
    fn finds_change(&mut self, no: AgentNo) -> bool {
        let is_drawn = self.is_stormy() && self.dice.one_in(self.swarm.manners.change);
        let Some(agent) = self.agents.get(&no).filter(|_| is_drawn) else {
            return false;
        };
        let job = self.leads.get(&agent.lead).map(|shell| shell.lead.job());
        let works_on_brief = job
            .and_then(|job| Some((job.tasks.get(&agent.key.task_id)?, job)))
            .is_some_and(|(task, _)| task.path().is_none() && agent.key.kind != AgentKind::Planner);
        let is_noop = job.is_some_and(|job| is_idle(job, agent.key));
        let reads = self
            .swarm
            .job
            .plan
            .nodes
            .iter()
            .any(|node| node.role == Some(Role::Reader));
        if !works_on_brief || is_noop || !reads {
            return false;
        }
        let path = self.change_document();
        self.say_last(no, AgentNews::InputsChanged { paths: vec![path] });
        true
    }

    /// Somebody writes into a document: it has other content now, and may have other parts.
    fn change_document(&mut self) -> String {
        let items = &mut self.swarm.job.items;
        let chosen = self.dice.index(items.len());
        let document = items[chosen].document.clone().expect("every item is a document");
        let (path, parts) = (document.path, self.dice.between(1, 3));
        let digest = Digest::of(format!("{path} {}", self.dice.any()).as_bytes());
        items.retain(|item| item.document.as_ref().is_none_or(|other| other.path != path));
        items.extend((0..parts).map(|part| Item {
            label: format!("{path} part {part}"),
            document: Some(DocumentSlice {
                path: path.clone(),
                digest,
                start: part,
                end: part + 1,
            }),
            kind: None,
        }));
        path
    }

    fn post(&mut self, no: AgentNo) -> Result<(), Violation> {
        let Some(agent) = self.agents.get(&no) else {
            return Ok(());
        };
        let (lead, answer) = (
            agent.lead,
            agent.answer.clone().expect("a worker concludes with an answer"),
        );
        let version = version_of(agent.key.task_id, agent.next_version, &answer);
        if self.strikes(Site::Post, When::Before) {
            self.crash_agent(no);
            return Ok(());
        }
        let Some(shell) = self.leads.get_mut(&lead) else {
            return Ok(());
        };
        let posted = shell.board.post(&Posting { version });
        let version = posted.map_err(|error| Violation::new("I9 artifacts", error.to_string()))?;
        if self.strikes(Site::Post, When::After) {
            self.crash_agent(no);
            return Ok(());
        }
        let lessons = draw_lessons(&mut self.dice);
        self.say_last(
            no,
            AgentNews::Posted {
                version: Box::new(version),
                body: answer.body,
                lessons,
            },
        );
        Ok(())
    }

    fn review(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.get(&no) else { return };
        let Some(shell) = self.leads.get(&agent.lead) else {
            return;
        };
        let task_id = agent.key.task_id;
        let newest = shell
            .lead
            .job()
            .tasks
            .get(&task_id)
            .and_then(|task| task.versions.last());
        // The checks look at the body alone, so they say the same every time.
        let checked = newest.is_none_or(|version| version.body.as_bytes()[0] % 16 != 0);
        let accepted = checked && agent.answer.as_ref().is_none_or(|answer| answer.accepts);
        let flaw = ReviewFinding {
            reason: ReasonCode::QuoteNotFound,
            detail: "not there".to_owned(),
        };
        let review = Review {
            artifact_id: ArtifactId::derive(task_id, ARTIFACT),
            version: newest.map_or(1, |version| version.version),
            round: agent.round,
            findings: if accepted { Vec::new() } else { vec![flaw] },
            score_milli: 1000,
        };
        self.say_last(no, AgentNews::Reviewed { review });
    }
}

/// A prompt, as far as it matters here.
fn request_of(shown: &str) -> String {
    format!("a request that shows {shown}")
}

fn version_of(owner: TaskId, next: (u32, Option<Digest>), answer: &Answer) -> ArtifactVersion {
    ArtifactVersion {
        artifact_id: ArtifactId::derive(owner, ARTIFACT),
        name: ARTIFACT.to_owned(),
        version: next.0,
        parent: next.1,
        body: answer.body.digest(),
        bytes: answer.body.bytes().len() as u64,
        owner,
        key: ToolCallId::derive(answer.step_id, POST, "{}"),
        contract: "findings".to_owned(),
        model: "sim/chance".to_owned(),
        trust: Trust::Internal,
    }
}

/// Whether an agent has nothing to do but to say so.
fn is_idle(job: &JobState, key: AgentKey) -> bool {
    let role = job.node_of(key.task_id).and_then(|(_, node)| node.role);
    key.kind == AgentKind::Worker && role == Some(Role::Nobody)
}

/// Whether an agent asks a model.
fn asks(job: &JobState, key: AgentKey) -> bool {
    let verifies = job
        .node_of(key.task_id)
        .is_some_and(|(_, node)| node.kind == NodeKind::Verify);
    let wants_opinion = job.spec.as_ref().is_some_and(|spec| spec.review.opinion);
    key.kind != AgentKind::Critic || (wants_opinion && !verifies)
}
