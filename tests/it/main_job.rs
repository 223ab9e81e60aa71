//! The main job over the real binary: a brief with checked quotations, reuse, resumption, and the commands that look
//! at what happened.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anthill_contracts::brief::Brief;
use anthill_kit::cli::Workplace;
use serde_json::Value;

use crate::cli::workplace;

const JOB: &str = "name = \"colony\"\ngoal = \"How do ants find food?\"\n[[inputs]]\npath = \"docs\"\n";

fn colony() -> Workplace {
    let place = workplace();
    place.write("job.toml", JOB);
    let food = "# Foraging\n\nAnts find food by following trails of pheromone. A scout that finds food lays a trail.\n";
    place.write("docs/foraging.md", food);
    let nest =
        "# Nest\n\nThe nest is dug by workers. Ants that carry food enter the nest through the main gate.\n";
    place.write("docs/nest.md", nest);
    place.write(
        "docs/ships.txt",
        "The harbour is closed on Sundays. Ships wait outside of it.\n",
    );
    place.write("docs/picture.bin", [0, 159, 146, 150]);
    place
}

fn summary(lines: &[Value]) -> &Value {
    &lines.last().expect("there is a last line")["summary"]
}

#[test]
fn a_brief_is_written_and_every_quotation_stands_in_its_file() {
    let place = colony();
    let text = place.run(["run", "job.toml"]).ok();
    assert!(
        text.contains("succeeded") && text.contains("picture.bin (not text)"),
        "{text}"
    );
    let brief: Brief = serde_json::from_str(&place.read("anthill-out/colony/brief.json")).expect("a brief");
    assert!(!brief.citations.is_empty(), "{brief:?}");
    for citation in &brief.citations {
        let file = std::fs::read(place.path("docs").join(&citation.path)).expect("the source is there");
        let range =
            usize::try_from(citation.start).expect("small")..usize::try_from(citation.end).expect("small");
        assert_eq!(&file[range], citation.quote.as_bytes(), "{citation:?}");
    }
    assert!(brief.unused.contains(&"ships.txt".to_owned()), "{brief:?}");
    assert!(
        place
            .read("anthill-out/colony/brief.md")
            .contains("How do ants find food?")
    );
}

#[test]
fn a_second_run_takes_over_what_the_first_one_knows() {
    let place = colony();
    let first = place.run(["run", "job.toml", "--json"]).json_lines();
    assert_eq!(summary(&first)["tasks_reused"], 0);
    let brief = place.read("anthill-out/colony/brief.json");
    let second = place.run(["run", "job.toml", "--json"]).json_lines();
    let end = summary(&second);
    assert_eq!(end["status"], "succeeded");
    assert!(end["tasks_reused"].as_u64() >= Some(3), "{end}");
    assert!(end["saved"]["tokens_in"].as_u64() > Some(0), "{end}");
    assert_eq!(
        end["spent"]["tokens_in"], 0,
        "no document is processed twice: {end}"
    );
    assert_eq!(place.read("anthill-out/colony/brief.json"), brief);
    let text = place.run(["run", "job.toml"]).ok();
    assert!(text.contains("which saved"), "{text}");
}

#[test]
fn events_are_lines_and_the_summary_is_the_last_one() {
    let place = colony();
    let lines = place.run(["run", "job.toml", "--json"]).json_lines();
    let (end, events) = lines.split_last().expect("there are lines");
    assert_eq!(events[0]["event"], "job_submitted");
    assert_eq!(events.last().expect("there are events")["event"], "job_succeeded");
    assert_eq!(end["summary"]["exit"], 0);
    let job = end["summary"]["job_id"].as_str().expect("an id");
    let told = place.run(["job", "events", job, "--json"]).json_lines();
    assert_eq!(told, events, "the journal says the same afterwards");
    let later = place
        .run(["job", "events", job, "--json", "--from", "2"])
        .json_lines();
    assert!(later.iter().all(|event| event["seq"].as_u64() >= Some(2)) && later.len() < told.len());
}

#[test]
fn a_job_can_be_looked_at_by_the_beginning_of_its_id() {
    let place = colony();
    place.run(["run", "job.toml", "--quiet"]).ok();
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    let shown = place
        .run(["job", "show", &job[..12].to_lowercase(), "--json"])
        .json();
    assert_eq!(shown["job"]["job_id"], job.as_str());
    let table = place.run(["job", "show", "job_"]).ok();
    assert!(
        table.contains("foraging.md") && table.contains("succeeded"),
        "{table}"
    );
    let artifacts = place.run(["artifact", "list", &job, "--json"]).json();
    let brief = artifacts["artifacts"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["version"]["name"] == "brief");
    let id = brief.expect("a brief was posted")["version"]["artifact_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let body = place.run(["artifact", "show", &job, &id, "--json"]).json();
    assert_eq!(body["body"]["question"], "How do ants find food?");
    place
        .run(["artifact", "diff", &job, "brief"])
        .refused(6, "AH0402");
    let audit = place.run(["audit", "verify", "--json"]).json();
    assert_eq!(audit["flaws"].as_array().map(Vec::len), Some(0), "{audit}");
    assert!(audit["frames"].as_u64() > Some(1));
}

#[test]
fn a_used_up_budget_ends_in_a_partial_result_and_a_top_up_goes_on() {
    let place = colony();
    let finished = place.run(["run", "job.toml", "--budget", "steps=2", "--quiet"]);
    let line = finished.refused(3, "AH0502");
    assert!(line.contains("budget_exhausted:steps"), "{line}");
    assert!(
        finished.stdout().contains("--budget steps=LIMIT"),
        "{}",
        finished.stdout()
    );
    let done = place
        .run(["job", "resume", "job_", "--budget", "steps=100", "--json"])
        .json_lines();
    assert_eq!(summary(&done)["status"], "succeeded");
    place.run(["job", "resume", "job_"]).refused(6, "AH0403");
}

/// A process was killed after the job's last frame and before its files: the job had ended, so nothing could be
/// resumed, and its brief was nowhere.
#[test]
fn resume_writes_a_result_that_could_not_be_written() {
    let place = colony();
    place.run(["run", "job.toml", "--quiet"]).ok();
    let (json, markdown) = ("anthill-out/colony/brief.json", "anthill-out/colony/brief.md");
    let brief = (place.read(json), place.read(markdown));
    std::fs::remove_file(place.path(json)).expect("it is there");
    place.write(markdown, "half of a bri");
    let told = place.run(["job", "resume", "job_", "--json"]).json_lines();
    assert_eq!(summary(&told)["status"], "succeeded");
    assert_eq!((place.read(json), place.read(markdown)), brief);
    place.run(["job", "resume", "job_"]).refused(6, "AH0403");
}

#[test]
fn a_paused_job_can_be_cancelled() {
    let place = colony();
    place
        .run(["run", "job.toml", "--budget", "steps=1"])
        .refused(3, "AH0502");
    assert!(place.run(["job", "cancel", "job_"]).ok().contains("is cancelled"));
    let jobs = place
        .run(["job", "list", "--state", "cancelled", "--json"])
        .json();
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(1), "{jobs}");
    place.run(["job", "cancel", "job_"]).refused(6, "AH0403");
}

#[test]
fn rejected_work_is_mended_and_the_change_can_be_seen() {
    let place = colony();
    place.write(
        "liar.toml",
        r#"
[[rules]]
when = { matter = "read" }
times = 1
text = '{"claims":[{"text":"Ants fly to their food.","quotes":[{"path":"","quote":"Ants fly to their food every day."}],"relevance_milli":900}]}'

[[rules]]
extract = true
"#,
    );
    std::fs::remove_file(place.path("docs/nest.md")).expect("it was written");
    let told = place
        .run(["run", "job.toml", "--model", "scripted/liar.toml"])
        .ok();
    assert!(
        told.contains("sent back by the critic (quote_not_found)"),
        "{told}"
    );
    let artifacts = place.run(["artifact", "list", "job_", "--json"]).json();
    let rows = artifacts["artifacts"].as_array().expect("a list");
    let second = rows
        .iter()
        .find(|row| row["version"]["version"] == 2)
        .expect("a second version");
    let id = second["version"]["artifact_id"].as_str().expect("an id");
    let diff = place.run(["artifact", "diff", "job_", id]).ok();
    assert!(
        diff.starts_with("--- findings version 1\n+++ findings version 2\n@@ "),
        "{diff}"
    );
    assert!(
        diff.contains("\n-") && diff.contains("Ants fly to their food."),
        "{diff}"
    );
    assert!(!diff.contains('\u{1b}'), "no colours in a pipe");
    assert!(
        !place.read("anthill-out/colony/brief.md").contains("fly"),
        "what is not in the sources is not in the brief"
    );
}

#[test]
fn a_reader_that_goes_away_takes_nothing_from_the_job() {
    let place = colony();
    let mut child = place.start(["run", "job.toml"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
    assert!(
        place
            .read("anthill-out/colony/brief.md")
            .contains("How do ants find food?")
    );
}

/// A scripted model that takes its time, so that there is something to stop.
fn slow() -> Workplace {
    let place = colony();
    place.write("slow.toml", "[[rules]]\nlatency = \"20s\"\ntext = \"{}\"\n");
    place
}

#[test]
fn a_signal_stops_in_order_and_says_how_to_go_on() {
    let place = slow();
    let mut child = place.start(["run", "job.toml", "--model", "scripted/slow.toml"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let begun = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.starts_with("read:"));
    assert!(begun, "the readers begin");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .stdout(Stdio::null())
        .status();
    assert!(killed.expect("kill is there").success());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{rest:?}");
    let stderr = String::from_utf8(output.stderr).expect("it is text");
    assert!(
        stderr.contains("resume with: anthill job resume job_"),
        "{stderr}"
    );
    assert!(stderr.contains("error: AH0002: "), "{stderr}");
    let jobs = place.run(["job", "list", "--json"]).json();
    assert_eq!(jobs["jobs"][0]["status"], "paused");
    assert_eq!(jobs["jobs"][0]["reason"], "interrupted");
}

#[test]
fn a_second_signal_kills_and_the_job_can_still_be_resumed() {
    let place = slow();
    // A model that never answers cannot be waited for, and a node that stops in order may have to.
    let mut child = place.start(["run", "job.toml", "--model", "scripted/slow.toml"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    assert!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.starts_with("read:")),
        "the readers begin"
    );
    for _ in 0..2 {
        let killed = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(killed.expect("kill is there").success());
    }
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    place.write("slow.toml", "[[rules]]\nextract = true\n");
    let done = place.run(["job", "resume", "job_", "--json"]).json_lines();
    assert_eq!(summary(&done)["status"], "succeeded");
}

#[test]
fn metrics_are_served_while_the_job_runs() {
    let place = slow();
    let arguments = [
        "run",
        "job.toml",
        "--model",
        "scripted/slow.toml",
        "--metrics-addr",
        ":0",
    ];
    let mut child = place.start(arguments);
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let first = lines.next().expect("a line").expect("text");
    let address = first
        .strip_prefix("metrics: http://")
        .and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{first}")).to_owned();
    let mut out = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    assert!(
        out.by_ref()
            .map_while(Result::ok)
            .any(|line| line.starts_with("read:")),
        "the readers begin"
    );
    let page = get(&address);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(page.contains("# HELP anthill_"), "{page}");
    assert!(page.contains("anthill_store_"), "{page}");
}

fn get(address: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("metrics are served");
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .expect("it is sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("it is text");
    page
}

/// Results below the folder that a job reads became its documents: the second run quoted the first one's brief.
#[test]
fn a_job_does_not_read_what_it_wrote() {
    let place = colony();
    let begin = ["run", "job.toml", "--json", "--input", "."];
    for with_folder in [&[][..], &["--out", "docs", "--data-dir", "docs/data"]] {
        let run = || place.run(begin.iter().chain(with_folder)).json_lines();
        // Results beside documents are there, and named as what they are, from the second run on.
        run();
        let first = run();
        let told = summary(&first)["result"].clone();
        let second = run();
        assert_eq!(summary(&second)["result"], told);
        assert_eq!(summary(&second)["spent"]["tokens_in"], 0, "{second:?}");
    }
}
