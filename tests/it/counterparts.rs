//! Against servers that we did not write: llama.cpp with a scripted model, and the `LiteLLM` proxy in front of it.
//!
//! Both come from `PyPI`, pinned in `tests/counterparts/requirements.txt`; `.ci/run` installs them and demands them by
//! `ANTHILL_COUNTERPARTS`. Where they are not installed the tests say so and pass, because a machine with nothing but a
//! compiler must be able to test. To have them run, once:
//!
//! ```sh
//! python3 -m venv target/counterparts/venv
//! target/counterparts/venv/bin/pip install -r tests/counterparts/requirements.txt
//! ```
//!
//! Mocks stand beside the providers; they show what the protocols say. These show what servers do. The scripted model
//! needs no weights and always says the same (`tests/counterparts/scripted_model.py`): one sentence, which it also claims
//! and quotes of every document that it reads. So it invents, and the critic has something to refuse.

mod account;
mod budgets;
mod faults;
mod jobs;
mod keys;
mod providers;
mod servers;

use anthill_kit::cli::{Finished, Workplace};

use crate::cli::workplace;
use servers::Server;

/// What the scripted model says, claims and quotes, and the name that it gives every document.
const SENTENCE: &str = "Hello from the scripted llama.";

/// A way to the scripted model, or to an answer of the proxy itself.
#[derive(Clone, Copy)]
struct Way<'a> {
    /// The protocol, as the configuration names it.
    kind: &'static str,
    /// Where it begins, without a path.
    url: &'a str,
    key: &'a str,
    model: &'static str,
}

impl<'a> Way<'a> {
    /// To llama.cpp.
    fn llama(server: &'a Server, kind: &'static str) -> Self {
        Self {
            kind,
            url: &server.url,
            key: &server.key,
            model: "scripted",
        }
    }

    /// Through `LiteLLM`.
    fn litellm(server: &'a Server, kind: &'static str, model: &'static str) -> Self {
        Self {
            kind,
            url: &server.url,
            key: &server.key,
            model,
        }
    }

    /// A folder with a configuration that knows the way as the provider `peer`; `more` are further lines of it.
    fn place(&self, more: &str) -> Workplace {
        let place = workplace().with_variable("PEER_KEY", self.key);
        let (kind, url) = (self.kind, self.url);
        let provider = "[models.providers.peer]\nkey_env = \"PEER_KEY\"\nretry_wait_first = \"10ms\"\n";
        place.write(
            "anthill.toml",
            format!("{provider}kind = \"{kind}\"\nbase_url = \"{url}\"\n{more}"),
        );
        place
    }

    /// Runs a job on it.
    fn run(&self, place: &Workplace, job: &str, options: &[&str]) -> Finished {
        let model = format!("peer/{}", self.model);
        let run = ["--config", "anthill.toml", "run", job, "--model", &model];
        place.run(run.iter().chain(options))
    }
}

/// Goes on with the only job.
fn resume(place: &Workplace, options: &[&str]) -> Finished {
    let resume = ["--config", "anthill.toml", "job", "resume", "job_"];
    place.run(resume.iter().chain(options))
}

/// A job over two documents, one at a time: the first says what the model says of every document, the second does not.
fn write_greeting(place: &Workplace) {
    let job = "name = \"greeting\"\ngoal = \"What does the llama say?\"\n[[inputs]]\npath = \"docs\"\n";
    place.write("job.toml", format!("{job}[work]\nworkers_max = 1\n"));
    place.write(
        format!("docs/{SENTENCE}"),
        format!("A note about greetings. {SENTENCE} That is all.\n"),
    );
    place.write("docs/tides.md", "# Tides\n\nThe tide comes twice a day.\n");
}
