//! Whole jobs on a model that says the same of every document: what it invents is refused, what stands is verified, and
//! what is no answer ends the job with its reason.

use std::path::Path;

use anthill_contracts::step::StepKind;
use anthill_kit::cli::Workplace;

use super::account::{Account, verified_brief};
use super::servers::{litellm, llama};
use super::{SENTENCE, Way, write_greeting};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/brief");
/// The example's job has a limit in dollars.
const PRICE: &str =
    "[models.prices]\n\"peer/*\" = { usd_per_million_in = 0.10, usd_per_million_out = 0.40 }\n";
/// A first answer and as many chances to mend it.
const ROUNDS: usize = 3;

/// The main job, as people run it.
fn main_job(way: Way) -> (Workplace, Account) {
    let place = way.place(PRICE);
    let finished = way.run(&place, &format!("{EXAMPLE}/job.toml"), &["--json"]);
    assert_eq!(finished.exit(), Some(1), "{}", finished.stderr());
    let account = Account::of(&place, &finished);
    assert_eq!(account.summary["status"], "failed");
    assert_eq!(account.summary["result"], serde_json::Value::Null);
    let brief = verified_brief(&place, "ant-paths", Path::new(EXAMPLE));
    assert!(
        brief.is_none(),
        "nothing was verified, so there is nothing to read: {brief:?}"
    );
    assert!(account.spent().usd_micro > 0);
    (place, account)
}

/// The paths of the documents that the main job reads.
fn documents(account: &Account) -> Vec<String> {
    let items = account
        .fields("node_expanded")
        .flat_map(|fields| fields["items"].as_array().expect("a list"));
    let paths: Vec<String> = items
        .map(|item| item["label"].as_str().expect("a path").to_owned())
        .collect();
    assert!(paths.len() >= 10, "the example has more documents: {paths:?}");
    paths
}

/// Every document was tried as often as the spec allows, was given up for this reason, and is named.
fn check_given_up(place: &Workplace, account: &Account, reason: &str) {
    let documents = documents(account);
    assert_eq!(account.summary["reason"], reason);
    assert_eq!(account.steps.len(), ROUNDS * documents.len());
    let shown = place.run(["job", "show", "job_", "--json"]).json();
    let tasks = shown["tasks"].as_array().expect("a list");
    for path in &documents {
        let task = tasks
            .iter()
            .find(|task| task["label"] == path.as_str())
            .expect("a task for each document");
        assert_eq!(
            (&task["status"], &task["reason"]),
            (&"failed".into(), &reason.into()),
            "{task}"
        );
    }
}

#[test]
fn what_a_model_invents_is_refused_by_the_critic() {
    let Some(llama) = llama() else { return };
    let (place, account) = main_job(Way::llama(llama, "openai"));
    check_given_up(&place, &account, "critic_rejected");
    let verdicts = account.verdicts();
    assert_eq!(verdicts.len(), account.steps.len());
    assert!(
        verdicts.iter().all(|codes| codes == "quote_not_found"),
        "{verdicts:?}"
    );
    for (failed, path) in account.fields("task_failed").zip(documents(&account)) {
        let detail = failed["detail"].as_str().expect("a detail");
        assert!(detail.contains(SENTENCE), "{path}: {detail}");
    }
}

#[test]
fn what_a_model_invents_behind_a_proxy_is_refused_too() {
    let Some(litellm) = litellm() else { return };
    let (place, account) = main_job(Way::litellm(litellm, "openai", "llama-real"));
    check_given_up(&place, &account, "critic_rejected");
}

/// llama.cpp takes no schema with Messages, so the model says its sentence, which is no findings.
#[test]
fn what_is_no_answer_ends_the_job_with_its_reason() {
    let Some((llama, litellm)) = llama().zip(litellm()) else {
        return;
    };
    for way in [
        Way::llama(llama, "anthropic"),
        Way::litellm(litellm, "anthropic", "llama-real"),
    ] {
        let (place, account) = main_job(way);
        check_given_up(&place, &account, "contract_violation");
        assert!(
            account.verdicts().is_empty(),
            "nothing was posted that a critic could read"
        );
    }
}

#[test]
fn what_stands_in_its_document_becomes_a_brief() {
    let Some((llama, litellm)) = llama().zip(litellm()) else {
        return;
    };
    for way in [
        Way::llama(llama, "openai"),
        Way::litellm(litellm, "openai", "llama-real"),
    ] {
        let place = way.place("");
        write_greeting(&place);
        let finished = way.run(&place, "job.toml", &["--json"]);
        assert_eq!(finished.exit(), Some(3), "{}", finished.stderr());
        check_greeting(&place, &Account::of(&place, &finished));
    }
}

/// The job of [`write_greeting`] has ended in part: one document was quoted, the other's reader was given up.
pub(super) fn check_greeting(place: &Workplace, account: &Account) {
    assert_eq!(account.summary["status"], "paused");
    assert_eq!(account.summary["reason"], "documents_unread");
    let brief = verified_brief(place, "greeting", &place.path("docs")).expect("a brief");
    let claims: Vec<&str> = brief
        .sections
        .iter()
        .flat_map(|section| &section.claims)
        .map(|claim| claim.text.as_str())
        .collect();
    assert_eq!(claims, [SENTENCE]);
    assert_eq!(
        (brief.citations.len(), brief.citations[0].path.as_str()),
        (1, SENTENCE)
    );
    let skipped: Vec<&str> = brief.skipped.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(skipped, ["tides.md"], "what was refused is named");
    let mut verdicts = account.verdicts();
    verdicts.sort();
    // Accepted are the first document's findings, the brief, and the brief once more by the job's last task.
    let refused = "quote_not_found";
    assert_eq!(verdicts, ["", "", "", refused, refused, refused]);
}

#[test]
fn an_agent_with_tools_is_recorded_call_by_call() {
    let Some((llama, litellm)) = llama().zip(litellm()) else {
        return;
    };
    for way in [
        Way::llama(llama, "openai"),
        Way::llama(llama, "anthropic"),
        Way::litellm(litellm, "openai", "llama-real"),
        Way::litellm(litellm, "anthropic", "llama-real"),
    ] {
        let place = way.place("");
        write_greeting(&place);
        place.write(
            "job.toml",
            format!("shape = \"single\"\n{}", place.read("job.toml")),
        );
        let finished = way.run(&place, "job.toml", &["--json"]);
        let account = Account::of(&place, &finished);
        // It calls a tool, then says its sentence, in every round.
        let tools = account
            .steps
            .iter()
            .filter(|step| matches!(step.kind, StepKind::Tool { .. }))
            .count();
        assert_eq!(
            (tools, account.asked().count()),
            (ROUNDS, 2 * ROUNDS),
            "{}",
            way.kind
        );
        assert_eq!(account.spent().tool_calls, ROUNDS as u64);
        assert_eq!(
            (finished.exit(), &account.summary["reason"]),
            (Some(1), &"contract_violation".into())
        );
        assert!(verified_brief(&place, "greeting", &place.path("docs")).is_none());
    }
}
