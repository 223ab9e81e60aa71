//! Nodes and the shells of their leads: claim the job, read it back, begin, and do as the machine says.

use anthill_actors::agent::{AgentKey, AgentOrder, Trouble};
use anthill_actors::blackboard::board::Board;
use anthill_contracts::budget::{Amount, Limits, Span, Usd};
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{JobId, NodeId, TaskId};
use anthill_contracts::store::{JobStatus, Lease, Memo};
use anthill_contracts::task::ReasonCode;
use anthill_policy::ledger::SeededBug;
use anthill_store::encode_events;
use anthill_store::journal::Verdict;
use anthill_supervisors::lead::job_state::JobState;
use anthill_supervisors::lead::machine::{Cx, Lead, LeadInput, LeadStep, Listed};

use crate::checks::{Promise, Violation, ensure};
use crate::faults::{Site, When};
use crate::run::{End, Sim};
use crate::schedule::{Channel, Event, LeadNo};
use crate::store::{Answer, Outcome, Request, Work};

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    id: NodeId,
    /// What it does.
    pub(crate) state: NodeState,
    /// It is down until then.
    pub(crate) down_until_ms: u64,
    frozen_until_ms: u64,
    freezes_agents: bool,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeState {
    /// Nothing.
    Idle,
    /// Waits for a lease.
    Claiming(LeadNo),
    /// Runs a lead.
    Leading(LeadNo),
}

impl Node {
    /// A node that does nothing yet.
    pub(crate) const fn new(id: NodeId) -> Self {
        Self {
            id,
            state: NodeState::Idle,
            down_until_ms: 0,
            frozen_until_ms: 0,
            freezes_agents: false,
        }
    }
}

/// A lead and what stands around it.
#[derive(Debug)]
pub(crate) struct LeadShell {
    pub(crate) lead: Lead,
    pub(crate) board: Board,
    pub(crate) node: usize,
    epoch: u64,
    /// The frame that is neither acknowledged nor refused.
    pub(crate) awaiting: Option<u64>,
    began_ms: u64,
    must_cancel: bool,
}

impl Sim {
    /// The node that a lead belongs to, while it lives.
    fn node_of(&self, lead: LeadNo) -> Option<usize> {
        let runs = |state| state == NodeState::Claiming(lead) || state == NodeState::Leading(lead);
        self.nodes.iter().position(|node| runs(node.state))
    }

    /// Until when an event must wait for a frozen node.
    pub(crate) fn frozen_until(&self, event: &Event) -> Option<u64> {
        let agent = |agent| self.agents.get(agent).map(|agent| agent.node);
        let (node, is_agents) = match event {
            Event::Answer(Answer { lead, .. }) | Event::Unknown { lead } | Event::Input { lead, .. } => {
                (self.node_of(*lead)?, false)
            }
            Event::Order { agent: no, .. }
            | Event::Replied { agent: no, .. }
            | Event::ToolEnded { agent: no, .. }
            | Event::Concluded { agent: no } => (agent(no)?, true),
            Event::Claim { node } => (*node, false),
            _ => return None,
        };
        let node = &self.nodes[node];
        let frozen = node.frozen_until_ms > self.schedule.now_ms() && (!is_agents || node.freezes_agents);
        frozen.then_some(node.frozen_until_ms)
    }

    /// A node stops for a while and does not know it.
    pub(crate) fn freeze(&mut self, node: usize) {
        let for_ms = self.dice.between(50, 3_000);
        self.nodes[node].frozen_until_ms = self.schedule.now_ms() + for_ms;
        self.nodes[node].freezes_agents = self.dice.one_in(2);
        if self.nodes.len() > 1 && self.dice.one_in(2) {
            // Somebody notices, and gives the job to another node.
            let delay_ms = self.dice.between(1, for_ms);
            let other = (node + 1) % self.nodes.len();
            self.damage.takeovers += u64::from(matches!(self.nodes[node].state, NodeState::Leading(_)));
            self.schedule.after(delay_ms, Event::Claim { node: other });
        }
    }

    /// A node asks for the job's lease.
    pub(crate) fn on_claim(&mut self, node: usize) -> Result<(), Violation> {
        let is_down = self.nodes[node].down_until_ms > self.schedule.now_ms();
        if is_down || self.over.is_some() || self.nodes[node].state != NodeState::Idle {
            return Ok(());
        }
        if self.strikes(Site::Claim, When::Before) {
            return self.crash_node(node);
        }
        self.born += 1;
        let lead = self.born;
        self.nodes[node].state = NodeState::Claiming(lead);
        self.send_request(Request {
            lead,
            work: Work::Lease,
        });
        if self.strikes(Site::Claim, When::After) {
            self.crash_node(node)
        } else {
            Ok(())
        }
    }

    fn send_request(&mut self, request: Request) {
        let (delay_ms, generation) = (self.net_ms(), self.store.generation);
        self.schedule.send(
            Channel::ToStore(request.lead),
            delay_ms,
            Event::Request { generation, request },
        );
    }

    /// The lead of a node is gone, and its agents with it.
    pub(crate) fn drop_lead(&mut self, node: usize) {
        if let NodeState::Leading(lead) = self.nodes[node].state {
            self.leads.remove(&lead);
            self.drop_agents(lead);
        }
        self.nodes[node].state = NodeState::Idle;
    }

    /// A lead whose request has an unknown outcome stops; the journal knows.
    pub(crate) fn on_unknown(&mut self, lead: LeadNo) {
        let Some(node) = self.node_of(lead) else { return };
        self.drop_lead(node);
        let delay_ms = self.dice.between(1, 200);
        self.schedule.after(delay_ms, Event::Claim { node });
    }

    /// The store has answered.
    pub(crate) fn on_answer(&mut self, answer: &Answer) -> Result<(), Violation> {
        let lead = answer.lead;
        let Some(node) = self.node_of(lead) else {
            return Ok(());
        };
        match answer.outcome {
            Outcome::Leased(lease) => {
                let owner = self.owners.insert(lease.epoch, lead);
                ensure(owner.is_none(), "I6 one owner per epoch", || {
                    format!("epoch {} has two owners", lease.epoch)
                })?;
                self.hear(Promise::Lease(lease.epoch))?;
                self.begin(node, lead, lease)
            }
            Outcome::Appended { seq, hash } => {
                if self.strikes(Site::Ack, When::Before) {
                    return self.crash_node(node);
                }
                self.hear(Promise::Frame { seq, hash })?;
                if let Some(shell) = self.leads.get_mut(&lead) {
                    shell.awaiting = None;
                }
                self.feed(lead, LeadInput::Appended { seq })?;
                let lives = self.leads.contains_key(&lead);
                if lives && self.strikes(Site::Ack, When::After) {
                    self.crash_node(node)
                } else {
                    Ok(())
                }
            }
            Outcome::Refused(verdict) => self.on_refused(node, lead, verdict),
        }
    }

    fn on_refused(&mut self, node: usize, lead: LeadNo, verdict: Verdict) -> Result<(), Violation> {
        let epoch = self.leads.get(&lead).map_or(0, |shell| shell.epoch);
        let lost = matches!(verdict, Verdict::Fenced { current } if current > epoch);
        ensure(lost || self.setup.only_consequences, "I7 fence", || {
            format!("the owner of epoch {epoch} was refused: {verdict:?}")
        })?;
        self.damage.late_wakeups += u64::from(self.nodes[node].frozen_until_ms > 0);
        self.drop_lead(node);
        Ok(())
    }

    /// Remembers what somebody was told, and looks at once whether it is so.
    pub(crate) fn hear(&mut self, promise: Promise) -> Result<(), Violation> {
        if !self.setup.only_consequences {
            self.truth.keeps(&promise)?;
        }
        self.truth.promise(promise);
        Ok(())
    }

    /// A lead reads the journal and begins, or finds that nothing is to do.
    fn begin(&mut self, node: usize, no: LeadNo, lease: Lease) -> Result<(), Violation> {
        let mut job = JobState::new(self.job_id);
        self.store.events().for_each(|event| job.apply(&event));
        if self.dice.one_in(4) {
            self.same_fold(&job, "a recovered lead")?;
        }
        self.nodes[node].state = NodeState::Idle;
        if job.status.is_terminal() || self.over.is_some() {
            return Ok(());
        }
        let mut topup = None;
        if let (JobStatus::Paused, Some(ReasonCode::BudgetExhausted(_))) = (job.status, job.reason) {
            if self.topups == 0 {
                self.over = Some(End::Denied);
                return Ok(());
            }
            self.topups -= 1;
            topup = Some(more(
                &self.swarm.job.spec.budget,
                self.swarm.manners.topups - self.topups,
            ));
        }
        if (job.status, job.reason) == (JobStatus::Paused, Some(ReasonCode::DocumentsUnread)) {
            if self.retries == 0 {
                self.over = Some(End::Partial);
                return Ok(());
            }
            self.retries -= 1;
        }
        if self.setup.bugs.reservation_leaked {
            job.ledger.plant(SeededBug::ReservationLeaked);
        }
        let versions = job.tasks.values().flat_map(|task| task.versions.clone());
        let board =
            Board::restore(versions).map_err(|error| Violation::new("I9 artifacts", error.to_string()))?;
        let spec = job.spec.is_none().then(|| Box::new(self.swarm.job.spec.clone()));
        let lead = Lead::new(job, self.store.frames().len() as u64).with_bugs(self.setup.bugs.lead);
        let (epoch, began_ms) = (lease.epoch, self.schedule.now_ms());
        let shell = LeadShell {
            lead,
            board,
            node,
            epoch,
            awaiting: None,
            began_ms,
            must_cancel: false,
        };
        self.leads.insert(no, shell);
        self.leads_begun += 1;
        self.nodes[node].state = NodeState::Leading(no);
        let node_id = self.nodes[node].id;
        self.feed(
            no,
            LeadInput::Begin {
                node_id,
                epoch,
                spec,
                topup,
            },
        )?;
        let wall_left_ms = self
            .leads
            .get(&no)
            .and_then(|shell| shell.lead.job().wall_left_ms());
        if let Some(left_ms) = wall_left_ms {
            self.input_after(no, left_ms, LeadInput::WallOver);
        }
        Ok(())
    }

    /// Somebody wishes something of whoever leads.
    pub(crate) fn on_wish(&mut self, wish: LeadInput) -> Result<(), Violation> {
        let Some((no, shell)) = self.leads.iter_mut().next_back() else {
            return Ok(());
        };
        let is_open = shell.lead.job().status == JobStatus::Running;
        shell.must_cancel |= is_open && matches!(wish, LeadInput::Cancel);
        let no = *no;
        self.feed(no, wish)
    }

    pub(crate) fn input_after(&mut self, lead: LeadNo, delay_ms: u64, input: LeadInput) {
        self.schedule.after(
            delay_ms,
            Event::Input {
                lead,
                input: Box::new(input),
            },
        );
    }

    /// A lead hears something.
    pub(crate) fn on_input(&mut self, lead: LeadNo, input: LeadInput) -> Result<(), Violation> {
        let Some(shell) = self.leads.get(&lead) else {
            return Ok(());
        };
        let node = shell.node;
        let is_report = matches!(input, LeadInput::Report(_));
        if is_report && self.strikes(Site::Report, When::Before) {
            return self.crash_node(node);
        }
        self.feed(lead, input)?;
        let lives = self.leads.contains_key(&lead);
        if is_report && lives && self.strikes(Site::Report, When::After) {
            return self.crash_node(node);
        }
        Ok(())
    }

    /// Steps a lead and does what it says.
    fn feed(&mut self, no: LeadNo, input: LeadInput) -> Result<(), Violation> {
        let Some(shell) = self.leads.get_mut(&no) else {
            return Ok(());
        };
        let cx = Cx {
            run_ms: self.schedule.now_ms() - shell.began_ms,
            random: self.dice.any(),
            now: Timestamp(self.schedule.now_ms()),
        };
        if let LeadInput::Concluded {
            receipt_id,
            kept: false,
        } = input
        {
            self.truth.receipts.give_up(receipt_id);
        }
        let mut out = Vec::new();
        shell.lead.step(cx, input, &mut out);
        if !self.setup.only_consequences {
            shell
                .lead
                .check()
                .map_err(|flaw| Violation::new("I8 budget", format!("the lead says: {flaw}")))?;
            shell
                .board
                .check()
                .map_err(|flaw| Violation::new("I9 artifacts", flaw))?;
        }
        // A shell does all that it is told before it ends.
        out.sort_by_key(|step| matches!(step, LeadStep::End));
        for step in out {
            if !self.leads.contains_key(&no) {
                return Ok(());
            }
            self.perform(no, step)?;
        }
        self.compare(no)
    }

    /// A lead that waits for nothing is what its journal says it is.
    fn compare(&mut self, no: LeadNo) -> Result<(), Violation> {
        // Nobody outside sees what a lead believes.
        if !self.dice.one_in(10) || self.setup.only_consequences {
            return Ok(());
        }
        let Some(shell) = self.leads.get(&no) else {
            return Ok(());
        };
        let is_owner = self
            .owners
            .last_key_value()
            .is_some_and(|(_, owner)| *owner == no);
        if !is_owner || shell.awaiting.is_some() || shell.lead.seq() != self.truth.last_seq() {
            return Ok(());
        }
        self.compared += 1;
        self.same_fold(shell.lead.job(), "a live lead")
    }

    fn same_fold(&self, job: &JobState, who: &str) -> Result<(), Violation> {
        let bytes = |job: &JobState| rmp_serde::to_vec(job).expect("the fold has an encoding");
        ensure(bytes(job) == bytes(&self.truth.fold), "I11 audit", || {
            let (own, truth) = (job.ledger.reserved(), self.truth.fold.ledger.reserved());
            format!("{who} is not the fold of the journal (reserved {own:?}, and by the journal {truth:?})")
        })
    }

    fn perform(&mut self, no: LeadNo, step: LeadStep) -> Result<(), Violation> {
        let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
        match step {
            LeadStep::Append { seq, events, blobs } => return self.append(no, seq, (&events, blobs)),
            LeadStep::ListInputs => {
                let listed = self.draw_listing();
                self.input_after(no, delay_ms, LeadInput::Listed { listed });
            }
            LeadStep::MakePlan => {
                let job = &self.swarm.job;
                let plan = (!job.by_model).then(|| (job.plan.clone(), "template:sim".to_owned()));
                self.input_after(
                    no,
                    delay_ms,
                    LeadInput::Templated {
                        plan,
                        reasons: Vec::new(),
                    },
                );
            }
            LeadStep::ValidatePlan { plan, author } => {
                let refused = self.dice.one_in(self.swarm.manners.bad_plan);
                let reasons = if refused {
                    vec!["not like this".to_owned()]
                } else {
                    Vec::new()
                };
                self.input_after(
                    no,
                    delay_ms,
                    LeadInput::Validated {
                        plan,
                        author,
                        reasons,
                    },
                );
            }
            LeadStep::LookUpMemo { task_id } => {
                let (key, memo) = self.draw_memo(task_id);
                self.input_after(
                    no,
                    delay_ms,
                    LeadInput::MemoLookedUp {
                        task_id,
                        key: Some(key),
                        memo,
                    },
                );
            }
            LeadStep::TakeCut => self.take_cut(no),
            LeadStep::Recall { key, seed, cut } => self.recall(no, key, (seed, cut)),
            LeadStep::Conclude {
                receipt, outcomes, ..
            } => return self.conclude(no, &receipt, &outcomes),
            LeadStep::StartAgent(key) => return self.start(no, key),
            LeadStep::Tell(key, order) => self.tell(no, key, order),
            LeadStep::ArmBackoff { task_id, wait_ms } => {
                self.input_after(no, wait_ms, LeadInput::BackoffOver { task_id });
            }
            LeadStep::StopAgents => {
                self.stop_agents(no);
                self.input_after(no, delay_ms, LeadInput::AgentsStopped);
            }
            LeadStep::ComposePartial => {
                let body = Some(Blob::new(b"what there is".to_vec())).filter(|_| !self.dice.one_in(4));
                self.input_after(no, delay_ms, LeadInput::PartialReady { body });
            }
            LeadStep::End => return self.on_end(no),
        }
        Ok(())
    }

    fn append(&mut self, no: LeadNo, seq: u64, content: (&[JobEvent], Vec<Blob>)) -> Result<(), Violation> {
        let Some(shell) = self.leads.get_mut(&no) else {
            return Ok(());
        };
        let (node, epoch) = (shell.node, shell.epoch);
        if self.strikes(Site::Append, When::Before) {
            return self.crash_node(node);
        }
        let body =
            encode_events(content.0).map_err(|error| Violation::new("I11 audit", error.to_string()))?;
        if let Some(shell) = self.leads.get_mut(&no) {
            let earlier = shell.awaiting.replace(seq);
            ensure(earlier.is_none(), "I2 durable ack", || {
                format!("{seq} follows {earlier:?}, which is under way")
            })?;
        }
        self.send_request(Request {
            lead: no,
            work: Work::Append {
                epoch,
                seq,
                body,
                blobs: content.1,
            },
        });
        if self.strikes(Site::Append, When::After) {
            self.crash_node(node)
        } else {
            Ok(())
        }
    }

    fn start(&mut self, no: LeadNo, key: AgentKey) -> Result<(), Violation> {
        let Some(node) = self.leads.get(&no).map(|shell| shell.node) else {
            return Ok(());
        };
        if self.strikes(Site::Start, When::Before) {
            return self.crash_node(node);
        }
        self.start_agent(no, key)?;
        if self.strikes(Site::Start, When::After) {
            self.crash_node(node)
        } else {
            Ok(())
        }
    }

    fn tell(&mut self, no: LeadNo, key: AgentKey, order: AgentOrder) {
        let agent = self
            .agents
            .iter()
            .rev()
            .find(|(_, agent)| agent.lead == no && agent.key == key);
        let Some(agent) = agent.map(|(agent, _)| *agent) else {
            return;
        };
        let delay_ms = self.dice.between(0, self.swarm.manners.net_ms_max);
        self.schedule
            .send(Channel::ToAgent(agent), delay_ms, Event::Order { agent, order });
    }

    fn on_end(&mut self, no: LeadNo) -> Result<(), Violation> {
        let Some(shell) = self.leads.get(&no) else {
            return Ok(());
        };
        let (status, output, node) = (shell.lead.job().status, shell.lead.job().output, shell.node);
        let forgot = shell.must_cancel && !status.is_terminal();
        ensure(!forgot, "I20 liveness", || format!("a cancelled job is {status}"))?;
        if status.is_terminal() {
            self.hear(Promise::Ended(status, output))?;
        }
        self.drop_lead(node);
        if !status.is_terminal() {
            let delay_ms = self.dice.between(1, 1_000);
            self.schedule.after(delay_ms, Event::Claim { node });
        }
        Ok(())
    }

    fn draw_listing(&mut self) -> Result<Listed, Trouble> {
        if self.is_stormy() && self.dice.one_in(self.swarm.manners.provider_failure) {
            let detail = "the folder is gone".to_owned();
            return Err(Trouble {
                reason: ReasonCode::InputChanged,
                detail,
                concerns_job: true,
            });
        }
        let items = self.swarm.job.items.clone();
        Ok(Listed {
            documents: items.len(),
            items,
            body: Blob::new(b"listing".to_vec()),
        })
    }

    fn draw_memo(&mut self, task_id: TaskId) -> (Digest, Option<Memo>) {
        let key = Digest::of(task_id.as_bytes());
        let memo = Memo {
            job_id: JobId::new(0, 1),
            task_id,
            output: key,
            cost: Amount::ZERO,
        };
        (
            key,
            Some(memo).filter(|_| self.dice.one_in(self.swarm.manners.memo)),
        )
    }
}

/// Limits so much higher that the operator believes them to be enough.
fn more(limits: &Limits, times: u32) -> Limits {
    let factor = 4u64.pow(times);
    Limits {
        tokens_in: limits.tokens_in.map(|limit| limit * factor),
        tokens_out: limits.tokens_out.map(|limit| limit * factor),
        usd: limits.usd.map(|limit| Usd(limit.0 * factor)),
        tool_calls: limits.tool_calls.map(|limit| limit * factor),
        steps: limits.steps.map(|limit| limit * factor),
        wall: limits.wall.map(|limit| Span(limit.0 * factor)),
        agents: limits.agents.map(|limit| limit * factor),
    }
}
