//! Counts of tokens that are missing or cannot be: no call becomes free, and a limit in dollars binds.

use anthill_kit::model_server::{ModelServer, Response, ToolAsk, named_events};
use serde_json::{Value, json};

use super::Case;

/// Documents of the job.
const DOCUMENTS: usize = 20;

/// A job whose model says of every answer that it counted this, under a limit of three cents.
fn counting(usage: Value) -> Case {
    let server = ModelServer::start(move |call| call.says_counting(call.honest().to_string(), usage.clone()));
    let case = Case::new(server, "map_reduce_verify", "[work]\nworkers_max = 1\n");
    let job = case.place.read("job.toml").replace("usd = 1.0", "usd = 0.03");
    case.place.write("job.toml", job);
    for number in 0..DOCUMENTS {
        case.place.write(
            format!("docs/wave{number}.md"),
            format!("Wave number {number} breaks on the shore.\n"),
        );
    }
    case
}

/// What the job spent: prompt tokens, answer tokens, millionths of a dollar.
fn spent(case: &Case) -> (u64, u64, u64) {
    let job = case.job();
    let spent = |key: &str| job["job"]["spent"][key].as_u64().expect("a number");
    (spent("tokens_in"), spent("tokens_out"), spent("usd_micro"))
}

#[test]
fn a_server_that_does_not_count_makes_no_call_free() {
    for usage in [
        json!(null),
        json!({}),
        json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }),
        json!({ "prompt_tokens": null, "completion_tokens": null }),
        json!({ "prompt_tokens": -500, "completion_tokens": -50 }),
        json!({ "prompt_tokens": 9.0e40, "completion_tokens": u64::MAX }),
        json!({ "prompt_tokens": "a few" }),
    ] {
        let case = counting(usage.clone());
        let finished = case.run();
        assert_eq!(finished.exit(), Some(3), "{usage}: {}", finished.stderr());
        let (tokens_in, tokens_out, usd_micro) = spent(&case);
        assert!(tokens_in > 0 && tokens_out > 0, "{usage}");
        assert!((1..=30_000).contains(&usd_micro), "{usage}: {usd_micro}");
        assert!(case.server.calls().len() < DOCUMENTS, "{usage}: the limit binds");
        let table = case.place.run(["job", "show", "job_", "--data-dir", "data"]).ok();
        assert!(table.contains("did not count"), "{table}");
    }
}

#[test]
fn one_side_that_is_counted_stays_as_counted() {
    let case = counting(json!({ "prompt_tokens": 300 }));
    case.run();
    let (tokens_in, tokens_out, _) = spent(&case);
    let asked = case.server.calls().len() as u64;
    assert_eq!(tokens_in, 300 * asked);
    assert!(tokens_out >= 2_000, "the bound of an answer is charged");
}

#[test]
fn counts_in_odd_forms_are_counts() {
    for usage in [
        json!({ "prompt_tokens": 299.5, "completion_tokens": "40" }),
        json!({ "prompt_tokens": 300, "total_tokens": 340 }),
        json!({ "input_tokens": 300, "output_tokens": 40 }),
    ] {
        let case = counting(usage.clone());
        let job = case.place.read("job.toml").replace("usd = 0.03", "usd = 1.0");
        case.place.write("job.toml", job);
        case.run().ok();
        let asked = case.server.calls().len() as u64;
        let (tokens_in, tokens_out, _) = spent(&case);
        assert_eq!((tokens_in, tokens_out), (300 * asked, 40 * asked), "{usage}");
        let table = case.place.run(["job", "show", "job_", "--data-dir", "data"]).ok();
        assert!(!table.contains('~'), "{table}");
    }
}

#[test]
fn a_later_event_resets_no_count() {
    for end in [
        json!({ "input_tokens": 0, "output_tokens": 50 }),
        json!({ "output_tokens": 50 }),
        json!({ "input_tokens": null, "cache_read_input_tokens": 0, "output_tokens": 50 }),
    ] {
        let server = ModelServer::start(move |call| {
            let start = json!({ "model": "m", "usage": { "input_tokens": 400, "cache_read_input_tokens": 100, "output_tokens": 1 } });
            let text = call.honest().to_string();
            Response::stream(named_events(&[
                json!({ "type": "message_start", "message": start }),
                json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": text } }),
                json!({ "type": "content_block_stop", "index": 0 }),
                json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": end }),
                json!({ "type": "message_stop" }),
            ]))
        });
        let case = Case::of_readers(server).on_anthropic();
        case.run().ok();
        let (tokens_in, tokens_out, _) = spent(&case);
        assert_eq!((tokens_in, tokens_out), (3 * 500, 3 * 50));
    }
}

#[test]
fn a_limit_of_the_task_is_not_told_as_one_of_the_job() {
    let case = Case::new(
        ModelServer::start(|call| {
            let read = ToolAsk {
                id: "again",
                name: "read_file",
                args: r#"{"path": "moon.md"}"#,
            };
            call.asks(&[read])
        }),
        "single",
        "[work]\nsteps_per_task_max = 5\n",
    );
    case.run().refused(1, "AH0501");
    let details = case.details();
    assert!(
        details
            .iter()
            .any(|detail| detail.contains("`work.steps_per_task_max` is 5")),
        "{details:?}"
    );
}
