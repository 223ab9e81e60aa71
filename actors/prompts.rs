//! Prompts: everything that a model is asked, as a pure function of the work and what has happened so far.
//!
//! The words lie in templates beside this file and are compiled in. The same order and turns give the same bytes, so
//! a resumed task asks exactly what it asked before, and a provider's cache sees the same prefix: what stands for the
//! role comes first, then what stands for the job, then the task's own matter, then the turns. Text from files stands
//! between fences that its own hash names. The choice rejected was to build prompts where they are sent: then no two
//! of them treat a document alike, and no test can hold them all.
//!
//! Tokens are estimated as a quarter of the bytes, rounded up. No tokenizer fits every provider, and the estimate
//! errs to the safe side on prose; the budget is settled by what the provider counts.

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::brief::{Finding, Passage};
use anthill_contracts::id::SignalId;
use anthill_contracts::model::{AnswerSchema, LessonsAnswer, ModelName, ModelReply, ModelRequest};
use anthill_contracts::plan::{Plan, PlanNode, Role};
use anthill_contracts::signal::{Chosen, Exposure, Receipt};
use anthill_contracts::spec::{JobSpec, OutputSpec};
use anthill_contracts::tool::{ToolCall, ToolOutput, ToolSpec};

mod assemble;
mod bundle;
mod fence;
mod schema;
mod signals;
mod templates;
mod turns;
mod words;

pub use bundle::{bundle_class, model_family};
pub use schema::answer_schema;
pub use templates::template_digest;
pub use words::overlap;
pub(crate) use words::words;

/// One piece of work for a model: what every request of an agent has in common.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkOrder {
    /// The job's goal, usually a question.
    pub goal: String,
    /// What is asked of this node beyond the goal.
    pub instructions: Option<String>,
    /// Who is asked.
    pub model: ModelName,
    /// What there is to do.
    pub assignment: Assignment,
    /// What others have learned and this agent is shown.
    pub signals: Vec<Exposure>,
    /// Whether it may hand in what it learns itself.
    pub takes_lessons: bool,
    /// What must come out of the job.
    pub output: OutputSpec,
    /// Most tokens of one prompt.
    pub context_tokens_max: u32,
    /// Most tokens of one answer.
    pub answer_tokens_max: u32,
}

/// What there is to do, with the matter it is done on.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// Read one document and report findings (role reader; answer: `FindingsAnswer`).
    Read {
        /// Path of the document.
        path: String,
        /// Its text, in order.
        passages: Vec<Passage>,
    },
    /// Write a brief from findings (role writer; answer: `OutlineAnswer`).
    Write {
        /// The findings as `compose::select_findings` ranks them; number n is at index n - 1.
        findings: Vec<Finding>,
    },
    /// Find an answer with tools (role generalist; answer: `FindingsAnswer`).
    Answer {
        /// The tools that may be called.
        tools: Vec<ToolSpec>,
    },
    /// Give an opinion on finished work (answer: `OpinionAnswer`).
    Judge {
        /// The claims with their quotations, as `compose::claims_of` gives them for a brief.
        claims: Vec<Finding>,
    },
    /// Propose a plan (answer: `Plan`).
    Plan {
        /// How many documents the job may read.
        documents: usize,
        /// What the job may spend, in words; empty where it has no limits.
        limits: String,
        /// Why earlier proposals were refused.
        refused: Vec<String>,
        /// A plan that would do.
        example: Plan,
    },
}

/// What has happened in a task since its first request, as its recorded steps and reviews tell it.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The model answered.
    Reply(ModelReply),
    /// A tool that the model asked for has ended.
    Tool {
        /// The call, with the id that the model gave it.
        call: ToolCall,
        /// The outcome.
        output: ToolOutput,
    },
    /// The answer was refused, by its contract or by the critic.
    Rejected(Vec<ReviewFinding>),
}

/// What a prompt is made of, for people and for accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The parts in the order of the prompt.
    pub parts: Vec<Part>,
}

/// One part of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is, such as `system`, `matter` or `tool:search`.
    pub name: String,
    /// Estimated tokens.
    pub tokens: u64,
    /// How many pieces of it were left out to stay within the cap.
    pub left_out: usize,
    /// For the part `signals`: which they are, in the order of the prompt.
    pub signals: Vec<Learned>,
}

/// One signal of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    /// The signal.
    pub signal: SignalId,
    /// Why it was chosen.
    pub chosen: Chosen,
}

impl Manifest {
    /// Estimated tokens of the whole prompt.
    pub fn tokens(&self) -> u64 {
        self.parts.iter().map(|part| part.tokens).sum()
    }
}

impl WorkOrder {
    /// The work of a node's worker.
    pub fn new(spec: &JobSpec, node: &PlanNode, assignment: Assignment) -> Self {
        Self {
            instructions: node.instructions.clone(),
            ..Self::of_job(spec, assignment)
        }
    }

    /// The work of a critic that is asked for its opinion on a node's output.
    pub fn opinion(spec: &JobSpec, node: &PlanNode, claims: Vec<Finding>) -> Self {
        let model = spec.review.model.clone().unwrap_or_else(|| spec.model.clone());
        Self {
            model,
            ..Self::new(spec, node, Assignment::Judge { claims })
        }
    }

    /// The same work, by an agent that is shown what a receipt has kept.
    #[must_use]
    pub fn shown(self, receipt: Option<&Receipt>) -> Self {
        let face = self.assignment.face();
        Self {
            signals: receipt.map_or_else(Vec::new, |receipt| signals::kept(receipt, face)),
            ..self
        }
    }

    /// Work that stands for the whole job.
    pub(crate) fn of_job(spec: &JobSpec, assignment: Assignment) -> Self {
        let works = matches!(assignment.face(), Face::Reader | Face::Writer | Face::Generalist);
        // The built-in provider is a program: it learns nothing that it could tell.
        let writes_words = spec.model.provider() != ModelName::default().provider();
        Self {
            signals: Vec::new(),
            takes_lessons: spec.knowledge.used && works && writes_words,
            goal: spec.goal.clone(),
            instructions: None,
            model: spec.model.clone(),
            assignment,
            output: spec.output.clone(),
            context_tokens_max: spec.work.context_tokens_max,
            answer_tokens_max: spec.work.answer_tokens_max,
        }
    }
}

impl Assignment {
    /// The templates that say it, and the name of the contract that the answer must fit.
    pub(crate) const fn face(&self) -> Face {
        match self {
            Self::Read { .. } => Face::Reader,
            Self::Write { .. } => Face::Writer,
            Self::Answer { .. } => Face::Generalist,
            Self::Judge { .. } => Face::Critic,
            Self::Plan { .. } => Face::Planner,
        }
    }
}

/// Who a prompt speaks to: the roles of plans, and the two that no plan names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Reads one document.
    Reader,
    /// Writes the brief.
    Writer,
    /// Works with tools.
    Generalist,
    /// Gives an opinion.
    Critic,
    /// Writes a plan.
    Planner,
}

impl Face {
    /// Every face.
    pub const ALL: [Self; 5] = [
        Self::Reader,
        Self::Writer,
        Self::Generalist,
        Self::Critic,
        Self::Planner,
    ];

    /// The face of a role that asks a model.
    pub const fn of(role: Role) -> Option<Self> {
        match role {
            Role::Reader => Some(Self::Reader),
            Role::Writer => Some(Self::Writer),
            Role::Generalist => Some(Self::Generalist),
            Role::Nobody => None,
        }
    }

    /// The word in the names of its templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Generalist => "generalist",
            Self::Critic => "critic",
            Self::Planner => "planner",
        }
    }

    fn answer_schema(self) -> AnswerSchema {
        use anthill_contracts::model::{FindingsAnswer, OpinionAnswer, OutlineAnswer};
        match self {
            Self::Reader | Self::Generalist => answer_schema::<FindingsAnswer>("findings"),
            Self::Writer => answer_schema::<OutlineAnswer>("outline"),
            Self::Critic => answer_schema::<OpinionAnswer>("opinion"),
            Self::Planner => answer_schema::<Plan>("plan"),
        }
    }

    /// The schema of an answer that may hold lessons beside the work.
    fn teaching_schema(self) -> AnswerSchema {
        let mut own = self.answer_schema();
        let lessons = answer_schema::<LessonsAnswer>("lessons").schema;
        if let (Some(fields), Some(field)) = (
            own.schema["properties"].as_object_mut(),
            lessons["properties"].get("lessons"),
        ) {
            fields.insert("lessons".to_owned(), field.clone());
        }
        own
    }
}

/// The request that comes next: the order, then every turn so far, within the order's cap of tokens.
///
/// Above the cap the results of tools are left out first, oldest first, then passages that share the fewest words
/// with the goal, or findings and claims from the end of their list. What is left out is said in its place.
pub fn request(order: &WorkOrder, turns: &[Turn]) -> ModelRequest {
    assemble::assemble(order, turns).0
}

/// What [`request`] makes of the same order and turns, part by part.
pub fn manifest(order: &WorkOrder, turns: &[Turn]) -> Manifest {
    assemble::assemble(order, turns).1
}

/// The tokens that a text is taken for: a quarter of its bytes, rounded up.
pub fn estimate_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

#[cfg(test)]
mod tests;
