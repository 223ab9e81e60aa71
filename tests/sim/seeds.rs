//! Many histories: as many as fit the time, on two threads, and what they amount to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anthill_contracts::clock::{Clock, SystemClock};

use crate::checks::Violation;
use crate::faults::{Damage, Site};
use crate::run::{End, Report, Setup, Sim};

/// How long [`many_seeds`] looks for trouble where nobody asks for a number of seeds.
const TIME: Duration = Duration::from_secs(45);

/// Fewest seeds that say anything.
const SEEDS_MIN: u64 = 9_000;

/// Most seeds of one run.
const SEEDS_MAX: u64 = 9_000;

/// From this many seeds on, every crash site must have been hit.
const COVERING: u64 = 2_000;

const THREADS: u64 = 2;

/// Runs one history; a panic of a machine is a violation like any other.
pub(crate) fn run(setup: Setup) -> Result<Report, Violation> {
    let caught = catch_unwind(AssertUnwindSafe(|| Sim::new(setup).run()));
    caught.unwrap_or_else(|_| Err(Violation::new("a machine panicked", "its message is above")))
}

/// What many histories amount to.
#[derive(Debug, Default)]
struct Totals {
    seeds: u64,
    ends: BTreeMap<String, u64>,
    cancelled: u64,
    succeeded: u64,
    events: u64,
    events_max: u64,
    virtual_ms: u64,
    leads: u64,
    calls: (u64, u64, u64),
    receipts: (u64, u64),
    compared: u64,
    damage: Damage,
}

impl Totals {
    fn take(&mut self, report: &Report) {
        self.seeds += 1;
        *self.ends.entry(format!("{:?}", report.end)).or_default() += 1;
        self.cancelled += u64::from(report.end == End::Cancelled);
        self.succeeded += u64::from(report.end == End::Succeeded);
        self.events += report.events;
        self.events_max = self.events_max.max(report.events);
        self.virtual_ms += report.virtual_ms;
        self.leads += u64::from(report.leads);
        self.compared += report.compared;
        self.calls.0 += report.calls.0;
        self.calls.1 += report.calls.1;
        self.calls.2 += report.calls.2 as u64;
        self.receipts.0 += report.receipts.0 as u64;
        self.receipts.1 += report.receipts.1 as u64;
        self.damage.add(&report.damage);
    }

    fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        for (end, count) in &other.ends {
            *self.ends.entry(end.clone()).or_default() += count;
        }
        self.cancelled += other.cancelled;
        self.succeeded += other.succeeded;
        self.events += other.events;
        self.events_max = self.events_max.max(other.events_max);
        self.virtual_ms += other.virtual_ms;
        self.leads += other.leads;
        self.compared += other.compared;
        self.calls = (
            self.calls.0 + other.calls.0,
            self.calls.1 + other.calls.1,
            self.calls.2 + other.calls.2,
        );
        self.receipts.0 += other.receipts.0;
        self.receipts.1 += other.receipts.1;
        self.damage.add(&other.damage);
    }

    fn print(&self, took: Duration) {
        let rate = self.seeds as f64 / took.as_secs_f64().max(0.001);
        eprintln!(
            "{} seeds in {took:.1?} ({rate:.0}/s), {} leads",
            self.seeds, self.leads
        );
        eprintln!(
            "{} events, at most {} in one history",
            self.events, self.events_max
        );
        eprintln!(
            "virtual time {} h, {} folds compared",
            self.virtual_ms / 3_600_000,
            self.compared
        );
        eprintln!(
            "receipts {}, of these credited {}",
            self.receipts.0, self.receipts.1
        );
        eprintln!(
            "tool calls {}, of these repeated {}, effects {}",
            self.calls.0, self.calls.1, self.calls.2
        );
        eprintln!("ends {:?}", self.ends);
        let damage = &self.damage;
        eprintln!(
            "effective faults: store died with unsynced writes {}, node with an append under way {}, agent with a \
             reservation {}, appends fenced {}, late wake-ups {}, takeovers {}",
            damage.store_with_unsynced,
            damage.node_with_append,
            damage.agent_with_grant,
            damage.fenced,
            damage.late_wakeups,
            damage.takeovers
        );
        for site in Site::ALL {
            let [before, after] = damage.sites[site as usize];
            eprintln!("crashes at {site:?}: {before} before, {after} after");
        }
    }

    /// A run that hit nothing, or in which most jobs never came to an end of their own, proves nothing.
    fn is_worth_something(&self) {
        assert!(
            (self.seeds - self.cancelled) * 10 >= self.seeds * 8,
            "void: too many jobs were cancelled"
        );
        assert!(
            self.succeeded * 2 >= self.seeds,
            "void: fewer than half of the jobs succeeded"
        );
        if self.seeds < COVERING {
            return;
        }
        for site in Site::ALL {
            let [before, after] = self.damage.sites[site as usize];
            assert!(
                before > 0 && after > 0,
                "void: nobody crashed before and after {site:?}"
            );
        }
        let damage = &self.damage;
        let effective = [
            damage.store_with_unsynced,
            damage.node_with_append,
            damage.agent_with_grant,
            damage.fenced,
            damage.late_wakeups,
            damage.takeovers,
            self.calls.1,
            self.receipts.1,
            self.receipts.0 - self.receipts.1,
            self.compared,
        ];
        assert!(
            effective.iter().all(|count| *count > 0),
            "void: a kind of fault never had an effect"
        );
    }
}

/// What the environment asks for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    only: Option<u64>,
    from: u64,
    seeds: Option<u64>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge of the test binary, where its environment is read"
)]
fn wanted() -> Wanted {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        )
    };
    Wanted {
        only: number("SIM_SEED"),
        from: number("SIM_FROM").unwrap_or(0),
        seeds: number("SIM_SEEDS"),
    }
}

/// One thread's share: every [`THREADS`]th seed until it is enough.
fn share(first: u64, wanted: Wanted, stop: &AtomicBool) -> Result<Totals, (u64, Violation)> {
    let clock = SystemClock::new();
    let mut totals = Totals::default();
    let seeds_max = wanted.seeds.unwrap_or(SEEDS_MAX);
    for seed in (first..wanted.from + seeds_max).step_by(usize::try_from(THREADS).unwrap_or(1)) {
        let enough = wanted.seeds.is_none() && clock.mono() > TIME && totals.seeds * THREADS >= SEEDS_MIN;
        if enough || stop.load(Ordering::Relaxed) {
            break;
        }
        let setup = Setup {
            seed,
            ..Setup::default()
        };
        match run(setup) {
            Ok(report) => totals.take(&report),
            Err(violation) => {
                stop.store(true, Ordering::Relaxed);
                return Err((seed, violation));
            }
        }
    }
    Ok(totals)
}

fn fail(seed: u64, violation: &Violation) -> ! {
    panic!(
        "seed={seed} {violation}\nreplay: SIM_SEED={seed} cargo test --test sim many_seeds -- --nocapture"
    );
}

#[test]
fn many_seeds() {
    let wanted = wanted();
    if let Some(seed) = wanted.only {
        let setup = Setup {
            seed,
            is_told: true,
            ..Setup::default()
        };
        let report = run(setup).unwrap_or_else(|violation| fail(seed, &violation));
        eprintln!("{report:#?}");
        return;
    }
    let (clock, stop) = (SystemClock::new(), AtomicBool::new(false));
    let shares = std::thread::scope(|scope| {
        let start = |thread: u64| {
            let (name, stop) = (format!("sim-{thread}"), &stop);
            let builder = std::thread::Builder::new().name(name);
            let work = move || share(wanted.from + thread, wanted, stop);
            builder
                .spawn_scoped(scope, work)
                .expect("a thread can be started")
        };
        let running: Vec<_> = (0..THREADS).map(start).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a share does not panic"))
            .collect::<Vec<_>>()
    });
    let mut totals = Totals::default();
    for share in shares {
        match share {
            Ok(share) => totals.add(&share),
            Err((seed, violation)) => fail(seed, &violation),
        }
    }
    totals.print(clock.mono());
    totals.is_worth_something();
}

#[test]
fn same_seed_same_trace() {
    let mut traces = BTreeMap::new();
    for seed in 0..200 {
        let setup = Setup {
            seed,
            ..Setup::default()
        };
        let first = run(setup).unwrap_or_else(|violation| fail(seed, &violation));
        let second = run(setup).unwrap_or_else(|violation| fail(seed, &violation));
        assert_eq!(first, second, "I23 determinism: seed={seed} has two histories");
        traces.insert(first.trace, seed);
    }
    assert_eq!(traces.len(), 200, "two seeds have one history");
}
