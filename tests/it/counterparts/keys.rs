//! Servers that refuse: the key, too many requests, a fault of their own. The job pauses and nothing is lost.

use anthill_kit::cli::Workplace;

use super::account::Account;
use super::jobs::check_greeting;
use super::servers::{litellm, llama};
use super::{Way, resume, write_greeting};

/// The only job waits for somebody to mend what a provider refused.
fn check_paused(place: &Workplace) {
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = &jobs["jobs"][0];
    assert_eq!(
        (&job["status"], &job["reason"]),
        (&"paused".into(), &"model_error".into()),
        "{job}"
    );
}

#[test]
fn a_wrong_key_pauses_the_job_and_the_right_one_goes_on() {
    let Some(llama) = llama() else { return };
    let right = Way::llama(llama, "openai");
    for kind in ["openai", "anthropic"] {
        let wrong = Way {
            kind,
            key: "sk-wrong-0123456789",
            ..right
        };
        let place = wrong.place("");
        write_greeting(&place);
        let finished = wrong.run(&place, "job.toml", &[]);
        finished.refused(5, "AH0303");
        let told = finished.stdout() + &finished.stderr();
        assert!(!told.contains(wrong.key), "the key is told to nobody: {told}");
        check_paused(&place);
        if kind == "openai" {
            let place = place.with_variable("PEER_KEY", right.key);
            let resumed = resume(&place, &["--json"]);
            assert_eq!(resumed.exit(), Some(3), "{}", resumed.stderr());
            check_greeting(&place, &Account::of(&place, &resumed));
        }
    }
}

#[test]
fn a_busy_and_a_broken_server_pause_the_job() {
    let Some(litellm) = litellm() else { return };
    for (model, status) in [("ratelimited", "HTTP 429"), ("broken", "HTTP 500")] {
        let way = Way::litellm(litellm, "openai", model);
        let place = way.place("retries_max = 1\n");
        write_greeting(&place);
        let finished = way.run(&place, "job.toml", &[]);
        let line = finished.refused(5, "AH0305");
        assert!(line.contains(status) && line.contains("failed 2 times"), "{line}");
        assert!(
            finished.stdout().contains("anthill job resume job_"),
            "{}",
            finished.stdout()
        );
        check_paused(&place);
        let events = place.run(["job", "events", "job_", "--json"]).json_lines();
        assert!(
            events.iter().all(|event| event["event"] != "step_recorded"),
            "nothing was answered"
        );
    }
}

#[test]
fn a_model_that_the_server_does_not_know_is_refused_without_a_retry() {
    let Some(litellm) = litellm() else { return };
    let way = Way::litellm(litellm, "openai", "no-such-model");
    let place = way.place("");
    write_greeting(&place);
    let finished = way.run(&place, "job.toml", &["--json"]);
    assert_eq!(finished.exit(), Some(5), "{}", finished.stderr());
    let account = Account::of(&place, &finished);
    assert_eq!(account.summary["reason"], "model_error");
    assert!(account.steps.is_empty(), "nothing was answered");
    let refused = account
        .fields("task_failed")
        .filter(|fields| fields["reason"] == "model_error");
    let details: Vec<&str> = refused
        .map(|fields| fields["detail"].as_str().expect("a detail"))
        .collect();
    assert_eq!(details.len(), 2, "{details:?}");
    assert!(
        details.iter().all(|detail| detail.starts_with("AH0307: ")),
        "{details:?}"
    );
}
