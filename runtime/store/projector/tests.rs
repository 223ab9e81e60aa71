//! What readers wait for.

use super::*;

fn job() -> JobId {
    JobId::new(1, 1)
}

#[tokio::test]
async fn a_reader_waits_for_a_round_that_began_after_it() {
    let inbox = Inbox::new(Duration::from_hours(1));
    assert!(inbox.caught_up(None).await, "nothing was announced");
    inbox.announce([job()], 1);
    let mut waiting = std::pin::pin!(inbox.caught_up(Some(job())));
    assert!(futures::poll!(&mut waiting).is_pending());
    let (jobs, waiters) = inbox.next_round().expect("a waiter ends the lingering");
    assert_eq!(jobs, [job()]);
    assert!(
        futures::poll!(&mut waiting).is_pending(),
        "the round is under way"
    );
    inbox.end_round(&[], waiters);
    assert!(waiting.await);
}

#[tokio::test]
async fn a_reader_that_comes_during_a_round_waits_for_the_next() {
    let inbox = Inbox::new(Duration::ZERO);
    inbox.announce([job()], 1);
    let (_, waiters) = inbox.next_round().expect("a round");
    inbox.announce([job()], 1);
    let mut waiting = std::pin::pin!(inbox.caught_up(Some(job())));
    assert!(futures::poll!(&mut waiting).is_pending());
    inbox.end_round(&[], waiters);
    assert!(futures::poll!(&mut waiting).is_pending());
    let (jobs, waiters) = inbox.next_round().expect("a round");
    assert_eq!(jobs, [job()]);
    inbox.end_round(&[], waiters);
    assert!(waiting.await);
}

#[tokio::test]
async fn a_job_that_was_given_up_is_read_from_its_journal() {
    let inbox = Inbox::new(Duration::ZERO);
    inbox.announce([job()], 1);
    let (_, waiters) = inbox.next_round().expect("a round");
    inbox.end_round(&[job()], waiters);
    assert!(!inbox.caught_up(Some(job())).await);
    assert!(!inbox.caught_up(None).await);
    assert!(inbox.caught_up(Some(JobId::new(1, 2))).await);
}

#[tokio::test]
async fn a_dead_projector_keeps_nobody_waiting() {
    let inbox = Arc::new(Inbox::new(Duration::ZERO));
    inbox.announce([job()], 1);
    let mut waiting = std::pin::pin!(inbox.caught_up(None));
    assert!(futures::poll!(&mut waiting).is_pending());
    let thread = std::thread::Builder::new().spawn({
        let inbox = Arc::clone(&inbox);
        move || {
            let _ending = Ending(inbox);
            panic!("a defect of the projector");
        }
    });
    thread.expect("a thread").join().expect_err("it panics");
    assert!(!waiting.await);
    assert!(!inbox.caught_up(None).await);
}

#[test]
fn a_closed_inbox_ends_after_what_was_announced() {
    let inbox = Inbox::new(Duration::from_hours(1));
    inbox.announce([job()], 1);
    inbox.close();
    let (jobs, waiters) = inbox.next_round().expect("what was announced comes first");
    assert_eq!(jobs, [job()]);
    inbox.end_round(&[], waiters);
    assert!(inbox.next_round().is_none());
}
