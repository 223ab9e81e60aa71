//! A job's history as `job events --json` tells it, and what must hold of every history.
//!
//! The checks are written against the journal's words alone and share no code with the lead: whoever folds events
//! wrongly must not be asked whether the fold is right.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::budget::{Amount, Dimension, Limits};
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{StepId, TaskId};
use serde_json::{Value, json};

use crate::colony::{Colony, SLOW};

/// The journal of one job.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: Vec<Value>,
    events: Vec<(u64, JobEvent)>,
}

/// A budget, as the journal alone tells it.
#[derive(Debug, Default)]
struct Books {
    limits: Limits,
    settled: Amount,
    reserved: BTreeMap<StepId, Amount>,
}

impl History {
    /// The history that these lines tell.
    pub(crate) fn new(lines: Vec<Value>) -> Self {
        let events = lines.iter().map(event).collect();
        Self { lines, events }
    }

    /// Whether nothing has happened.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The word for what happened last.
    pub(crate) fn last_kind(&self) -> &'static str {
        self.events.last().map_or("nothing", |(_, event)| event.kind())
    }

    /// Whether the job has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.events.iter().any(|(_, event)| event.ends_job())
    }

    /// How often the job was taken over.
    pub(crate) fn leads(&self) -> usize {
        self.epochs().len()
    }

    /// How many events are of this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.events
            .iter()
            .filter(|(_, event)| event.kind() == kind)
            .count()
    }

    /// Checks that everything which was shown while the job ran stands in the journal, whatever happened since.
    #[track_caller]
    pub(crate) fn check_holds(&self, shown: &str) {
        let known: BTreeSet<String> = self.lines.iter().map(Value::to_string).collect();
        // What comes after the last line break was cut by the kill.
        let whole = shown.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let line: Value = serde_json::from_str(line).expect("each line is a JSON object");
            let is_event = line.get("event").is_some();
            assert!(
                !is_event || known.contains(&line.to_string()),
                "it was shown and is gone: {line}"
            );
        }
    }

    /// Checks that this history is the beginning of a later one.
    #[track_caller]
    pub(crate) fn check_begins(&self, later: &Self) {
        let same = self
            .lines
            .iter()
            .zip(&later.lines)
            .take_while(|(one, other)| one == other);
        assert_eq!(same.count(), self.lines.len(), "the journal only grows");
    }

    /// Checks what holds of a history at any time.
    #[track_caller]
    pub(crate) fn check(&self) {
        self.check_numbers();
        self.check_tasks();
        self.books();
    }

    /// Checks what holds of a job that has ended well.
    #[track_caller]
    pub(crate) fn check_ended(&self) {
        self.check();
        assert_eq!(self.last_kind(), "job_succeeded");
        assert_eq!(
            self.events.iter().filter(|(_, event)| event.ends_job()).count(),
            1
        );
        let books = self.books();
        assert!(books.reserved.is_empty(), "reservations are left over: {books:?}");
        let (started, ended) = (self.started(), self.ended());
        assert_eq!(
            started.keys().collect::<Vec<_>>(),
            ended.keys().collect::<Vec<_>>()
        );
    }

    /// What was paid for.
    pub(crate) fn settled(&self) -> Amount {
        self.books().settled
    }

    #[track_caller]
    fn check_numbers(&self) {
        let mut last = 0;
        for (seq, event) in &self.events {
            assert!(
                (last..=last + 1).contains(seq),
                "a gap between frames {last} and {seq}"
            );
            let submits = matches!(event, JobEvent::JobSubmitted { .. });
            assert_eq!(submits, last == 0, "a job is submitted first, and once");
            last = *seq;
        }
        let epochs = self.epochs();
        assert!(
            epochs.is_sorted_by(|one, other| one < other),
            "epochs rise: {epochs:?}"
        );
    }

    #[track_caller]
    fn check_tasks(&self) {
        for (task_id, attempts) in self.started() {
            assert!(
                attempts.is_sorted_by(|one, other| one < other),
                "{task_id}: attempts {attempts:?}"
            );
        }
        for (task_id, ends) in self.ended() {
            assert_eq!(ends.len(), 1, "{task_id} ends once");
            let later = self.events[ends[0] + 1..]
                .iter()
                .find(|(_, event)| task_of(event) == Some(task_id));
            assert!(later.is_none(), "{task_id} has ended, and then: {later:?}");
        }
        let mut steps = BTreeMap::<TaskId, Vec<u32>>::new();
        let mut ids = BTreeSet::new();
        for (_, event) in &self.events {
            if let JobEvent::StepRecorded { task_id, step } = event {
                assert!(ids.insert(step.step_id), "{} is recorded twice", step.step_id);
                steps.entry(*task_id).or_default().push(step.seq);
            }
        }
        for (task_id, numbers) in steps {
            assert!(
                (0..).zip(&numbers).all(|(wanted, number)| wanted == *number),
                "{task_id}: {numbers:?}"
            );
        }
    }

    /// Keeps the books along the history, and checks at every event that they hold.
    #[track_caller]
    fn books(&self) -> Books {
        let mut books = Books::default();
        for (seq, event) in &self.events {
            books.enter(event);
            books.check(*seq);
        }
        books
    }

    fn epochs(&self) -> Vec<u64> {
        let epoch = |(_, event): &(u64, JobEvent)| match event {
            JobEvent::LeadChanged { epoch, .. } => Some(*epoch),
            _ => None,
        };
        self.events.iter().filter_map(epoch).collect()
    }

    /// The attempts of each task, in order.
    fn started(&self) -> BTreeMap<TaskId, Vec<u32>> {
        let mut started = BTreeMap::<_, Vec<_>>::new();
        for (_, event) in &self.events {
            match event {
                JobEvent::TaskStarted { task_id, attempt } => {
                    started.entry(*task_id).or_default().push(*attempt);
                }
                // A task whose work is taken over never starts.
                JobEvent::TaskSucceeded { task_id, .. } => drop(started.entry(*task_id).or_default()),
                _ => {}
            }
        }
        started
    }

    /// Where each task ends.
    fn ended(&self) -> BTreeMap<TaskId, Vec<usize>> {
        let mut ended = BTreeMap::<_, Vec<_>>::new();
        for (position, (_, event)) in self.events.iter().enumerate() {
            if let JobEvent::TaskSucceeded { task_id, .. }
            | JobEvent::TaskFailed { task_id, .. }
            | JobEvent::TaskCancelled { task_id, .. } = event
            {
                ended.entry(*task_id).or_default().push(position);
            }
        }
        ended
    }
}

impl Books {
    fn enter(&mut self, event: &JobEvent) {
        match event {
            JobEvent::JobSubmitted { spec } => self.limits = spec.budget,
            JobEvent::BudgetReserved { step_id, amount, .. } => {
                let earlier = self.reserved.insert(*step_id, *amount);
                assert!(earlier.is_none(), "{step_id} is reserved twice");
            }
            JobEvent::BudgetReleased { step_id, .. } => drop(self.reserved.remove(step_id)),
            JobEvent::StepRecorded { step, .. } => {
                let reserved = self.reserved.remove(&step.step_id);
                assert!(reserved.is_some(), "{} was not paid for beforehand", step.step_id);
                self.settled = self.settled.plus(step.cost);
            }
            _ => {}
        }
    }

    /// Wall time and agents are no part of a reservation.
    fn check(&self, seq: u64) {
        let reserved = self.reserved.values().copied();
        let committed = reserved.fold(self.settled, Amount::plus);
        let exceeded = self.limits.exceeded_by(&Amount {
            wall_ms: 0,
            agents: 0,
            ..committed
        });
        assert_eq!(
            exceeded, None::<Dimension>,
            "frame {seq}: {committed:?} of {:?}",
            self.limits
        );
    }
}

fn task_of(event: &JobEvent) -> Option<TaskId> {
    match event {
        JobEvent::TaskStarted { task_id, .. }
        | JobEvent::BudgetReserved { task_id, .. }
        | JobEvent::StepRecorded { task_id, .. }
        | JobEvent::ArtifactPosted { task_id, .. }
        | JobEvent::ArtifactReviewed { task_id, .. }
        | JobEvent::TaskSucceeded { task_id, .. }
        | JobEvent::TaskRetried { task_id, .. }
        | JobEvent::TaskFailed { task_id, .. }
        | JobEvent::TaskCancelled { task_id, .. }
        | JobEvent::SignalExposed { task_id, .. }
        | JobEvent::SignalsProposed { task_id, .. } => Some(*task_id),
        _ => None,
    }
}

/// A line of the command's output as the event that it tells.
fn event(line: &Value) -> (u64, JobEvent) {
    let kind = line["event"].as_str().expect("an event has a kind");
    let event = serde_json::from_value(json!({ kind: line["fields"] }));
    let event = event.unwrap_or_else(|error| panic!("{error}: {line}"));
    (line["seq"].as_u64().expect("an event has a frame"), event)
}

/// Checks that cannot fail would prove nothing: each flaw that they are there for is planted into a good history.
#[test]
fn the_checks_find_what_they_look_for() {
    let good = Colony::new(SLOW);
    good.place.run(good.run_arguments()).ok();
    let lines = good.history().lines;
    assert!(is_sound(lines.clone()));
    let position = |kind: &str| {
        lines
            .iter()
            .position(|line| line["event"] == kind)
            .expect("it happened")
    };
    let repeated = |kind: &str| {
        let mut spoilt = lines.clone();
        spoilt.insert(position(kind), lines[position(kind)].clone());
        spoilt
    };
    for kind in [
        "job_submitted",
        "lead_changed",
        "task_started",
        "budget_reserved",
        "step_recorded",
        "task_succeeded",
    ] {
        assert!(!is_sound(repeated(kind)), "{kind} stands there twice");
    }
    for kind in [
        "job_submitted",
        "budget_reserved",
        "step_recorded",
        "task_succeeded",
        "job_succeeded",
    ] {
        let mut spoilt = lines.clone();
        spoilt.remove(position(kind));
        assert!(!is_sound(spoilt), "{kind} is missing");
    }
    for (key, limit) in [
        ("steps", json!(3)),
        ("tokens_in", json!(9000)),
        ("usd", json!(0.01)),
    ] {
        let mut spoilt = lines.clone();
        spoilt[0]["fields"]["spec"]["budget"][key] = limit;
        assert!(!is_sound(spoilt), "{key} is above its limit");
    }
}

fn is_sound(lines: Vec<Value>) -> bool {
    std::panic::catch_unwind(|| History::new(lines).check_ended()).is_ok()
}
