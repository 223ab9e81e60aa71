//! Jobs that stopped somewhere: resumed, they ask byte for byte what they would have asked, and end the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use anthill_contracts::digest::Digest;
use anthill_contracts::event::{Frame, JobEvent};
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::model::{Matter, Message, ModelRequest};
use anthill_contracts::store::{Append, JobStatus};
use serde_json::{Value, json};

use super::rig::{Act, Colony, colony_with, patiently};
use super::steps;

/// A provider whose answers depend on the request alone, and that makes every detour there is: one answer that breaks
/// its contract, and one that the critic rejects.
fn with_detours(_: usize, request: &ModelRequest) -> Act {
    let is_first = request.messages.len() == 1;
    let says = |part: &str| {
        request
            .messages
            .iter()
            .any(|message| matches!(message, Message::User { text } if text.contains(part)))
    };
    match &request.matter {
        Matter::Read { path, .. } if path == "nest.md" && is_first => Act::Say("no".to_owned()),
        Matter::Read { path, .. } if path == "nest.md" && !says("a mere draft") => {
            let quote = json!({"path": "nest.md", "quote": "The nest is dug by workers."});
            let claim = json!({"text": "This is a draft.", "quotes": [quote]});
            Act::Say(json!({"claims": [claim]}).to_string())
        }
        Matter::Judge { claims, .. } if claims.iter().any(|claim| claim.text.contains("draft")) => {
            Act::Say(json!({"accept": false, "reasons": ["a mere draft"]}).to_string())
        }
        _ => Act::Extract,
    }
}

fn reviewed() -> Value {
    json!({"review": {"opinion": true}})
}

/// A job as it went without a disturbance.
struct Whole {
    colony: Colony,
    job_id: JobId,
    frames: Vec<Frame>,
    result: Vec<u8>,
    steps: usize,
}

async fn whole(own: Value) -> Whole {
    let colony = colony_with(with_detours).await;
    let (job_id, end) = colony.run(own).await;
    assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
    let frames = colony.store.frames(job_id, 1, 100_000).await;
    let events = colony.events(job_id).await;
    Whole {
        result: colony.result(&end).await,
        frames: frames.expect("the journal can be read"),
        steps: steps(&events),
        colony,
        job_id,
    }
}

/// The bodies that a frame names.
fn named(frame: &Frame) -> Vec<Digest> {
    let digests = frame.events.iter().flat_map(|event| match event {
        JobEvent::StepRecorded { step, .. } => vec![step.request, step.answer],
        JobEvent::ArtifactPosted { version, .. } => vec![version.body],
        JobEvent::TaskSucceeded { output, .. } => output.iter().copied().collect(),
        _ => Vec::new(),
    });
    digests.collect()
}

impl Whole {
    /// A colony in which the job came as far as this many frames, and then its process died.
    async fn died_after(&self, frames: usize) -> Colony {
        let colony = colony_with(with_detours).await;
        let docs = |colony: &Colony| colony.folder.path().join("docs").display().to_string();
        let (here, there) = (docs(&self.colony), docs(&colony));
        let lease = colony.store.take_lease(self.job_id, NodeId::new(1, 1)).await;
        let epoch = lease.expect("nobody else wants it").epoch;
        for frame in &self.frames[..frames] {
            let mut blobs = Vec::new();
            for digest in named(frame) {
                blobs.push(self.colony.store.blob(digest).await.expect("the body is kept"));
            }
            let events: Vec<JobEvent> = frame
                .events
                .iter()
                .map(|event| moved(event, &here, &there))
                .collect();
            let append = Append {
                job_id: self.job_id,
                epoch,
                seq: frame.seq,
                at: frame.at,
                events: Arc::from(events),
                blobs,
            };
            colony.store.append(append).await.expect("the frame fits");
        }
        colony
    }

    fn asked(&self) -> BTreeSet<String> {
        self.colony.oracle.asked().into_iter().collect()
    }
}

/// The same event of a job whose documents lie somewhere else.
fn moved(event: &JobEvent, here: &str, there: &str) -> JobEvent {
    let mut event = event.clone();
    if let JobEvent::JobSubmitted { spec } = &mut event {
        for input in &mut spec.inputs {
            assert_eq!(input.path.display().to_string(), here);
            input.path = there.into();
        }
    }
    event
}

/// Answers how many steps the job has taken.
async fn resumes_after_every_frame(own: Value) -> usize {
    let whole = whole(own).await;
    for frames in 1..whole.frames.len() {
        let colony = whole.died_after(frames).await;
        let recorded = steps(&colony.events(whole.job_id).await);
        let end = colony.resume(whole.job_id, None).await;
        assert_eq!(
            end.status,
            JobStatus::Succeeded,
            "after {frames} frames: {}",
            end.detail
        );
        assert!(colony.result(&end).await == whole.result, "after {frames} frames");
        let all = steps(&colony.events(whole.job_id).await);
        assert_eq!(all, whole.steps, "after {frames} frames");
        let asked = colony.oracle.asked();
        assert!(
            asked.len() <= all - recorded,
            "after {frames} frames: nothing on record is asked again"
        );
        let strange = asked.iter().find(|request| !whole.asked().contains(*request));
        assert_eq!(
            strange, None,
            "after {frames} frames: an undisturbed job asks nothing like it"
        );
        patiently(colony.node.stop()).await;
    }
    whole.steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brief_resumes_after_every_frame_and_asks_what_it_would_have_asked() {
    let steps = resumes_after_every_frame(reviewed()).await;
    assert_eq!(
        steps, 10,
        "4 pieces of work, 3 opinions, and 3 more for the detours"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_agent_resumes_after_every_frame_and_asks_what_it_would_have_asked() {
    let steps = resumes_after_every_frame(json!({"shape": "single", "review": {"opinion": true}})).await;
    assert!(steps >= 4, "tools, an answer and an opinion");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_job_resumes_after_every_frame_and_asks_what_it_would_have_asked() {
    let steps = resumes_after_every_frame(json!({"shape": "model"})).await;
    assert!(steps >= 5, "a plan and what it asks for");
}

/// A parked job whose next task could begin at once waited for agents that nobody had started, and was not cancelled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_job_is_cancelled_after_every_frame() {
    let whole = whole(reviewed()).await;
    for frames in 1..whole.frames.len() {
        let colony = whole.died_after(frames).await;
        let end = patiently(colony.node.cancel(whole.job_id)).await;
        let end = end.unwrap_or_else(|problem| panic!("after {frames} frames: {problem:?}"));
        assert_eq!(end.status, JobStatus::Cancelled, "after {frames} frames");
        let row = colony.store.job(whole.job_id).await.expect("the row can be read");
        assert_eq!(row.expect("there is a row").status, JobStatus::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_pauses_its_jobs_and_they_go_on() {
    let whole = whole(reviewed()).await;
    for hang_at in 1..=whole.steps {
        let colony = colony_with(move |asked, request| {
            if asked == hang_at {
                return Act::Hang;
            }
            with_detours(asked, request)
        })
        .await;
        let mut run = colony.submit(reviewed()).await;
        colony.oracle.wait_asked(hang_at).await;
        let pending = colony.oracle.asked().pop();
        let colony = colony.again(with_detours).await;
        assert_eq!(patiently(run.watch.end()).await.status, JobStatus::Paused);
        let end = colony.resume(run.job_id, None).await;
        assert_eq!(end.status, JobStatus::Succeeded, "{}", end.detail);
        assert!(colony.result(&end).await == whole.result, "hanging at {hang_at}");
        let first = colony.oracle.asked().into_iter().next();
        assert_eq!(first, pending, "the same is asked again, byte for byte");
    }
}
