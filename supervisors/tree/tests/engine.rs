//! What the shell adds to the machine: real starts, stops, kills, links and commands.

use crate::child_spec::{AutoShutdown, Restart, Shutdown, StopOrder, Strategy};
use crate::strategy::{Cause, ChildStatus, CrashKind, Exit, InputKey};

use super::super::*;
use super::rig::{DEADLINE, Plan, PuppetMessage, Rig, settle};

const SECOND: Duration = Duration::from_secs(1);

fn spec() -> SupervisorSpec {
    SupervisorSpec::new("top")
}

#[tokio::test(start_paused = true)]
async fn a_failed_init_stops_what_has_started_and_tells_why() {
    for plan in [Plan::Refuse, Plan::Panic, Plan::PanicBeforeTheActor, Plan::Hang] {
        let rig = Rig::default();
        rig.plan("c", [plan]);
        let arguments = rig
            .arguments(spec())
            .child(ChildSpec::worker("a"), rig.start("a"))
            .child(ChildSpec::worker("b"), rig.start("b"))
            .child(ChildSpec::worker("c"), rig.start("c"))
            .child(ChildSpec::worker("d"), rig.start("d"));
        let error = SupervisorHandle::start(arguments)
            .await
            .expect_err("c does not start");
        assert!(error.to_string().contains("child c did not start"), "{error}");
        assert_eq!(
            rig.lines(),
            ["start a", "start b", "stop b", "gone b", "stop a", "gone a"]
        );
    }
}

/// A child that dies while its siblings are still starting is restarted after init, and not lost.
#[tokio::test(start_paused = true)]
async fn a_death_during_init_is_handled_after_it() {
    for plan in [Plan::Take(SECOND), Plan::Refuse] {
        let fails = matches!(plan, Plan::Refuse);
        let rig = Rig::default();
        rig.plan("b", [Plan::Take(SECOND), plan]);
        rig.plan("c", if fails { vec![Plan::Refuse] } else { Vec::new() });
        let arguments = rig
            .arguments(spec())
            .child(ChildSpec::worker("a"), rig.start("a"))
            .child(ChildSpec::worker("b"), rig.start("b"))
            .child(ChildSpec::worker("c"), rig.start("c"));
        let crash = async {
            rig.wait_count("start a", 1).await;
            settle().await;
            rig.tell("a", PuppetMessage::Crash);
        };
        let (started, ()) = tokio::join!(SupervisorHandle::start(arguments), crash);
        assert_eq!(started.is_err(), fails);
        if !fails {
            rig.wait_count("start a", 2).await;
            assert_eq!(
                rig.lines(),
                ["start a", "gone a", "start b", "start c", "start a"]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deaf_child_is_killed_after_its_time() {
    let rig = Rig::default();
    let arguments = rig
        .arguments(spec())
        .child(
            ChildSpec::worker("brutal").shutdown(Shutdown::Brutal),
            rig.start("brutal"),
        )
        .child(
            ChildSpec::worker("deaf").shutdown(Shutdown::Within(3 * SECOND)),
            rig.start("deaf"),
        );
    let (supervisor, task) = SupervisorHandle::start(arguments).await.expect("all start");
    rig.tell("deaf", PuppetMessage::Stick);
    settle().await;
    supervisor.stop("the test is over");
    assert_eq!(supervisor.wait(2 * SECOND).await, Err(MailError::TimedOut));
    task.await.expect("ractor catches panics");
    assert_eq!(
        rig.lines_of("stop"),
        Vec::<String>::new(),
        "a kill runs no `post_stop`"
    );
    assert_eq!(rig.lines_of("gone"), ["gone deaf", "gone brutal"]);
}

/// A child that blocks its thread cannot be killed. The supervisor gives it up, says so, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_orphan_is_reported_and_does_not_hold_the_supervisor() {
    let rig = Rig::default();
    let child = ChildSpec::worker("a").shutdown(Shutdown::Brutal);
    let spec = spec().kill_wait(Duration::from_millis(20));
    let arguments = rig.arguments(spec).child(child, rig.start("a"));
    let (supervisor, _task) = SupervisorHandle::start(arguments).await.expect("a starts");
    let (hold, gate) = std::sync::mpsc::sync_channel::<()>(0);
    settle().await;
    rig.tell("a", PuppetMessage::Block(gate));
    settle().await;
    supervisor
        .terminate_child(&"a".into(), DEADLINE)
        .await
        .expect("a is known");
    let orphaned = |event: &SupervisorEvent| matches!(event, SupervisorEvent::ChildOrphaned { .. });
    assert!(rig.events().iter().any(orphaned), "{:?}", rig.events());
    assert_eq!(rig.status(&supervisor, "a").await, Some(ChildStatus::Down));
    assert_eq!(rig.count("gone a"), 0, "it still runs");
    drop(hold);
    rig.wait_count("gone a", 1).await;
    assert_eq!(
        rig.status(&supervisor, "a").await,
        Some(ChildStatus::Down),
        "its late end changes nothing"
    );
}

/// Nothing below a killed supervisor survives: running, sticking, starting, or two levels down.
#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_leaves_no_orphan() {
    let rig = Rig::default();
    let inner = rig
        .arguments(SupervisorSpec::new("inner"))
        .child(ChildSpec::worker("leaf"), rig.start("leaf"));
    let arguments = rig
        .arguments(spec())
        .child(ChildSpec::worker("a"), rig.start("a"))
        .child(ChildSpec::supervisor("inner"), ChildStart::supervisor(inner));
    let (supervisor, task) = SupervisorHandle::start(arguments).await.expect("all start");
    rig.tell("a", PuppetMessage::Stick);
    rig.plan("slow", [Plan::Take(5 * SECOND)]);
    let slow = supervisor.start_child(ChildSpec::worker("slow"), rig.start("slow"), DEADLINE);
    let kill = async {
        tokio::time::sleep(SECOND).await;
        supervisor.kill();
    };
    let (added, ()) = tokio::join!(slow, kill);
    assert_eq!(added, Err(MailError::Closed.into()));
    task.await.expect("ractor catches panics");
    rig.wait_for("all gone", |rig| rig.lines_of("gone").len() == 2)
        .await;
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(
        rig.count("start slow"),
        0,
        "a start under way ends with the supervisor"
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_restarts_fail_upward_with_a_reason() {
    let rig = Rig::default();
    let inner = rig
        .arguments(SupervisorSpec::new("inner").intensity(2, 10 * SECOND))
        .child(ChildSpec::worker("x"), rig.start("x"))
        .child(ChildSpec::worker("y"), rig.start("y"));
    let outer = rig.arguments(spec().intensity(1, 100 * SECOND)).child(
        ChildSpec::supervisor("inner").restart(Restart::Transient),
        ChildStart::supervisor(inner),
    );
    let (_supervisor, task) = SupervisorHandle::start(outer).await.expect("all start");
    for start in 1..=2 {
        rig.wait_count("start y", start).await;
        for crash in 0..3 {
            rig.wait_count("start x", (start - 1) * 3 + crash + 1).await;
            settle().await;
            rig.tell("x", PuppetMessage::Crash);
        }
    }
    task.await.expect("ractor catches panics");
    assert_eq!(rig.count("start x"), 6, "two lives with three starts each");
    assert_eq!(rig.count("gone y"), 2);
    let outcomes: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            SupervisorEvent::Ended {
                outcome: Outcome::Escalated(escalation),
            } => Some(escalation),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), 3);
    let top = outcomes.last().expect("there are three");
    assert_eq!((top.supervisor.as_str(), top.child.as_str()), ("top", "inner"));
    let escalated = matches!(
        &top.cause,
        Cause::Exited(Exit::Failed {
            kind: CrashKind::Escalated,
            ..
        })
    );
    assert!(escalated, "{top}");
}

#[tokio::test(start_paused = true)]
async fn the_same_input_kills_thrice_and_is_quarantined() {
    let rig = Rig::default();
    let spec = spec().intensity(100, SECOND).quarantine(3, 100 * SECOND);
    let (supervisor, _task) = rig.supervise(spec, &["a", "b"]).await;
    for life in 1..=3 {
        rig.wait_count("start a", life).await;
        settle().await;
        rig.tell("a", PuppetMessage::Digest("fine"));
        rig.tell("a", PuppetMessage::Choke("bad"));
    }
    rig.wait_count("gone a", 3).await;
    settle().await;
    assert_eq!(rig.count("start a"), 3);
    assert_eq!(rig.status(&supervisor, "a").await, Some(ChildStatus::Quarantined));
    assert_eq!(rig.status(&supervisor, "b").await, Some(ChildStatus::Running));
    let Some(SupervisorEvent::ChildQuarantined { input, exit, .. }) = rig.events().pop() else {
        panic!("the last event is the quarantine: {:?}", rig.events());
    };
    assert_eq!(input, InputKey("bad".to_owned()));
    assert!(
        matches!(
            exit,
            Exit::Failed {
                kind: CrashKind::Poison,
                ..
            }
        ),
        "{exit:?}"
    );
    supervisor
        .restart_child(&"a".into(), DEADLINE)
        .await
        .expect("it is down");
}

/// A lead gives each task to a worker of its own: the input is the same, the workers are not.
#[tokio::test(start_paused = true)]
async fn poison_is_recognised_across_temporary_children() {
    let rig = Rig::default();
    let (supervisor, _task) = rig.supervise(spec(), &[]).await;
    for id in ["w1", "w2", "w3"] {
        let child = ChildSpec::worker(id).restart(Restart::Temporary);
        supervisor
            .start_child(child, rig.start(id), DEADLINE)
            .await
            .expect("it starts");
        rig.tell(id, PuppetMessage::Choke("task 7"));
        rig.wait_count(&format!("gone {id}"), 1).await;
        settle().await;
    }
    let kinds: Vec<_> = rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            SupervisorEvent::ChildEnded {
                exit: Exit::Failed { kind, .. },
                ..
            } => Some(kind),
            _ => None,
        })
        .collect();
    assert_eq!(
        kinds,
        [CrashKind::Transient, CrashKind::Transient, CrashKind::Poison]
    );
    assert_eq!(
        supervisor
            .count_children(DEADLINE)
            .await
            .expect("it is alive")
            .specs,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn significant_children_end_their_supervisor() {
    let check = async |auto_shutdown: AutoShutdown, ends_with_first: bool| {
        let rig = Rig::default();
        let child = |id: &'static str| ChildSpec::worker(id).restart(Restart::Transient).significant();
        let arguments = rig
            .arguments(spec().auto_shutdown(auto_shutdown))
            .child(ChildSpec::worker("base"), rig.start("base"))
            .child(child("one"), rig.start("one"))
            .child(child("two"), rig.start("two"));
        let (supervisor, task) = SupervisorHandle::start(arguments).await.expect("all start");
        rig.tell("one", PuppetMessage::Finish);
        assert_eq!(supervisor.wait(SECOND).await.is_ok(), ends_with_first);
        if !ends_with_first {
            rig.tell("two", PuppetMessage::Finish);
        }
        task.await.expect("ractor catches panics");
        assert_eq!(rig.lines().last().map(String::as_str), Some("gone base"));
    };
    check(AutoShutdown::AnySignificant, true).await;
    check(AutoShutdown::AllSignificant, false).await;
}

#[tokio::test(start_paused = true)]
async fn commands_follow_the_life_of_a_child() {
    let rig = Rig::default();
    let (supervisor, _task) = rig.supervise(spec(), &["a"]).await;
    let id = ChildId::from("a");
    let nobody = ChildId::from("nobody");
    assert_eq!(
        supervisor.terminate_child(&nobody, DEADLINE).await,
        Err(CommandError::NotFound.into())
    );
    assert_eq!(
        supervisor.restart_child(&id, DEADLINE).await,
        Err(CommandError::Running.into())
    );
    assert_eq!(
        supervisor.delete_child(&id, DEADLINE).await,
        Err(CommandError::Running.into())
    );
    supervisor.terminate_child(&id, DEADLINE).await.expect("it runs");
    assert_eq!(
        rig.lines(),
        ["start a", "stop a", "gone a"],
        "it is gone when the answer comes"
    );
    rig.plan("a", [Plan::Refuse]);
    let refused = supervisor.restart_child(&id, DEADLINE).await;
    assert!(
        matches!(
            refused,
            Err(SupervisorError::Command(CommandError::StartFailed(_)))
        ),
        "{refused:?}"
    );
    supervisor
        .restart_child(&id, DEADLINE)
        .await
        .expect("it starts now");
    supervisor.terminate_child(&id, DEADLINE).await.expect("it runs");
    supervisor.delete_child(&id, DEADLINE).await.expect("it is down");
    assert_eq!(
        supervisor.count_children(DEADLINE).await,
        Ok(ChildCounts::default())
    );
}

/// An agent's `pre_start` must not block its siblings, and no more than the cap start at the same time.
#[tokio::test(start_paused = true)]
async fn dynamic_starts_run_side_by_side_up_to_the_cap() {
    let rig = Rig::default();
    let (supervisor, _task) = rig.supervise(spec().starts_max(2), &["a"]).await;
    let slow = async |id: &'static str| {
        rig.plan(id, [Plan::Take(10 * SECOND)]);
        supervisor
            .start_child(ChildSpec::worker(id), rig.start(id), DEADLINE)
            .await
            .expect("it starts");
    };
    let watch = async {
        tokio::time::sleep(SECOND).await;
        rig.tell("a", PuppetMessage::Crash);
        tokio::time::sleep(8 * SECOND).await;
        assert_eq!(
            rig.lines(),
            ["start a", "gone a"],
            "the restart waits for a place, like the third start"
        );
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(
            rig.lines_of("start"),
            ["start a", "start b", "start c", "start a"]
        );
    };
    tokio::join!(slow("b"), slow("c"), slow("d"), watch);
    assert_eq!(rig.lines_of("start").last().map(String::as_str), Some("start d"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_start_that_hangs() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let rig = Rig::default();
        let (supervisor, task) = rig.supervise(spec().strategy(strategy), &["a", "b"]).await;
        rig.plan("a", [Plan::Hang]);
        rig.tell("a", PuppetMessage::Crash);
        rig.wait_for("the restart", |rig| rig.events().len() == 1).await;
        settle().await;
        assert_eq!(rig.status(&supervisor, "a").await, Some(ChildStatus::Starting));
        supervisor.stop("the test is over");
        assert_eq!(supervisor.wait(SECOND).await, Ok(()));
        task.await.expect("ractor catches panics");
        assert_eq!(rig.lines_of("gone").len(), rig.lines_of("start").len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_restart_counts_and_is_tried_again() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let rig = Rig::default();
        let spec = spec().strategy(strategy).intensity(3, 100 * SECOND);
        let (supervisor, task) = rig.supervise(spec, &["a", "b"]).await;
        rig.plan("a", [Plan::Refuse, Plan::Panic]);
        rig.tell("a", PuppetMessage::Crash);
        rig.wait_count("start a", 2).await;
        settle().await;
        assert_eq!(
            rig.events().len(),
            3,
            "three restarts were needed: {:?}",
            rig.events()
        );
        assert_eq!(rig.status(&supervisor, "b").await, Some(ChildStatus::Running));
        rig.tell("a", PuppetMessage::Fail);
        task.await.expect("ractor catches panics");
        let ended = rig.events().pop();
        assert!(
            matches!(
                ended,
                Some(SupervisorEvent::Ended {
                    outcome: Outcome::Escalated(_)
                })
            ),
            "{ended:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn independent_children_can_be_stopped_together() {
    let rig = Rig::default();
    let (supervisor, _task) = rig
        .supervise(spec().stop_order(StopOrder::Together), &["a", "b", "c"])
        .await;
    for id in ["a", "b", "c"] {
        rig.tell(id, PuppetMessage::Stick);
    }
    settle().await;
    supervisor.stop("the test is over");
    // Each takes its five seconds, and all of them the same five.
    assert_eq!(supervisor.wait(6 * SECOND).await, Ok(()));
    assert_eq!(rig.lines_of("gone").len(), 3);
}

/// With real threads a child's end can be noticed before ractor has told how it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_kill_is_never_taken_for_a_normal_exit() {
    let rig = Rig::default();
    let spec = spec().strategy(Strategy::RestForOne).intensity(10_000, SECOND);
    let with = |arguments: SupervisorArguments, id: &'static str| {
        arguments.child(ChildSpec::worker(id).restart(Restart::Transient), rig.start(id))
    };
    let arguments = ["a", "b", "c"].into_iter().fold(rig.arguments(spec), with);
    let (supervisor, task) = SupervisorHandle::start(arguments).await.expect("all start");
    for round in 0..300 {
        let victim = ["a", "b", "c"][round % 3];
        let (puppet, before) = rig.life(victim);
        puppet.kill();
        if round % 2 == 0 {
            rig.puppet("a").kill();
        }
        rig.wait_for("the next life", |rig| rig.life(victim).1 > before)
            .await;
    }
    supervisor.stop("the test is over");
    task.await.expect("ractor catches panics");
    assert_eq!(rig.lines_of("gone").len(), rig.lines_of("start").len());
    let failed = |event: &SupervisorEvent| matches!(event, SupervisorEvent::ChildEnded { .. });
    assert!(!rig.events().iter().any(failed), "{:?}", rig.events());
}

/// The end of a short life can overtake the news of its beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_life_that_ends_at_once_is_read_right() {
    let rig = Rig::default();
    let (supervisor, _task) = rig.supervise(spec(), &[]).await;
    for _ in 0..300 {
        rig.plan("short", [Plan::FinishAtOnce]);
        let child = ChildSpec::worker("short").restart(Restart::Transient);
        supervisor
            .start_child(child, rig.start("short"), DEADLINE)
            .await
            .expect("it starts");
        while supervisor.delete_child(&"short".into(), DEADLINE).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
    let restarted = |event: &SupervisorEvent| matches!(event, SupervisorEvent::ChildRestarting { .. });
    assert!(
        !rig.events().iter().any(restarted),
        "it has always ended normally"
    );
}

/// ractor tells nothing about a child that has cut its link; its task still ends.
#[tokio::test(start_paused = true)]
async fn a_deserter_is_missed_and_replaced() {
    let rig = Rig::default();
    let child = ChildSpec::worker("a").restart(Restart::Transient);
    let arguments = rig.arguments(spec()).child(child, rig.start("a"));
    let (_supervisor, _task) = SupervisorHandle::start(arguments).await.expect("a starts");
    rig.tell("a", PuppetMessage::Desert);
    rig.wait_count("start a", 2).await;
}

/// A start that blocks its thread cannot be cancelled. What it brings forth too late is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_child_of_an_abandoned_start_does_not_live() {
    let rig = Rig::default();
    let (supervisor, _task) = rig
        .supervise(spec().kill_wait(Duration::from_millis(20)), &[])
        .await;
    let (hold, gate) = std::sync::mpsc::sync_channel::<()>(0);
    rig.plan("late", [Plan::Block(gate)]);
    let child = ChildSpec::worker("late").shutdown(Shutdown::Brutal);
    let terminate = async {
        settle().await;
        supervisor.terminate_child(&"late".into(), DEADLINE).await
    };
    let (added, terminated) = tokio::join!(
        supervisor.start_child(child, rig.start("late"), DEADLINE),
        terminate
    );
    assert_eq!(added, Err(CommandError::Terminated.into()));
    assert_eq!(terminated, Ok(()));
    assert_eq!(
        rig.status(&supervisor, "late").await,
        None,
        "given up and forgotten"
    );
    drop(hold);
    rig.wait_count("gone late", 1).await;
    assert_eq!(rig.lines(), ["start late", "gone late"]);
}
