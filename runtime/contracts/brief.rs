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
///
/// Names are those of the WHATWG's encoding standard, except `latin-1`, which is ISO 8859-1 to the letter. The journal
/// holds them, so new ones stand at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: each byte is the code point of the same number.
    #[serde(rename = "latin-1")]
    Latin1,
    /// UTF-16, the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Central European, of Windows.
    #[serde(rename = "windows-1250")]
    Windows1250,
    /// Cyrillic, of Windows.
    #[serde(rename = "windows-1251")]
    Windows1251,
    /// Western European, of Windows: Latin-1 with quotation marks and dashes.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Greek, of Windows.
    #[serde(rename = "windows-1253")]
    Windows1253,
    /// Turkish, of Windows.
    #[serde(rename = "windows-1254")]
    Windows1254,
    /// Hebrew, of Windows.
    #[serde(rename = "windows-1255")]
    Windows1255,
    /// Arabic, of Windows.
    #[serde(rename = "windows-1256")]
    Windows1256,
    /// Baltic, of Windows.
    #[serde(rename = "windows-1257")]
    Windows1257,
    /// Vietnamese, of Windows.
    #[serde(rename = "windows-1258")]
    Windows1258,
    /// Thai, of Windows.
    #[serde(rename = "windows-874")]
    Windows874,
    /// Central European, of ISO.
    #[serde(rename = "iso-8859-2")]
    Iso8859_2,
    /// Northern European, of ISO.
    #[serde(rename = "iso-8859-4")]
    Iso8859_4,
    /// Cyrillic, of ISO.
    #[serde(rename = "iso-8859-5")]
    Iso8859_5,
    /// Arabic, of ISO.
    #[serde(rename = "iso-8859-6")]
    Iso8859_6,
    /// Greek, of ISO.
    #[serde(rename = "iso-8859-7")]
    Iso8859_7,
    /// Hebrew, of ISO.
    #[serde(rename = "iso-8859-8")]
    Iso8859_8,
    /// Baltic, of ISO.
    #[serde(rename = "iso-8859-13")]
    Iso8859_13,
    /// Western European with the euro sign, of ISO.
    #[serde(rename = "iso-8859-15")]
    Iso8859_15,
    /// Russian, of Unix.
    #[serde(rename = "koi8-r")]
    Koi8R,
    /// Ukrainian, of Unix.
    #[serde(rename = "koi8-u")]
    Koi8U,
    /// Cyrillic, of DOS.
    #[serde(rename = "ibm866")]
    Ibm866,
    /// Western European, of old Macintosh computers.
    #[serde(rename = "macintosh")]
    Macintosh,
    /// Japanese, of Windows.
    #[serde(rename = "shift_jis")]
    ShiftJis,
    /// Japanese, of Unix.
    #[serde(rename = "euc-jp")]
    EucJp,
    /// Chinese in short characters; GBK and GB 2312 are parts of it.
    #[serde(rename = "gb18030")]
    Gb18030,
    /// Chinese in long characters.
    #[serde(rename = "big5")]
    Big5,
    /// Korean.
    #[serde(rename = "euc-kr")]
    EucKr,
}

impl Encoding {
    /// Every encoding, the usual ones first.
    pub const ALL: &'static [Self] = &[
        Self::Utf8,
        Self::Latin1,
        Self::Utf16Le,
        Self::Utf16Be,
        Self::Windows1250,
        Self::Windows1251,
        Self::Windows1252,
        Self::Windows1253,
        Self::Windows1254,
        Self::Windows1255,
        Self::Windows1256,
        Self::Windows1257,
        Self::Windows1258,
        Self::Windows874,
        Self::Iso8859_2,
        Self::Iso8859_4,
        Self::Iso8859_5,
        Self::Iso8859_6,
        Self::Iso8859_7,
        Self::Iso8859_8,
        Self::Iso8859_13,
        Self::Iso8859_15,
        Self::Koi8R,
        Self::Koi8U,
        Self::Ibm866,
        Self::Macintosh,
        Self::ShiftJis,
        Self::EucJp,
        Self::Gb18030,
        Self::Big5,
        Self::EucKr,
    ];

    /// The name of the encoding, as it stands in a brief.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Latin1 => "latin-1",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1250 => "windows-1250",
            Self::Windows1251 => "windows-1251",
            Self::Windows1252 => "windows-1252",
            Self::Windows1253 => "windows-1253",
            Self::Windows1254 => "windows-1254",
            Self::Windows1255 => "windows-1255",
            Self::Windows1256 => "windows-1256",
            Self::Windows1257 => "windows-1257",
            Self::Windows1258 => "windows-1258",
            Self::Windows874 => "windows-874",
            Self::Iso8859_2 => "iso-8859-2",
            Self::Iso8859_4 => "iso-8859-4",
            Self::Iso8859_5 => "iso-8859-5",
            Self::Iso8859_6 => "iso-8859-6",
            Self::Iso8859_7 => "iso-8859-7",
            Self::Iso8859_8 => "iso-8859-8",
            Self::Iso8859_13 => "iso-8859-13",
            Self::Iso8859_15 => "iso-8859-15",
            Self::Koi8R => "koi8-r",
            Self::Koi8U => "koi8-u",
            Self::Ibm866 => "ibm866",
            Self::Macintosh => "macintosh",
            Self::ShiftJis => "shift_jis",
            Self::EucJp => "euc-jp",
            Self::Gb18030 => "gb18030",
            Self::Big5 => "big5",
            Self::EucKr => "euc-kr",
        }
    }
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
    /// It is text in no encoding that is read or could be told for sure.
    UnknownEncoding,
    /// It is above `file_bytes_max`.
    TooLarge,
    /// The operating system does not let us read it.
    Unreadable,
    /// It holds no text that people read.
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
            Self::UnknownEncoding => "in no encoding that could be told for sure",
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
