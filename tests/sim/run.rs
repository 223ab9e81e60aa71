//! One simulated history: nodes, store, agents and the outside under one scheduler.

use std::collections::BTreeMap;

use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::ReasonCode;
use anthill_store::journal;
use anthill_supervisors::lead::machine::{LeadBugs, LeadInput};

use crate::agent::Agent;
use crate::checks::{Truth, Violation, ensure};
use crate::dice::Dice;
use crate::faults::{Damage, Site, When};
use crate::knowledge::Memory;
use crate::node::{LeadShell, Node, NodeState};
use crate::outside::Outside;
use crate::schedule::{AgentNo, Channel, Event, LeadNo, Schedule};
use crate::store::{Answer, Outcome, Request, SimStore, Write};
use crate::swarm::Swarm;

/// Virtual time within which a job must end once faults have stopped.
const END_MS_MAX: u64 = 60_000;

/// Most events of one history.
const EVENTS_MAX: u64 = 20_000;

/// How often a job that ended in part is tried again; some documents fail for ever.
const RETRIES_MAX: u32 = 6;

/// How often somebody looks whether the job has a lead.
const WATCH_MS: u64 = 400;

/// What to run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setup {
    /// The seed.
    pub(crate) seed: u64,
    /// Planted bugs.
    pub(crate) bugs: Bugs,
    /// Whether to print what happens.
    pub(crate) is_told: bool,
    /// Whether only what somebody outside can see counts: the machines' own checks and promises that are not yet
    /// broken by a crash are then passed over.
    pub(crate) only_consequences: bool,
    /// Which of several jobs with equal content it is.
    pub(crate) job: u64,
}

/// Planted bugs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bugs {
    /// In the lead.
    pub(crate) lead: LeadBugs,
    /// In the store.
    pub(crate) store: journal::Bugs,
    /// In the step loop.
    pub(crate) key_per_attempt: bool,
    /// In the ledger.
    pub(crate) reservation_leaked: bool,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Well.
    Succeeded,
    /// Badly.
    Failed(ReasonCode),
    /// By somebody's wish.
    Cancelled,
    /// Paused for want of budget, and nobody gave more.
    Denied,
    /// Ended in part, and nobody tries again what could not be read.
    Partial,
}

/// What came of one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Hash over everything that happened.
    pub(crate) trace: u64,
    /// How the job ended.
    pub(crate) end: End,
    /// How many events there were.
    pub(crate) events: u64,
    /// Virtual time.
    pub(crate) virtual_ms: u64,
    /// What was injected.
    pub(crate) damage: Damage,
    /// How many leads there were.
    pub(crate) leads: u32,
    /// How many tool calls arrived outside, how many of them again, and how many effects they had.
    pub(crate) calls: (u64, u64, usize),
    /// How many receipts there were, and how many of them were credited.
    pub(crate) receipts: (usize, usize),
    /// How often a live lead was compared with the fold of its journal.
    pub(crate) compared: u64,
    /// By which seeds tasks were drawn for.
    pub(crate) seeds: Seeds,
}

/// By which seed a task is drawn for: plan node, item, agent.
pub(crate) type Seeds = BTreeMap<(String, String, &'static str), Digest>;

/// The hash of a history, and of nothing else.
#[derive(Debug, Default)]
pub(crate) struct Trace(u64);

impl Trace {
    /// Mixes a number in.
    pub(crate) fn note(&mut self, number: u64) {
        self.0 = (self.0 ^ number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }

    fn note_digest(&mut self, digest: Digest) {
        for bytes in digest.as_bytes().chunks_exact(8) {
            self.note(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        }
    }
}

/// A world under way.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) setup: Setup,
    pub(crate) swarm: Swarm,
    pub(crate) dice: Dice,
    pub(crate) job_id: JobId,
    pub(crate) schedule: Schedule,
    pub(crate) store: SimStore,
    pub(crate) truth: Truth,
    pub(crate) outside: Outside,
    pub(crate) damage: Damage,
    pub(crate) trace: Trace,
    pub(crate) nodes: Vec<Node>,
    pub(crate) leads: BTreeMap<LeadNo, LeadShell>,
    pub(crate) agents: BTreeMap<AgentNo, Agent>,
    pub(crate) owners: BTreeMap<u64, LeadNo>,
    pub(crate) born: u32,
    pub(crate) leads_begun: u32,
    pub(crate) topups: u32,
    /// How often the operator tries again what could not be read.
    pub(crate) retries: u32,
    pub(crate) over: Option<End>,
    pub(crate) compared: u64,
    pub(crate) memory: Memory,
    pub(crate) seeds: Seeds,
    sync_awaited: bool,
    events: u64,
}

impl Sim {
    /// A world before its beginning.
    pub(crate) fn new(setup: Setup) -> Self {
        let mut dice = Dice::new(setup.seed);
        let swarm = Swarm::draw(&mut dice);
        let job_id = JobId::new(1 + setup.job, u128::from(setup.seed));
        let node = |index: usize| Node::new(NodeId::new(1, index as u128));
        Self {
            setup,
            job_id,
            schedule: Schedule::default(),
            store: SimStore::new(job_id, setup.bugs.store),
            truth: Truth::new(job_id),
            outside: Outside::default(),
            damage: Damage::default(),
            trace: Trace::default(),
            nodes: (0..swarm.nodes).map(node).collect(),
            leads: BTreeMap::new(),
            agents: BTreeMap::new(),
            owners: BTreeMap::new(),
            born: 0,
            leads_begun: 0,
            topups: swarm.manners.topups,
            retries: RETRIES_MAX,
            over: None,
            compared: 0,
            memory: Memory::default(),
            seeds: Seeds::new(),
            sync_awaited: false,
            events: 0,
            swarm,
            dice,
        }
    }

    /// Runs a history to its end.
    pub(crate) fn run(mut self) -> Result<Report, Violation> {
        self.schedule.after(0, Event::Claim { node: 0 });
        self.schedule.after(WATCH_MS, Event::Watch);
        self.schedule_unrest();
        if let Some(at_ms) = self.swarm.manners.cancel_at_ms {
            self.schedule.after(at_ms, Event::Cancel);
        }
        if let Some(at_ms) = self.swarm.manners.interrupt_at_ms {
            self.schedule.after(at_ms, Event::Interrupt);
        }
        while let Some((number, event)) = self.schedule.next() {
            if let Some(until_ms) = self.frozen_until(&event) {
                self.schedule.put_off(until_ms, number, event);
                continue;
            }
            self.events += 1;
            self.check_progress()?;
            self.trace.note(self.schedule.now_ms());
            self.trace.note(number);
            if self.setup.is_told {
                eprintln!("{:>6} {event:?}", self.schedule.now_ms());
            }
            self.take(event)?;
        }
        self.finish()
    }

    fn check_progress(&self) -> Result<(), Violation> {
        let late = self.schedule.now_ms() > self.swarm.weather.calm_at_ms + END_MS_MAX && self.over.is_none();
        ensure(!late && self.events < EVENTS_MAX, "I20 liveness", || {
            format!(
                "faults are over and the job does not end: {:?}",
                self.truth.fold.nodes
            )
        })
    }

    fn finish(mut self) -> Result<Report, Violation> {
        self.truth.keeps_all()?;
        let end = self
            .over
            .ok_or_else(|| Violation::new("I20 liveness", "nothing is left to do and the job goes on"))?;
        self.is_deserved(end)?;
        self.trace.note_digest(self.truth.head());
        Ok(Report {
            trace: self.trace.0,
            end,
            events: self.events,
            virtual_ms: self.schedule.now_ms(),
            damage: self.damage,
            leads: self.leads_begun,
            calls: (
                self.outside.arrivals,
                self.outside.repetitions,
                self.outside.effects(),
            ),
            receipts: self.truth.receipts.counts(),
            compared: self.compared,
            seeds: self.seeds,
        })
    }

    /// A job ends badly only for a reason that this seed gave it.
    fn is_deserved(&self, end: End) -> Result<(), Violation> {
        let (manners, weather, job) = (&self.swarm.manners, &self.swarm.weather, &self.truth.fold);
        let mut tasks = job.tasks.values();
        let deserved = match end {
            // The books have checked that a task's own limit was reached.
            End::Succeeded | End::Failed(ReasonCode::BudgetExhausted(_)) => true,
            End::Cancelled => manners.cancel_at_ms.is_some(),
            End::Denied => self.swarm.job.is_tight,
            End::Partial => !job.unread().is_empty(),
            End::Failed(ReasonCode::Poison) => weather.agent_crash > 0,
            End::Failed(ReasonCode::ContractViolation) => manners.misfit > 0,
            End::Failed(ReasonCode::InputChanged) => manners.change > 0,
            End::Failed(ReasonCode::PlanInvalid) => {
                manners.bad_plan + manners.misfit + weather.agent_crash > 0
            }
            End::Failed(ReasonCode::CriticRejected) => {
                tasks.any(|task| task.reviews.iter().any(|review| !review.accepted()))
            }
            End::Failed(ReasonCode::DependencyFailed) => tasks.any(|task| {
                task.reason
                    .is_some_and(|reason| reason != ReasonCode::DependencyFailed)
            }),
            End::Failed(_) => false,
        };
        ensure(deserved, "I20 liveness", || format!("nothing explains {end:?}"))?;
        let settled = self.truth.books.held().is_zero() || end != End::Succeeded;
        ensure(settled, "I8 budget", || {
            "the job succeeded and money is still set aside".to_owned()
        })
    }

    /// Whether faults are still allowed.
    pub(crate) fn is_stormy(&self) -> bool {
        self.schedule.now_ms() < self.swarm.weather.calm_at_ms
    }

    /// Draws whether somebody crashes here and now.
    pub(crate) fn strikes(&mut self, site: Site, when: When) -> bool {
        self.is_stormy()
            && self
                .damage
                .strikes(site, when, &self.swarm.weather, &mut self.dice)
    }

    /// Draws the time of a message.
    pub(crate) fn net_ms(&mut self) -> u64 {
        if self.is_stormy() && self.dice.one_in(self.swarm.weather.straggler) {
            return self.dice.between(200, 3_000);
        }
        self.dice.between(0, self.swarm.manners.net_ms_max)
    }

    fn take(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Claim { node } => self.on_claim(node),
            Event::Request { generation, request } => self.on_request(generation, request),
            Event::Sync { generation } => self.on_sync(generation),
            Event::StoreUp => {
                self.store.up = true;
                Ok(())
            }
            Event::Answer(answer) => self.on_answer(&answer),
            Event::Unknown { lead } => {
                self.on_unknown(lead);
                Ok(())
            }
            Event::Input { lead, input } => self.on_input(lead, *input),
            Event::Order { agent, order } => self.on_order(agent, order),
            Event::Replied { agent, step_id } => {
                self.on_replied(agent, step_id);
                Ok(())
            }
            Event::Arrival { agent, arrival } => self.on_arrival(agent, arrival),
            Event::ToolEnded {
                agent,
                step_id,
                takes_answer,
            } => {
                self.on_tool_ended(agent, step_id, takes_answer);
                Ok(())
            }
            Event::Concluded { agent } => self.on_concluded(agent),
            Event::Unrest => self.on_unrest(),
            Event::Cancel => self.on_wish(LeadInput::Cancel),
            Event::Interrupt => self.on_wish(LeadInput::Interrupt),
            Event::Watch => {
                self.on_watch();
                Ok(())
            }
        }
    }

    fn on_request(&mut self, generation: u32, request: Request) -> Result<(), Violation> {
        let lead = request.lead;
        if !self.store.up || generation != self.store.generation {
            // The connection is gone; what was sent over it may still come through.
            self.say_unknown(lead);
            if !self.store.up || self.dice.one_in(2) {
                return Ok(());
            }
        }
        if self.strikes(Site::Take, When::Before) {
            self.say_unknown(lead);
            return self.crash_store();
        }
        if let Some(answer) = self.store.take(request, self.schedule.now_ms()) {
            self.send_answer(answer);
        }
        if self.strikes(Site::Take, When::After) {
            return self.crash_store();
        }
        if !self.sync_awaited {
            self.sync_awaited = true;
            let generation = self.store.generation;
            let delay_ms = self.dice.between(0, self.swarm.manners.sync_ms_max);
            self.schedule.after(delay_ms, Event::Sync { generation });
        }
        Ok(())
    }

    fn on_sync(&mut self, generation: u32) -> Result<(), Violation> {
        if generation != self.store.generation {
            return Ok(());
        }
        self.sync_awaited = false;
        if self.strikes(Site::Sync, When::Before) {
            return self.crash_store();
        }
        let writes = self.store.sync();
        self.become_durable(&writes)?;
        if self.strikes(Site::Sync, When::After) {
            return self.crash_store();
        }
        for answer in self.store.released() {
            self.send_answer(answer);
        }
        Ok(())
    }

    fn become_durable(&mut self, writes: &[Write]) -> Result<(), Violation> {
        if self.setup.is_told {
            eprintln!("durable: {writes:?}");
        }
        self.truth.take(writes, &self.store)?;
        let head = self.truth.head();
        self.trace.note_digest(head);
        let end = match self.truth.fold.status {
            JobStatus::Running | JobStatus::Paused => return Ok(()),
            JobStatus::Succeeded => End::Succeeded,
            JobStatus::Failed => End::Failed(self.truth.failure().unwrap_or(ReasonCode::Defect)),
            JobStatus::Cancelled => End::Cancelled,
        };
        self.over.get_or_insert(end);
        Ok(())
    }

    fn send_answer(&mut self, answer: Answer) {
        if matches!(answer.outcome, Outcome::Refused(journal::Verdict::Fenced { .. })) {
            self.damage.fenced += 1;
        }
        let delay_ms = self.net_ms();
        self.schedule
            .send(Channel::FromStore(answer.lead), delay_ms, Event::Answer(answer));
    }

    fn say_unknown(&mut self, lead: LeadNo) {
        let delay_ms = self.net_ms();
        self.schedule
            .send(Channel::FromStore(lead), delay_ms, Event::Unknown { lead });
    }

    /// The store dies and comes back; what it promised must be there.
    pub(crate) fn crash_store(&mut self) -> Result<(), Violation> {
        if !self.store.up {
            return Ok(());
        }
        self.damage.store_with_unsynced += u64::from(self.store.unsynced() > 0);
        self.sync_awaited = false;
        let (survived, waiting) = self.store.crash(&mut self.dice);
        self.become_durable(&survived)?;
        self.truth.keeps_all()?;
        for lead in waiting {
            self.say_unknown(lead);
        }
        let delay_ms = self.dice.between(5, 300);
        self.schedule.after(delay_ms, Event::StoreUp);
        if self.dice.one_in(self.swarm.weather.power_cut) {
            for node in 0..self.nodes.len() {
                self.stop_node(node);
            }
        }
        Ok(())
    }

    /// A node dies and comes back.
    pub(crate) fn crash_node(&mut self, node: usize) -> Result<(), Violation> {
        self.stop_node(node);
        if self.dice.one_in(self.swarm.weather.power_cut) {
            self.crash_store()
        } else {
            Ok(())
        }
    }

    fn stop_node(&mut self, node: usize) {
        if let NodeState::Leading(lead) = self.nodes[node].state {
            let awaiting = self
                .leads
                .get(&lead)
                .is_some_and(|shell| shell.awaiting.is_some());
            self.damage.node_with_append += u64::from(awaiting);
        }
        self.drop_lead(node);
        let delay_ms = self.dice.between(5, 500);
        let back_at_ms = self.schedule.now_ms() + delay_ms;
        self.nodes[node].down_until_ms = back_at_ms;
        self.schedule.after(delay_ms, Event::Claim { node });
    }

    fn on_watch(&mut self) {
        if self.over.is_some() {
            return;
        }
        self.schedule.after(WATCH_MS, Event::Watch);
        if self.nodes.iter().all(|node| node.state == NodeState::Idle) {
            let node = self.dice.index(self.nodes.len());
            self.schedule.after(0, Event::Claim { node });
        }
    }

    fn schedule_unrest(&mut self) {
        let mean_ms = self.swarm.weather.unrest_ms;
        if mean_ms > 0 {
            let delay_ms = self.dice.between(1, 2 * mean_ms);
            self.schedule.after(delay_ms, Event::Unrest);
        }
    }

    fn on_unrest(&mut self) -> Result<(), Violation> {
        if !self.is_stormy() || self.over.is_some() {
            return Ok(());
        }
        self.schedule_unrest();
        let node = self.dice.index(self.nodes.len());
        if self.dice.one_in(2) {
            self.freeze(node);
            return Ok(());
        }
        let led = self
            .nodes
            .iter()
            .any(|node| matches!(node.state, NodeState::Leading(_)));
        let takes_over = led && self.nodes[node].state == NodeState::Idle;
        self.damage.takeovers += u64::from(takes_over);
        self.on_claim(node)
    }
}
