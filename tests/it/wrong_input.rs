//! Wrong input: one line with a code and a remedy, a documented exit code, and nothing lost.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use anthill_kit::cli::{Finished, Workplace};
use anthill_store::{SqliteStore, StoreOptions};

use crate::cli::workplace;

const JOB: &str = "name = \"colony\"\ngoal = \"How do ants find food?\"\n";
const INPUTS: &str = "[[inputs]]\npath = \"docs\"\n";

/// A workplace with one document.
fn with_document() -> Workplace {
    let place = workplace();
    place.write(
        "docs/ants.md",
        "# Ants\n\nAnts find food by following trails of pheromone.\n",
    );
    place
}

/// Runs a job file with these lines after the goal.
fn run(place: &Workplace, rest: &str) -> Finished {
    place.write("job.toml", format!("{JOB}{rest}"));
    place.run(["run", "job.toml"])
}

#[test]
fn a_job_file_that_is_not_there() {
    let line = workplace().run(["run", "job.toml"]).refused(2, "AH0101");
    assert!(line.contains("job.toml"), "{line}");
}

#[test]
fn bad_toml() {
    let line = run(&workplace(), "inputs = [\n").refused(2, "AH0102");
    assert!(line.contains("job.toml:"), "{line}");
}

#[test]
fn an_unknown_key() {
    let line = run(&with_document(), &format!("bugdet = {{ usd = 1 }}\n{INPUTS}")).refused(2, "AH0103");
    assert!(
        line.contains("job.toml:3:1: unknown key `bugdet`; did you mean `budget`?"),
        "{line}"
    );
}

#[test]
fn a_value_that_is_not_allowed() {
    let line = run(&with_document(), &format!("{INPUTS}[work]\nworkers_max = 0\n")).refused(2, "AH0104");
    assert!(line.contains("work.workers_max is 0"), "{line}");
}

#[test]
fn a_missing_folder() {
    let place = workplace();
    let line = run(&place, INPUTS).refused(2, "AH0105");
    assert!(line.contains("docs` does not exist"), "{line}");
    assert!(
        !place.path(".anthill").exists(),
        "a job that is wrong leaves no trace"
    );
}

#[test]
fn a_missing_folder_on_the_command_line() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    let line = place
        .run(["run", "job.toml", "--input", "doks"])
        .refused(2, "AH0105");
    assert!(line.contains("`doks`"), "{line}");
}

#[test]
fn an_empty_folder() {
    let place = workplace();
    std::fs::create_dir(place.path("docs")).expect("a folder");
    run(&place, INPUTS).refused(2, "AH0106");
}

#[test]
fn a_folder_with_nothing_to_read() {
    let place = workplace();
    place.write("docs/picture.bin", [0, 1, 2, 3]);
    let line = run(&place, INPUTS).refused(2, "AH0106");
    assert!(line.contains("1 files skipped"), "{line}");
}

#[test]
fn a_budget_of_zero() {
    let place = with_document();
    let line = run(&place, &format!("{INPUTS}[budget]\nsteps = 0\n")).refused(2, "AH0110");
    assert!(line.contains("steps"), "{line}");
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    place
        .run(["run", "job.toml", "--budget", "usd=0"])
        .refused(2, "AH0110");
}

#[test]
fn a_wrong_command_line() {
    let place = workplace();
    let line = place.run(["runn"]).refused(2, "AH0114");
    assert!(line.contains("'run'"), "{line}");
    let line = place
        .run(["run", "job.toml", "--budget", "token_in=1"])
        .refused(2, "AH0114");
    assert!(line.contains("did you mean `tokens_in`?"), "{line}");
    place.run(["run"]).refused(2, "AH0114");
}

#[test]
fn a_wrong_configuration() {
    let place = with_document();
    let named = |text: &str| {
        place.write("anthill.toml", text);
        place.run(["--config", "anthill.toml", "job", "list"])
    };
    named("[data\n").refused(2, "AH0112");
    let line = named("[telemetri]\nlog = \"info\"\n").refused(2, "AH0103");
    assert!(line.contains("did you mean `telemetry`?"), "{line}");
    named("[telemetry]\nlog = \"a=b=c\"\n").refused(2, "AH0104");
    place
        .run(["--config", "gone.toml", "job", "list"])
        .refused(2, "AH0112");
}

#[test]
fn a_data_directory_below_a_file() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    place.write("file", "");
    place
        .run(["run", "job.toml", "--data-dir", "file/data"])
        .refused(4, "AH0202");
}

#[test]
#[cfg(target_os = "linux")]
fn a_data_directory_that_even_root_cannot_write() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    place
        .run(["run", "job.toml", "--data-dir", "/proc/self/data"])
        .refused(4, "AH0202");
}

#[test]
fn a_data_directory_in_use() {
    let place = with_document();
    let clock = std::sync::Arc::new(anthill_contracts::clock::SystemClock::new());
    let dir = place.path(".anthill");
    let store = SqliteStore::open(&dir, clock, StoreOptions::default()).expect("an empty data directory");
    let line = run(&place, INPUTS).refused(4, "AH0201");
    assert!(line.contains("in use by process"), "{line}");
    // Looking is allowed beside it.
    place.run(["job", "list"]).ok();
    drop(store);
    place.run(["job", "list"]).ok();
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    place.write("anthill.toml", "[data]\njournal_bytes_max = 60000\n");
    let mut full = place.run(["run", "job.toml", "--config", "anthill.toml", "--quiet"]);
    for _ in 0..50 {
        if full.exit() != Some(0) {
            break;
        }
        // A goal of its own for each job: finished work is not taken over, and the journal grows.
        place.write(
            "job.toml",
            format!("{JOB}{INPUTS}").replace("food", &"food ".repeat(200)),
        );
        full = place.run(["run", "job.toml", "--config", "anthill.toml", "--quiet"]);
    }
    full.refused(4, "AH0203");
    place.run(["audit", "verify"]).ok();
    let jobs = place.run(["job", "list", "--json"]).json();
    let last = &jobs["jobs"][0];
    if last["status"] == "running" {
        let job = last["job_id"].as_str().expect("an id");
        place.run(["job", "resume", job]).ok();
    }
}

#[test]
fn no_data_directory() {
    let place = workplace();
    for command in [
        &["job", "list"][..],
        &["job", "show", "job_01"],
        &["job", "resume", "job_01"],
        &["audit", "verify"],
    ] {
        place.run(command).refused(4, "AH0207");
    }
    assert!(!place.path(".anthill").exists());
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    place.write("file", "");
    place
        .run(["run", "job.toml", "--out", "file/out"])
        .refused(4, "AH0113");
}

#[test]
fn an_unknown_model() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    let line = place
        .run(["run", "job.toml", "--model", "openia/gpt"])
        .refused(5, "AH0301");
    assert!(line.contains("did you mean `openai/gpt`?"), "{line}");
    place
        .run(["run", "job.toml", "--model", "nothing"])
        .refused(2, "AH0114");
}

#[test]
fn a_missing_key() {
    let place = with_document();
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    let line = place
        .run(["run", "job.toml", "--model", "anthropic/claude"])
        .refused(5, "AH0302");
    assert!(line.contains("ANTHROPIC_API_KEY"), "{line}");
    assert!(
        !place.path(".anthill").exists(),
        "a job that cannot run leaves no trace"
    );
}

#[test]
fn an_unknown_price_under_a_limit_in_dollars() {
    let place = with_document().with_variable("OPENAI_API_KEY", "not-a-key");
    place.write(
        "job.toml",
        format!("{JOB}model = \"openai/some\"\n{INPUTS}[budget]\nusd = 1.0\n"),
    );
    place.run(["run", "job.toml"]).refused(5, "AH0304");
}

#[test]
fn a_refused_key() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    // Answers every request as a provider does that does not know the key; ends with the test's process.
    std::thread::Builder::new()
        .name("provider".to_owned())
        .spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = vec![0; 64 * 1024];
                let _ = stream.read(&mut request);
                let body = "{\"error\":{\"message\":\"invalid api key\"}}";
                let length = body.len();
                let head = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\nconnection: close";
                let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
            }
        })
        .expect("a thread");
    let place = with_document().with_variable("SOME_KEY", "sk-secret-123");
    let config = "[models.providers.some]\nkind = \"openai\"\nkey_env = \"SOME_KEY\"\n";
    place.write(
        "anthill.toml",
        format!("{config}base_url = \"http://{address}/v1\"\n"),
    );
    place.write("job.toml", format!("{JOB}{INPUTS}"));
    let finished = place.run([
        "run",
        "job.toml",
        "--config",
        "anthill.toml",
        "--model",
        "some/model",
    ]);
    finished.refused(5, "AH0303");
    assert!(
        !(finished.stdout() + &finished.stderr()).contains("sk-secret-123"),
        "the key is told to nobody"
    );
}

#[test]
fn ids_that_fit_nothing() {
    let place = with_document();
    run(&place, INPUTS).ok();
    place.run(["job", "show", "job_zzz"]).refused(6, "AH0401");
    place
        .run(["artifact", "show", "job_", "nothing"])
        .refused(6, "AH0402");
    run(&place, INPUTS).ok();
    place.run(["job", "show", "job_0"]).refused(6, "AH0404");
}

#[test]
fn an_error_is_json_where_json_is_wanted() {
    let finished = workplace().run(["run", "job.toml", "--json"]);
    assert_eq!(finished.exit(), Some(2));
    let error: serde_json::Value = serde_json::from_str(&finished.stderr()).expect("one JSON document");
    assert_eq!(error["error"]["code"], "AH0101");
    assert_eq!(error["error"]["remedy"], "check the path");
    let usage = workplace().run(["runn", "--json"]);
    assert!(
        usage.stderr().starts_with("{\"error\":{\"code\":\"AH0114\""),
        "{}",
        usage.stderr()
    );
}
