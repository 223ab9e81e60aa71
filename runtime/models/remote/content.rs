//! The text of a message, in the forms in which servers send it: one string, or a list of parts of which some are the
//! model's thoughts. Thoughts are kept apart from the text, whatever field they come in.

use serde_json::Value;

/// Most bytes of thoughts that are kept; they count only where there is nothing else.
const THOUGHTS_BYTES_MAX: usize = 1024 * 1024;

/// How deep parts may lie within parts.
const DEPTH_MAX: usize = 8;

/// The text of an answer in the making.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The answer.
    pub(crate) text: String,
    /// Whether the model's words are a refusal.
    pub(crate) refused: bool,
    thoughts: String,
    thought_bytes: u64,
}

impl Content {
    /// Takes in the content of a message or of a piece of one; text of the answer goes to `on_text` as well.
    pub(crate) fn take(&mut self, content: &Value, on_text: &mut (dyn FnMut(&str) + Send)) {
        self.take_at(content, on_text, 0);
    }

    fn take_at(&mut self, content: &Value, on_text: &mut (dyn FnMut(&str) + Send), depth: usize) {
        match content {
            Value::String(text) if !text.is_empty() => {
                self.text.push_str(text);
                on_text(text);
            }
            Value::Array(parts) if depth < DEPTH_MAX => {
                for part in parts {
                    self.take_at(part, on_text, depth + 1);
                }
            }
            Value::Object(part) if depth < DEPTH_MAX => {
                let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
                let inner = ["text", "content", "value", kind]
                    .into_iter()
                    .find_map(|key| part.get(key));
                match (kind, inner) {
                    ("refusal", Some(Value::String(text))) => self.refuse(text),
                    (kind, Some(inner)) if is_text(kind) => self.take_at(inner, on_text, depth + 1),
                    (_, Some(inner)) => self.think(inner),
                    (_, None) => {}
                }
            }
            _ => {}
        }
    }

    /// Takes in words with which the model refuses.
    pub(crate) fn refuse(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push_str(text);
            self.refused = true;
        }
    }

    /// Takes in thoughts, in whatever form.
    pub(crate) fn think(&mut self, thoughts: &Value) {
        self.think_at(thoughts, 0);
    }

    fn think_at(&mut self, thoughts: &Value, depth: usize) {
        match thoughts {
            Value::String(text) => {
                self.thought_bytes += text.len() as u64;
                if self.thoughts.len() + text.len() <= THOUGHTS_BYTES_MAX {
                    self.thoughts.push_str(text);
                }
            }
            Value::Array(parts) if depth < DEPTH_MAX => {
                for part in parts {
                    self.think_at(part, depth + 1);
                }
            }
            Value::Object(part) if depth < DEPTH_MAX => {
                for key in ["text", "thinking", "summary", "content", "reasoning"] {
                    if let Some(inner) = part.get(key) {
                        self.think_at(inner, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// Bytes of the thoughts.
    pub(crate) const fn thought_bytes(&self) -> u64 {
        self.thought_bytes
    }

    /// The text of a model that ended by itself. Servers that take everything for thoughts send the answer there.
    pub(crate) fn into_text(self) -> String {
        if self.text.trim().is_empty() {
            self.thoughts
        } else {
            self.text
        }
    }
}

/// Whether parts of this type are text of the answer.
fn is_text(kind: &str) -> bool {
    matches!(
        kind,
        "text" | "output_text" | "input_text" | "message" | "markdown" | "json" | "output_json"
    )
}

#[cfg(test)]
mod tests;
