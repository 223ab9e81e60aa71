//! Strategies of reading: several ways to pick the sentences that answer a question, and which one is asked for.
//!
//! No way is best for every kind of document: a report says its conclusion under a heading, a bulletin in its first
//! sentence, a reference page wherever its words are densest. Which way suits which kind is learned from outcomes; here
//! is only what can be chosen. A strategy that cannot be understood is none, and the usual way is taken: advice never
//! breaks a reading.

use serde::Deserialize;

/// Strategies to begin with, as canonical JSON: which of them suits which kind of document is for outcomes to say.
pub const STRATEGIES: [&str; 6] = [
    r#"{"rank":"blend"}"#,
    r#"{"rank":"centrality"}"#,
    r#"{"rank":"frequency"}"#,
    r#"{"rank":"lead"}"#,
    r#"{"rank":"overlap"}"#,
    r#"{"rank":"overlap","sections":true}"#,
];

/// How to pick sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Strategy {
    /// By what sentences are ranked.
    pub(super) rank: Rank,
    /// Most claims, where that is fewer than are wanted.
    pub(super) sentences: Option<u32>,
    /// Whether a heading that shares words with the question lifts what stands below it.
    pub(super) sections: bool,
}

/// By what sentences are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rank {
    /// What they cover of the question, and how central they are among those that cover any of it.
    #[default]
    Blend,
    /// What they cover of the question, alone.
    Overlap,
    /// How central they are among all sentences, by a random walk over their similarities.
    Centrality,
    /// How early they stand.
    Lead,
    /// How often their words occur in the whole text.
    Frequency,
}

impl Rank {
    /// Whether sentences are compared that share no word with the question. The text as a whole must share some.
    pub(super) const fn looks_beyond_question(self) -> bool {
        match self {
            Self::Blend | Self::Overlap => false,
            Self::Centrality | Self::Lead | Self::Frequency => true,
        }
    }
}

impl Strategy {
    /// The strategy of a request; the usual one where none is given or it cannot be understood.
    pub(super) fn of(args: Option<&str>) -> Self {
        args.and_then(|args| serde_json::from_str(args).ok())
            .unwrap_or_default()
    }

    /// Most claims of an answer.
    pub(super) fn claims_max(&self, wanted: usize) -> usize {
        self.sentences
            .map_or(wanted, |sentences| wanted.min(sentences.max(1) as usize))
    }
}

#[cfg(test)]
mod tests;
