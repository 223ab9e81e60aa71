//! Any text whatever: what is found are objects, and each byte is looked at a bounded number of times.

use super::objects;

/// How often each byte may be looked at.
const LOOKS_MAX: u64 = 16;

/// Looks that even an empty text may take.
const LOOKS_BASE: u64 = 256;

#[test]
fn answers() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let found = objects(&text);
        assert!(
            found.work <= LOOKS_MAX * text.len() as u64 + LOOKS_BASE,
            "{} looks at {} bytes",
            found.work,
            text.len()
        );
        assert!(found.values.iter().all(serde_json::Value::is_object));
        assert!(found.values.is_empty() || found.flaw.is_none());
    });
}
