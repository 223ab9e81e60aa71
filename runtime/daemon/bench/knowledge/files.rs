//! Compressors by file type, measured on files of this machine: once, and then read back.
//!
//! The files are those of every system: the largest types below one folder, evenly over their paths, so that no package
//! makes up a type. Each compressor runs once on each file, because the noise of timing is part of the matter.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_signals::worlds::Progress;
use anthill_signals::worlds::real_choice::{Measured, MeasuredFile};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::boot;
use crate::console::Failure;
use crate::files::read::{self, Bound};
use crate::files::write;

/// Where the files lie.
pub(super) const FOLDER: &str = "/usr";
/// The file in which measurements are kept.
const KEPT: &str = "compressors.json";
/// What is read of it.
const KEPT_BOUND: Bound = Bound {
    bytes_max: 64 << 20,
    begins: b"{",
};
/// Bytes of a file that are packed.
const HEAD_BYTES: usize = 32 * 1024;
/// Smaller files say nothing about compressors.
const BYTES_MIN: u64 = 4096;
const FILES_PER_KIND: usize = 64;
const KINDS: usize = 24;
/// With fewer types there is nothing to learn from one for another.
const KINDS_MIN: usize = 6;
/// Most files that are looked at.
const FILES_MAX: usize = 400_000;

/// A way to make a file smaller.
#[derive(Debug, Clone, Copy)]
enum Codec {
    Store,
    Zstd(i32),
    Deflate(u32),
}

/// The compressors: each pays for its size with its time.
const CODECS: [Codec; 16] = [
    Codec::Store,
    Codec::Deflate(1),
    Codec::Deflate(4),
    Codec::Deflate(6),
    Codec::Deflate(9),
    Codec::Zstd(-7),
    Codec::Zstd(-3),
    Codec::Zstd(-1),
    Codec::Zstd(1),
    Codec::Zstd(3),
    Codec::Zstd(6),
    Codec::Zstd(9),
    Codec::Zstd(12),
    Codec::Zstd(15),
    Codec::Zstd(19),
    Codec::Zstd(22),
];

impl Codec {
    fn name(self) -> String {
        match self {
            Self::Store => "store".to_owned(),
            Self::Zstd(level) => format!("zstd{level}"),
            Self::Deflate(level) => format!("deflate{level}"),
        }
    }

    /// How many bytes are left.
    fn pack(self, data: &[u8]) -> std::io::Result<usize> {
        Ok(match self {
            Self::Store => data.to_vec().len(),
            Self::Zstd(level) => zstd::bulk::compress(data, level)?.len(),
            Self::Deflate(level) => {
                let mut out = DeflateEncoder::new(Vec::new(), Compression::new(level));
                out.write_all(data)?;
                out.finish()?.len()
            }
        })
    }
}

/// What was measured here before, or now. `None` where the machine has too few types of files.
pub(super) fn measured(
    kept: &Path,
    progress: Progress<'_>,
    mono: &dyn Fn() -> Duration,
) -> Result<Option<Measured>, Problem> {
    let file = kept.join(KEPT);
    if let Ok(bytes) = read::bytes(&file, KEPT_BOUND) {
        let read: Result<Measured, String> =
            serde_json::from_slice(&bytes).map_err(|error| error.to_string());
        return match read.and_then(|measured| measured.check().map(|()| measured)) {
            Ok(measured) => Ok(Some(measured)),
            Err(why) => {
                let message = format!("{}: {why}; remove it to measure anew", file.display());
                Err(Problem::new(&codes::SPEC_VALUE, message))
            }
        };
    }
    let kinds = kinds();
    if kinds.len() < KINDS_MIN {
        return Ok(None);
    }
    let measured = measure(&kinds, progress, mono)?;
    keep(&file, &measured)?;
    Ok(Some(measured))
}

fn keep(file: &Path, measured: &Measured) -> Result<(), Problem> {
    let refused = |error: std::io::Error| {
        Problem::new(&codes::DATA_NOT_WRITABLE, format!("{}: {error}", file.display()))
    };
    let text = serde_json::to_vec(measured).map_err(|error| Problem::new(&codes::DEFECT, error))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(refused)?;
    boot::block_on(write::whole(file, &text)).map_err(Failure::into_problem)?;
    Ok(())
}

fn measure(
    kinds: &[(String, Vec<PathBuf>)],
    progress: Progress<'_>,
    mono: &dyn Fn() -> Duration,
) -> Result<Measured, Problem> {
    let defect = |error: std::io::Error| Problem::new(&codes::DEFECT, format!("a compressor: {error}"));
    let mut files = Vec::new();
    for (number, (_, paths)) in kinds.iter().enumerate() {
        progress(number as u64, kinds.len() as u64);
        for index in 0..FILES_PER_KIND {
            let Some(data) = head(&paths[index * paths.len() / FILES_PER_KIND]) else {
                continue;
            };
            // Once for nothing, so that no compressor pays for cold pages.
            Codec::Zstd(3).pack(&data).map_err(defect)?;
            let (mut bytes, mut millis) = (Vec::new(), Vec::new());
            for codec in CODECS {
                let began = mono();
                let left = codec.pack(&data).map_err(defect)?;
                millis.push(mono().saturating_sub(began).as_secs_f32() * 1e3);
                bytes.push(u32::try_from(left).unwrap_or(u32::MAX));
            }
            let kind = u32::try_from(number).unwrap_or(u32::MAX);
            files.push(MeasuredFile { kind, bytes, millis });
        }
    }
    Ok(Measured {
        kinds: kinds.iter().map(|(kind, _)| kind.clone()).collect(),
        strategies: CODECS.map(Codec::name).to_vec(),
        files,
    })
}

/// The most common types of files with the paths of theirs, sorted.
fn kinds() -> Vec<(String, Vec<PathBuf>)> {
    let mut by_kind: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files_below(Path::new(FOLDER)) {
        if let Some(kind) = kind_of(&path) {
            by_kind.entry(kind).or_default().push(path);
        }
    }
    let mut kinds: Vec<(String, Vec<PathBuf>)> = by_kind
        .into_iter()
        .filter(|(_, paths)| paths.len() >= FILES_PER_KIND)
        .collect();
    kinds.sort_by_key(|(kind, paths)| (std::cmp::Reverse(paths.len()), kind.clone()));
    kinds.truncate(KINDS);
    kinds
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut open, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            match path.symlink_metadata() {
                Ok(about) if about.is_dir() => open.push(path),
                Ok(about) if about.is_file() && about.len() >= BYTES_MIN => files.push(path),
                _ => {}
            }
        }
        if files.len() >= FILES_MAX {
            break;
        }
    }
    files.sort();
    files
}

/// The type of a file: its extension, or what its first bytes say.
fn kind_of(path: &Path) -> Option<String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_word =
        |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if let Some(extension) = extension.filter(|extension| is_word(extension)) {
        return Some(extension.to_ascii_lowercase());
    }
    let mut first = [0_u8; 4];
    File::open(path).ok()?.read_exact(&mut first).ok()?;
    Some(match first {
        [0x7f, b'E', b'L', b'F'] => "elf".to_owned(),
        [b'#', b'!', ..] => "script".to_owned(),
        _ => "plain".to_owned(),
    })
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    let file = File::open(path).ok()?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut data).ok()?;
    (data.len() as u64 >= BYTES_MIN).then_some(data)
}
