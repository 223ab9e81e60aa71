//! What the program ships of its strategies is what they come to on its own documents, and no more than a beginning.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anthill_actors::critic::Wanted;
use anthill_contracts::clock::SystemClock;
use anthill_contracts::model::{FindingsAnswer, Matter, ModelName, ModelRequest, Models as _};
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::Sources as _;
use anthill_contracts::spec::{InputSpec, JobSpec};
use anthill_kit::cli::golden;
use anthill_models::{ModelsConfig, Registry, STRATEGIES};
use anthill_tools::inputs::{FolderSources, SourceLimits};
use serde::Deserialize;
use serde_json::json;

use crate::cli::workplace;

#[derive(Deserialize)]
struct Corpus {
    documents: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    path: String,
    question: String,
    answers: Vec<String>,
}

/// Claims that a reader of one document is asked for, where a job does not say otherwise.
const CLAIMS_MAX: u32 = 3;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/daemon/shipped")
}

/// How well a strategy reads a document, in thousandths.
async fn score(known: &Known, strategy: &str, sources: &FolderSources, models: &Registry) -> u64 {
    let listing = sources.list().expect("the documents are listed");
    let document = listing
        .documents
        .iter()
        .find(|document| document.path == known.path)
        .unwrap_or_else(|| panic!("{} is not read", known.path));
    let slice = DocumentSlice {
        path: document.path.clone(),
        digest: document.digest,
        start: 0,
        end: document.bytes,
    };
    let request = ModelRequest {
        model: ModelName::default(),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 4_000,
        matter: Matter::Read {
            question: known.question.clone(),
            path: document.path.clone(),
            passages: sources.read(&slice).expect("the document is read"),
            claims_max: CLAIMS_MAX,
            strategy: Some(strategy.to_owned()),
        },
    };
    let provider = models
        .provider(&ModelName::default())
        .expect("the built-in provider");
    let reply = provider
        .complete(request, Arc::new(|_| {}))
        .await
        .expect("an answer");
    let answer: FindingsAnswer = serde_json::from_str(&reply.text).expect("findings");
    let claims: Vec<String> = answer
        .claims
        .iter()
        .map(|claim| {
            let quotes = claim.quotes.iter().map(|quote| quote.quote.as_str());
            quotes.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let spec: JobSpec = serde_json::from_value(json!({
        "name": "measure",
        "goal": known.question,
        "review": {"answers": [{"document": known.path, "quotes": known.answers}]},
    }))
    .expect("a spec");
    let share = Wanted::of(&spec, Some(&known.path)).share(&claims);
    format!("{:.0}", share * 1000.0).parse().expect("a number")
}

/// The evidence, measured anew.
async fn measured() -> String {
    let corpus = std::fs::read_to_string(folder().join("corpus.toml")).expect("the list of documents");
    let corpus: Corpus = toml::from_str(&corpus).expect("it is TOML");
    let input = InputSpec {
        path: folder().join("corpus"),
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let sources = FolderSources::open(&[input], SourceLimits::default()).expect("the folder");
    let clock = Arc::new(SystemClock::new());
    let models = Registry::new(ModelsConfig::default(), Arc::new(|_| None), clock).expect("the models");
    let mut lines = Vec::new();
    for strategy in STRATEGIES {
        let mut scores: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for known in &corpus.documents {
            let (kind, _) = known.path.split_once('/').expect("a folder for each kind");
            let score = score(known, strategy, &sources, &models).await;
            scores.entry(kind).or_default().push(score);
        }
        for (kind, scores) in scores {
            let mean = scores.iter().sum::<u64>() / scores.len() as u64;
            let line = json!({
                "strategy": strategy, "kind": kind, "documents": scores.len(), "score_milli": mean,
            });
            lines.push(line.to_string());
        }
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}

#[tokio::test]
async fn shipped_evidence_is_what_is_measured() {
    golden(&folder().join("evidence.json"), &measured().await);
}

#[test]
fn what_is_shipped_is_marked_can_be_switched_off_and_travels_nowhere() {
    let place = workplace();
    place.write(
        "docs/a.md",
        "# Ants\n\nAnts find food by following trails of pheromone.\n",
    );
    place.write(
        "job.toml",
        "name = \"ants\"\ngoal = \"How do ants find food?\"\nshape = \"map_reduce_verify\"\n[[inputs]]\npath = \"docs\"\n",
    );
    place.run(["run", "job.toml", "--quiet"]).ok();
    let query = ["knowledge", "query", "read/markdown", "--json"];
    let shipped = |arguments: &[&str]| -> u64 {
        let answer = place.run(arguments).json();
        let rows = answer["considered"].as_array().expect("a list").clone();
        rows.iter().filter_map(|row| row["shipped"].as_u64()).sum()
    };
    assert!(shipped(&query) > 0);
    let listed = place.run(["knowledge", "list"]).ok();
    assert!(listed.contains("shipped"), "{listed}");
    let rows = place.run(["knowledge", "list", "--json"]).json();
    assert!(
        rows["signals"][0]["shipped"][0]["runs"].as_u64() > Some(0),
        "{rows}"
    );
    place.write("anthill.toml", "[knowledge]\nshipped = false\n");
    let off = [
        "knowledge",
        "query",
        "read/markdown",
        "--json",
        "--config",
        "anthill.toml",
    ];
    assert_eq!(shipped(&off), 0);
    place.run(["knowledge", "export", "all.ants"]).ok();
    let other = workplace();
    let file = place.path("all.ants").display().to_string();
    let config = "[knowledge]\nshipped = false\n";
    other.write("anthill.toml", config);
    other
        .run(["knowledge", "import", &file, "--config", "anthill.toml"])
        .ok();
    let rows = other
        .run(["knowledge", "list", "--json", "--config", "anthill.toml"])
        .json();
    let all = rows["signals"].as_array().expect("a list");
    assert!(all.iter().all(|row| row["shipped"] == json!([])), "{rows}");
    place.run(["knowledge", "revoke", "--source", "builtin"]).ok();
    let answer = place.run(query).json();
    let rows = answer["considered"].as_array().expect("a list");
    assert!(rows.iter().all(|row| row["verdict"] == "quarantined"), "{answer}");
}
