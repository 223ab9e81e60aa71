//! Exit classes without actors.

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("the index is broken")]
struct Broken;

#[test]
fn reasons_have_classes() {
    let check = |reason: Option<&str>, expected: Exit| assert_eq!(of_termination(reason, None), expected);
    check(None, Exit::Normal);
    check(Some("normal"), Exit::Normal);
    check(Some("Drained"), Exit::Normal);
    check(Some("shutdown"), Exit::Shutdown);
    check(Some("shutdown: the job is done"), Exit::Shutdown);
    check(Some("killed"), Exit::Killed { input: None });
    check(Some("actor_task_cancelled"), Exit::Killed { input: None });
    let words = Exit::Failed {
        kind: CrashKind::Logic,
        message: "out of sorts".into(),
        input: None,
    };
    check(Some("out of sorts"), words);
}

#[test]
fn a_panic_is_told_from_a_typed_error() {
    let kind = |error: ActorProcessingErr| match of_failure(&error, None) {
        Exit::Failed { kind, .. } => kind,
        exit => panic!("{exit} is not a failure"),
    };
    assert_eq!(kind("index out of bounds \"x\"".into()), CrashKind::Transient);
    assert_eq!(kind(Box::new(Broken)), CrashKind::Logic);
}
