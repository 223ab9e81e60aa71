//! Random histories against a model that fits on one page.

use std::collections::HashMap;

use anthill_contracts::store::{Lease, Snapshot};
use proptest::prelude::*;

use super::*;
use crate::journal::{GENESIS, JournalHead};

#[derive(Debug, Clone)]
enum Step {
    Lease {
        job: u128,
    },
    /// `late` leases ago, `ahead` frames beyond the next.
    Append {
        job: u128,
        late: u64,
        ahead: u64,
    },
    Snapshot {
        job: u128,
        seq: u64,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let job = 0_u128..3;
    prop_oneof![
        2 => job.clone().prop_map(|job| Step::Lease { job }),
        8 => (job.clone(), prop_oneof![5 => Just(0_u64), 1 => 1_u64..3], prop_oneof![5 => Just(1_u64), 1 => 0_u64..4])
            .prop_map(|(job, late, ahead)| Step::Append { job, late, ahead }),
        1 => (job, 0_u64..6).prop_map(|(job, seq)| Step::Snapshot { job, seq }),
        1 => Just(Step::Reopen),
    ]
}

/// What must be true of one job.
#[derive(Debug, Default)]
struct Model {
    epoch: u64,
    frames: Vec<(u64, u64)>,
    snapshot: Option<u64>,
}

struct Bed {
    folder: tempfile::TempDir,
    store: SqliteStore,
    models: HashMap<u128, Model>,
}

impl Bed {
    async fn take(&mut self, step: Step, stamp: u64) {
        match step {
            Step::Lease { job: number } => {
                let model = self.models.entry(number).or_default();
                model.epoch += 1;
                let expected = Lease {
                    epoch: model.epoch,
                    last_seq: model.frames.len() as u64,
                };
                assert_eq!(self.store.take_lease(job(number), node()).await, Ok(expected));
            }
            Step::Append {
                job: number,
                late,
                ahead,
            } => self.append(number, (late, ahead), stamp).await,
            Step::Snapshot { job: number, seq } => self.keep(number, seq).await,
            Step::Reopen => {
                self.store.close().expect("a clean end");
                self.store = open(self.folder.path());
            }
        }
    }

    async fn append(&mut self, number: u128, (late, ahead): (u64, u64), stamp: u64) {
        let model = self.models.entry(number).or_default();
        let epoch = model.epoch.saturating_sub(late);
        let seq = model.frames.len() as u64 + ahead;
        let head = JournalHead {
            epoch: model.epoch,
            last_seq: model.frames.len() as u64,
            head: GENESIS,
        };
        let expected = head
            .admit(epoch, seq)
            .map_err(|verdict| verdict.refusal(job(number), epoch, seq));
        let events = vec![JobEvent::JobCancelled { wall_ms: stamp }];
        assert_eq!(
            self.store.append(frame(job(number), (epoch, seq), events)).await,
            expected
        );
        if expected.is_ok() {
            model.frames.push((epoch, stamp));
        }
    }

    async fn keep(&mut self, number: u128, seq: u64) {
        let model = self.models.entry(number).or_default();
        let snapshot = Snapshot {
            seq,
            state: seq.to_le_bytes().to_vec(),
        };
        let kept = self.store.put_snapshot(job(number), snapshot).await;
        let fits = model.epoch > 0 && seq <= model.frames.len() as u64;
        assert_eq!(kept.is_ok(), fits, "{kept:?}");
        if fits {
            model.snapshot = model.snapshot.max(Some(seq));
        }
    }

    async fn check(&self) {
        for (number, model) in &self.models {
            let frames = self
                .store
                .frames(job(*number), 1, usize::MAX)
                .await
                .expect("the journal is read");
            let seen: Vec<_> = frames
                .iter()
                .map(|frame| (frame.epoch, stamp_of(&frame.events)))
                .collect();
            assert_eq!(seen, model.frames);
            let snapshot = self.store.snapshot(job(*number)).await.expect("a read");
            assert_eq!(snapshot.map(|snapshot| snapshot.seq), model.snapshot);
        }
        assert_eq!(self.store.verify(None).await.expect("an audit").flaws, []);
    }
}

fn stamp_of(events: &[JobEvent]) -> u64 {
    match events {
        [JobEvent::JobCancelled { wall_ms }] => *wall_ms,
        other => panic!("nobody wrote {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = open(folder.path());
            let mut bed = Bed { folder, store, models: HashMap::new() };
            for (stamp, step) in (0..).zip(steps) {
                bed.take(step, stamp).await;
            }
            bed.check().await;
            bed.take(Step::Reopen, 0).await;
            bed.check().await;
        });
    }
}
