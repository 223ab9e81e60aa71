//! Runs are routed between models: two scripted ones with a price each, of which the cheap one reads Markdown well and
//! HTML badly.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};

use anthill_kit::cli::Workplace;
use serde_json::{Value, json};

use crate::cli::workplace;

/// Documents of each kind in one job.
const DOCUMENTS: usize = 30;

/// How many readings of a job count as its first.
const EARLY: usize = 16;

/// What a call of each model costs, in millionths of a dollar: a thousand tokens in and a hundred out.
const COST: [(&str, u64); 2] = [("scripted/small", 140), ("scripted/large", 1_400)];

const CONFIG: &str = r#"
[models.scripts]
small = "small.toml"
large = "large.toml"
[models.prices]
"scripted/small" = { usd_per_million_in = 0.1, usd_per_million_out = 0.4 }
"scripted/large" = { usd_per_million_in = 1.0, usd_per_million_out = 4.0 }
"#;

/// One document, and the sentence in it that answers the question.
struct Document {
    number: usize,
    is_markdown: bool,
}

impl Document {
    fn name(&self) -> String {
        let ending = if self.is_markdown { "md" } else { "html" };
        format!("report-{:03}.{ending}", self.number)
    }

    fn title(&self) -> String {
        format!(
            "Report {:03} in {}",
            self.number,
            if self.is_markdown { "words" } else { "marks" }
        )
    }

    fn cause(&self) -> String {
        format!(
            "The outage was caused by valve number {:03} of the second pump",
            self.number
        )
    }

    fn text(&self) -> String {
        let (title, cause) = (self.title(), self.cause());
        let rest = "Nobody was hurt and the shift went on as planned.";
        if self.is_markdown {
            format!("# {title}\n\n{cause}.\n\n{rest}\n")
        } else {
            format!("<html><body><h1>{title}</h1><p>{cause}.</p><p>{rest}</p></body></html>\n")
        }
    }

    /// The rule of a model that finds the cause, or quotes what stands beside it.
    fn rule(&self, finds: bool) -> String {
        let quote = if finds {
            self.cause()
        } else {
            "Nobody was hurt and the shift went on as planned".to_owned()
        };
        let claim = json!({"text": quote, "quotes": [{"quote": quote}], "relevance_milli": 900});
        let answer = json!({"claims": [claim]}).to_string();
        let title = self.title();
        format!(
            "[[rules]]\nwhen = {{ matter = \"read\", prompt = \"{title}\" }}\ntext = '{answer}'\n\
             usage = {{ tokens_in = 1000, cached_in = 0, tokens_out = 100 }}\nlatency = \"LATENCY\"\n"
        )
    }
}

fn documents(first: usize) -> Vec<Document> {
    let numbers = first..first + DOCUMENTS;
    let both = |number| [true, false].map(|is_markdown| Document { number, is_markdown });
    numbers.flat_map(both).collect()
}

/// The scripts of both models for these documents.
fn write_scripts(place: &Workplace, documents: &[Document], latency: &str) {
    for (name, reads_html) in [("small", false), ("large", true)] {
        let rules = documents
            .iter()
            .map(|document| document.rule(reads_html || document.is_markdown));
        let rules: String = rules.collect::<String>().replace("LATENCY", latency);
        place.write(
            format!("{name}.toml"),
            rules + "[[rules]]\nwhen = { matter = \"write\" }\nextract = true\n",
        );
    }
}

fn write_job(place: &Workplace, name: &str, documents: &[Document]) {
    let mut job = format!(
        "name = \"{name}\"\ngoal = \"What caused the outage?\"\nshape = \"map_reduce_verify\"\nmodel = \"scripted/large\"\n\
         [[inputs]]\npath = \"{name}\"\n[output]\nclaims_per_document_max = 1\nclaims_max = 60\n[work]\nworkers_max = 2\n\
         [routing]\nmodels = [\"scripted/small\", \"scripted/large\"]\nquality_min = 0.8\n"
    );
    for document in documents {
        place.write(format!("{name}/{}", document.name()), document.text());
        let (path, cause) = (document.name(), document.cause());
        let known = format!("[[review.answers]]\ndocument = \"{path}\"\nquotes = [\"{cause}\"]\n");
        job.push_str(&known);
    }
    place.write(format!("{name}.toml"), job);
}

fn prepared(latency: &str) -> Workplace {
    let place = workplace();
    place.write("anthill.toml", CONFIG);
    let (first, second) = (documents(0), documents(DOCUMENTS));
    write_job(&place, "first", &first);
    write_job(&place, "second", &second);
    let all: Vec<Document> = first.into_iter().chain(second).collect();
    write_scripts(&place, &all, latency);
    place
}

/// What a job's readers came to.
#[derive(Debug)]
struct Reading {
    /// Share of readings by the model that an oracle would take.
    right: f64,
    /// The same of those that began first.
    early: f64,
    score: f64,
    cost: u64,
}

fn run(place: &Workplace, name: &str) -> Reading {
    let job = format!("{name}.toml");
    place
        .run(["run", &job, "--config", "anthill.toml", "--quiet"])
        .ok();
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    let shown = place.run(["job", "show", &job, "--json"]).json();
    let readers = shown["tasks"].as_array().expect("a list").iter();
    let readers: Vec<&Value> = readers.filter(|task| task["node"] == "read").collect();
    assert_eq!(readers.len(), 2 * DOCUMENTS);
    let is_right = |task: &&&Value| {
        let is_markdown = task["label"].as_str().is_some_and(|label| label.contains(".md"));
        task["model"] == if is_markdown { COST[0].0 } else { COST[1].0 }
    };
    for task in &readers {
        // The control arm is routed by nobody and takes the job's own model.
        let model = task["model"].as_str().unwrap_or(COST[1].0);
        let price = BTreeMap::from(COST)[model];
        assert_eq!(
            task["spent"]["usd_micro"], price,
            "the price is the routed model's: {task}"
        );
    }
    let spent = readers
        .iter()
        .filter_map(|task| task["spent"]["usd_micro"].as_u64());
    let made = place.run(["artifact", "list", &job, "--json"]).json();
    let findings = made["artifacts"].as_array().expect("a list").iter();
    let findings = findings.filter(|row| row["version"]["name"] == "findings");
    let scores: Vec<f64> = findings
        .filter_map(|row| row["reviews"].as_array()?.last()?["score_milli"].as_f64())
        .collect();
    let count = readers.len() as f64;
    Reading {
        right: readers.iter().filter(is_right).count() as f64 / count,
        early: readers.iter().take(EARLY).filter(is_right).count() as f64 / EARLY as f64,
        score: scores.iter().sum::<f64>() / count / 1000.0,
        cost: spent.sum(),
    }
}

#[test]
fn a_second_job_takes_the_cheap_model_where_it_is_good_and_only_there() {
    let place = prepared("1ms");
    let first = run(&place, "first");
    let second = run(&place, "second");
    let all_large = 2 * DOCUMENTS as u64 * COST[1].1;
    // The first job has to try both; the second begins with what that has shown.
    assert!(second.early >= 0.75, "{first:?} then {second:?}");
    assert!(second.right >= 0.8, "{first:?} then {second:?}");
    assert!(second.score >= 0.9, "{first:?} then {second:?}");
    assert!(
        second.cost * 4 < all_large * 3,
        "the large model alone costs {all_large}: {second:?}"
    );
    models_are_told(&place);
}

/// What the command line says of models that were used.
fn models_are_told(place: &Workplace) {
    let query = ["knowledge", "query", "read/html", "--config", "anthill.toml"];
    let told = place.run(query.iter().chain(&["--json"])).json();
    let models: BTreeMap<&str, &Value> = told["models"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["model"].as_str().expect("a name"), row))
        .collect();
    let (small, large) = (models["scripted/small"], models["scripted/large"]);
    let mean = |row: &Value| row["success"]["mean"].as_f64().expect("a mean");
    assert!(mean(small) < mean(large), "{told}");
    assert!(large["share"].as_f64() > Some(0.5), "{told}");
    let tokens = small["tokens_in"].as_f64().expect("it was tried");
    assert!((tokens - 1_000.0).abs() < 16.0, "{told}");
    let table = place.run(query).ok();
    for word in ["PER SUCCESS", "scripted/small", "scripted/large"] {
        assert!(table.contains(word), "{table}");
    }
    let listed = place.run(["knowledge", "list"]).ok();
    assert!(listed.contains("model: scripted/small"), "{listed}");
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id");
    let shown = place.run(["job", "show", job]).ok();
    assert!(
        shown.contains("MODEL") && shown.contains("scripted/small"),
        "{shown}"
    );
}

/// The models that receipts of a job's readers name, by task.
fn chosen(events: &str) -> BTreeMap<String, String> {
    let mut chosen = BTreeMap::new();
    for event in of_kind(events, "signal_exposed") {
        let receipt = &event["receipt"];
        let reads = receipt["scope"]
            .as_str()
            .is_some_and(|scope| scope.starts_with("read/"));
        let Some(model) = receipt["model"].as_str().filter(|_| reads) else {
            continue;
        };
        let task = event["task_id"].as_str().expect("an id").to_owned();
        assert_eq!(
            chosen.insert(task, model.to_owned()),
            None,
            "a task is routed once"
        );
    }
    chosen
}

fn of_kind(events: &str, kind: &str) -> Vec<Value> {
    let lines = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines
        .filter(|line| line["event"] == kind)
        .map(|mut line| line["fields"].take())
        .collect()
}

#[test]
fn a_resumed_job_goes_on_with_the_models_that_it_had_chosen() {
    let place = prepared("60ms");
    let mut child = place.start(["run", "first.toml", "--config", "anthill.toml", "--json"]);
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let steps = lines
        .map_while(Result::ok)
        .filter(|line| line.contains("step_recorded"));
    assert_eq!(steps.take(12).count(), 12, "it gets so far");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id").to_owned();
    let before = chosen(&place.run(["job", "events", &job, "--json"]).ok());
    // Now and then a run is of the control arm, which is routed by nobody.
    assert!(before.len() >= 8, "{before:?}");
    place
        .run(["job", "resume", &job, "--config", "anthill.toml", "--quiet"])
        .ok();
    let events = place.run(["job", "events", &job, "--json"]).ok();
    let after = chosen(&events);
    for (task, model) in &before {
        assert_eq!(after.get(task), Some(model));
    }
    let mut asked = 0;
    for event in of_kind(&events, "step_recorded") {
        let task = event["task_id"].as_str().expect("an id");
        let Some(model) = after.get(task) else { continue };
        let mut said = String::from("scripted/");
        write!(
            said,
            "{}",
            event["step"]["kind"]["model"]["model"]
                .as_str()
                .unwrap_or("a tool")
        )
        .expect("a text can be written");
        assert_eq!(&said, model, "{event}");
        asked += 1;
    }
    assert!(
        asked >= 2 * DOCUMENTS / 2,
        "most runs are routed, and each asked its own model"
    );
}

#[test]
fn a_model_of_the_command_line_leaves_nothing_to_choose() {
    let place = prepared("1ms");
    place
        .run([
            "run",
            "first.toml",
            "--config",
            "anthill.toml",
            "--model",
            "scripted/large",
            "--quiet",
        ])
        .ok();
    let jobs = place.run(["job", "list", "--json"]).json();
    let job = jobs["jobs"][0]["job_id"].as_str().expect("an id");
    let events = place.run(["job", "events", job, "--json"]).ok();
    assert!(chosen(&events).is_empty(), "{events}");
}

#[test]
fn a_list_of_models_is_checked_before_anything_is_spent() {
    let place = prepared("1ms");
    let job = place.read("first.toml");
    let run = |models: &str, budget: &[&str]| {
        place.write(
            "other.toml",
            job.replace("[\"scripted/small\", \"scripted/large\"]", models),
        );
        let arguments = ["run", "other.toml", "--config", "anthill.toml"];
        place.run(arguments.iter().chain(budget))
    };
    let unknown = run("[\"scripted/small\", \"nowhere/large\"]", &[]);
    unknown.refused(5, "AH0301");
    let twice = run("[\"scripted/small\", \"scripted/small\"]", &[]);
    assert!(twice.stderr().contains("twice"), "{}", twice.stderr());
}
