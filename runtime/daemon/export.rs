//! Writes a job's result to its folder, `brief.md` and `brief.json`: each whole or not at all.
//!
//! A file is written beside its place, synced and renamed, so that neither a crash nor a full disk leaves half a brief
//! under the name that somebody opens. The folder is made first, before anything is spent on a job whose result
//! could not be written.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anthill_actors::compose::render_markdown;
use anthill_contracts::brief::Brief;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;

/// Where the folders of jobs lie that name none.
const DEFAULT_FOLDERS: &str = "anthill-out";

/// The names of all files that are written.
const NAMES: [&str; 4] = ["brief.md", "brief.json", "result.json", "result.txt"];

/// The folder of a job that names none.
pub fn default_folder(job_name: &str) -> PathBuf {
    Path::new(DEFAULT_FOLDERS).join(job_name)
}

/// What jobs write to: the folder of all results, and these files in a folder that somebody named, which may hold other
/// things.
pub fn written(named: Option<&Path>) -> Vec<PathBuf> {
    let mut written = vec![PathBuf::from(DEFAULT_FOLDERS)];
    if let Some(folder) = named {
        written.extend(NAMES.map(|name| folder.join(name)));
    }
    written
}

/// Makes the folder and sees that it can be written.
pub fn prepare(folder: &Path) -> Result<(), Problem> {
    let probe = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        tempfile::NamedTempFile::new_in(folder).map(drop)
    };
    probe().map_err(|error| refused(folder, &error))
}

/// Writes the brief and answers with the files.
pub fn write(folder: &Path, brief: &Brief) -> Result<Vec<PathBuf>, Problem> {
    write_all(folder, &files_of(brief)?)
}

/// Writes a result that is no brief as it is.
pub fn write_other(folder: &Path, body: &[u8]) -> Result<Vec<PathBuf>, Problem> {
    write_all(folder, &[other_file(body)])
}

/// Whether the folder holds this result already, byte for byte. It does not where a process was killed between the
/// last frame of a job and its files.
pub fn holds(folder: &Path, body: &[u8]) -> Result<bool, Problem> {
    let files = match serde_json::from_slice::<Brief>(body) {
        Ok(brief) => files_of(&brief)?,
        Err(_) => vec![other_file(body)],
    };
    let is_there = |(name, bytes): &(&str, Vec<u8>)| {
        let path = folder.join(name);
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        length == bytes.len() as u64 && fs::read(&path).is_ok_and(|there| there == *bytes)
    };
    Ok(files.iter().all(is_there))
}

fn files_of(brief: &Brief) -> Result<Vec<(&'static str, Vec<u8>)>, Problem> {
    let mut json = serde_json::to_vec_pretty(brief).map_err(|error| Problem::new(&codes::DEFECT, error))?;
    json.push(b'\n');
    Ok(vec![
        ("brief.md", render_markdown(brief).into_bytes()),
        ("brief.json", json),
    ])
}

fn other_file(body: &[u8]) -> (&'static str, Vec<u8>) {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let name = if is_json { "result.json" } else { "result.txt" };
    (name, body.to_vec())
}

fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<Vec<PathBuf>, Problem> {
    let written = files.iter().map(|(name, bytes)| {
        let path = folder.join(name);
        replace(&path, bytes).map(|()| path)
    });
    written
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| refused(folder, &error))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name must last as well.
    fs::File::open(folder)?.sync_all()
}

fn refused(folder: &Path, error: &io::Error) -> Problem {
    Problem::new(
        &codes::OUTPUT_NOT_WRITABLE,
        format!("the output folder `{}`: {error}", folder.display()),
    )
}

#[cfg(test)]
mod tests;
