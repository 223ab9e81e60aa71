//! Tenant: keeps the jobs of one tenant apart from all others.
//! Parent: `Node`'s tenants, permanent. Talks to: nobody; its children are the job supervisors, one per running job.
//! Survives a restart: nothing is lost; jobs that ran are resumed from their journals on demand.
//! Invariants: a job that fails for good takes no other job with it; a job's end removes its supervisor.
//!
//! A running job is a supervisor of its own, which is temporary here, with the lead as its one significant child: the
//! lead's normal end ends the job's supervisor, a crash restarts the lead, and too many crashes end this job only.

use std::time::Duration;

use anthill_contracts::clock::Clock;
use anthill_contracts::id::TenantId;
use std::sync::Arc;

use crate::child_spec::{AutoShutdown, ChildSpec, Restart, Shutdown, StopOrder, SupervisorSpec};
use crate::lead::shell::{LeadActor, LeadArguments};
use crate::names::Names;
use crate::strategy::SupervisorEvent;
use crate::tree::{ChildStart, SupervisorArguments};

/// Most jobs of one tenant that run at once.
pub const JOBS_MAX: usize = 4096;

/// Under which name a tenant's supervisor is found on its node.
pub(crate) fn name_of(tenant: &TenantId) -> String {
    format!("tenant/{tenant}")
}

/// A tenant's supervisor, without jobs yet.
pub(crate) fn tenant(
    tenant: &TenantId,
    names: &Names,
    clock: Arc<dyn Clock>,
    events: impl Fn(SupervisorEvent) + Send + Sync + 'static,
) -> SupervisorArguments {
    let spec = SupervisorSpec::new(name_of(tenant))
        .stop_order(StopOrder::Together)
        .children_max(JOBS_MAX);
    SupervisorArguments::new(spec, clock)
        .named(names, name_of(tenant))
        .events(events)
}

/// The supervisor of one job's run, as a child of its tenant.
pub(crate) fn job(arguments: &LeadArguments, clock: Arc<dyn Clock>) -> (ChildSpec, ChildStart) {
    let id = arguments.job_id.to_string();
    let spec = SupervisorSpec::new(id.clone())
        .auto_shutdown(AutoShutdown::AnySignificant)
        .backoff(Duration::from_millis(100), Duration::from_secs(5));
    let lead = ChildSpec::worker("lead")
        .restart(Restart::Transient)
        .shutdown(Shutdown::Within(Duration::from_secs(5)))
        .start_within(Duration::from_mins(1))
        .significant();
    let arguments = arguments.clone();
    let start = ChildStart::actor(move |_| (LeadActor, arguments.clone()));
    let supervisor = SupervisorArguments::new(spec, clock).child(lead, start);
    (
        ChildSpec::supervisor(id).restart(Restart::Temporary),
        ChildStart::supervisor(supervisor),
    )
}
