//! Documents become items chunk by chunk.

use anthill_contracts::brief::Encoding;
use anthill_contracts::sources::DocumentKind;

use super::*;

#[test]
fn chunks_cover_their_document_once() {
    let document = Document {
        path: "a.md".to_owned(),
        digest: Digest::of(b"a"),
        bytes: 100,
        encoding: Encoding::Utf8,
        kind: DocumentKind::Markdown,
        cuts: vec![40, 70],
    };
    let items = items_of(&document);
    let ranges: Vec<(u64, u64)> = items
        .iter()
        .filter_map(|item| item.document.as_ref())
        .map(|slice| (slice.start, slice.end))
        .collect();
    assert_eq!(ranges, vec![(0, 40), (40, 70), (70, 100)]);
    assert_eq!(items[1].label, "a.md (2 of 3)");
    assert_eq!(
        items_of(&Document {
            cuts: Vec::new(),
            ..document
        })[0]
            .label,
        "a.md"
    );
}
