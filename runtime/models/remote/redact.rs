//! Takes keys out of what a provider says before anybody sees it.
//!
//! Providers repeat a wrong key in their answers, and gateways repeat the key of the provider behind them, so both the
//! own key and everything that looks like one go.

const MARK: &str = "[redacted]";
/// Below this length a key would be found in ordinary words.
const KEY_CHARS_MIN: usize = 4;
const LOOKALIKE_CHARS_MIN: usize = 12;
const PREFIXES: [&str; 8] = ["sk-", "sk_", "gsk_", "xai-", "AIza", "key-", "pk-", "hf_"];

/// Knows what must not be shown.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    key: Option<String>,
}

impl Redactor {
    /// For a provider with this key.
    pub(crate) fn new(key: Option<&str>) -> Self {
        Self {
            key: key
                .filter(|key| key.chars().count() >= KEY_CHARS_MIN)
                .map(str::to_owned),
        }
    }

    /// The text without keys.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => text.replace(key.as_str(), MARK),
            None => text.to_owned(),
        };
        let mut clean = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find(is_key_char) {
            let word_end = rest[start..]
                .find(|c| !is_key_char(c))
                .map_or(rest.len(), |length| start + length);
            let word = &rest[start..word_end];
            clean.push_str(&rest[..start]);
            clean.push_str(if looks_like_key(word) { MARK } else { word });
            rest = &rest[word_end..];
        }
        clean.push_str(rest);
        clean
    }
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*')
}

fn looks_like_key(word: &str) -> bool {
    word.len() >= LOOKALIKE_CHARS_MIN && PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests;
