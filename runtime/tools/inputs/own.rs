//! What this program has written itself, which is no document of anybody.
//!
//! A brief that lies where a job reads would be quoted as a second source of what it says. Left out are the data
//! directory, the folders that were made for results, and single files where results were written beside documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Paths that are never read as inputs; all of them absolute and free of symbolic links.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnOutput {
    data: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl OwnOutput {
    /// Leaves a data directory out, wherever an input begins.
    pub fn add_data(&mut self, folder: PathBuf) {
        self.data.insert(folder);
    }

    /// Leaves an output folder out of every input above it. An input that is this folder, or lies in it, was named by
    /// somebody who wants it read, and is read but for single files.
    pub fn add_folder(&mut self, folder: PathBuf) {
        self.folders.insert(folder);
    }

    /// Leaves one file out.
    pub fn add_file(&mut self, file: PathBuf) {
        self.files.insert(file);
    }

    /// Whether `full`, which lies in the input `base` or is it, was written by this program.
    pub(super) fn holds(&self, base: &Path, full: &Path) -> bool {
        let is_left_out = |above: &Path| {
            let is_below = above != base && above.starts_with(base);
            self.data.contains(above) || (is_below && self.folders.contains(above))
        };
        self.files.contains(full) || full.ancestors().any(is_left_out)
    }
}

#[cfg(test)]
mod tests;
