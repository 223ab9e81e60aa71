//! Subtitles: what is said, without numbers, times and marks of voices; a sentence goes on from one to the next.

use anthill_text::sentence;

use super::Page;

/// A passage ends with a subtitle from this many bytes on, whether a sentence ends there or not.
const PASSAGE_BYTES: usize = 1500;

/// Parses one segment.
pub(super) fn parse(text: &str, page: &mut Page) {
    let mut start = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let content = line.trim();
        let is_number = content.bytes().all(|byte| byte.is_ascii_digit());
        let before_times = lines.peek().is_some_and(|next| next.contains("-->"));
        let is_mark_of_time = content.contains("-->") || content.starts_with("WEBVTT");
        if content.is_empty() {
            let so_far = page.current.text();
            if sentence::is_ended(so_far) || so_far.len() >= PASSAGE_BYTES {
                page.end_block();
            }
        } else if !(is_mark_of_time || is_number && before_times) {
            push_words(line, start, page);
        }
        start += line.len();
    }
}

/// Adds a line without what stands between angle brackets.
fn push_words(line: &str, start: usize, page: &mut Page) {
    page.work += line.len() as u64;
    let last_end = line.rfind('>').unwrap_or(0);
    let mut is_mark = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '<' if at < last_end => is_mark = true,
            '>' if is_mark => is_mark = false,
            _ if is_mark => {}
            _ => page
                .current
                .push(letter, (start + at, start + at + letter.len_utf8())),
        }
    }
    let end = start + line.len();
    page.current.push_line_end((end, end));
}
