//! Whose failure it is, endings in part, and inputs that change while a job runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anthill_kit::cli::Finished;
use anthill_kit::model_server::{Call, ModelServer, Response, ToolAsk};
use serde_json::{Value, json};

use super::Case;

/// Where a test's documents lie, once its case stands.
type Place = Arc<OnceLock<PathBuf>>;

const NO_QUOTATION: &str = "No sentence of any document reads like this one at all.";

/// A case whose server is told where the documents lie.
fn case_at(shape: &str, answer: impl Fn(&Call, &Path) -> Response + Send + Sync + 'static) -> Case {
    let place: Place = Arc::default();
    let known = Arc::clone(&place);
    let server = ModelServer::start(move |call| {
        let docs = known.get().expect("the case stands before its first request");
        answer(call, docs)
    });
    let case = Case::new(server, shape, "[work]\nworkers_max = 1\n");
    place.set(case.place.path("docs")).expect("it is set once");
    case
}

fn honest(call: &Call) -> Response {
    call.says(call.honest().to_string())
}

fn reads(call: &Call, word: &str) -> bool {
    call.is_reader() && call.document_lines().iter().any(|line| line.contains(word))
}

fn count(case: &Case, wanted: impl Fn(&Call) -> bool) -> usize {
    case.server.calls().iter().filter(|call| wanted(call)).count()
}

fn brief(case: &Case) -> Value {
    serde_json::from_str(&case.place.read("out/brief.json")).expect("a brief is JSON")
}

/// Paths that the brief quotes.
fn quoted(case: &Case) -> Vec<String> {
    let citations = brief(case)["citations"].as_array().cloned().unwrap_or_default();
    let paths = citations.iter().filter_map(|citation| citation["path"].as_str());
    paths.map(str::to_owned).collect()
}

/// Why the brief says that a document was not read.
fn why_not_read(case: &Case, path: &str) -> Option<String> {
    let brief = brief(case);
    let skipped = brief["skipped"].as_array()?;
    let file = skipped.iter().find(|file| file["path"] == path)?;
    file["reason"].as_str().map(str::to_owned)
}

/// Checks that a job has ended in part, and answers with the line that says why.
#[track_caller]
fn partial(finished: &Finished) -> String {
    finished.refused(3, "AH0504")
}

/// The reader of one document was never satisfied; the job called itself a success.
#[test]
fn a_document_that_no_answer_fits_makes_the_job_partial_until_it_is_read() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let case = case_at("map_reduce_verify", move |call, _| {
        if reads(call, "tide") && !mended.load(Ordering::SeqCst) {
            return call.says(call.finding(NO_QUOTATION).to_string());
        }
        honest(call)
    });
    let line = partial(&case.run());
    assert!(line.contains("not read: 1 of 2 documents"), "{line}");
    assert_eq!(quoted(&case), ["moon.md"]);
    assert_eq!(why_not_read(&case, "tides.md").as_deref(), Some("unanswered"));
    let job = &case.job()["job"];
    assert_eq!(
        (&job["status"], &job["reason"]),
        (&json!("paused"), &json!("documents_unread"))
    );
    let list = case.place.run(["job", "list", "--data-dir", "data"]).ok();
    assert!(
        list.contains("partial") && list.contains("documents_unread"),
        "{list}"
    );

    // It fails again: the same end, and nobody else is asked.
    let before = case.server.calls().len();
    let again = partial(&case.resume(&[]));
    assert!(again.contains("not read: 1 of 2 documents"), "{again}");
    let asked = case.server.calls().split_off(before);
    assert!(
        !asked.is_empty() && asked.iter().all(|call| reads(call, "tide")),
        "{}",
        asked.len()
    );

    is_mended.store(true, Ordering::SeqCst);
    let before = case.server.calls().len();
    case.resume(&[]).ok();
    let asked = case.server.calls().split_off(before);
    let kinds: Vec<bool> = asked.iter().map(Call::is_writer).collect();
    assert_eq!(
        kinds,
        [false, true],
        "that document is read, and the brief written anew"
    );
    assert_eq!(quoted(&case).len(), 2);
}

/// A document above the model's context is that document's failure, and nobody asks for it a second time.
#[test]
fn a_document_that_is_too_long_for_the_model_is_named() {
    let case = case_at("map_reduce_verify", |call, _| {
        if reads(call, "tide") {
            let error = json!({"message": "the maximum context length is 64 tokens", "code": "context_length_exceeded"});
            return Response::json(400, &json!({ "error": error }));
        }
        honest(call)
    });
    let line = partial(&case.run());
    assert!(
        line.contains("not read: 1 of 2 documents (1 too long for the model)"),
        "{line}"
    );
    assert_eq!(quoted(&case), ["moon.md"]);
    assert_eq!(
        why_not_read(&case, "tides.md").as_deref(),
        Some("too_long_for_model")
    );
    assert_eq!(count(&case, |call| reads(call, "tide")), 1);
}

/// A writer was asked again and again for quotations that somebody had moved in the file.
#[test]
fn what_changes_while_the_writer_works_is_set_aside() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("a line before it", |file| {
            let text = std::fs::read_to_string(file).expect("it is there");
            std::fs::write(file, format!("Somebody was here.\n\n{text}")).expect("it can be written");
        }),
        ("a line behind it", |file| {
            let text = std::fs::read_to_string(file).expect("it is there");
            std::fs::write(file, format!("{text}\nSomebody was here.\n")).expect("it can be written");
        }),
        ("cut short", |file| {
            std::fs::write(file, "The").expect("it can be written");
        }),
        ("gone", |file| {
            std::fs::remove_file(file).expect("it can be removed");
        }),
        ("a folder", |file| {
            std::fs::remove_file(file).expect("it can be removed");
            std::fs::create_dir(file).expect("a folder can be made");
        }),
    ];
    for (name, change) in changes {
        let case = case_at("map_reduce_verify", move |call, docs| {
            let done = docs.join("../done");
            if call.is_writer() && !done.exists() {
                std::fs::write(done, "").expect("it can be written");
                change(&docs.join("tides.md"));
            }
            honest(call)
        });
        let line = partial(&case.run());
        assert!(line.contains("1 changed or gone"), "{name}: {line}");
        assert_eq!(quoted(&case), ["moon.md"], "{name}");
        assert_eq!(
            why_not_read(&case, "tides.md").as_deref(),
            Some("changed"),
            "{name}"
        );
        assert_eq!(
            count(&case, Call::is_writer),
            2,
            "{name}: once for all, once for the rest"
        );
        assert_eq!(count(&case, Call::is_reader), 2, "{name}: nothing is read twice");
    }
}

/// A file became a pipe between the listing and its reader, and the job waited for somebody to write into it.
#[test]
fn a_pipe_or_a_link_in_a_documents_place_is_not_opened() {
    for swap in ["mkfifo \"$1\"", "ln -s moon.md \"$1\""] {
        let case = case_at("map_reduce_verify", move |call, docs| {
            let file = docs.join("tides.md");
            if reads(call, "moon") && file.is_file() {
                std::fs::remove_file(&file).expect("it can be removed");
                let made = std::process::Command::new("sh")
                    .args(["-c", swap, "sh"])
                    .arg(&file)
                    .status();
                assert!(made.is_ok_and(|status| status.success()), "{swap}");
            }
            honest(call)
        });
        let line = partial(&case.run());
        assert!(line.contains("1 changed or gone"), "{swap}: {line}");
        assert_eq!(quoted(&case), ["moon.md"], "{swap}");
    }
}

/// A document that changed is read as it is now when the job is resumed, and nothing else is read again.
#[test]
fn a_resumed_job_reads_what_changed_as_it_is_now() {
    let case = case_at("map_reduce_verify", |call, docs| {
        let file = docs.join("tides.md");
        let text = std::fs::read_to_string(&file).expect("it is there");
        if call.is_writer() && !text.contains("Spring") {
            std::fs::write(&file, "Spring tides come with the new moon.\n").expect("it can be written");
        }
        honest(call)
    });
    partial(&case.run());
    let before = case.server.calls().len();
    case.resume(&[]).ok();
    let asked = case.server.calls().split_off(before);
    assert!(reads(&asked[0], "Spring") && asked[1].is_writer() && asked.len() == 2);
    let text = case.place.read("out/brief.md");
    assert!(
        text.contains("Spring tides") && !text.contains("twice a day"),
        "{text}"
    );
}

/// What changed while the job was paused is no source of what was read before.
#[test]
fn what_changes_while_the_job_is_paused_is_set_aside() {
    let is_back = Arc::new(AtomicBool::new(false));
    let back = Arc::clone(&is_back);
    let case = case_at("map_reduce_verify", move |call, _| {
        if call.is_writer() && !back.load(Ordering::SeqCst) {
            return Response::json(
                503,
                &json!({"error": {"message": "in half an hour", "type": "overloaded"}}),
            );
        }
        honest(call)
    });
    let paused = case.run();
    assert_eq!(paused.exit(), Some(5), "{}", paused.stderr());
    case.place
        .write("docs/tides.md", "Nobody knows what the tide does.\n");
    is_back.store(true, Ordering::SeqCst);
    let line = partial(&case.resume(&[]));
    assert!(line.contains("1 changed or gone"), "{line}");
    assert_eq!(quoted(&case), ["moon.md"]);
    assert_eq!(count(&case, Call::is_reader), 2, "nothing is read twice");
    case.resume(&[]).ok();
    assert_eq!(quoted(&case).len(), 2);
}

/// Every document changed: there is nothing to make a result of, and nobody is told that there is.
#[test]
fn a_job_whose_documents_all_changed_has_no_result() {
    let case = case_at("map_reduce_verify", |call, docs| {
        if call.is_writer() {
            for name in ["tides.md", "moon.md"] {
                std::fs::write(docs.join(name), "Something else.\n").expect("it can be written");
            }
        }
        honest(call)
    });
    let line = case.run().refused(1, "AH0109");
    assert!(line.contains("changed"), "{line}");
    assert_eq!(count(&case, Call::is_writer), 1, "nobody is asked to mend it");
}

/// An agent with tools that opened nothing was said to have read everything.
#[test]
fn files_that_an_agent_did_not_open_are_called_so() {
    let quote = "The tide comes in twice a day.";
    let at_once = case_at("single", move |call, _| {
        call.says(call.finding_of("tides.md", quote).to_string())
    });
    at_once.run().ok();
    assert_eq!(why_not_read(&at_once, "moon.md").as_deref(), Some("not_opened"));
    assert_eq!(brief(&at_once)["unused"], json!([]));
    let page = at_once.place.read("out/brief.md");
    assert!(
        page.contains("not opened by the agent") && !page.contains("Read, but not used"),
        "{page}"
    );

    // What it has opened, or seen in a search, was read.
    let looks: [(&str, Value); 2] = [
        ("read_file", json!({"path": "moon.md"})),
        ("search", json!({"query": "moon draws the sea"})),
    ];
    for (tool, arguments) in looks {
        let case = case_at("single", move |call, _| {
            if call.tool_outcomes().is_empty() {
                let arguments = arguments.to_string();
                let ask = ToolAsk {
                    id: "call_1",
                    name: tool,
                    args: &arguments,
                };
                return call.asks(&[ask]);
            }
            call.says(call.finding_of("tides.md", quote).to_string())
        });
        case.run().ok();
        assert_eq!(brief(&case)["unused"], json!(["moon.md"]), "{tool}");
        assert_eq!(why_not_read(&case, "moon.md"), None, "{tool}");
    }
}

/// An agent with tools quotes two documents, of which one changes before it answers: the rest is its answer.
#[test]
fn what_an_agent_quotes_from_a_document_that_changed_is_left_out() {
    let case = case_at("single", |call, docs| {
        std::fs::write(docs.join("moon.md"), "Something else stands here.\n").expect("it can be written");
        let claim = |text: &str, path: &str, quote: &str| json!({"text": text, "quotes": [{"path": path, "quote": quote}], "relevance_milli": 900});
        let claims = [
            claim("Tides come twice.", "tides.md", "The tide comes in twice a day."),
            claim(
                "The moon draws.",
                "moon.md",
                "The moon draws the sea towards itself.",
            ),
        ];
        call.says(json!({ "claims": claims }).to_string())
    });
    let line = partial(&case.run());
    assert!(line.contains("1 changed or gone"), "{line}");
    assert_eq!(quoted(&case), ["tides.md"]);
    assert_eq!(case.server.calls().len(), 1, "nobody is asked to mend it");
}

/// Refusals of an account, each as its provider says it: nobody's document is at fault.
#[test]
fn trouble_with_the_account_pauses_the_job_and_loses_no_document() {
    let refusals = [
        (
            429,
            json!({"error": {"message": "the plan's quota is used up", "code": "insufficient_quota"}}),
        ),
        (
            402,
            json!({"error": {"message": "no credit is left", "type": "billing_error"}}),
        ),
        (
            403,
            json!({"error": {"message": "not offered in your country", "code": "unsupported_country_region_territory"}}),
        ),
        (
            401,
            json!({"error": {"message": "the key was revoked", "code": "invalid_api_key"}}),
        ),
    ];
    for (status, refusal) in refusals {
        let is_open = Arc::new(AtomicBool::new(false));
        let open = Arc::clone(&is_open);
        let body = refusal.clone();
        let case = case_at("map_reduce_verify", move |call, _| {
            if call.is_reader() && call.number() > 2 && !open.load(Ordering::SeqCst) {
                return Response::json(status, &body);
            }
            honest(call)
        });
        for number in 0..4 {
            case.place.write(
                format!("docs/more{number}.md"),
                format!("Wave {number} follows the wind.\n"),
            );
        }
        let paused = case.run();
        assert_eq!(paused.exit(), Some(5), "{status}: {}", paused.stderr());
        let words = refusal["error"]["message"].as_str().expect("it says something");
        assert!(paused.stderr().contains(words), "{status}: {}", paused.stderr());
        is_open.store(true, Ordering::SeqCst);
        case.resume(&[]).ok();
        assert_eq!(quoted(&case).len(), 6, "{status}: every document is read");
        let lines: Vec<String> = case
            .server
            .calls()
            .iter()
            .filter(|call| call.is_reader())
            .map(|call| call.document_lines().join(" "))
            .collect();
        let read_first = lines.iter().filter(|line| **line == lines[0]).count();
        assert_eq!(read_first, 1, "{status}: what was paid for is not asked again");
    }
}
