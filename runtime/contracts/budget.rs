//! What work costs, in seven dimensions, and the limits on it.
//!
//! [`Amount`] is a vector of counts; [`Limits`] bounds some of them. The arithmetic is saturating: an overflow of a
//! `u64` of tokens is a defect elsewhere, and must not turn into a free lunch here. The verdicts (reserve, settle,
//! release) live in the crate `anthill-policy`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One dimension of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Tokens sent to models.
    TokensIn,
    /// Tokens written by models.
    TokensOut,
    /// Money, in millionths of a US dollar.
    Usd,
    /// Calls of tools.
    ToolCalls,
    /// Recorded steps: model answers and tool outcomes.
    Steps,
    /// Wall time of the job, in milliseconds, summed over its runs.
    Wall,
    /// Agents started: one for each attempt of a task that asks a model.
    Agents,
}

impl Dimension {
    /// Every dimension, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::TokensIn,
        Self::TokensOut,
        Self::Usd,
        Self::ToolCalls,
        Self::Steps,
        Self::Wall,
        Self::Agents,
    ];

    /// The word used in specs, reason codes and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::Usd => "usd",
            Self::ToolCalls => "tool_calls",
            Self::Steps => "steps",
            Self::Wall => "wall",
            Self::Agents => "agents",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no budget dimension"))
    }
}

/// A count in each dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Amount {
    /// Tokens sent to models.
    pub tokens_in: u64,
    /// Tokens written by models.
    pub tokens_out: u64,
    /// Millionths of a US dollar.
    pub usd_micro: u64,
    /// Calls of tools.
    pub tool_calls: u64,
    /// Recorded steps.
    pub steps: u64,
    /// Milliseconds of wall time.
    pub wall_ms: u64,
    /// Agents started.
    pub agents: u64,
}

impl Amount {
    /// Nothing at all.
    pub const ZERO: Self = Self {
        tokens_in: 0,
        tokens_out: 0,
        usd_micro: 0,
        tool_calls: 0,
        steps: 0,
        wall_ms: 0,
        agents: 0,
    };

    /// The count in one dimension.
    pub const fn get(&self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::TokensIn => self.tokens_in,
            Dimension::TokensOut => self.tokens_out,
            Dimension::Usd => self.usd_micro,
            Dimension::ToolCalls => self.tool_calls,
            Dimension::Steps => self.steps,
            Dimension::Wall => self.wall_ms,
            Dimension::Agents => self.agents,
        }
    }

    /// Adds in every dimension.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens_in: self.tokens_in.saturating_add(other.tokens_in),
            tokens_out: self.tokens_out.saturating_add(other.tokens_out),
            usd_micro: self.usd_micro.saturating_add(other.usd_micro),
            tool_calls: self.tool_calls.saturating_add(other.tool_calls),
            steps: self.steps.saturating_add(other.steps),
            wall_ms: self.wall_ms.saturating_add(other.wall_ms),
            agents: self.agents.saturating_add(other.agents),
        }
    }

    /// Subtracts in every dimension, never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            tokens_in: self.tokens_in.saturating_sub(other.tokens_in),
            tokens_out: self.tokens_out.saturating_sub(other.tokens_out),
            usd_micro: self.usd_micro.saturating_sub(other.usd_micro),
            tool_calls: self.tool_calls.saturating_sub(other.tool_calls),
            steps: self.steps.saturating_sub(other.steps),
            wall_ms: self.wall_ms.saturating_sub(other.wall_ms),
            agents: self.agents.saturating_sub(other.agents),
        }
    }

    /// Whether every count is zero.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// Upper bounds; a dimension without one is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most tokens sent to models.
    pub tokens_in: Option<u64>,
    /// Most tokens written by models.
    pub tokens_out: Option<u64>,
    /// Most money, in US dollars (`0.50`). Any limit here demands that the model's price is known.
    pub usd: Option<Usd>,
    /// Most tool calls.
    pub tool_calls: Option<u64>,
    /// Most recorded steps.
    pub steps: Option<u64>,
    /// Longest wall time (`"90s"`, `"10m"`).
    pub wall: Option<Span>,
    /// Most agents started.
    pub agents: Option<u64>,
}

impl Limits {
    /// The bound in one dimension, in the unit of [`Amount`].
    pub fn get(&self, dimension: Dimension) -> Option<u64> {
        match dimension {
            Dimension::TokensIn => self.tokens_in,
            Dimension::TokensOut => self.tokens_out,
            Dimension::Usd => self.usd.map(|usd| usd.0),
            Dimension::ToolCalls => self.tool_calls,
            Dimension::Steps => self.steps,
            Dimension::Wall => self.wall.map(|span| span.0),
            Dimension::Agents => self.agents,
        }
    }

    /// The first dimension in which `amount` is above its bound.
    pub fn exceeded_by(&self, amount: &Amount) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| {
            self.get(*dimension)
                .is_some_and(|limit| amount.get(*dimension) > limit)
        })
    }
}

/// Money in millionths of a US dollar; people write dollars (`0.5`), the journal holds the integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(pub u64);

impl Usd {
    /// The nearest micro-dollars of a count of dollars; `None` if negative, not finite or above a billion.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        if !(0.0..=1e9).contains(&dollars) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked above"
        )]
        let micro = (dollars * 1e6).round() as u64;
        Some(Self(micro))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micro) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micro % 10_000 == 0 {
            write!(f, "${whole}.{:02}", micro / 10_000)
        } else {
            write!(f, "${whole}.{micro:06}")
        }
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.0 as f64 / 1e6)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Self);
        }
        let dollars = f64::deserialize(deserializer)?;
        Self::from_dollars(dollars)
            .ok_or_else(|| de::Error::custom("an amount of dollars is a number from 0 to 1000000000"))
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "number", "minimum": 0, "maximum": 1e9, "description": "US dollars" })
    }
}

/// A length of time in milliseconds; people write `"90s"` or `"1h 30m"`, the journal holds the integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

impl Span {
    /// The same length as the standard library's type.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.duration()).fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        let duration = humantime::parse_duration(&text).map_err(|error| {
            de::Error::custom(format!(
                "`{text}` is no length of time ({error}); write `90s` or `10m`"
            ))
        })?;
        Ok(Self::from(duration))
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "description": "a length of time, such as `90s`, `10m` or `1h 30m`" })
    }
}

#[cfg(test)]
mod tests;
