//! The job spec: what people write, as TOML or JSON.
//!
//! Unknown keys are errors, so that a typo in a budget cannot turn into no budget. Relative paths are taken from
//! the folder of the spec's file; the reader of that file makes them absolute before the job is submitted.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::budget::Limits;
use crate::id::TenantId;
use crate::model::ModelName;
use crate::plan::Plan;
use crate::signal::Share;

/// One job: a goal, what may be read, what may be spent, and what must come out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// A short name for lists and for the output folder: `a-z`, `0-9`, `-`, `_`.
    pub name: String,
    /// What is wanted, usually a question.
    pub goal: String,
    /// Who pays and who sees it.
    #[serde(default)]
    pub tenant: TenantId,
    /// How the work is cut into tasks.
    #[serde(default)]
    pub shape: Shape,
    /// The model that works, as `PROVIDER/NAME`.
    #[serde(default)]
    pub model: ModelName,
    /// Folders and files that the job may read.
    #[serde(default)]
    pub inputs: Vec<InputSpec>,
    /// What may be spent; a missing dimension is not limited.
    #[serde(default)]
    pub budget: Limits,
    /// How work is reviewed.
    #[serde(default)]
    pub review: ReviewSpec,
    /// What must come out.
    #[serde(default)]
    pub output: OutputSpec,
    /// How much runs at once and how often it is tried.
    #[serde(default)]
    pub work: WorkSpec,
    /// The plan, where `shape = "plan"`.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// What the job takes from what others have learned, and how far its own lessons travel.
    #[serde(default)]
    pub knowledge: KnowledgeSpec,
    /// Between which models the workers are routed by what was learned of them.
    #[serde(default)]
    pub routing: RoutingSpec,
}

impl JobSpec {
    /// The model of a worker for which nothing else was chosen: the job's own where routing is off or lists it, else
    /// the first of the list.
    pub fn usual_model(&self) -> &ModelName {
        match self.routing.models.first() {
            Some(first) if !self.routing.models.contains(&self.model) => first,
            _ => &self.model,
        }
    }

    /// The job as a worker of this model sees it: all that follows from the job's model follows from this one.
    #[must_use]
    pub fn with_model(&self, model: ModelName) -> Self {
        Self {
            model,
            ..self.clone()
        }
    }
}

/// How the work is cut into tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `map_reduce_verify` where the inputs hold more than one document, else `single`.
    #[default]
    Auto,
    /// One agent with tools, then a check.
    Single,
    /// One reader per document, one writer, then a check.
    MapReduceVerify,
    /// The plan that stands in the spec.
    Plan,
    /// A plan that the model writes; checked before anything else is spent.
    Model,
}

/// A folder or file that the job may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The folder or file.
    pub path: PathBuf,
    /// Only files that match one of these globs; empty means all.
    #[serde(default)]
    pub include: Vec<String>,
    /// No files that match one of these globs.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// How work is reviewed. The deterministic checks always run; the rest is a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewSpec {
    /// How often a worker may mend rejected work.
    pub rounds: u32,
    /// Whether a model gives its opinion once the checks have passed.
    pub opinion: bool,
    /// The model asked for the opinion; the job's own if missing.
    pub model: Option<ModelName>,
    /// What is known of some documents beforehand: how well they are read is measured by it.
    pub answers: Vec<KnownAnswer>,
}

/// What a good report of one document quotes, known before anybody reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownAnswer {
    /// Path of the document below its input, with `/`.
    pub document: String,
    /// Words of the document; each is found where a verified claim quotes them, whatever its case and spaces.
    pub quotes: Vec<String>,
}

impl ReviewSpec {
    /// Most rounds that a spec may ask for.
    pub const ROUNDS_MAX: u32 = 8;
}

impl Default for ReviewSpec {
    fn default() -> Self {
        Self {
            rounds: 2,
            opinion: false,
            model: None,
            answers: Vec::new(),
        }
    }
}

/// What must come out of a brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputSpec {
    /// Most sections.
    pub sections_max: u32,
    /// Most claims over all sections.
    pub claims_max: u32,
    /// Most claims that one document contributes.
    pub claims_per_document_max: u32,
    /// Most words over all claims.
    pub words_max: u32,
}

impl Default for OutputSpec {
    fn default() -> Self {
        Self {
            sections_max: 8,
            claims_max: 24,
            claims_per_document_max: 4,
            words_max: 1200,
        }
    }
}

/// How much runs at once and how often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkSpec {
    /// Most workers at once.
    pub workers_max: u32,
    /// Most attempts of one task after crashes of its worker.
    pub attempts_max: u32,
    /// Most steps of one task.
    pub steps_per_task_max: u32,
    /// Most tokens of one prompt; older turns and surplus passages are left out above it.
    pub context_tokens_max: u32,
    /// Most tokens of one answer.
    pub answer_tokens_max: u32,
    /// Files above this many bytes are skipped and named.
    pub file_bytes_max: u64,
    /// Longer documents are cut into chunks of about this many bytes, each a task of its own.
    pub chunk_bytes: u64,
}

impl Default for WorkSpec {
    fn default() -> Self {
        Self {
            workers_max: 8,
            attempts_max: 3,
            steps_per_task_max: 24,
            context_tokens_max: 32_000,
            answer_tokens_max: 2_000,
            file_bytes_max: 64 * 1024 * 1024,
            chunk_bytes: 48 * 1024,
        }
    }
}

/// What a job takes from what others have learned, and how far its own lessons travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeSpec {
    /// Whether agents are shown signals, and whether what happened to them counts as evidence.
    #[serde(rename = "use")]
    pub used: bool,
    /// How far lessons of this job may travel: `private`, `tenant`, `group:N` or `public`.
    #[serde(with = "share_text")]
    #[schemars(with = "String")]
    pub share: Share,
}

impl Default for KnowledgeSpec {
    fn default() -> Self {
        Self {
            used: true,
            share: Share::Tenant,
        }
    }
}

/// Between which models the workers of a job are routed. Critics and planners keep their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingSpec {
    /// The candidates, each as `PROVIDER/NAME`; without any, every worker takes the job's `model`.
    pub models: Vec<ModelName>,
    /// The share of success, 0 to 1, that is enough: of the models that are expected to reach it the one is taken that
    /// costs the least per success, and where none is, the best.
    pub quality_min: Quality,
}

impl RoutingSpec {
    /// Most candidates.
    pub const MODELS_MAX: usize = 8;

    /// Whether there is anything to choose.
    pub fn is_on(&self) -> bool {
        !self.models.is_empty()
    }
}

/// A share of success in thousandths; people write a fraction (`0.8`), the journal holds the integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality(pub u16);

impl Quality {
    /// The share, 0 to 1.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// The nearest thousandths; `None` for what is no share.
    pub fn from_share(share: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked above"
        )]
        let milli = (share * 1000.0).round() as u16;
        Some(Self(milli))
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self(800)
    }
}

impl Serialize for Quality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.share())
        } else {
            serializer.serialize_u16(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Quality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u16::deserialize(deserializer).map(Self);
        }
        let share = f64::deserialize(deserializer)?;
        Self::from_share(share).ok_or_else(|| de::Error::custom("a share of success is a number from 0 to 1"))
    }
}

impl JsonSchema for Quality {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quality".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "maximum": 1, "description": "a share of success" })
    }
}

/// A reach as people write it: one word, where the journal's own form would be a table for a group.
mod share_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::Share;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(share: &Share, serializer: S) -> Result<S::Ok, S::Error> {
        match share {
            Share::Private => serializer.serialize_str("private"),
            Share::Tenant => serializer.serialize_str("tenant"),
            Share::Group(number) => serializer.collect_str(&format_args!("group:{number}")),
            Share::Public => serializer.serialize_str("public"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "private" => Ok(Share::Private),
            "tenant" => Ok(Share::Tenant),
            "public" => Ok(Share::Public),
            _ => text
                .strip_prefix("group:")
                .and_then(|number| number.parse().ok())
                .map(Share::Group)
                .ok_or_else(|| {
                    de::Error::custom(format!(
                        "`{text}` is no reach: write private, tenant, group:N or public"
                    ))
                }),
        }
    }
}

#[cfg(test)]
mod tests;
