//! What the main job reads and writes: passages, findings and the brief.
//!
//! All offsets are bytes into the source file as it lies on disk. A quotation is a slice of the file's text, so
//! anybody can check it with `start`, `end` and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::ReasonCode;

/// A stretch of text of one document, with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Passage {
    /// Path of the document.
    pub path: String,
    /// First byte in the file.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// The readable text: markup removed, entities decoded, white space collapsed.
    pub text: String,
    /// The nearest heading above, if any.
    pub heading: Option<String>,
}

/// One claim with the quotations that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The claim, in plain words.
    pub text: String,
    /// What stands in the sources; at least one.
    pub quotes: Vec<Quote>,
    /// How much it answers the question, in thousandths, where its author can tell; else 0.
    #[serde(default)]
    pub relevance_milli: u32,
    /// The heading under which it stands in its document.
    #[serde(default)]
    pub heading: Option<String>,
}

/// A quotation, placed in its file where it could be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// Path of the document.
    pub path: String,
    /// The quoted text; once placed, exactly the file's text from `start` to `end`.
    pub quote: String,
    /// Its place, or nothing where the document does not contain it.
    #[serde(default)]
    pub place: Option<Place>,
}

/// A range of bytes in a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
}

/// What a reader reports on one document (contract `findings`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// The claims; empty where the document does not answer the question.
    pub claims: Vec<Finding>,
}

/// The result of the main job (contract `brief`), written to `brief.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// The question that it answers.
    pub question: String,
    /// Sections in reading order.
    pub sections: Vec<Section>,
    /// Every quotation, numbered from 1 in order of first use.
    pub citations: Vec<Citation>,
    /// Documents that were read and answered nothing.
    pub unused: Vec<String>,
    /// Files that were not read, and why.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
}

/// One section of a brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its claims, each backed.
    pub claims: Vec<Claim>,
}

/// One sentence of a brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The sentence.
    pub text: String,
    /// Numbers of the citations that back it; at least one.
    pub citations: Vec<u32>,
}

/// One numbered quotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// Its number, from 1.
    pub n: u32,
    /// Path of the source file.
    pub path: String,
    /// First byte.
    pub start: u64,
    /// Byte after the last.
    pub end: u64,
    /// The file's text from `start` to `end`.
    pub quote: String,
    /// How the file's bytes become text.
    #[serde(default)]
    pub encoding: Encoding,
}

/// How a file's bytes become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: each byte is the code point of the same number.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It is not text.
    Binary,
    /// It is neither UTF-8 nor Latin-1.
    UnknownEncoding,
    /// It is above `file_bytes_max`.
    TooLarge,
    /// The operating system does not let us read it.
    Unreadable,
    /// It holds no text.
    Empty,
    /// It is a symbolic link, which is never followed.
    SymbolicLink,
    /// It is a device, a socket or a pipe.
    NotAFile,
    /// Its path is not UTF-8.
    PathNotUtf8,
    /// The task that read it, or a part of it, failed.
    ReaderFailed,
    /// The job stopped before it was read.
    NotReached,
    /// It is not what it was when the job listed it, or it is gone.
    Changed,
    /// No answer on it passed the checks.
    Unanswered,
    /// The agent, which finds its own way, did not open it.
    NotOpened,
    /// This program wrote it.
    OwnOutput,
    /// It is longer than the model can take in.
    TooLongForModel,
    /// The model refused to answer on it, or a filter withheld the answer.
    AnswerRefused,
    /// The answer on it was cut off at the limit of an answer.
    AnswerCut,
}

impl SkipReason {
    /// A few words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Binary => "not text",
            Self::UnknownEncoding => "neither UTF-8 nor Latin-1",
            Self::TooLarge => "larger than file_bytes_max",
            Self::Unreadable => "not readable",
            Self::Empty => "no text in it",
            Self::SymbolicLink => "a symbolic link",
            Self::NotAFile => "not a regular file",
            Self::PathNotUtf8 => "its path is not UTF-8",
            Self::ReaderFailed => "its reader failed",
            Self::NotReached => "not reached before the job stopped",
            Self::Changed => "changed or gone since the job listed it",
            Self::Unanswered => "no answer on it passed the checks",
            Self::NotOpened => "not opened by the agent",
            Self::OwnOutput => "output of anthill",
            Self::TooLongForModel => "too long for the model",
            Self::AnswerRefused => "the model refused to answer on it",
            Self::AnswerCut => "the answer on it was cut off at its limit",
        }
    }

    /// Why a document was not read whose task ended for this reason.
    pub const fn of_failure(reason: ReasonCode) -> Self {
        match reason {
            ReasonCode::InputChanged => Self::Changed,
            ReasonCode::InputUnreadable => Self::Unreadable,
            ReasonCode::PromptTooLong => Self::TooLongForModel,
            ReasonCode::AnswerRefused => Self::AnswerRefused,
            ReasonCode::AnswerCut => Self::AnswerCut,
            ReasonCode::ContractViolation | ReasonCode::CriticRejected => Self::Unanswered,
            _ => Self::ReaderFailed,
        }
    }
}
