//! Where the inputs lie, which files belong to them, and the only way to open one.
//!
//! A path that comes from a model or a journal is checked in three ways: its words (no `..`, no absolute path, no
//! hidden name, inside the globs), the disk (no part of it is a symbolic link), and, after opening, that what was
//! opened is what was checked. `.gitignore` files are not obeyed: what a job reads is what its spec says. Hidden
//! files and folders are no part of any input, because that is where keys and repositories lie.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anthill_contracts::brief::{SkipReason, Skipped};
use anthill_contracts::sources::SourceError;
use anthill_contracts::spec::InputSpec;
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::own::OwnOutput;

/// Most files that the inputs of one job may hold.
pub(super) const FILES_MAX: usize = 100_000;

/// Longest path that is looked at, in bytes.
const PATH_BYTES_MAX: usize = 4096;

/// The inputs of a job on disk.
pub(super) struct Roots {
    roots: Vec<Root>,
    own: Arc<OwnOutput>,
}

/// One input.
struct Root {
    /// First part of the paths below it, where the job has several inputs.
    label: Option<String>,
    /// Its folder, free of symbolic links.
    base: PathBuf,
    /// The file, where the input is one.
    file: Option<String>,
    filter: Filter,
}

/// What was found on a walk.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) files: Vec<String>,
    pub(super) skipped: Vec<Skipped>,
}

impl Roots {
    /// Finds the inputs and compiles their globs.
    pub(super) fn open(inputs: &[InputSpec]) -> Result<Self, SourceError> {
        let mut roots: Vec<Root> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut root = Root::open(input)?;
            root.label = match root.label.take() {
                Some(name) if inputs.len() > 1 => Some(free_label(&roots, &name)),
                _ => None,
            };
            roots.push(root);
        }
        Ok(Self {
            roots,
            own: Arc::default(),
        })
    }

    /// Leaves out what this program has written itself.
    pub(super) fn leave_out(&mut self, own: OwnOutput) {
        self.own = Arc::new(own);
    }

    /// Lists the files, unsorted.
    pub(super) fn walk(&self) -> Result<Walked, SourceError> {
        let mut walked = Walked::default();
        for root in &self.roots {
            root.walk(&self.own, &mut walked)?;
        }
        Ok(walked)
    }

    /// Opens a file of the inputs, and nothing else.
    pub(super) fn open_file(&self, path: &str) -> Result<(File, Metadata), SourceError> {
        let (root, below) = self.resolve(path)?;
        let full = root.base.join(below);
        let checked = check_on_disk(&root.base, below, path)?;
        let file = open_now(&full).map_err(|error| refusal(path, &error))?;
        let metadata = file.metadata().map_err(|error| refusal(path, &error))?;
        let again = check_on_disk(&root.base, below, path)?;
        if !same_file(&checked, &metadata) || !same_file(&again, &metadata) {
            return Err(outside(path));
        }
        Ok((file, metadata))
    }

    fn resolve<'a>(&'a self, path: &'a str) -> Result<(&'a Root, &'a str), SourceError> {
        if path.is_empty() || path.len() > PATH_BYTES_MAX || path.contains('\0') {
            return Err(outside(path));
        }
        self.roots
            .iter()
            .find_map(|root| root.below(path).map(|below| (root, below)))
            .filter(|(root, below)| root.file.is_some() || (is_plain(below) && root.filter.takes(below)))
            .filter(|(root, below)| !self.own.holds(&root.base, &root.base.join(below)))
            .ok_or_else(|| outside(path))
    }
}

impl Root {
    fn open(input: &InputSpec) -> Result<Self, SourceError> {
        let shown = input.path.display().to_string();
        let full = fs::canonicalize(&input.path).map_err(|error| refusal(&shown, &error))?;
        let metadata = fs::metadata(&full).map_err(|error| refusal(&shown, &error))?;
        // Only the root of the file system has no name.
        let name = full
            .file_name()
            .map_or_else(|| "root".into(), |name| name.to_string_lossy());
        let name = Some(name.into_owned());
        let filter = Filter::new(input)?;
        if metadata.is_dir() {
            return Ok(Self {
                label: name,
                base: full,
                file: None,
                filter,
            });
        }
        let (Some(base), Some(file), true) = (full.parent(), full.file_name(), metadata.is_file()) else {
            return Err(unreadable(&shown, "it is neither a file nor a folder"));
        };
        let Some(file) = file.to_str() else {
            return Err(unreadable(&shown, "its name is not UTF-8"));
        };
        Ok(Self {
            label: name,
            base: base.to_path_buf(),
            file: Some(file.to_owned()),
            filter,
        })
    }

    /// The part of `path` below this input's folder, if it leads into this input.
    fn below<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        match (&self.label, &self.file) {
            (None, None) => Some(path),
            (None, Some(file)) => (path == file).then_some(path),
            (Some(label), None) => path.strip_prefix(label.as_str())?.strip_prefix('/'),
            (Some(label), Some(_)) => (path == label).then_some(path),
        }
    }

    fn shown(&self, below: &str) -> String {
        match (&self.label, &self.file) {
            (None, _) => below.to_owned(),
            (Some(label), None) => format!("{label}/{below}"),
            (Some(label), Some(_)) => label.clone(),
        }
    }

    fn walk(&self, own: &Arc<OwnOutput>, walked: &mut Walked) -> Result<(), SourceError> {
        if let Some(file) = &self.file {
            if own.holds(&self.base, &self.base.join(file)) {
                walked.skip(self.shown(file), SkipReason::OwnOutput);
            } else if self.filter.takes(file) {
                walked.files.push(self.shown(file));
            }
            return Ok(());
        }
        if own.holds(&self.base, &self.base) {
            let name = self
                .label
                .clone()
                .unwrap_or_else(|| self.base.display().to_string());
            walked.skip(name, SkipReason::OwnOutput);
            return Ok(());
        }
        let filter = self.filter.clone();
        let base = self.base.clone();
        let (left_out, left) = (Arc::clone(own), Arc::new(Mutex::new(Vec::new())));
        let leaving = Arc::clone(&left);
        let walk = WalkBuilder::new(&self.base)
            .standard_filters(false)
            .follow_links(false)
            .filter_entry(move |entry| {
                let is_entered = entry.depth() == 0 || filter.enters(&base, entry);
                let is_own = is_entered && left_out.holds(&base, entry.path());
                if is_own && !entry.path_is_symlink() {
                    let mut left = leaving.lock().unwrap_or_else(PoisonError::into_inner);
                    left.push(entry.path().to_owned());
                }
                is_entered && !is_own
            })
            .build();
        for entry in walk {
            match entry {
                Ok(entry) => self.found(&entry, walked),
                Err(error) => self.failed(&error, walked)?,
            }
            if walked.files.len() + walked.skipped.len() > FILES_MAX {
                let detail =
                    format!("it holds more than {FILES_MAX} files; narrow it with include or exclude");
                return Err(unreadable(&self.base.display().to_string(), &detail));
            }
        }
        let left = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
        for path in left {
            let below = path.strip_prefix(&self.base).unwrap_or(&path);
            walked.skip(self.shown(&below.to_string_lossy()), SkipReason::OwnOutput);
        }
        Ok(())
    }

    fn found(&self, entry: &ignore::DirEntry, walked: &mut Walked) {
        let (Some(kind), Ok(below)) = (entry.file_type(), entry.path().strip_prefix(&self.base)) else {
            return;
        };
        if kind.is_dir() || !self.filter.takes(below) {
            return;
        }
        let Some(name) = slashed(below) else {
            return walked.skip(self.shown(&below.to_string_lossy()), SkipReason::PathNotUtf8);
        };
        let path = self.shown(&name);
        if kind.is_symlink() {
            walked.skip(path, SkipReason::SymbolicLink);
        } else if kind.is_file() {
            walked.files.push(path);
        } else {
            walked.skip(path, SkipReason::NotAFile);
        }
    }

    fn failed(&self, error: &ignore::Error, walked: &mut Walked) -> Result<(), SourceError> {
        let path = failed_path(error).unwrap_or(&self.base);
        if error.io_error().is_some_and(is_out_of_descriptors) {
            return Err(SourceError::DescriptorsExhausted {
                path: path.display().to_string(),
            });
        }
        match path.strip_prefix(&self.base) {
            Ok(below) if below.as_os_str().is_empty() => {
                Err(unreadable(&self.base.display().to_string(), &error.to_string()))
            }
            Ok(below) => {
                walked.skip(self.shown(&below.to_string_lossy()), SkipReason::Unreadable);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }
}

impl Walked {
    fn skip(&mut self, path: String, reason: SkipReason) {
        self.skipped.push(Skipped { path, reason });
    }
}

/// The name of an input, with a number where an earlier one has the same.
fn free_label(roots: &[Root], name: &str) -> String {
    let taken = |label: &str| roots.iter().any(|other| other.label.as_deref() == Some(label));
    let mut label = name.to_owned();
    let mut number = 1;
    while taken(&label) {
        number += 1;
        label = format!("{name}~{number}");
    }
    label
}

/// Include and exclude globs, in the manner of `.gitignore`: a pattern without a slash fits at any depth, and a
/// pattern that fits a folder fits all that it holds.
#[derive(Clone)]
struct Filter {
    include: Option<Gitignore>,
    exclude: Gitignore,
}

impl Filter {
    fn new(input: &InputSpec) -> Result<Self, SourceError> {
        let include = (!input.include.is_empty())
            .then(|| globs(&input.include))
            .transpose()?;
        Ok(Self {
            include,
            exclude: globs(&input.exclude)?,
        })
    }

    /// Whether a file at this path below the input belongs to it.
    fn takes(&self, below: impl AsRef<Path>) -> bool {
        let fits = |globs: &Gitignore| globs.matched_path_or_any_parents(&below, false).is_ignore();
        !fits(&self.exclude) && self.include.as_ref().is_none_or(fits)
    }

    /// Whether a walk goes on to this entry.
    fn enters(&self, base: &Path, entry: &ignore::DirEntry) -> bool {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            return false;
        }
        let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
        let below = entry.path().strip_prefix(base).unwrap_or(entry.path());
        !(is_dir && self.exclude.matched(below, true).is_ignore())
    }
}

fn globs(patterns: &[String]) -> Result<Gitignore, SourceError> {
    let wrong = |pattern: &str, detail: &str| SourceError::Pattern {
        pattern: pattern.to_owned(),
        detail: detail.to_owned(),
    };
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    for pattern in patterns {
        match pattern.trim().chars().next() {
            None => return Err(wrong(pattern, "it is empty")),
            Some('!') => return Err(wrong(pattern, "a leading `!` has no meaning here; use `exclude`")),
            Some('#') => return Err(wrong(pattern, "a leading `#` must be written `\\#`")),
            Some(_) => {}
        }
        if let Err(error) = builder.add_line(None, pattern) {
            return Err(wrong(pattern, &error.to_string()));
        }
    }
    builder
        .build()
        .map_err(|error| wrong(&patterns.join(" "), &error.to_string()))
}

/// Whether a path consists of plain names alone.
fn is_plain(below: &str) -> bool {
    let foreign = cfg!(windows) && below.contains(['\\', ':']);
    !foreign
        && below
            .split('/')
            .all(|name| !name.is_empty() && !name.starts_with('.'))
}

/// Checks on disk that every part of `below` is what it seems, and returns what the last one is.
fn check_on_disk(base: &Path, below: &str, path: &str) -> Result<Metadata, SourceError> {
    let mut full = base.to_path_buf();
    let mut last = None;
    for name in below.split('/') {
        full.push(name);
        let metadata = fs::symlink_metadata(&full).map_err(|error| refusal(path, &error))?;
        if metadata.is_symlink() {
            return Err(outside(path));
        }
        last = Some(metadata);
    }
    // This also refuses a base that has become a link since the inputs were opened.
    if fs::canonicalize(&full).map_err(|error| refusal(path, &error))? != full {
        return Err(outside(path));
    }
    last.filter(Metadata::is_file)
        .ok_or_else(|| unreadable(path, "it is not a regular file"))
}

/// Opens a file without waiting for anybody: a pipe that has taken the file's place since it was checked would wait for
/// its writer.
fn open_now(full: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(full)
}

#[cfg(unix)]
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    one.file_type() == other.file_type()
}

fn slashed(below: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = below.iter().map(|name| name.to_str()).collect();
    names.map(|names| names.join("/"))
}

fn failed_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => failed_path(err),
        _ => None,
    }
}

fn outside(path: &str) -> SourceError {
    SourceError::Outside {
        path: path.to_owned(),
    }
}

pub(super) fn unreadable(path: &str, detail: &str) -> SourceError {
    SourceError::Unreadable {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

/// What an error of the operating system means for a path of the inputs.
pub(super) fn refusal(path: &str, error: &io::Error) -> SourceError {
    if is_out_of_descriptors(error) {
        return SourceError::DescriptorsExhausted {
            path: path.to_owned(),
        };
    }
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => SourceError::Missing {
            path: path.to_owned(),
        },
        _ => unreadable(path, &error.to_string()),
    }
}

/// Whether this process, or the whole machine, has as many files open as it may.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    let code = error.raw_os_error();
    codes.iter().any(|known| code == Some(known.raw_os_error()))
}

#[cfg(test)]
mod tests;
