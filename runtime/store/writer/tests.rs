//! How groups are made, and that answers wait for the commit. The writer is driven by hand, without its thread.

use anthill_contracts::clock::{SystemClock, Timestamp};
use anthill_contracts::event::JobEvent;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::encoding::encode_events;

struct Bed {
    _folder: tempfile::TempDir,
    writer: Writer,
    handle: WriterHandle,
}

fn bed(options: StoreOptions) -> Bed {
    let folder = tempfile::tempdir().expect("a folder");
    let inbox = Arc::new(Inbox::new(options.project_linger));
    let ports = WriterPorts {
        health: Arc::default(),
        inbox,
        clock: Arc::new(SystemClock::new()),
    };
    let (writer, handle) = Writer::open(folder.path(), options, ports).expect("a writer");
    Bed {
        _folder: folder,
        writer,
        handle,
    }
}

impl Bed {
    fn enqueue(&self, work: Work) -> oneshot::Receiver<Answer> {
        self.handle.enqueue(work).expect("there is room")
    }

    fn group(&mut self) -> Vec<Command> {
        self.writer
            .next_group()
            .ok()
            .flatten()
            .expect("something is queued")
    }

    fn write_one(&mut self) -> usize {
        let group = self.group();
        let size = group.len();
        assert!(self.writer.write(group).is_ok(), "it is written");
        size
    }
}

fn job(number: u128) -> JobId {
    JobId::new(1, number)
}

fn lease(number: u128) -> Work {
    Work::TakeLease {
        job_id: job(number),
        holder: NodeId::new(1, 1),
    }
}

fn append(number: u128, seq: u64) -> Work {
    let header = FrameHeader {
        job_id: job(number),
        seq,
        epoch: 1,
        at: Timestamp(seq),
    };
    let body = encode_events(&[JobEvent::JobCancelled { wall_ms: seq }]).expect("it encodes");
    Work::Append(PreparedAppend {
        header,
        body,
        blobs: Vec::new(),
    })
}

#[test]
fn appends_of_many_jobs_share_one_commit() {
    let mut bed = bed(StoreOptions::default());
    let mut answers = Vec::new();
    for number in 0..5 {
        answers.push(bed.enqueue(lease(number)));
        answers.extend((1..=10).map(|seq| bed.enqueue(append(number, seq))));
    }
    assert_eq!(bed.write_one(), 55);
    for mut answer in answers {
        answer.try_recv().expect("it is answered").expect("it is durable");
    }
    let frames: u64 = bed
        .writer
        .conn
        .query_row("SELECT count(*) FROM frames", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(frames, 50);
}

#[test]
fn nobody_is_answered_before_the_commit() {
    let mut bed = bed(StoreOptions::default());
    let mut answer = bed.enqueue(lease(1));
    let group = bed.group();
    assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
    assert!(bed.writer.write(group).is_ok());
    assert_eq!(
        answer.try_recv(),
        Ok(Ok(Written::Leased(Lease {
            epoch: 1,
            last_seq: 0
        })))
    );
}

#[test]
fn a_group_is_bounded_by_count_and_by_bytes() {
    let mut bed = bed(StoreOptions {
        batch_max: 3,
        batch_bytes_max: 25,
        ..StoreOptions::default()
    });
    let mut answers: Vec<_> = (0..4).map(|number| bed.enqueue(lease(number))).collect();
    assert_eq!(bed.write_one(), 3);
    assert_eq!(bed.write_one(), 1);
    let bytes = append(1, 1).bytes();
    assert!(bytes < 25 && bytes * 2 > 25, "one fits and two do not: {bytes}");
    answers.extend((1..=2).map(|seq| bed.enqueue(append(1, seq))));
    assert_eq!(bed.write_one(), 1);
    assert_eq!(
        bed.write_one(),
        1,
        "what did not fit comes first in the next group"
    );
    for mut answer in answers {
        answer.try_recv().expect("it is answered").expect("it is durable");
    }
}

#[test]
fn a_new_lease_fences_off_what_follows_it_in_the_same_group() {
    let mut bed = bed(StoreOptions::default());
    let first = bed.enqueue(lease(1));
    let good = bed.enqueue(append(1, 1));
    let second = bed.enqueue(lease(1));
    let late = bed.enqueue(append(1, 2));
    assert_eq!(bed.write_one(), 4);
    let answers: Vec<Answer> = [first, good, second, late]
        .into_iter()
        .map(|mut answer| answer.try_recv().expect("answered"))
        .collect();
    assert_eq!(answers[1], Ok(Written::Done));
    assert_eq!(
        answers[2],
        Ok(Written::Leased(Lease {
            epoch: 2,
            last_seq: 1
        }))
    );
    assert_eq!(
        answers[3],
        Err(StoreError::Fenced {
            job_id: job(1),
            epoch: 1,
            current: 2
        })
    );
}

#[test]
fn a_lease_row_that_somebody_else_moved_stops_the_writer() {
    let mut bed = bed(StoreOptions::default());
    let _lease = bed.enqueue(lease(1));
    bed.write_one();
    bed.writer
        .conn
        .execute("UPDATE leases SET epoch = 7", [])
        .expect("somebody else");
    let mut answer = bed.enqueue(append(1, 1));
    let group = bed.group();
    assert!(bed.writer.write(group).is_err());
    assert!(matches!(answer.try_recv(), Ok(Err(StoreError::Corrupt { .. }))));
    let frames: u64 = bed
        .writer
        .conn
        .query_row("SELECT count(*) FROM frames", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(frames, 0, "the frame went with its transaction");
    assert!(matches!(
        bed.handle.enqueue(lease(2)),
        Err(StoreError::Stopped { .. })
    ));
}

#[test]
fn the_log_is_copied_once_it_is_long_enough() {
    let mut bed = bed(StoreOptions {
        checkpoint_bytes: 50_000,
        ..StoreOptions::default()
    });
    let handle = &bed.handle;
    let mut answers = vec![handle.enqueue(lease(1)).expect("room")];
    answers.extend((1..=40).map(|seq| handle.enqueue(append(1, seq)).expect("room")));
    bed.writer.options.batch_max = 4;
    bed.handle.close();
    assert!(bed.writer.work().is_ok());
    assert_eq!(bed.writer.log_bytes, 0);
    for mut answer in answers {
        answer.try_recv().expect("it is answered").expect("it is durable");
    }
}
