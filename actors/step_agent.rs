//! Step agent: runs the step loop of one worker, critic or planner, then stops.
//! Parent: `Lead`, temporary; a crash is an event for the lead, which starts the next attempt.
//! Talks to: its lead, a `Provider`, the `Executor`; what it is for is its [`Craft`].
//! Survives a restart: nothing; the journal holds its steps, and the next attempt reads them back.
//! Invariants: at most one step under way; no model, tool or disk is waited for in a handler; the last word of an
//! agent is a report, or the lead hears of its death.

use std::sync::Arc;

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::id::{JobId, StepId, TaskId};
use anthill_contracts::model::{ModelDelta, Models};
use anthill_contracts::sources::SourcesRef;
use anthill_contracts::spec::JobSpec;
use anthill_contracts::store::Store;
use anthill_contracts::tool::{Setting, ToolCall, ToolOutput, ToolSpec};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, SpawnErr};

use crate::agent::{AgentKey, AgentNews, AgentOrder, AgentReport, Trouble};
use crate::executor::ExecutorHandle;
use crate::mailbox::{MailError, Mailbox, MailboxBounds};
use crate::prompts::{Turn, WorkOrder};
use crate::step_loop::Recorded;
use shell::{AgentMessage, StepAgent};

mod ending;
mod shell;
mod transcript;

pub use ending::Ending;
pub use transcript::{Past, history};

/// The tool whose argument is the answer itself.
pub const POST_ARTIFACT: &str = "post_artifact";

/// What every agent of a job needs.
#[derive(Clone)]
pub struct AgentPorts {
    /// Reads recorded bodies back.
    pub store: Arc<dyn Store>,
    /// Finds providers.
    pub models: Arc<dyn Models>,
    /// Runs tools.
    pub executor: ExecutorHandle,
    /// What tools there are.
    pub tools: Arc<[ToolSpec]>,
    /// What the job may read.
    pub sources: SourcesRef,
    /// Hears the pieces of answers, for live views; must not block.
    pub live: Arc<dyn Fn(TaskId, ModelDelta) + Send + Sync>,
}

/// Where an agent reports to; refuses when the lead is gone.
pub type ReportSink = Arc<dyn Fn(AgentReport) -> Result<(), MailError> + Send + Sync>;

/// One agent to start.
pub struct AgentArguments {
    /// Which.
    pub key: AgentKey,
    /// The job.
    pub job_id: JobId,
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// What it is for.
    pub craft: Arc<dyn Craft>,
    /// Number of the task's next step.
    pub next_seq: u32,
    /// The round of work and review, from 0.
    pub round: u32,
    /// What its task is like, for the guards of its tool calls.
    pub setting: Arc<Setting>,
    /// What it needs.
    pub ports: AgentPorts,
    /// Where it reports to.
    pub report: ReportSink,
    /// Its task's span, below which its calls are told.
    pub span: tracing::Span,
}

/// What an agent is for: what it asks, and what it makes of the answer.
pub trait Craft: Send + Sync {
    /// Gathers what the first request needs, or finds that nothing need be asked.
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>>;

    /// Makes the agent's last word of an answer, or says what is wrong with the answer. Has no effect, and answers
    /// the same for the same answer, so that a resumed agent can ask it again about earlier answers.
    fn compose<'a>(&'a self, ports: &'a AgentPorts, answer: &'a Answer) -> BoxFuture<'a, Composed>;

    /// Hears how a tool call of its agent ended, in this attempt or an earlier one.
    fn observe(&self, call: &ToolCall, output: &ToolOutput) {
        let _ = (call, output);
    }

    /// Gives the last word its effect before the lead hears it.
    fn deliver<'a>(&'a self, ports: &'a AgentPorts, news: AgentNews) -> BoxFuture<'a, AgentNews> {
        let _ = ports;
        Box::pin(async move { news })
    }
}

/// What was made of an answer: the agent's last word, or what is wrong with the answer.
pub type Composed = Result<AgentNews, Vec<ReviewFinding>>;

/// What there is to begin with.
pub enum Prepared {
    /// Nothing need be asked: this is the agent's last word.
    Done(AgentNews),
    /// This is to be asked, after the steps that are on record.
    Ask {
        /// The work.
        order: Box<WorkOrder>,
        /// The agent's own steps so far, with their bodies.
        history: History,
    },
}

/// An agent's own steps so far.
#[derive(Default)]
pub struct History {
    /// What the step loop must know of them.
    pub recorded: Vec<Recorded>,
    /// What the next prompt must say of them.
    pub turns: Vec<Turn>,
    /// Calls of the last reply that have not run yet, and the answer if there is one.
    pub calls: Vec<ToolCall>,
    /// The last answer.
    pub answer: Option<Answer>,
    /// How often an answer was rejected for its form.
    pub rejections: u32,
}

/// An answer, and the step in which it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// The step.
    pub step_id: StepId,
    /// How the reply ended.
    pub ending: Ending,
}

/// Talks to one running agent.
#[derive(Clone)]
pub struct AgentHandle {
    mailbox: Mailbox<AgentMessage>,
}

impl AgentHandle {
    /// Starts an agent under its lead.
    pub async fn start(arguments: AgentArguments, lead: ActorCell) -> Result<(Self, ActorCell), SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, StepAgent, arguments, lead).await?;
        let cell = actor.get_cell();
        Ok((
            Self {
                mailbox: Mailbox::new(actor, MailboxBounds { data: 8, control: 4 }),
            },
            cell,
        ))
    }

    /// Passes the lead's order on.
    pub fn tell(&self, order: AgentOrder) -> Result<(), MailError> {
        self.mailbox.try_send(AgentMessage::Ordered { order })
    }
}
