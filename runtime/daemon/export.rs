//! Writes a job's result to its folder, `brief.md` and `brief.json`: each whole or not at all.
//!
//! The folder is made first, before anything is spent on a job whose result
//! could not be written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anthill_actors::compose::render_markdown;
use anthill_contracts::brief::Brief;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;

use crate::console::Failure;
use crate::files::write::whole;

/// Where the folders of jobs lie that name none.
const DEFAULT_FOLDERS: &str = "anthill-out";

/// The names of all files that are written.
pub(crate) const NAMES: [&str; 4] = ["brief.md", "brief.json", "result.json", "result.txt"];

/// The folder of a job that names none.
pub fn default_folder(job_name: &str) -> PathBuf {
    Path::new(DEFAULT_FOLDERS).join(job_name)
}

/// The folder in which the folders of jobs lie that name none.
pub fn default_folders() -> PathBuf {
    PathBuf::from(DEFAULT_FOLDERS)
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
pub async fn write(folder: &Path, brief: &Brief) -> Result<Vec<PathBuf>, Failure> {
    write_all(folder, &files_of(brief)?).await
}

/// Writes a result that is no brief as it is.
pub async fn write_other(folder: &Path, body: &[u8]) -> Result<Vec<PathBuf>, Failure> {
    write_all(folder, &[other_file(body)]).await
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

async fn write_all(folder: &Path, files: &[(&str, Vec<u8>)]) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    let mut written = Vec::new();
    for (name, bytes) in files {
        let path = folder.join(name);
        whole(&path, bytes).await?;
        written.push(path);
    }
    Ok(written)
}

fn refused(folder: &Path, error: &io::Error) -> Problem {
    Problem::new(
        &codes::OUTPUT_NOT_WRITABLE,
        format!("the output folder `{}`: {error}", folder.display()),
    )
}

#[cfg(test)]
mod tests;
