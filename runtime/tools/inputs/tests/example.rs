//! The documents of the main example, which a stranger sees first.

use anthill_contracts::sources::DocumentKind;
use anthill_contracts::spec::JobSpec;

use super::*;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/brief")
}

fn job() -> JobSpec {
    let text = fs::read_to_string(folder().join("job.toml")).expect("the job file can be read");
    toml::from_str(&text).expect("the job file fits its schema")
}

#[test]
fn the_example_holds_every_kind_of_document() {
    let mut inputs = job().inputs;
    inputs[0].path = folder().join(&inputs[0].path);
    let sources = FolderSources::open(&inputs, SourceLimits::default()).expect("the documents exist");
    let listing = sources.list().expect("they can be listed");
    assert_eq!(listing.documents.len(), 12);
    let count = |kind| {
        listing
            .documents
            .iter()
            .filter(|document| document.kind == kind)
            .count()
    };
    let kinds = [
        DocumentKind::Markdown,
        DocumentKind::Html,
        DocumentKind::Source,
        DocumentKind::Text,
    ]
    .map(count);
    assert_eq!(kinds, [5, 2, 1, 4]);
    let latin1: Vec<&str> = listing
        .documents
        .iter()
        .filter(|document| document.encoding == Encoding::Latin1)
        .map(|document| document.path.as_str())
        .collect();
    assert_eq!(latin1, ["history.txt"]);
    let skipped: Vec<(&str, SkipReason)> = listing
        .skipped
        .iter()
        .map(|skipped| (skipped.path.as_str(), skipped.reason))
        .collect();
    assert_eq!(skipped, [("double-bridge.png", SkipReason::Binary)]);
}

#[test]
fn every_passage_of_the_example_can_be_quoted() {
    let input = input(&folder().join("documents"));
    let sources = FolderSources::open(&[input], SourceLimits::default()).expect("the documents exist");
    for document in sources.list().expect("they can be listed").documents {
        let passages = sources
            .read(&slice(&document, 0, document.bytes))
            .expect("it can be read");
        assert!(passages.len() > 5, "{}", document.path);
        for passage in passages
            .iter()
            .filter(|passage| Quotation::new(&passage.text).is_some())
        {
            let found = sources
                .locate(&document.path, &passage.text)
                .expect("it can be read");
            let place = found.expect("a passage is a quotation").place;
            // The quotation takes the markers of a bold word at its start, the passage does not.
            assert!(
                place.start <= passage.start && passage.start - place.start <= 2,
                "{passage:?}"
            );
            assert!(passage.end <= place.end, "{passage:?}");
        }
    }
}
