//! What may become a signal, what of it may leave its tenant, and how it stands in a prompt.
//!
//! None of this is the defence. Whoever wants to can word an attack so that no filter knows it; most attacks of the
//! literature pass filters like these. What defends is that a signal is shown to few until its users' outcomes are
//! known, that it stands as data inside a fence, and that it can be revoked with everything made of it. Filters keep out
//! accidents and the lazy, cheaply, and say why. A model that judges proposals was rejected: it can be talked round, and
//! it would make a proposal cost a call.

mod redact;

use anthill_contracts::signal::{
    Exposure, GUARD_SCHEMA, Guard, Polarity, SIGNAL_TEXT_BYTES_MAX, Signal, SignalBody,
};
use icu_normalizer::ComposingNormalizerBorrowed;

pub use redact::redact;

use crate::dedup::{canonical_args, canonical_text, signal_id};

/// Most bytes of a signal in all, encoded.
pub const SIGNAL_BYTES_MAX: usize = 1024;
/// Most values that a trigger requires.
pub const REQUIRE_MAX: usize = 8;
/// Most words of a trigger.
pub const TERMS_MAX: usize = 16;
/// Most signals that one is made of.
pub const PARENTS_MAX: usize = 4;

/// What opens and closes the fences of prompts and of code.
const FENCES: &[&str] = &["<<<", ">>>", "```", "~~~"];

/// What models and servers use to tell who speaks.
const ROLE_TAGS: &[&str] = &[
    "<|",
    "|>",
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<system",
    "</system",
    "<assistant",
    "</assistant",
    "<user>",
    "</user>",
    "<human",
    "</human",
    "<instructions",
    "</instructions",
    "### instruction",
    "### system",
];

/// Who is never quoted at the beginning of a line.
const SPEAKERS: &[&str] = &["system:", "assistant:", "user:", "human:", "developer:", "tool:"];

/// How tool calls are written down.
const TOOL_SYNTAX: &[&str] = &[
    "<tool",
    "</tool",
    "<function",
    "</function",
    "<invoke",
    "function_call",
    "tool_call",
    "tool_use",
    "\"arguments\":",
    "\"tool\":",
    "recipient_name",
];

/// Words by which texts take over whoever reads them; each line is one phrase, with at most three other words between
/// its words.
const TAKEOVERS: &[&[&str]] = &[
    &[
        "ignore|disregard|forget|override|bypass|skip",
        "previous|prior|above|earlier|preceding|all|any|your|the|system",
        "instruction|instructions|prompt|prompts|rules|guidelines|directions|constraints|policy|policies",
    ],
    &[
        "new|updated|real|actual|true",
        "system",
        "prompt|instruction|instructions",
    ],
    &["you", "are", "now"],
    &["act|behave|respond", "as", "if", "you|a|an|no"],
    &["pretend", "to", "be"],
    &[
        "reveal|print|repeat|show|leak|output",
        "system|your|hidden|initial",
        "prompt|instructions",
    ],
    &[
        "do not|dont|never|without",
        "tell|telling|inform|informing|mention|mentioning",
        "user|human|operator|anyone",
    ],
    &["developer|god|debug|dan", "mode", "on|enabled|enable|activated"],
    &["your", "new|only|real", "goal|task|objective|instructions|role"],
];

/// Failed to become a signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is nothing in it.
    #[error("it says nothing")]
    Empty,
    /// Its text is too long.
    #[error("its text has {bytes} bytes, {SIGNAL_TEXT_BYTES_MAX} are allowed")]
    TextTooLong {
        /// Bytes that it has.
        bytes: usize,
    },
    /// It is too large in all.
    #[error("it has {bytes} bytes in all, {SIGNAL_BYTES_MAX} are allowed")]
    TooLarge {
        /// Bytes that it has.
        bytes: usize,
    },
    /// One of its lists is too long.
    #[error("it has {count} {what}, {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many may be.
        max: usize,
    },
    /// Characters that nobody sees.
    #[error("it holds the character U+{code:04X}, which is not seen")]
    Unseen {
        /// The character's number.
        code: u32,
    },
    /// Marks of fences.
    #[error("it holds `{mark}`, by which prompts and code are fenced")]
    Fence {
        /// The mark.
        mark: &'static str,
    },
    /// It poses as somebody who speaks.
    #[error("it holds `{mark}`, by which a conversation says who speaks")]
    Role {
        /// The mark.
        mark: &'static str,
    },
    /// It poses as a tool call.
    #[error("it holds `{mark}`, by which tool calls are written")]
    ToolCall {
        /// The mark.
        mark: &'static str,
    },
    /// It is addressed to the runtime or takes over whoever reads it.
    #[error("`{phrase}` reads like an instruction to take over; say what helps with the task")]
    Takeover {
        /// The words.
        phrase: String,
    },
    /// An address with a password in it.
    #[error("it holds an address with credentials")]
    Credentials,
    /// The arguments of an action cannot be used.
    #[error("the arguments of its action cannot be used: {detail}")]
    Arguments {
        /// Why.
        detail: String,
    },
    /// Its id is not the hash of what it says.
    #[error("its id is not that of its content")]
    Id,
    /// It would carry something out of its tenant.
    #[error("it holds what must not leave its tenant; redacted it reads: {redacted}")]
    NotRedacted {
        /// How it may leave.
        redacted: String,
    },
}

/// Whether this may become or stay a signal: sizes, lists, id and words. The scope is checked where it is read.
pub fn check(signal: &Signal) -> Result<(), Rejection> {
    check_body(&signal.body)?;
    let lists = [
        ("required values", signal.trigger.require.len(), REQUIRE_MAX),
        ("words in its trigger", signal.trigger.terms.len(), TERMS_MAX),
        ("parents", signal.parents.len(), PARENTS_MAX),
    ];
    if let Some((what, count, max)) = lists.into_iter().find(|(_, count, max)| count > max) {
        return Err(Rejection::TooMany { what, count, max });
    }
    let values = signal
        .trigger
        .require
        .iter()
        .flat_map(|(key, value)| [key, value]);
    for text in values.chain([&signal.source]) {
        check_seen(text)?;
    }
    let bytes = rmp_serde::to_vec(signal).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > SIGNAL_BYTES_MAX {
        return Err(Rejection::TooLarge { bytes });
    }
    if signal.id != signal_id(&signal.scope, signal.polarity, &signal.body) {
        return Err(Rejection::Id);
    }
    Ok(())
}

/// Whether this may be what a signal says.
pub fn check_body(body: &SignalBody) -> Result<(), Rejection> {
    match body {
        SignalBody::Text { text } => {
            if text.len() > SIGNAL_TEXT_BYTES_MAX {
                return Err(Rejection::TextTooLong { bytes: text.len() });
            }
            if canonical_text(text).is_empty() {
                return Err(Rejection::Empty);
            }
            check_seen(text)?;
            check_words(text)
        }
        SignalBody::Action { schema, args } => check_action(schema, args),
    }
}

fn check_action(schema: &str, args: &str) -> Result<(), Rejection> {
    let bad = |detail: String| Rejection::Arguments { detail };
    if !anthill_contracts::id::is_name(schema) {
        return Err(bad(format!("`{}` is no name of a schema", schema.escape_debug())));
    }
    if args.len() > SIGNAL_TEXT_BYTES_MAX {
        return Err(Rejection::TextTooLong { bytes: args.len() });
    }
    check_seen(args)?;
    let value: serde_json::Value = serde_json::from_str(args).map_err(|error| bad(error.to_string()))?;
    if canonical_args(args) != args {
        return Err(bad(
            "they are not in canonical form: sorted keys, no spaces".to_owned()
        ));
    }
    if schema == GUARD_SCHEMA {
        serde_json::from_value::<Guard>(value).map_err(|error| bad(error.to_string()))?;
    }
    Ok(())
}

/// Whether this may leave its tenant as it is: nothing in it looks like a secret or points to a person or a machine.
pub fn check_leaving(signal: &Signal) -> Result<(), Rejection> {
    let required = signal.trigger.require.values().map(String::as_str);
    let said = match &signal.body {
        SignalBody::Text { text } => text,
        SignalBody::Action { args, .. } => args,
    };
    for text in required.chain([said.as_str(), signal.source.as_str()]) {
        let redacted = redact(text);
        if redacted != text {
            return Err(Rejection::NotRedacted { redacted });
        }
    }
    Ok(())
}

/// The signals of a run as lines of data, in their order; withheld ones are left out. No line can end the fence around it
/// or pose as a line of its own.
pub fn render(exposures: &[Exposure]) -> String {
    let mut lines = String::new();
    for exposure in exposures.iter().filter(|exposure| exposure.kept) {
        let words = match &exposure.body {
            SignalBody::Text { text } => one_line(text),
            SignalBody::Action { schema, args } => one_line(&format!("{schema} {args}")),
        };
        let label = match exposure.polarity {
            Polarity::Do => "- do: ",
            Polarity::Avoid => "- avoid: ",
        };
        lines.push_str(label);
        lines.push_str(&words);
        lines.push('\n');
    }
    lines
}

/// One line, without what nobody sees and with the marks of fences broken up.
fn one_line(text: &str) -> String {
    let seen: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_unseen(*c))
        .collect();
    let mut line = seen
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    for mark in FENCES {
        // Again and again, for four in a row are a mark after the first is broken up.
        while line.contains(mark) {
            let (first, rest) = mark.split_at(1);
            line = line.replace(mark, &format!("{first} {rest}"));
        }
    }
    line
}

fn check_seen(text: &str) -> Result<(), Rejection> {
    let unseen = text.chars().find(|c| is_unseen(*c) && !matches!(c, '\n' | '\t'));
    unseen.map_or(Ok(()), |c| Err(Rejection::Unseen { code: u32::from(c) }))
}

/// Control characters, and those that hide text or turn its direction around.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

fn check_words(text: &str) -> Result<(), Rejection> {
    // Wide and styled letters become plain ones, so that they do not pass for others.
    let plain = ComposingNormalizerBorrowed::new_nfkc()
        .normalize(text)
        .to_lowercase();
    let find = |marks: &'static [&'static str]| marks.iter().copied().find(|mark| plain.contains(mark));
    if let Some(mark) = find(FENCES) {
        return Err(Rejection::Fence { mark });
    }
    let speaker = |mark: &&str| plain.lines().any(|line| line.trim_start().starts_with(mark));
    if let Some(mark) = find(ROLE_TAGS).or_else(|| SPEAKERS.iter().copied().find(speaker)) {
        return Err(Rejection::Role { mark });
    }
    if let Some(mark) = find(TOOL_SYNTAX) {
        return Err(Rejection::ToolCall { mark });
    }
    if redact::has_credentials(&plain) {
        return Err(Rejection::Credentials);
    }
    let canonical = canonical_text(&plain);
    let words: Vec<&str> = canonical.split(' ').collect();
    let takeover = TAKEOVERS.iter().find_map(|phrase| spoken(&words, phrase));
    takeover.map_or(Ok(()), |phrase| Err(Rejection::Takeover { phrase }))
}

/// The words that say a phrase, where they do: its words in order, at most three others between two of them.
fn spoken(words: &[&str], phrase: &[&str]) -> Option<String> {
    const BETWEEN_MAX: usize = 3;
    (0..words.len()).find_map(|start| {
        let mut next = start;
        for (nth, alternatives) in phrase.iter().enumerate() {
            let reach = if nth == 0 { 0 } else { BETWEEN_MAX };
            let end = (next + reach + 1).min(words.len());
            let is_meant = |word: &str| alternatives.split('|').any(|meant| meant == word);
            next += 1 + words.get(next..end)?.iter().position(|word| is_meant(word))?;
        }
        Some(words[start..next].join(" "))
    })
}

#[cfg(test)]
mod tests;
