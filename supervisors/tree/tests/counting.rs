//! The metrics that real trees leave behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::child_spec::{Shutdown, Strategy};
use crate::metrics::{CRASHES, ESCALATIONS, ORPHANS, QUARANTINES, RESTARTS};

use super::super::*;
use super::rig::{DEADLINE, PuppetMessage, Rig, settle};

/// Keeps counters by name and labels.
#[derive(Default)]
struct Ledger(std::sync::Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Ledger {
    fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let entries = self.0.lock().expect("no test panics while it holds the lock");
        let has = |key: &str| {
            key.starts_with(name)
                && labels
                    .iter()
                    .all(|(label, value)| key.contains(&format!("|{label}={value}")))
        };
        entries
            .iter()
            .filter(|(key, _)| has(key))
            .map(|(_, count)| count.load(Ordering::SeqCst))
            .sum()
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key
            .labels()
            .map(|label| format!("|{}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        let mut entries = self.0.lock().expect("no test panics while it holds the lock");
        Counter::from_arc(Arc::clone(entries.entry(name).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_quarantines_and_escalations_are_counted() {
    let ledger = Ledger::default();
    let _guard = ::metrics::set_default_local_recorder(&ledger);
    let rig = Rig::default();
    let spec = SupervisorSpec::new("top")
        .strategy(Strategy::OneForAll)
        .quarantine(1, DEADLINE);
    let (supervisor, task) = rig.supervise(spec, &["a", "b"]).await;
    rig.tell("b", PuppetMessage::Choke("bad"));
    rig.wait_count("gone b", 1).await;
    for start in 1..=4 {
        rig.wait_count("start a", start).await;
        settle().await;
        rig.tell("a", PuppetMessage::Fail);
    }
    task.await.expect("ractor catches panics");
    drop(supervisor);
    let kind = ("kind", "worker");
    assert_eq!(ledger.count(RESTARTS, &[("strategy", "one_for_all"), kind]), 3);
    assert_eq!(ledger.count(ESCALATIONS, &[("strategy", "one_for_all")]), 1);
    assert_eq!(ledger.count(QUARANTINES, &[("strategy", "one_for_all"), kind]), 1);
    assert_eq!(ledger.count(CRASHES, &[("crash", "logic"), kind]), 3);
    assert_eq!(ledger.count(CRASHES, &[("crash", "poison"), kind]), 1);
    assert_eq!(ledger.count(ORPHANS, &[]), 0);
}

/// A real orphan needs a second thread, and this ledger belongs to one: so the event is made by hand.
#[test]
fn orphans_are_counted() {
    let ledger = Ledger::default();
    ::metrics::with_local_recorder(&ledger, || {
        let spec = ChildSpec::supervisor("s").shutdown(Shutdown::Brutal);
        let orphaned = SupervisorEvent::ChildOrphaned {
            id: spec.id,
            kind: spec.kind,
        };
        crate::metrics::record(Strategy::RestForOne, &orphaned);
    });
    assert_eq!(
        ledger.count(ORPHANS, &[("strategy", "rest_for_one"), ("kind", "supervisor")]),
        1
    );
}
