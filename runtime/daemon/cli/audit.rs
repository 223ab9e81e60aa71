//! `anthill audit`: the chain of the journal, checked from the first frame to the last.

use crate::boot;
use crate::cli::{Common, prefix};
use crate::console::{Console, Failure};
use crate::words;

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;

/// Walks one chain or all of them; a flaw is an error.
pub(super) fn verify(common: &Common, job: Option<&str>, console: &mut Console) -> Result<u8, Failure> {
    let config = common.begin(None)?.config;
    boot::block_on(async {
        let store = boot::open_read_only(&config)?;
        let job_id = match job {
            Some(beginning) => Some(prefix::job(&*store, beginning).await?),
            None => None,
        };
        let report = store.verify(job_id).await?;
        if console.is_json() {
            console.document(&report)?;
        } else {
            console.line(format!(
                "{} in {}, {} and {} checked",
                words::counted(report.frames, "frame"),
                words::counted(report.jobs, "job"),
                words::counted(report.events, "event"),
                words::counted(report.blobs, "body").replace("bodys", "bodies"),
            ))?;
        }
        match report.flaws.first() {
            None => Ok(0),
            Some(flaw) => {
                let message = format!(
                    "{}, first: job {} frame {}: {}",
                    words::counted(report.flaws.len() as u64, "flaw"),
                    flaw.job_id,
                    flaw.seq,
                    flaw.detail
                );
                Err(Problem::new(&codes::DATA_CORRUPT, message).into())
            }
        }
    })
}
