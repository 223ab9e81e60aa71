//! Folders become documents with true places, whatever lies in them.

use std::fs;
use std::path::Path;

use anthill_contracts::brief::Encoding;

use super::window::WINDOW_BYTES;
use super::*;

mod example;
mod fuzz;
mod properties;

/// A folder with these files, as the one input of a job.
struct Folder {
    dir: tempfile::TempDir,
    sources: FolderSources,
}

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        Self::with_limits(files, SourceLimits::default())
    }

    fn with_limits(files: &[(&str, &[u8])], limits: SourceLimits) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (path, bytes) in files {
            let full = dir.path().join(path);
            fs::create_dir_all(full.parent().expect("every path has a folder"))
                .expect("the folder can be made");
            fs::write(full, bytes).expect("the file can be written");
        }
        let sources = FolderSources::open(&[input(dir.path())], limits).expect("the input exists");
        Self { dir, sources }
    }

    fn list(&self) -> Listing {
        self.sources.list().expect("the input can be listed")
    }

    fn document(&self, path: &str) -> Document {
        let documents = self.list().documents;
        documents
            .into_iter()
            .find(|document| document.path == path)
            .expect("the document is listed")
    }

    fn locate(&self, path: &str, quote: &str) -> Option<LocatedQuote> {
        let found = self
            .sources
            .locate(path, quote)
            .expect("the document can be read");
        if let Some(found) = &found {
            self.check_bytes(path, found);
        }
        found
    }

    /// What an independent reader does: cut the bytes out of the file and decode them.
    fn check_bytes(&self, path: &str, found: &LocatedQuote) {
        let bytes = fs::read(self.dir.path().join(path)).expect("the file can be read");
        let cut = &bytes[at(found.place.start)..at(found.place.end)];
        let text = encoding::decode(cut, found.encoding).expect("a quotation is cut at letters");
        assert_eq!(text, found.quote);
        assert_eq!(text.trim(), text);
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("test files are small")
}

fn input(path: &Path) -> InputSpec {
    InputSpec {
        path: path.to_path_buf(),
        include: Vec::new(),
        exclude: Vec::new(),
    }
}

/// The slices that readers are given: the document between its cuts.
fn slices(document: &Document) -> Vec<DocumentSlice> {
    let starts = std::iter::once(0).chain(document.cuts.iter().copied());
    let ends = document.cuts.iter().copied().chain([document.bytes]);
    starts
        .zip(ends)
        .map(|(start, end)| slice(document, start, end))
        .collect()
}

fn slice(document: &Document, start: u64, end: u64) -> DocumentSlice {
    DocumentSlice {
        path: document.path.clone(),
        digest: document.digest,
        start,
        end,
    }
}

#[test]
fn a_mixed_folder_is_listed_in_order_with_reasons() {
    let limits = SourceLimits {
        file_bytes_max: 1000,
        ..SourceLimits::default()
    };
    let folder = Folder::with_limits(
        &[
            ("b/page.html", b"<p>Some words</p>"),
            ("a.md", b"# Words\n"),
            ("latin.txt", b"Fu\xdfg\xe4nger gehen"),
            ("broken.txt", b"\xc3\xa4 and \xe4 mixed"),
            ("empty.txt", b""),
            ("image.png", b"\x89PNG\r\n\x1a\n\0\0\0"),
            ("large.txt", &[b'a'; 1001]),
            ("exact.txt", &[b'a'; 1000]),
            ("c.rs", b"// Words\n"),
        ],
        limits,
    );
    let listing = folder.list();
    let paths: Vec<&str> = listing
        .documents
        .iter()
        .map(|document| document.path.as_str())
        .collect();
    assert_eq!(paths, ["a.md", "b/page.html", "c.rs", "exact.txt", "latin.txt"]);
    let skipped: Vec<(&str, SkipReason)> = listing
        .skipped
        .iter()
        .map(|skipped| (skipped.path.as_str(), skipped.reason))
        .collect();
    assert_eq!(
        skipped,
        [
            ("broken.txt", SkipReason::UnknownEncoding),
            ("empty.txt", SkipReason::Empty),
            ("image.png", SkipReason::Binary),
            ("large.txt", SkipReason::TooLarge),
        ]
    );
    assert_eq!(listing.documents[4].encoding, Encoding::Latin1);
}

#[test]
fn an_empty_folder_lists_nothing() {
    assert_eq!(Folder::new(&[]).list(), Listing::default());
}

#[test]
fn quotations_are_placed_in_utf8_with_mark_and_line_ends() {
    let text = "\u{feff}Erste Zeile mit \u{dc}mlaut\r\nund die zweite Zeile.\r\n";
    let folder = Folder::new(&[("a.txt", text.as_bytes())]);
    let exact = folder
        .locate("a.txt", "mit \u{dc}mlaut")
        .expect("it stands there");
    assert_eq!(exact.place.start, 15);
    let over_lines = folder
        .locate("a.txt", "  \u{dc}mlaut und die zweite ")
        .expect("it stands there");
    assert_eq!(over_lines.quote, "\u{dc}mlaut\r\nund die zweite");
    let passages = folder
        .sources
        .read(&slices(&folder.document("a.txt"))[0])
        .expect("it can be read");
    assert_eq!(passages[0].start, 3);
    assert_eq!(
        passages[0].text,
        "Erste Zeile mit \u{dc}mlaut und die zweite Zeile."
    );
}

#[test]
fn quotations_are_placed_in_latin1() {
    let folder = Folder::new(&[("a.md", b"Die **Fu\xdfg\xe4nger** gehen\r\n\xfcber die Stra\xdfe.")]);
    let found = folder
        .locate("a.md", "Fu\u{df}g\u{e4}nger gehen \u{fc}ber")
        .expect("it stands there");
    assert_eq!(found.quote, "**Fu\u{df}g\u{e4}nger** gehen\r\n\u{fc}ber");
    assert_eq!((found.place.start, found.encoding), (4, Encoding::Latin1));
    let exact = folder
        .locate("a.md", "\u{fc}ber die Stra\u{df}e")
        .expect("it stands there");
    assert_eq!(exact.place.end - exact.place.start, 15);
    assert_eq!(folder.locate("a.md", "\u{20ac}uro zeichen"), None);
}

#[test]
fn quotations_are_found_across_the_borders_of_windows_and_segments() {
    let needle = "the needle in the haystack";
    for filler in [
        WINDOW_BYTES - 10,
        WINDOW_BYTES - 26,
        WINDOW_BYTES,
        3 * WINDOW_BYTES - 1,
    ] {
        let text = format!("{} {needle} {}", "x".repeat(filler - 1), "y".repeat(1000));
        let folder = Folder::new(&[("a.txt", text.as_bytes())]);
        let found = folder.locate("a.txt", needle).expect("it stands there");
        assert_eq!(found.place.start, filler as u64);
    }
}

#[test]
fn what_is_not_there_is_not_located() {
    let folder = Folder::new(&[("a.txt", b"Ants walk home."), ("b.bin", b"Ants\0walk home.")]);
    assert_eq!(folder.locate("a.txt", "Ants walk away."), None);
    assert_eq!(
        folder.locate("a.txt", "walk"),
        None,
        "too short to prove anything"
    );
    assert_eq!(folder.locate("b.bin", "walk home."), None, "no document");
    let missing = folder.sources.locate("c.txt", "Ants walk home.");
    assert_eq!(
        missing,
        Err(SourceError::Missing {
            path: "c.txt".to_owned()
        })
    );
    let outside = folder.sources.locate("../c.txt", "Ants walk home.");
    assert_eq!(
        outside,
        Err(SourceError::Outside {
            path: "../c.txt".to_owned()
        })
    );
}

#[test]
fn a_changed_or_vanished_file_is_refused() {
    let folder = Folder::new(&[("a.txt", b"First words."), ("b.txt", b"Other words.")]);
    let slices: Vec<DocumentSlice> = folder.list().documents.iter().flat_map(slices).collect();
    fs::write(folder.dir.path().join("a.txt"), "Later words.").expect("the file can be written");
    fs::remove_file(folder.dir.path().join("b.txt")).expect("the file can be removed");
    assert_eq!(
        folder.sources.read(&slices[0]),
        Err(SourceError::Changed {
            path: "a.txt".to_owned()
        })
    );
    assert_eq!(
        folder.sources.read(&slices[1]),
        Err(SourceError::Missing {
            path: "b.txt".to_owned()
        })
    );
}

#[test]
fn a_slice_can_be_read_by_a_process_that_never_listed() {
    let folder = Folder::new(&[("a.md", b"# Title\n\nSome words.\n")]);
    let slices = slices(&folder.document("a.md"));
    let fresh = FolderSources::open(&[input(folder.dir.path())], SourceLimits::default()).expect("it exists");
    let passages = fresh.read(&slices[0]).expect("it can be read");
    assert_eq!(passages[0].heading.as_deref(), Some("Title"));
}

#[test]
fn bytes_are_read_within_their_bound() {
    let folder = Folder::new(&[("a.txt", b"0123456789")]);
    let bytes = |start, most| folder.sources.bytes("a.txt", start, most);
    assert_eq!(bytes(2, 3), Ok(b"234".to_vec()));
    assert_eq!(bytes(8, 100), Ok(b"89".to_vec()));
    assert_eq!(bytes(100, 100), Ok(Vec::new()));
    assert!(matches!(
        folder.sources.bytes("../a", 0, 1),
        Err(SourceError::Outside { .. })
    ));
}

/// Permissions do not stop a privileged user, so a file is taken whose first byte nobody can read.
#[cfg(target_os = "linux")]
#[test]
fn an_unreadable_file_is_named() {
    let inputs = [input(Path::new("/proc/self/mem"))];
    let sources = FolderSources::open(&inputs, SourceLimits::default()).expect("the file exists");
    let listing = sources.list().expect("the input can be listed");
    assert_eq!((listing.documents.len(), listing.skipped.len()), (0, 1));
    assert_eq!(listing.skipped[0].reason, SkipReason::Unreadable);
    assert!(matches!(
        sources.locate("mem", "Some words."),
        Err(SourceError::Unreadable { .. })
    ));
}

/// 20 MB, read by eight readers at once.
#[test]
fn a_file_of_20_mb_is_listed_and_read_in_bounded_memory() {
    let paragraph = format!(
        "## Part\n\n{}\n\n```\ncode\n```\n\n",
        "Ants find **short** paths home. ".repeat(30)
    );
    let text = paragraph.repeat(20 * 1024 * 1024 / paragraph.len());
    let folder = Folder::new(&[
        ("big.md", text.as_bytes()),
        ("line.txt", "word ".repeat(4_000_000).as_bytes()),
    ]);
    drop(text);
    let documents = folder.list().documents;
    assert!(documents.iter().all(|document| document.cuts.len() > 300));
    let all: Vec<DocumentSlice> = documents.iter().flat_map(slices).collect();
    let before = resident_kib();
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let (all, sources) = (&all, &folder.sources);
            scope.spawn(move || {
                for slice in all.iter().skip(reader).step_by(8) {
                    let passages = sources.read(slice).expect("it can be read");
                    assert!(!passages.is_empty());
                }
            });
        }
    });
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        assert!(after < before + 64 * 1024, "reading took {} KiB", after - before);
    }
}

fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
