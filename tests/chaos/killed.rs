//! `kill -9` at any moment, of a new job and of one that goes on: the same brief, no step twice, nothing that was
//! shown is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use anthill_kit::running::Running;
use anthill_kit::wait::wait_up_to;

use crate::colony::{Colony, SLOW, UNDISTURBED};
use crate::history::History;
use crate::seed::dice;

/// Jobs that must have been hit while they were under way.
const JOBS_HIT_MIN: usize = 30;

/// Most jobs that are begun for that; what hits a third of them or fewer says nothing.
const JOBS_MAX: usize = 3 * JOBS_HIT_MIN;

/// Most kills of one job.
const KILLS_MAX: usize = 4;

/// What the kills hit.
#[derive(Debug, Default)]
struct Hits {
    /// No frame was durable yet.
    before_the_first_frame: usize,
    /// The job had ended; its result was perhaps not written yet.
    after_the_last_frame: usize,
    /// The process had ended by itself.
    missed: usize,
    /// The job was under way: what happened last, as the journal tells it.
    under_way: BTreeMap<&'static str, usize>,
}

impl Hits {
    fn count(&mut self, killed: bool, history: &History) {
        if !killed {
            self.missed += 1;
        } else if history.is_empty() {
            self.before_the_first_frame += 1;
        } else if history.has_ended() {
            self.after_the_last_frame += 1;
        } else {
            *self.under_way.entry(history.last_kind()).or_default() += 1;
        }
    }

    fn effective(&self) -> usize {
        self.under_way.values().sum()
    }

    fn all(&self) -> usize {
        self.before_the_first_frame + self.after_the_last_frame + self.missed + self.effective()
    }
}

#[test]
fn kill_nine_at_any_moment() {
    let mut killer = Killer::new();
    let mut jobs_hit = 0;
    let mut jobs = 0;
    while jobs_hit < JOBS_HIT_MIN {
        assert!(
            jobs < JOBS_MAX,
            "{jobs_hit} of {jobs} jobs were hit: {:?}",
            killer.hits
        );
        let before = killer.hits.effective();
        disturb(&mut killer);
        jobs += 1;
        jobs_hit += usize::from(killer.hits.effective() > before);
    }
    let (effective, all) = (killer.hits.effective(), killer.hits.all());
    eprintln!(
        "{effective} of {all} kills hit {jobs_hit} of {jobs} jobs under way: {:?}",
        killer.hits
    );
}

/// One job from its beginning to its end, with some kills.
fn disturb(killer: &mut Killer) {
    let colony = Colony::new(SLOW).without_a_step_to_spare();
    let mut history = History::default();
    for _ in 0..killer.dice.usize(1..=KILLS_MAX) {
        let moment = killer.moment(&history);
        let running = colony.place.launch(next_arguments(&colony, &history));
        let (was_running, shown) = kill_after(running, moment);
        let later = colony.history();
        later.check();
        later.check_holds(&shown);
        history.check_begins(&later);
        killer.count(was_running, &later);
        history = later;
        if history.has_ended() {
            break;
        }
    }
    if colony.brief().is_none() {
        colony.place.run(next_arguments(&colony, &history)).ok();
    }
    let ended = colony.history();
    history.check_begins(&ended);
    let leads = history.leads();
    assert!(
        (leads..=leads + 1).contains(&ended.leads()),
        "each process leads once"
    );
    colony.check_undisturbed();
}

/// Chooses the moments, and learns how fast the machine is just now.
struct Killer {
    dice: fastrand::Rng,
    hits: Hits,
    /// How long a job takes, as a share of what an undisturbed one took.
    pace: f64,
}

impl Killer {
    fn new() -> Self {
        Self {
            dice: dice("kill_nine_at_any_moment"),
            hits: Hits::default(),
            pace: 1.0,
        }
    }

    /// Any moment of what a job that stands here has before it.
    fn moment(&mut self, history: &History) -> Duration {
        let (all, done) = (UNDISTURBED.spent.steps, history.settled().steps);
        let left = (all - done + 2) as f64 / (all + 2) as f64;
        UNDISTURBED.elapsed.mul_f64(left * self.pace * self.dice.f64())
    }

    fn count(&mut self, killed: bool, history: &History) {
        self.hits.count(killed, history);
        if !killed {
            self.pace = (self.pace * 0.8).max(0.2);
        } else if history.is_empty() {
            self.pace = (self.pace * 1.1).min(5.0);
        }
    }
}

/// What whoever finds the job like this types next.
fn next_arguments(colony: &Colony, history: &History) -> Vec<String> {
    if history.is_empty() {
        colony.run_arguments()
    } else {
        Colony::resume_arguments()
    }
}

/// Kills a process after some time; answers whether it still ran, and with what it had shown.
fn kill_after(mut running: Running, moment: Duration) -> (bool, String) {
    let ended = wait_up_to(moment, || running.has_ended().then_some(()));
    let finished = match ended {
        Some(()) => running.end(),
        None => running.kill(),
    };
    let killed = finished.exit().is_none();
    if !killed {
        finished.ok();
    }
    (killed, finished.stdout())
}
