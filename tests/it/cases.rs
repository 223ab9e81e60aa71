//! Trouble that users of comparable programs have met: each case with its right value, and others of its kind.

use std::path::PathBuf;

use anthill_kit::cli::{Finished, Workplace};
use anthill_kit::model_server::{ModelServer, Protocol};
use serde_json::Value;

mod answers;
mod calls;
mod documents;
mod endings;
mod files;
mod folders;
mod money;
mod network;
mod own_output;
mod quotations;
mod score;
mod streams;

/// One job on a stand-in for a model's server.
struct Case {
    server: ModelServer,
    place: Workplace,
}

impl Case {
    /// A job of readers and a writer over two documents.
    fn of_readers(server: ModelServer) -> Self {
        Self::new(server, "map_reduce_verify", "")
    }

    /// A job of one agent with tools over the same documents.
    fn of_researcher(server: ModelServer) -> Self {
        Self::new(server, "single", "")
    }

    /// A job of this shape; `more` is added to the job file, after its limit of one dollar.
    fn new(server: ModelServer, shape: &str, more: &str) -> Self {
        let place = workplace();
        server.configure(&place, Protocol::Openai, "");
        place.write("docs/tides.md", "The tide comes in twice a day.\n");
        place.write("docs/moon.md", "The moon draws the sea towards itself.\n");
        place.write(
            "job.toml",
            format!(
                "name = \"sea\"\ngoal = \"What moves the sea?\"\nmodel = \"fake/m\"\nshape = \"{shape}\"\n\
                 [[inputs]]\npath = \"docs\"\n[budget]\nusd = 1.0\n{more}"
            ),
        );
        Self { server, place }
    }

    /// The same job on a provider of the Messages protocol.
    fn on_anthropic(self) -> Self {
        self.server.configure(&self.place, Protocol::Anthropic, "");
        self
    }

    /// The same job with a variable in the program's environment.
    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.place = self.place.with_variable(name, value);
        self
    }

    /// Plays the job to its end.
    fn run(&self) -> Finished {
        self.place.run([
            "--config",
            "anthill.toml",
            "run",
            "job.toml",
            "--data-dir",
            "data",
            "--out",
            "out",
            "--quiet",
        ])
    }

    /// Goes on with the job.
    fn resume(&self, options: &[&str]) -> Finished {
        let resume = [
            "--config",
            "anthill.toml",
            "job",
            "resume",
            "job_",
            "--data-dir",
            "data",
            "--out",
            "out",
            "--quiet",
        ];
        self.place.run(resume.iter().chain(options))
    }

    /// The only job, as `job show --json` tells it.
    fn job(&self) -> Value {
        self.place
            .run(["job", "show", "job_", "--data-dir", "data", "--json"])
            .json()
    }

    /// What became of the job's tasks, for people, one line each.
    fn details(&self) -> Vec<String> {
        let job = self.job();
        let tasks = job["tasks"].as_array().expect("a list").iter();
        tasks
            .filter_map(|task| task["detail"].as_str().map(str::to_owned))
            .collect()
    }

    /// How often readers asked.
    fn readers_asked(&self) -> usize {
        self.server.calls().iter().filter(|call| call.is_reader()).count()
    }

    /// Claims of the brief; none where no brief was written.
    fn claims(&self) -> usize {
        let Ok(text) = std::fs::read_to_string(self.place.path("out/brief.json")) else {
            return 0;
        };
        let brief: Value = serde_json::from_str(&text).expect("a brief is JSON");
        let sections = brief["sections"].as_array().expect("a brief has sections");
        sections
            .iter()
            .map(|section| section["claims"].as_array().map_or(0, Vec::len))
            .sum()
    }
}

fn workplace() -> Workplace {
    Workplace::new(PathBuf::from(env!("CARGO_BIN_EXE_anthill")))
}
