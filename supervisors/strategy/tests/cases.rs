//! Cases by hand: what the random tests do not reach, or would not explain.

use std::time::Duration;

use crate::child_spec::{AutoShutdown, ChildSpec, Restart, SpecError, Strategy, SupervisorSpec};
use crate::strategy::{
    CallerId, ChildStatus, Command, CommandError, CrashKind, Cx, Exit, Incarnation, Input, InputKey, Machine,
    Outcome, Output, Slot, SupervisorEvent, TimerId,
};

const SECOND: Duration = Duration::from_secs(1);

/// A machine with the outputs that nobody has looked at yet.
struct Bench {
    machine: Machine<()>,
    now: Duration,
    random: u64,
    out: Vec<Output<()>>,
}

impl Bench {
    /// All static children have started.
    fn up(spec: SupervisorSpec, ids: &[&str]) -> Self {
        let children = ids.iter().map(|&id| (ChildSpec::worker(id), ())).collect();
        let machine = Machine::new(spec, children).expect("the specs are valid");
        let mut bench = Self {
            machine,
            now: Duration::ZERO,
            random: 1,
            out: Vec::new(),
        };
        bench.step(Input::Begin);
        for _ in ids {
            bench.start_done();
        }
        assert!(bench.out.contains(&Output::Ready));
        bench.out.clear();
        bench
    }

    fn step(&mut self, input: Input<()>) {
        let cx = Cx {
            now: self.now,
            random: self.random,
        };
        self.machine.step(cx, input, &mut self.out);
        self.machine.check().expect("the machine agrees with itself");
    }

    /// Takes the start that was asked for.
    fn started(&mut self) -> (Slot, Incarnation) {
        let at = self
            .out
            .iter()
            .position(|output| matches!(output, Output::Start { .. }))
            .expect("a start");
        match self.out.remove(at) {
            Output::Start {
                slot, incarnation, ..
            } => (slot, incarnation),
            output => panic!("{output:?} is no start"),
        }
    }

    fn start_done(&mut self) -> (Slot, Incarnation) {
        let (slot, incarnation) = self.started();
        self.step(Input::ChildStarted { slot, incarnation });
        (slot, incarnation)
    }

    fn timer(&self) -> Option<(TimerId, Duration)> {
        self.out.iter().rev().find_map(|output| match output {
            Output::ArmTimer { timer, after } => Some((*timer, *after)),
            _ => None,
        })
    }

    fn fails(&mut self, (slot, incarnation): (Slot, Incarnation), input: Option<&str>) {
        let input = input.map(|input| InputKey(input.to_owned()));
        let exit = Exit::Failed {
            kind: CrashKind::Transient,
            message: "boom".to_owned(),
            input,
        };
        self.step(Input::ChildExited {
            slot,
            incarnation,
            exit,
        });
    }
}

fn spec(strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec::new("bench").strategy(strategy)
}

#[test]
fn specs_that_contradict_themselves_are_refused() {
    let check = |spec: SupervisorSpec, children: Vec<ChildSpec>, expected: SpecError| {
        let children = children.into_iter().map(|child| (child, ())).collect();
        assert_eq!(Machine::new(spec, children).err(), Some(expected));
    };
    let plain = spec(Strategy::OneForOne);
    let any = plain.clone().auto_shutdown(AutoShutdown::AnySignificant);
    let id = || "a".into();
    check(
        any,
        vec![ChildSpec::worker("a").significant()],
        SpecError::PermanentSignificant { id: id() },
    );
    let significant = ChildSpec::worker("a").restart(Restart::Temporary).significant();
    check(
        plain.clone(),
        vec![significant],
        SpecError::SignificantWithoutAutoShutdown { id: id() },
    );
    check(
        plain.clone(),
        vec![ChildSpec::worker("a"), ChildSpec::worker("a")],
        SpecError::Duplicate { id: id() },
    );
    check(
        plain.children_max(0),
        vec![ChildSpec::worker("a")],
        SpecError::TooMany { max: 0 },
    );
}

#[test]
fn backoff_doubles_up_to_its_cap_and_is_full_jitter() {
    let mut longest = Duration::ZERO;
    let mut shortest = Duration::MAX;
    for random in 0..200 {
        let spec = spec(Strategy::OneForOne)
            .intensity(100, SECOND)
            .backoff(SECOND, 4 * SECOND);
        let mut bench = Bench::up(spec, &["a"]);
        bench.random = random;
        let mut life = (Slot(1), Incarnation(2));
        for bound in [1, 2, 4, 4] {
            bench.fails(life, None);
            let (timer, after) = bench.timer().expect("a restart waits");
            assert!(after <= bound * SECOND, "{after:?} is over the bound {bound}");
            longest = longest.max(after);
            shortest = shortest.min(after);
            bench.step(Input::TimerFired { timer });
            life = bench.start_done();
        }
    }
    assert!(
        longest > 3 * SECOND && shortest < SECOND / 10,
        "{shortest:?} to {longest:?}"
    );
}

#[test]
fn a_long_life_ends_a_row_of_restarts() {
    let spec = spec(Strategy::OneForOne)
        .intensity(9, 10 * SECOND)
        .backoff(SECOND, 60 * SECOND);
    let mut bench = Bench::up(spec, &["a"]);
    let mut life = (Slot(1), Incarnation(2));
    let mut last = Duration::ZERO;
    for _ in 0..50 {
        bench.random += 1;
        bench.fails(life, None);
        let (timer, after) = bench.timer().expect("a restart waits");
        last = last.max(after);
        bench.step(Input::TimerFired { timer });
        life = bench.start_done();
        bench.now += 10 * SECOND;
    }
    assert!(last <= SECOND, "each restart is the first of its row: {last:?}");
}

#[test]
fn stale_news_are_ignored() {
    let mut bench = Bench::up(spec(Strategy::OneForOne).backoff(SECOND, SECOND), &["a"]);
    let first = (Slot(1), Incarnation(2));
    bench.fails(first, None);
    let (timer, _) = bench.timer().expect("a restart waits");
    bench.fails(first, None);
    assert_eq!(
        bench.out.len(),
        2,
        "the second exit of a life is no exit: {:?}",
        bench.out
    );
    bench.step(Input::TimerFired { timer });
    bench.start_done();
    bench.out.clear();
    let (slot, incarnation) = first;
    bench.step(Input::TimerFired { timer });
    bench.step(Input::ChildStarted { slot, incarnation });
    bench.step(Input::ChildStartFailed {
        slot,
        incarnation,
        error: "late".to_owned(),
    });
    bench.step(Input::TimerFired { timer: TimerId(999) });
    bench.fails((Slot(77), Incarnation(78)), None);
    assert_eq!(bench.out, []);
}

/// With backoff a group waits: an older sibling that dies meanwhile widens the group at once.
#[test]
fn an_exit_during_the_wait_of_a_group_widens_it() {
    let spec = spec(Strategy::RestForOne).backoff(10 * SECOND, 10 * SECOND);
    let mut bench = Bench::up(spec, &["a", "b"]);
    let life = |number: u64| (Slot(number), Incarnation(number + 2));
    bench.fails(life(2), None);
    let (first_timer, _) = bench.timer().expect("the group waits");
    bench.out.clear();
    bench.fails(life(1), None);
    assert!(
        bench.out.contains(&Output::CancelTimer { timer: first_timer }),
        "{:?}",
        bench.out
    );
    let (timer, _) = bench.timer().expect("the wider group waits");
    bench.step(Input::TimerFired { timer });
    assert_eq!(bench.start_done().0, Slot(1));
    assert_eq!(bench.start_done().0, Slot(2));
}

#[test]
fn commands_wait_for_a_group_restart_and_stops_do_not() {
    let mut bench = Bench::up(spec(Strategy::OneForAll), &["a", "b"]);
    bench.fails((Slot(1), Incarnation(3)), None);
    let add = Command::Add {
        spec: ChildSpec::worker("c"),
        payload: (),
    };
    bench.step(Input::Command {
        caller: CallerId(1),
        command: add,
    });
    bench.step(Input::Command {
        caller: CallerId(2),
        command: Command::Terminate { id: "a".into() },
    });
    assert!(
        bench.out.contains(&Output::Reply {
            caller: CallerId(2),
            answer: Ok(())
        }),
        "{:?}",
        bench.out
    );
    let gone = Input::ChildExited {
        slot: Slot(2),
        incarnation: Incarnation(4),
        exit: Exit::Shutdown,
    };
    bench.step(gone);
    assert_eq!(bench.start_done().0, Slot(2), "a was terminated while it waited");
    assert!(bench.start_done().0 > Slot(2), "now it is the turn of c");
    assert!(
        bench.out.contains(&Output::Reply {
            caller: CallerId(1),
            answer: Ok(())
        }),
        "{:?}",
        bench.out
    );
    let down = bench
        .machine
        .which_children()
        .into_iter()
        .filter(|child| child.status == ChildStatus::Down);
    assert_eq!(down.map(|child| child.slot).collect::<Vec<_>>(), [Slot(1)]);
}

#[test]
fn too_many_waiting_commands_are_refused() {
    let mut bench = Bench::up(spec(Strategy::OneForAll), &["a", "b"]);
    bench.fails((Slot(1), Incarnation(3)), None);
    for number in 0..65 {
        let command = Command::Restart { id: "a".into() };
        bench.step(Input::Command {
            caller: CallerId(number),
            command,
        });
    }
    let refused = Output::Reply {
        caller: CallerId(64),
        answer: Err(CommandError::Busy),
    };
    assert_eq!(bench.out.last(), Some(&refused));
    bench.step(Input::Stop {
        reason: "enough".to_owned(),
    });
    let answers = bench
        .out
        .iter()
        .filter(|output| matches!(output, Output::Reply { .. }))
        .count();
    assert_eq!(answers, 65, "all have an answer when the supervisor stops");
}

#[test]
fn inputs_are_poison_only_within_the_window() {
    let spec = spec(Strategy::OneForOne)
        .intensity(100, SECOND)
        .quarantine(2, 10 * SECOND);
    let mut bench = Bench::up(spec, &["a"]);
    let mut life = (Slot(1), Incarnation(2));
    for input in ["x", "y", "x"] {
        bench.fails(life, Some(input));
        life = bench.start_done();
        bench.now += 6 * SECOND;
    }
    bench.out.clear();
    bench.fails(life, Some("x"));
    let quarantined =
        |output: &Output<()>| matches!(output, Output::Event(SupervisorEvent::ChildQuarantined { .. }));
    assert!(bench.out.iter().any(quarantined), "{:?}", bench.out);
    assert_eq!(bench.machine.which_children()[0].status, ChildStatus::Quarantined);
}

#[test]
fn the_first_outcome_stands() {
    let mut bench = Bench::up(spec(Strategy::OneForOne).intensity(0, SECOND), &["a", "b"]);
    bench.fails((Slot(1), Incarnation(3)), None);
    bench.step(Input::Stop {
        reason: "too late".to_owned(),
    });
    bench.fails((Slot(2), Incarnation(4)), None);
    let Some(Output::Stopped {
        outcome: Outcome::Escalated(escalation),
    }) = bench.out.last()
    else {
        panic!("it gives up: {:?}", bench.out);
    };
    assert_eq!(
        escalation.to_string(),
        "supervisor bench gave up on a: it ended (failed: boom), with more than 0 restarts in 1s"
    );
}

/// Ask, wait, kill, wait, give up: and then the caller has its answer.
#[test]
fn a_stop_gets_harder_and_ends() {
    let mut bench = Bench::up(spec(Strategy::OneForOne).kill_wait(2 * SECOND), &["a"]);
    let (slot, incarnation) = (Slot(1), Incarnation(2));
    let terminate = Command::Terminate { id: "a".into() };
    bench.step(Input::Command {
        caller: CallerId(1),
        command: terminate,
    });
    assert_eq!(bench.out[0], Output::Stop { slot, incarnation });
    let (timer, after) = bench.timer().expect("the stop has a time");
    assert_eq!(after, 5 * SECOND);
    bench.out.clear();
    bench.step(Input::TimerFired { timer });
    assert_eq!(bench.out[0], Output::Kill { slot, incarnation });
    let (timer, after) = bench.timer().expect("the kill has a time");
    assert_eq!(after, 2 * SECOND);
    bench.out.clear();
    bench.step(Input::TimerFired { timer });
    let orphaned =
        |output: &Output<()>| matches!(output, Output::Event(SupervisorEvent::ChildOrphaned { .. }));
    assert!(orphaned(&bench.out[0]), "{:?}", bench.out);
    let answer = Output::Reply {
        caller: CallerId(1),
        answer: Ok(()),
    };
    assert_eq!(bench.out.last(), Some(&answer));
    assert_eq!(bench.machine.which_children()[0].status, ChildStatus::Down);
}

/// A child that comes up in the moment in which it is cancelled must not stay.
#[test]
fn a_child_that_outruns_its_cancellation_is_stopped() {
    let mut bench = Bench::up(spec(Strategy::OneForOne), &[]);
    let add = Command::Add {
        spec: ChildSpec::worker("a"),
        payload: (),
    };
    bench.step(Input::Command {
        caller: CallerId(1),
        command: add,
    });
    let (slot, incarnation) = bench.started();
    bench.step(Input::Command {
        caller: CallerId(2),
        command: Command::Terminate { id: "a".into() },
    });
    bench.out.clear();
    bench.step(Input::ChildStarted { slot, incarnation });
    assert_eq!(bench.out, [Output::Stop { slot, incarnation }]);
    bench.step(Input::ChildExited {
        slot,
        incarnation,
        exit: Exit::Shutdown,
    });
    assert_eq!(
        bench.machine.which_children(),
        [],
        "it was never told to be up, so it is forgotten"
    );
}
