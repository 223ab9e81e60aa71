//! Folders are remembered once, by what they held first, and the record stays small.

use anthill_contracts::brief::SkipReason;
use anthill_contracts::sources::Sources as _;
use anthill_contracts::spec::InputSpec;
use anthill_tools::inputs::{FolderSources, SourceLimits};

use super::*;

/// What is read in a folder, and what is left out of it as the program's own.
fn listed(data: &Path, input: &Path) -> (Vec<String>, Vec<String>) {
    let inputs = [InputSpec {
        path: input.to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
    }];
    let sources = FolderSources::open(&inputs, SourceLimits::default()).expect("the input exists");
    let sources = sources.without(known(data).expect("the record is there"));
    let listing = sources.list().expect("the input is listed");
    let own = listing
        .skipped
        .into_iter()
        .filter(|file| file.reason == SkipReason::OwnOutput);
    (
        listing
            .documents
            .into_iter()
            .map(|document| document.path)
            .collect(),
        own.map(|file| file.path).collect(),
    )
}

#[tokio::test]
async fn a_folder_made_for_results_is_left_out_whole_and_others_by_file() {
    let place = tempfile::tempdir().expect("a folder");
    let (data, made, shared) = (
        place.path().join("data"),
        place.path().join("made"),
        place.path().join("shared"),
    );
    for folder in [&data, &made, &shared] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::write(shared.join("mine.md"), "Mine.\n").expect("a file");
    for folder in [&made, &shared, &made] {
        remember(&data, folder).await.expect("the folder is remembered");
        for name in ["brief.md", "extra.md"] {
            fs::write(folder.join(name), "Written.\n").expect("a file");
        }
    }
    let (documents, own) = listed(&data, place.path());
    assert_eq!(documents, ["shared/extra.md", "shared/mine.md"]);
    assert_eq!(own, ["data", "made", "shared/brief.md"]);
    // Whoever names the folder wants what else is in it.
    let (documents, own) = listed(&data, &made);
    assert_eq!(
        (documents, own),
        (vec!["extra.md".to_owned()], vec!["brief.md".to_owned()])
    );
    let (documents, own) = listed(&data, &shared.join("brief.md"));
    assert_eq!((documents, own), (vec![], vec!["brief.md".to_owned()]));
    assert_eq!(read(&data).expect("the record").len(), 2);
}

#[tokio::test]
async fn the_record_stays_small_and_forgets_what_is_gone_first() {
    let data = tempfile::tempdir().expect("a folder");
    let gone = |number: usize| Folder {
        path: PathBuf::from(format!("/gone/{number}")),
        is_whole: true,
    };
    fs::write(
        data.path().join(RECORD),
        encode(&(0..FOLDERS_MAX).map(gone).collect()),
    )
    .expect("the record");
    let folder = tempfile::tempdir().expect("a folder");
    remember(data.path(), folder.path())
        .await
        .expect("the folder is remembered");
    let kept = read(data.path()).expect("the record");
    assert_eq!(kept.len(), 1, "what is gone holds nothing to leave out");
}

#[tokio::test]
async fn a_link_to_a_folder_is_that_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let (data, made, link) = (
        place.path().join("data"),
        place.path().join("made"),
        place.path().join("link"),
    );
    for folder in [&data, &made] {
        fs::create_dir(folder).expect("a folder");
    }
    std::os::unix::fs::symlink(&made, &link).expect("a link");
    remember(&data, &link).await.expect("the folder is remembered");
    fs::write(made.join("brief.md"), "Written.\n").expect("a file");
    let (documents, own) = listed(&data, place.path());
    assert_eq!(
        (documents, own),
        (vec![], vec!["data".to_owned(), "made".to_owned()])
    );
}
