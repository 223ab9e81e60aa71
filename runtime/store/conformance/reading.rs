//! Cases on reading: what people see of a job, and the audit.

use std::sync::Arc;

use anthill_contracts::artifact::ReviewFinding;
use anthill_contracts::budget::{Amount, Dimension};
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::{JobEvent, Reuse};
use anthill_contracts::id::{JobId, TaskId, TenantId};
use anthill_contracts::store::{JobFilter, JobStatus, Memo, Store, StoreError};
use anthill_contracts::task::{ReasonCode, TaskStatus};

use super::{Lead, Subject, samples, tick};

/// Asking for what is not there is no error.
pub async fn unknown_things_are_empty(subject: Subject) {
    let (store, job_id) = (&subject.store, JobId::new(20, 1));
    assert_eq!(store.job(job_id).await, Ok(None));
    assert_eq!(store.frames(job_id, 1, 10).await, Ok(Vec::new()));
    assert_eq!(store.tasks(job_id).await, Ok(Vec::new()));
    assert_eq!(store.steps(job_id).await, Ok(Vec::new()));
    assert_eq!(store.artifacts(job_id).await, Ok(Vec::new()));
    assert_eq!(store.snapshot(job_id).await, Ok(None));
    assert_eq!(
        store.verify(Some(job_id)).await,
        Err(StoreError::NoJob { job_id })
    );
}

/// Rows of a job that ran to its end, before and after a restart.
pub async fn a_job_is_read_as_it_was_written(subject: Subject) {
    let job_id = samples::job_id();
    let mut lead = Lead::take(&subject.store, job_id).await;
    write_whole_job(&mut lead).await;
    drop(lead);
    check_whole_job(&subject.store, job_id).await;
    let subject = subject.reopen();
    check_whole_job(&subject.store, job_id).await;
}

async fn write_whole_job(lead: &mut Lead) {
    let job_id = lead.job_id;
    let brief = TaskId::derive(job_id, "brief", None);
    lead.append(
        vec![JobEvent::JobSubmitted {
            spec: Box::new(samples::spec("default")),
        }],
        Vec::new(),
    )
    .await;
    let changed = JobEvent::LeadChanged {
        node_id: samples::node_id(),
        epoch: lead.epoch,
    };
    let proposed = JobEvent::PlanProposed {
        plan: samples::plan(),
        author: "spec".to_owned(),
    };
    lead.append(vec![changed, proposed], Vec::new()).await;
    let expanded = JobEvent::NodeExpanded {
        node: "read".to_owned(),
        items: samples::items(),
    };
    lead.append(vec![expanded], Vec::new()).await;
    work_on_first_item(lead, samples::reader(0)).await;
    let reuse = Reuse {
        job_id: JobId::new(1, 1),
        task_id: samples::reader(1),
        saved: samples::cost(),
    };
    let reused = JobEvent::TaskSucceeded {
        task_id: samples::reader(1),
        output: Some(samples::body("findings b").digest()),
        reused: Some(reuse),
        memo: None,
    };
    lead.append(vec![reused], vec![samples::body("findings b")]).await;
    let started = JobEvent::TaskStarted {
        task_id: brief,
        attempt: 1,
    };
    let reason = ReasonCode::ContractViolation;
    let failed = JobEvent::TaskFailed {
        task_id: brief,
        reason,
        detail: "no title".to_owned(),
    };
    lead.append(vec![started, failed], Vec::new()).await;
    let ended = JobEvent::JobFailed {
        reason: ReasonCode::DependencyFailed,
        detail: "`brief` failed".to_owned(),
        wall_ms: 50,
    };
    lead.append(vec![ended], Vec::new()).await;
}

async fn work_on_first_item(lead: &mut Lead, task_id: TaskId) {
    let started = |attempt| JobEvent::TaskStarted { task_id, attempt };
    let retried = JobEvent::TaskRetried {
        task_id,
        attempt: 1,
        detail: "it panicked".to_owned(),
    };
    lead.append(vec![started(1), retried, started(2)], Vec::new())
        .await;
    let bodies = vec![samples::body("request"), samples::body("answer")];
    let step = JobEvent::StepRecorded {
        task_id,
        step: samples::model_step(task_id, 0),
    };
    lead.append(vec![step], bodies).await;
    let finding = ReviewFinding {
        reason: ReasonCode::QuoteNotFound,
        detail: "claim 1".to_owned(),
    };
    for (number, findings) in [(1, vec![finding]), (2, Vec::new())] {
        let posted = JobEvent::ArtifactPosted {
            task_id,
            version: samples::version(task_id, number),
        };
        lead.append(vec![posted], vec![samples::body(&format!("findings {number}"))])
            .await;
        let review = samples::review(task_id, number, findings);
        lead.append(vec![JobEvent::ArtifactReviewed { task_id, review }], Vec::new())
            .await;
    }
    let output = Some(samples::body("findings 2").digest());
    let succeeded = JobEvent::TaskSucceeded {
        task_id,
        output,
        reused: None,
        memo: None,
    };
    lead.append(vec![succeeded], Vec::new()).await;
}

async fn check_whole_job(store: &Arc<dyn Store>, job_id: JobId) {
    let job = store
        .job(job_id)
        .await
        .expect("a read")
        .expect("the job is known");
    assert_eq!((job.name.as_str(), job.tenant.as_str()), ("brief", "default"));
    assert_eq!(
        (job.status, job.reason),
        (JobStatus::Failed, Some(ReasonCode::DependencyFailed))
    );
    assert_eq!(job.detail.as_deref(), Some("`brief` failed"));
    assert_eq!((job.seq, job.epoch), (13, 1));
    assert_eq!(
        (job.submitted_at, job.updated_at),
        (Timestamp(1_001), Timestamp(1_013))
    );
    assert_eq!((job.tasks, job.tasks_succeeded, job.tasks_reused), (5, 2, 1));
    // Two attempts at the first item and one at the brief count as agents; documents and checks do not.
    assert_eq!(
        job.spent,
        Amount {
            wall_ms: 50,
            agents: 3,
            ..samples::cost()
        }
    );
    assert_eq!(job.saved, samples::cost());
    check_tasks(store, job_id).await;
    let steps = store.steps(job_id).await.expect("a read");
    assert_eq!(steps.len(), 1);
    assert_eq!(
        (steps[0].task_id, steps[0].cost, steps[0].at),
        (samples::reader(0), samples::cost(), Timestamp(1_005))
    );
    let artifacts = store.artifacts(job_id).await.expect("a read");
    let seen: Vec<_> = artifacts
        .iter()
        .map(|row| (row.version.version, row.reviews.len(), row.at.0))
        .collect();
    assert_eq!(seen, [(1, 1, 1_006), (2, 1, 1_008)]);
    assert!(!artifacts[0].reviews[0].accepted() && artifacts[1].reviews[0].accepted());
}

async fn check_tasks(store: &Arc<dyn Store>, job_id: JobId) {
    let tasks = store.tasks(job_id).await.expect("a read");
    let seen: Vec<_> = tasks
        .iter()
        .map(|task| {
            (
                task.node.as_str(),
                task.label.as_deref(),
                task.status,
                task.attempt,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("documents", None, TaskStatus::Pending, 0),
            ("brief", None, TaskStatus::Failed, 1),
            ("verify", None, TaskStatus::Pending, 0),
            ("read", Some("a.md"), TaskStatus::Succeeded, 2),
            ("read", Some("b.md"), TaskStatus::Succeeded, 0),
        ]
    );
    let read = &tasks[3];
    assert_eq!(read.task_id, samples::reader(0));
    assert_eq!(
        read.spent,
        Amount {
            agents: 2,
            ..samples::cost()
        }
    );
    assert_eq!(
        (read.started_at, read.ended_at),
        (Some(Timestamp(1_004)), Some(Timestamp(1_010)))
    );
    assert_eq!(read.output, Some(samples::body("findings 2").digest()));
    assert_eq!(
        tasks[4].reused.as_ref().map(|reuse| reuse.saved),
        Some(samples::cost())
    );
    assert_eq!(
        (tasks[1].reason, tasks[1].detail.as_deref()),
        (Some(ReasonCode::ContractViolation), Some("no title"))
    );
}

/// A pause shows its reason and partial result until a lead takes the job over.
pub async fn a_paused_job_runs_again(subject: Subject) {
    let job_id = JobId::new(21, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    let partial = samples::body("partial");
    let reason = ReasonCode::BudgetExhausted(Dimension::Usd);
    let submitted = JobEvent::JobSubmitted {
        spec: Box::new(samples::spec("default")),
    };
    let detail = "nothing left".to_owned();
    let paused = JobEvent::JobPaused {
        reason,
        detail,
        partial: Some(partial.digest()),
        wall_ms: 7,
    };
    lead.append(vec![submitted, paused], vec![partial.clone()]).await;
    let job = subject
        .store
        .job(job_id)
        .await
        .expect("a read")
        .expect("it is known");
    assert_eq!(
        (job.status, job.reason, job.output),
        (JobStatus::Paused, Some(reason), Some(partial.digest()))
    );
    let mut lead = Lead::take(&subject.store, job_id).await;
    let changed = JobEvent::LeadChanged {
        node_id: samples::node_id(),
        epoch: lead.epoch,
    };
    lead.append(vec![changed], Vec::new()).await;
    let job = subject
        .store
        .job(job_id)
        .await
        .expect("a read")
        .expect("it is known");
    assert_eq!(
        (job.status, job.reason, job.detail, job.epoch),
        (JobStatus::Running, None, None, 2)
    );
    let output = samples::body("brief");
    let ended = JobEvent::JobSucceeded {
        output: Some(output.digest()),
        wall_ms: 5,
    };
    lead.append(vec![ended], vec![output.clone()]).await;
    let job = subject
        .store
        .job(job_id)
        .await
        .expect("a read")
        .expect("it is known");
    assert_eq!(
        (job.status, job.output, job.spent.wall_ms),
        (JobStatus::Succeeded, Some(output.digest()), 12)
    );
}

/// The list is filtered by tenant and state, and paged by the last id seen.
pub async fn jobs_are_listed_newest_first(subject: Subject) {
    for number in 0_u64..6 {
        let tenant = if number % 2 == 0 { "even" } else { "odd" };
        let mut lead = Lead::take(&subject.store, JobId::new(30 + number, 1)).await;
        let submitted = JobEvent::JobSubmitted {
            spec: Box::new(samples::spec(tenant)),
        };
        lead.append(vec![submitted], Vec::new()).await;
        if number == 2 {
            lead.append(vec![JobEvent::JobCancelled { wall_ms: 1 }], Vec::new())
                .await;
        }
    }
    let subject = subject.reopen();
    let list = async |filter: JobFilter| {
        let rows = subject.store.jobs(filter).await.expect("a read");
        rows.iter().map(|row| row.job_id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u64]| {
        numbers
            .iter()
            .map(|number| JobId::new(30 + number, 1))
            .collect::<Vec<_>>()
    };
    let tenant = |name: &str| Some(name.parse::<TenantId>().expect("a tenant"));
    assert_eq!(list(JobFilter::default()).await, ids(&[5, 4, 3, 2, 1, 0]));
    assert_eq!(
        list(JobFilter {
            tenant: tenant("even"),
            ..JobFilter::default()
        })
        .await,
        ids(&[4, 2, 0])
    );
    assert_eq!(
        list(JobFilter {
            state: Some(JobStatus::Cancelled),
            ..JobFilter::default()
        })
        .await,
        ids(&[2])
    );
    let page = JobFilter {
        before: Some(JobId::new(34, 1)),
        rows_max: 2,
        ..JobFilter::default()
    };
    assert_eq!(list(page).await, ids(&[3, 2]));
    assert!(
        list(JobFilter {
            tenant: tenant("nobody"),
            ..JobFilter::default()
        })
        .await
        .is_empty()
    );
}

/// Finished work is found by key, by its own tenant only, the newest first, at what it once cost.
pub async fn memos_are_found_by_their_tenant(subject: Subject) {
    let key = Digest::of(b"a reader of this content");
    let mine: TenantId = "mine".parse().expect("a tenant");
    let first = finish_with_memo(&subject, JobId::new(40, 1), "mine", (key, None)).await;
    assert_eq!(
        subject.store.memo(mine.clone(), key).await,
        Ok(Some(first.clone()))
    );
    let theirs = finish_with_memo(&subject, JobId::new(41, 1), "theirs", (key, None)).await;
    assert_eq!(
        subject.store.memo(mine.clone(), key).await,
        Ok(Some(first.clone()))
    );
    let reuse = Reuse {
        job_id: first.job_id,
        task_id: first.task_id,
        saved: first.cost,
    };
    let taken = finish_with_memo(&subject, JobId::new(42, 1), "mine", (key, Some(reuse))).await;
    assert_eq!(
        taken.cost, first.cost,
        "work that was taken over is worth what it cost when it was done"
    );
    let subject = subject.reopen();
    assert_eq!(subject.store.memo(mine.clone(), key).await, Ok(Some(taken)));
    assert_eq!(
        subject.store.memo("theirs".parse().expect("a tenant"), key).await,
        Ok(Some(theirs))
    );
    assert_eq!(subject.store.memo(mine, Digest::of(b"other")).await, Ok(None));
}

async fn finish_with_memo(
    subject: &Subject,
    job_id: JobId,
    tenant: &str,
    (key, reused): (Digest, Option<Reuse>),
) -> Memo {
    let mut lead = Lead::take(&subject.store, job_id).await;
    let task_id = TaskId::derive(job_id, "read", Some(0));
    let output = samples::body(&format!("output of {job_id}"));
    let cost = reused.as_ref().map_or(samples::cost(), |reuse| reuse.saved);
    let mut events = vec![JobEvent::JobSubmitted {
        spec: Box::new(samples::spec(tenant)),
    }];
    if reused.is_none() {
        events.push(JobEvent::StepRecorded {
            task_id,
            step: samples::model_step(task_id, 0),
        });
    }
    events.push(JobEvent::TaskSucceeded {
        task_id,
        output: Some(output.digest()),
        reused,
        memo: Some(key),
    });
    // Ids rise with time, and so do the frames' times.
    lead.append(events, vec![output.clone()]).await;
    Memo {
        job_id,
        task_id,
        output: output.digest(),
        cost,
    }
}

/// Right after an append was acknowledged, every read shows it.
pub async fn reads_see_what_was_acknowledged(subject: Subject) {
    let job_id = JobId::new(50, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    lead.append(
        vec![JobEvent::JobSubmitted {
            spec: Box::new(samples::spec("default")),
        }],
        Vec::new(),
    )
    .await;
    for number in 0..30 {
        let task_id = TaskId::derive(job_id, "map", Some(number));
        lead.append(vec![JobEvent::TaskStarted { task_id, attempt: 1 }], Vec::new())
            .await;
        let job = subject
            .store
            .job(job_id)
            .await
            .expect("a read")
            .expect("it is known");
        assert_eq!((job.seq, job.tasks), (lead.seq, u64::from(number) + 1));
        assert_eq!(
            subject.store.tasks(job_id).await.expect("a read").len(),
            number as usize + 1
        );
    }
}

/// An audit of sound journals finds nothing and counts everything.
pub async fn an_audit_counts_what_it_walked(subject: Subject) {
    let mut lead = Lead::take(&subject.store, samples::job_id()).await;
    write_whole_job(&mut lead).await;
    let mut other = Lead::take(&subject.store, JobId::new(51, 1)).await;
    other.append(tick(1), Vec::new()).await;
    let report = subject.store.verify(None).await.expect("an audit");
    assert_eq!((report.jobs, report.frames, report.events), (2, 14, 18));
    assert_eq!(
        report.blobs, 5,
        "request, answer, two findings, and the reused one"
    );
    assert_eq!(report.flaws, []);
    let report = subject.store.verify(Some(other.job_id)).await.expect("an audit");
    assert_eq!((report.jobs, report.frames), (1, 1));
}

/// A body that an event names and nobody wrote is a flaw of that frame.
pub async fn an_audit_names_a_missing_body(subject: Subject) {
    let job_id = JobId::new(52, 1);
    let mut lead = Lead::take(&subject.store, job_id).await;
    lead.append(tick(1), Vec::new()).await;
    let task_id = TaskId::derive(job_id, "read", None);
    let output = Some(Digest::of(b"never written"));
    lead.append(
        vec![JobEvent::TaskSucceeded {
            task_id,
            output,
            reused: None,
            memo: None,
        }],
        Vec::new(),
    )
    .await;
    let report = subject.store.verify(None).await.expect("an audit");
    let flaws: Vec<_> = report.flaws.iter().map(|flaw| (flaw.job_id, flaw.seq)).collect();
    assert_eq!(flaws, [(job_id, 2)]);
}
