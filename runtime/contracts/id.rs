//! Stable ids: sixteen bytes each, printed with a prefix that names their kind (`job_01J...`).
//!
//! A job's id comes from a clock and a random number at the edge. Every id below it is derived from its parent by
//! hashing, so that a resumed or simulated run finds the very same ids without storing or drawing them. The key of
//! an effect is a [`ToolCallId`]; it depends on job, task, step and arguments, and never on the attempt or epoch.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind} id: expected `{kind}_` and 26 characters")]
pub struct IdError {
    /// The kind that was expected, such as `job`.
    pub kind: &'static str,
    /// What was given instead.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The word before the underscore when the id is printed.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps sixteen bytes that are known to be this kind of id.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), Ulid::from_bytes(self.0).to_string())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = || IdError { kind: $prefix, text: text.chars().take(64).collect() };
                let body = text.strip_prefix(concat!($prefix, "_")).ok_or_else(refused)?;
                let ulid = Ulid::from_string(body).map_err(|_| refused())?;
                Ok(Self(ulid.to_bytes()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(TextVisitor::<$name>::default())
                } else {
                    deserializer.deserialize_bytes(BytesVisitor).map(Self)
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-9A-HJKMNP-TV-Z]{26}$"),
                })
            }
        }
    };
}

id!(
    /// One job: a goal, its journal and its lead.
    JobId,
    "job"
);
id!(
    /// One task of a job's plan.
    TaskId,
    "task"
);
id!(
    /// One recorded step (a model answer or a tool outcome) of a task.
    StepId,
    "step"
);
id!(
    /// One tool call; also the idempotency key of its effect.
    ToolCallId,
    "call"
);
id!(
    /// One artifact of a job; its versions form a chain.
    ArtifactId,
    "artifact"
);
id!(
    /// One node process, in one incarnation.
    NodeId,
    "node"
);

id!(
    /// One signal: its content, hashed.
    SignalId,
    "signal"
);
id!(
    /// What one agent of a task was shown of the knowledge.
    ReceiptId,
    "receipt"
);

impl JobId {
    /// Makes the id of a new job from milliseconds since the epoch and a random number.
    pub fn new(now_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(now_ms, random).to_bytes())
    }
}

impl NodeId {
    /// Makes the id of a node from milliseconds since the epoch and a random number.
    pub fn new(now_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(now_ms, random).to_bytes())
    }
}

impl TaskId {
    /// The task in which a model writes the job's plan. It is no node of that plan.
    pub fn planning(job_id: JobId) -> Self {
        Self::derive(job_id, "#plan", None)
    }

    /// The task that runs `node` of the job's plan, for item `index` where the node maps over a list.
    pub fn derive(job_id: JobId, node: &str, index: Option<u32>) -> Self {
        let index = index.map_or(u64::MAX, u64::from).to_le_bytes();
        Self(derive("task", job_id.as_bytes(), &[node.as_bytes(), &index]))
    }
}

impl StepId {
    /// Step number `seq` of a task; the attempt plays no part.
    pub fn derive(task_id: TaskId, seq: u32) -> Self {
        Self(derive("step", task_id.as_bytes(), &[&seq.to_le_bytes()]))
    }
}

impl ToolCallId {
    /// The call of `tool` with these canonical arguments in a step.
    pub fn derive(step_id: StepId, tool: &str, canonical_args: &str) -> Self {
        Self(derive(
            "call",
            step_id.as_bytes(),
            &[tool.as_bytes(), canonical_args.as_bytes()],
        ))
    }
}

impl ArtifactId {
    /// The artifact that a task owns under `name`.
    pub fn derive(task_id: TaskId, name: &str) -> Self {
        Self(derive("artifact", task_id.as_bytes(), &[name.as_bytes()]))
    }
}

impl SignalId {
    /// The signal with this content; `parts` are its scope, polarity and canonical body.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        Self(derive("signal", &[0; 16], parts))
    }

    /// How the ids of measures begin; a signal's id, which is a hash, begins so once in 2^48.
    const MEASURE: [u8; 6] = *b"\0meas\0";

    /// The id under which a quantity of runs with a signal is measured, such as the tokens that they took. It is no
    /// signal's: whoever reads evidence of signals can tell it by its beginning.
    #[must_use]
    pub fn measure(self, what: &str) -> Self {
        let mut bytes = derive("measure", &self.0, &[what.as_bytes()]);
        bytes[..Self::MEASURE.len()].copy_from_slice(&Self::MEASURE);
        Self(bytes)
    }

    /// Whether this is the id of a measure and not of a signal.
    pub fn is_measure(self) -> bool {
        self.0.starts_with(&Self::MEASURE)
    }
}

impl ReceiptId {
    /// The receipt of a task's agent of this kind (`worker`, `critic`, `planner`); attempt and round play no part.
    pub fn derive(task_id: TaskId, agent: &str) -> Self {
        Self(derive("receipt", task_id.as_bytes(), &[agent.as_bytes()]))
    }
}

/// Hashes a kind, a parent and length-prefixed parts, so that no two lists of parts collide by concatenation.
fn derive(kind: &str, parent: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("anthill 2026 id");
    hasher.update(kind.as_bytes()).update(parent);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// Reads an id from its printed form.
struct TextVisitor<T>(std::marker::PhantomData<T>);

impl<T> Default for TextVisitor<T> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T: FromStr<Err = IdError>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prefixed id")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Reads an id from its sixteen bytes.
struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sixteen bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
        bytes
            .try_into()
            .map_err(|_| E::invalid_length(bytes.len(), &self))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; 16], A::Error> {
        let mut out = [0; 16];
        for (position, byte) in out.iter_mut().enumerate() {
            *byte = seq
                .next_element()?
                .ok_or_else(|| de::Error::invalid_length(position, &"sixteen bytes"))?;
        }
        Ok(out)
    }
}

/// The name of a tenant: 1 to 63 characters of `a-z`, `0-9`, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TenantId(String);

impl TenantId {
    /// The tenant of a job that names none.
    pub const DEFAULT: &'static str = "default";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if is_name(&text) {
            Ok(Self(text))
        } else {
            Err(IdError { kind: "tenant", text })
        }
    }
}

impl FromStr for TenantId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

/// Whether a text is fit for the name of a tenant, a plan node or an artifact.
pub fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

#[cfg(test)]
mod tests;
