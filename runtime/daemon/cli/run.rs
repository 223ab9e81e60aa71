//! `anthill run`, `anthill job resume` and `anthill job cancel`: the commands that work.

use anthill_contracts::budget::Limits;
use anthill_contracts::model::Models as _;

use crate::boot;
use crate::cli::{Common, RunArguments, RunOptions, prefix};
use crate::console::{Console, Failure};
use crate::job_file::{self, JobFlags};
use crate::session::Session;
use crate::view::Audience;

/// Carries out one job. What is wrong with it is told before the data directory is touched.
pub(super) fn run(common: &Common, arguments: RunArguments, console: &mut Console) -> Result<u8, Failure> {
    let RunArguments {
        job,
        inputs,
        model,
        ending,
    } = arguments;
    let setting = common.begin(ending.metrics_addr)?;
    let flags = JobFlags {
        inputs,
        model,
        budget: ending.budget,
    };
    let spec = job_file::load(&job, flags)?;
    let models = boot::models(&setting.config, boot::clock())?;
    for model in std::iter::once(&spec.model).chain(&spec.routing.models) {
        models
            .provider(model)
            .map_err(anthill_contracts::fault::Problem::from)?;
    }
    let audience = Audience::of(console, common.quiet);
    boot::block_on_all_cores(async {
        let session = Session::open(&setting, audience, console).await?;
        session.run(spec, ending.out).await
    })
}

/// Goes on with a job.
pub(super) fn resume(
    common: &Common,
    job: &str,
    (ending, console): (RunOptions, &mut Console),
) -> Result<u8, Failure> {
    let setting = common.begin(ending.metrics_addr)?;
    let limits = job_file::limits_of(&ending.budget);
    job_file::check_limits(&limits)?;
    let topup = (limits != Limits::default()).then_some(limits);
    let audience = Audience::of(console, common.quiet);
    boot::block_on_all_cores(async {
        // Looked up beforehand, so that a wrong id makes no data directory.
        let job_id = prefix::job(&*boot::open_read_only(&setting.config)?, job).await?;
        let session = Session::open(&setting, audience, console).await?;
        session.resume(job_id, (topup, ending.out)).await
    })
}

/// Ends a job for good.
pub(super) fn cancel(common: &Common, job: &str, console: &mut Console) -> Result<u8, Failure> {
    let setting = common.begin(None)?;
    boot::block_on_all_cores(async {
        let job_id = prefix::job(&*boot::open_read_only(&setting.config)?, job).await?;
        let session = Session::open(&setting, Audience::Nobody, console).await?;
        session.cancel(job_id).await
    })
}
