//! The lead as a pure machine: it owns the job's journal and decides what happens next.
//!
//! Inputs are what children and store report; outputs are what the shell must do. Whatever must not be seen before
//! an event is durable is held back until the append that carries it has been acknowledged. Appends are one at a
//! time; what happens meanwhile goes into the next one together, so that a thousand results cost a few syncs.
//!
//! Invariants: one append under way; nothing held leaves before its frame is durable; a task ends once; a step is
//! recorded once; a late report of an attempt that is gone changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anthill_actors::agent::{AgentKey, AgentOrder, AgentReport, Trouble};
use anthill_actors::planner::PROPOSALS_MAX;
use anthill_contracts::budget::{Amount, Limits};
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::{Blob, Digest};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{NodeId, ReceiptId, StepId, TaskId};
use anthill_contracts::knowledge::{Cut, Spent};
use anthill_contracts::plan::{Item, Plan};
use anthill_contracts::signal::{Outcome, Proposal, Receipt};
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::Memo;
use anthill_contracts::task::ReasonCode;

use super::job_state::JobState;
use beginning::Holding;

mod agents;
mod beginning;
mod ending;
mod learning;
mod nodes;
mod reopening;

pub use learning::Untold;

/// What happens to the lead.
#[derive(Debug, Clone)]
pub enum LeadInput {
    /// The lease is granted and the journal is folded: begin, or go on.
    Begin {
        /// The node that this lead runs on.
        node_id: NodeId,
        /// The fence that the store granted.
        epoch: u64,
        /// The spec of a new job; `None` where the journal has it.
        spec: Option<Box<JobSpec>>,
        /// Limits that somebody raised for this run.
        topup: Option<Limits>,
    },
    /// The append with this frame number is durable.
    Appended {
        /// The frame.
        seq: u64,
    },
    /// The inputs are listed.
    Listed {
        /// What there is to read, as items to map over, with the listing's body.
        listed: Result<Listed, Trouble>,
    },
    /// The template or the spec gave a plan, or it needs a model.
    Templated {
        /// The plan and its author; `None` where a model must write it.
        plan: Option<(Plan, String)>,
        /// What validation has against it.
        reasons: Vec<String>,
    },
    /// Earlier work was looked up.
    MemoLookedUp {
        /// The task.
        task_id: TaskId,
        /// Under which key this task's work is kept.
        key: Option<Digest>,
        /// The earlier work, if any.
        memo: Option<Memo>,
    },
    /// The knowledge was asked what an agent is to be shown.
    Recalled {
        /// The agent.
        key: AgentKey,
        /// What it is shown; `None` where the knowledge is away or slow.
        receipt: Option<Box<Receipt>>,
    },
    /// The knowledge was asked to hold for the job what is known now.
    CutTaken {
        /// What it holds; `None` where it is away or slow.
        cut: Option<Cut>,
    },
    /// The knowledge does not hold any more what was known when the job began.
    CutLost {
        /// The agent that waits to hear what it is shown.
        key: AgentKey,
    },
    /// The knowledge was told how the run behind a receipt ended.
    Concluded {
        /// The receipt.
        receipt_id: ReceiptId,
        /// Whether it has acknowledged; if not, nobody tells it again in this run.
        kept: bool,
    },
    /// An agent reports.
    Report(AgentReport),
    /// A proposal of a model was validated.
    Validated {
        /// The plan and its author.
        plan: Plan,
        /// Who wrote it.
        author: String,
        /// What validation has against it.
        reasons: Vec<String>,
    },
    /// An agent died without a last word.
    Crashed {
        /// Who.
        agent: AgentKey,
        /// What was seen.
        detail: String,
    },
    /// The wait before a task's next attempt is over.
    BackoffOver {
        /// The task.
        task_id: TaskId,
    },
    /// The wall time that the budget allows is over.
    WallOver,
    /// Somebody cancelled the job.
    Cancel,
    /// The node stops; the job can be resumed.
    Interrupt,
    /// Every agent has ended after [`LeadStep::StopAgents`].
    AgentsStopped,
    /// What there is was put together.
    PartialReady {
        /// The body of the partial result, if there is anything.
        body: Option<Blob>,
    },
}

/// The inputs, listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// One item per chunk of a document.
    pub items: Vec<Item>,
    /// How many documents these are, those that the operating system keeps to itself included.
    pub documents: usize,
    /// The listing as JSON.
    pub body: Blob,
}

/// What the shell must do.
#[derive(Debug, Clone)]
pub enum LeadStep {
    /// Append one frame.
    Append {
        /// Its number.
        seq: u64,
        /// Its events.
        events: Vec<JobEvent>,
        /// The bodies that they name.
        blobs: Vec<Blob>,
    },
    /// List the inputs.
    ListInputs,
    /// Make a plan from templates or spec, and validate it.
    MakePlan,
    /// Validate a plan that a model wrote.
    ValidatePlan {
        /// The plan.
        plan: Plan,
        /// Who wrote it.
        author: String,
    },
    /// Look for earlier work of the same kind.
    LookUpMemo {
        /// The task.
        task_id: TaskId,
    },
    /// Have the knowledge hold for the job what is known now; what it holds already stays.
    TakeCut,
    /// Ask the knowledge what an agent is to be shown.
    Recall {
        /// The agent.
        key: AgentKey,
        /// What its task is, by its content.
        seed: Digest,
        /// As of when.
        cut: Option<Cut>,
    },
    /// Tell the knowledge how the run behind a receipt ended.
    Conclude {
        /// The receipt.
        receipt: Box<Receipt>,
        /// What is known of the work, one per class of evidence; empty where its end says nothing of it.
        outcomes: Vec<Outcome>,
        /// What was learned.
        proposals: Vec<Proposal>,
        /// What the run has spent by the journal.
        spent: Option<Spent>,
    },
    /// Start an agent; everything it needs is in the job's state.
    StartAgent(AgentKey),
    /// Tell an agent something.
    Tell(AgentKey, AgentOrder),
    /// Tell me when this long is over.
    ArmBackoff {
        /// The task.
        task_id: TaskId,
        /// How long.
        wait_ms: u64,
    },
    /// Stop every agent and report when they are gone.
    StopAgents,
    /// Put together what there is.
    ComposePartial,
    /// The job has ended or paused: nothing follows.
    End,
}

/// Numbers from outside that a step may need.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cx {
    /// Milliseconds of wall time since this run began, by the monotonic clock.
    pub run_ms: u64,
    /// A random number.
    pub random: u64,
    /// The time, for people; nothing is decided by it.
    pub now: Timestamp,
}

/// Bugs to plant, for the simulator's board; all off in production.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each bug is on or off by itself")]
pub struct LeadBugs {
    /// Lets held steps go before their frame is durable.
    pub acknowledge_before_sync: bool,
    /// Forgets what earlier leads have asked the knowledge.
    pub recall_again: bool,
    /// Asks for what is known now, whatever was known when the job began.
    pub recall_past_cut: bool,
    /// Draws for a task by its id.
    pub seed_by_task_id: bool,
    /// Calls a job a success of which documents could not be read.
    pub succeeds_in_part: bool,
    /// Does not write anew what was built on documents that have changed.
    pub keeps_outdated: bool,
}

/// The lead's machine.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that hold or do not, in any mixture"
)]
pub struct Lead {
    job: JobState,
    seq: u64,
    outbox: Outbox,
    agents: BTreeSet<AgentKey>,
    ready: VecDeque<TaskId>,
    preparing: BTreeSet<TaskId>,
    waiting: BTreeSet<TaskId>,
    deferred: VecDeque<(AgentKey, StepId, Amount)>,
    memo_keys: BTreeMap<TaskId, Digest>,
    looked_up: BTreeSet<TaskId>,
    launched: BTreeSet<usize>,
    broken: BTreeSet<usize>,
    listed: Option<Listed>,
    documents: usize,
    listing_asked: bool,
    /// Whether documents that could not be read are about to be tried again, once the inputs are listed anew.
    retrying: bool,
    /// How often each task was begun anew in this run because its ground had changed.
    reworked: BTreeMap<TaskId, u32>,
    proposals: u32,
    failed_planning: Option<String>,
    /// Agents that wait to hear what they are shown.
    recalling: BTreeSet<AgentKey>,
    /// Whether the knowledge is known to hold what the job began with.
    holding: Holding,
    lost: u32,
    /// Receipts that were asked for in vain.
    unanswered: BTreeSet<ReceiptId>,
    /// What the knowledge was told and has not acknowledged, by the outcome that counts.
    concluding: BTreeMap<ReceiptId, (TaskId, Option<Outcome>)>,
    given_up: BTreeSet<ReceiptId>,
    /// Whether the knowledge was told what only the end of the job says.
    concluded: bool,
    now: Timestamp,
    /// Whether agents were asked to stop: none is started any more.
    stopping: bool,
    mood: Mood,
    bugs: LeadBugs,
}

/// Events that wait to be appended, and steps that wait for them.
#[derive(Debug, Clone, Default)]
struct Outbox {
    events: Vec<JobEvent>,
    blobs: Vec<Blob>,
    held: Vec<LeadStep>,
    in_flight: Option<(u64, Vec<LeadStep>)>,
}

/// What the lead is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mood {
    /// Not begun.
    New,
    /// Carries the job out.
    Working,
    /// Takes no new step; ends as said once its agents are gone.
    Closing(Closing),
    /// Waits for the partial result.
    Composing(Closing),
    /// Nothing follows.
    Ended,
}

/// How the job will stop.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Closing {
    /// Paused, with what there is as a partial result.
    Pause { reason: ReasonCode, detail: String },
    /// Cancelled.
    Cancel,
}

impl Lead {
    /// A lead over what the journal holds; `seq` is the number of its last frame.
    pub fn new(job: JobState, seq: u64) -> Self {
        Self {
            proposals: u32::try_from(job.refused.len()).unwrap_or(u32::MAX),
            job,
            seq,
            outbox: Outbox::default(),
            agents: BTreeSet::new(),
            ready: VecDeque::new(),
            preparing: BTreeSet::new(),
            waiting: BTreeSet::new(),
            deferred: VecDeque::new(),
            memo_keys: BTreeMap::new(),
            looked_up: BTreeSet::new(),
            launched: BTreeSet::new(),
            broken: BTreeSet::new(),
            listed: None,
            documents: 0,
            listing_asked: false,
            retrying: false,
            reworked: BTreeMap::new(),
            failed_planning: None,
            recalling: BTreeSet::new(),
            holding: Holding::Unasked,
            lost: 0,
            unanswered: BTreeSet::new(),
            concluding: BTreeMap::new(),
            given_up: BTreeSet::new(),
            concluded: false,
            now: Timestamp::default(),
            stopping: false,
            mood: Mood::New,
            bugs: LeadBugs::default(),
        }
    }

    /// The same lead with bugs planted.
    #[cfg(feature = "seeded-bugs")]
    #[must_use]
    pub fn with_bugs(mut self, bugs: LeadBugs) -> Self {
        self.bugs = bugs;
        self
    }

    /// The job as far as it is decided; what is not yet durable is included.
    pub const fn job(&self) -> &JobState {
        &self.job
    }

    /// Number of the last frame that was handed out.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// How many documents the job may read, as far as they have been listed in this run.
    pub const fn documents(&self) -> usize {
        self.documents
    }

    /// Whether everything decided is durable.
    pub fn is_settled(&self) -> bool {
        self.outbox.in_flight.is_none() && self.outbox.events.is_empty()
    }

    /// Whether the job has ended or paused, durably.
    pub fn has_ended(&self) -> bool {
        self.mood == Mood::Ended && self.is_settled()
    }

    /// Takes one input; appends what is to do to `out`.
    pub fn step(&mut self, cx: Cx, input: LeadInput, out: &mut Vec<LeadStep>) {
        self.now = cx.now;
        match input {
            LeadInput::Begin {
                node_id,
                epoch,
                spec,
                topup,
            } => self.on_begin(node_id, epoch, spec, topup),
            LeadInput::Appended { seq } => self.on_appended(seq, out),
            _ if matches!(self.mood, Mood::New | Mood::Ended) => {}
            LeadInput::Listed { listed } => self.on_listed(listed),
            LeadInput::Templated { plan, reasons } => self.on_templated(plan, reasons),
            LeadInput::MemoLookedUp { task_id, key, memo } => self.on_memo(task_id, key, memo),
            LeadInput::Recalled { key, receipt } => self.on_recalled(key, receipt),
            LeadInput::CutTaken { cut } => self.on_cut_taken(cut),
            LeadInput::CutLost { key } => self.on_cut_lost(key),
            LeadInput::Concluded { receipt_id, kept } => self.on_concluded(receipt_id, kept),
            LeadInput::Report(report) => self.on_report(report),
            LeadInput::Validated {
                plan,
                author,
                reasons,
            } => self.on_validated(plan, author, reasons),
            LeadInput::Crashed { agent, detail } => self.on_crashed(cx, agent, &detail),
            LeadInput::BackoffOver { task_id } => self.on_backoff_over(task_id),
            LeadInput::WallOver => self.on_wall_over(),
            LeadInput::Cancel => self.close(Closing::Cancel),
            LeadInput::Interrupt => self.close(Closing::Pause {
                reason: ReasonCode::Interrupted,
                detail: "the node stops".to_owned(),
            }),
            LeadInput::AgentsStopped => self.on_agents_stopped(),
            LeadInput::PartialReady { body } => self.on_partial(cx, body),
        }
        self.go_on(cx, out);
    }

    /// Whether the machine is sound.
    pub fn check(&self) -> Result<(), String> {
        self.job.check()
    }

    fn on_begin(&mut self, node_id: NodeId, epoch: u64, spec: Option<Box<JobSpec>>, topup: Option<Limits>) {
        assert!(self.mood == Mood::New, "a lead begins once");
        self.mood = Mood::Working;
        if let Some(spec) = spec.filter(|_| self.job.spec.is_none()) {
            self.emit(JobEvent::JobSubmitted { spec });
        }
        self.emit(JobEvent::LeadChanged { node_id, epoch });
        if let Some(limits) = topup {
            self.emit(JobEvent::BudgetToppedUp { limits });
        }
        self.conclude_ended();
        match (&self.job.plan, self.planning_failure()) {
            (Some(_), _) if self.job.retry_due => {
                self.retrying = true;
                self.ask_for_listing();
            }
            (Some(_), _) => self.advance_nodes(),
            (None, Some(detail)) => self.failed_planning = Some(detail),
            (None, None) => self.ask_for_listing(),
        }
    }

    /// Why an earlier lead's planning came to nothing, if it did: a task that has ended is not begun again, and no
    /// further proposal is asked for.
    fn planning_failure(&self) -> Option<String> {
        if self.proposals >= PROPOSALS_MAX {
            return self.job.refused.last().map(|reasons| reasons.join("; "));
        }
        let planning = self.job.tasks.get(&TaskId::planning(self.job.job_id))?;
        let reason = planning.reason.filter(|_| planning.status.is_terminal())?;
        Some(format!("the planner ended with {reason}"))
    }

    fn on_listed(&mut self, listed: Result<Listed, Trouble>) {
        match listed {
            Err(trouble) => self.pause(trouble.reason, trouble.detail),
            Ok(listed) => {
                self.documents = listed.documents;
                if std::mem::take(&mut self.retrying) && self.mood == Mood::Working {
                    self.retry_unread(&listed.items);
                }
                self.listed = Some(listed);
                match self.job.plan {
                    Some(_) => self.advance_nodes(),
                    None if self.mood == Mood::Working => self.make_plan(),
                    None => {}
                }
            }
        }
    }

    fn on_templated(&mut self, plan: Option<(Plan, String)>, reasons: Vec<String>) {
        match plan {
            Some(_) if !reasons.is_empty() => {
                self.failed_planning = Some(reasons.join("; "));
                self.emit(JobEvent::PlanRefused { proposal: 1, reasons });
            }
            Some((plan, author)) => self.adopt(plan, author),
            None if self.mood == Mood::Working => self.start_planner(),
            None => {}
        }
    }

    fn on_validated(&mut self, plan: Plan, author: String, reasons: Vec<String>) {
        if reasons.is_empty() {
            self.adopt(plan, author);
        } else {
            self.refuse_plan(reasons);
        }
    }

    fn adopt(&mut self, plan: Plan, author: String) {
        if self.job.plan.is_some() {
            return;
        }
        self.emit(JobEvent::PlanProposed { plan, author });
        self.advance_nodes();
    }

    /// Records an event: it is true from now on, and durable when its frame is.
    fn emit(&mut self, event: JobEvent) {
        self.job.apply(&event);
        let ended = match &event {
            JobEvent::TaskSucceeded { task_id, .. }
            | JobEvent::TaskFailed { task_id, .. }
            | JobEvent::TaskCancelled { task_id, .. } => Some(*task_id),
            _ => None,
        };
        self.outbox.events.push(event);
        if let Some(task_id) = ended {
            self.conclude_task(task_id);
        }
    }

    /// Lets a step out once everything recorded so far is durable.
    fn hold(&mut self, step: LeadStep) {
        self.outbox.held.push(step);
    }

    /// Only what was asked to stop is known to be gone.
    fn on_agents_stopped(&mut self) {
        if matches!(self.mood, Mood::Closing(_)) {
            self.agents.clear();
            self.recalling.clear();
        }
    }

    fn on_appended(&mut self, seq: u64, out: &mut Vec<LeadStep>) {
        match self.outbox.in_flight.take() {
            Some((awaited, held)) if awaited == seq => out.extend(held),
            other => self.outbox.in_flight = other,
        }
    }

    /// Starts what can start, closes what can close, and hands out the next frame.
    fn go_on(&mut self, cx: Cx, out: &mut Vec<LeadStep>) {
        if self.mood == Mood::Working {
            self.retry_deferred();
        }
        match self.mood {
            Mood::Working => {
                self.start_ready();
                self.finish_if_complete(cx);
            }
            Mood::Closing(_) => self.finish_closing(cx),
            Mood::New | Mood::Composing(_) | Mood::Ended => {}
        }
        self.flush(out);
    }

    fn flush(&mut self, out: &mut Vec<LeadStep>) {
        if self.bugs.acknowledge_before_sync {
            out.append(&mut self.outbox.held);
        }
        if self.outbox.in_flight.is_some() {
            return;
        }
        if self.outbox.events.is_empty() {
            out.append(&mut self.outbox.held);
            return;
        }
        self.seq += 1;
        let held = std::mem::take(&mut self.outbox.held);
        let events = std::mem::take(&mut self.outbox.events);
        let blobs = std::mem::take(&mut self.outbox.blobs);
        self.outbox.in_flight = Some((self.seq, held));
        out.push(LeadStep::Append {
            seq: self.seq,
            events,
            blobs,
        });
    }
}

#[cfg(test)]
mod tests;
