//! The manual pages of this machine, as texts whose relevance is known: each names its subject in one line and points to
//! pages that belong to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anthill_signals::worlds::retrieval::{Page, page_of};
use flate2::read::MultiGzDecoder;

/// Where manual pages lie.
pub(super) const FOLDER: &str = "/usr/share/man";
/// Fewer pages than this measure nothing.
pub(super) const PAGES_MIN: usize = 200;
/// More pages than this add time and nothing else.
const PAGES_MAX: usize = 4_000;
/// Most bytes of one page.
const BYTES_MAX: u64 = 1024 * 1024;

/// Pages spread evenly over the sections and the alphabet, each name once.
pub(super) fn pages() -> Vec<Page> {
    let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
    for section in 1..=8 {
        let Ok(entries) = fs::read_dir(Path::new(FOLDER).join(format!("man{section}"))) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            // A link is another name of a page that is there already.
            let is_file = path.symlink_metadata().is_ok_and(|about| about.is_file());
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            // Pages of this family come in three stages of one text each, so that none of them is the one that is meant.
            let is_alone = |name: &String| !name.starts_with("gcloud");
            if let Some(name) = name.filter(|_| is_file).filter(is_alone) {
                paths.insert(name, path);
            }
        }
    }
    let step = paths.len().div_ceil(PAGES_MAX).max(1);
    let mut pages: BTreeMap<String, Page> = BTreeMap::new();
    for path in paths.values().step_by(step) {
        if let Some(page) = text(path).as_deref().and_then(page_of) {
            pages.entry(page.name.clone()).or_insert(page);
        }
    }
    pages.into_values().collect()
}

/// The source of a page, unpacked.
fn text(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    let is_packed = path.extension().is_some_and(|extension| extension == "gz");
    let read = if is_packed {
        MultiGzDecoder::new(file).take(BYTES_MAX).read_to_end(&mut bytes)
    } else {
        file.take(BYTES_MAX).read_to_end(&mut bytes)
    };
    read.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
