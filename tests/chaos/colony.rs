//! The job that is disturbed: the repository's own example on a model that takes its time, and what comes out of it
//! when nobody disturbs it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use anthill_contracts::budget::Amount;
use anthill_contracts::clock::{Clock as _, SystemClock};
use anthill_kit::cli::{Finished, Workplace};
use serde_json::Value;

use crate::history::History;

/// Where the program leaves the job's result.
const OUT: &str = "anthill-out/ant-paths";

/// Answers as the extractor does, after some time: long enough to be killed in between, and not in step.
pub(crate) const SLOW: &str = "[[rules]]\ntimes = 3\nlatency = \"30ms\"\nextract = true\n\
                               [[rules]]\ntimes = 3\nlatency = \"110ms\"\nextract = true\n\
                               [[rules]]\nlatency = \"70ms\"\nextract = true\n";

/// With a price, so that money is counted as well.
const CONFIG: &str =
    "[models.prices]\n\"scripted/*\" = { usd_per_million_in = 3.0, usd_per_million_out = 15.0 }\n";

/// A workplace for the example, with this script.
#[derive(Debug)]
pub(crate) struct Colony {
    pub(crate) place: Workplace,
    steps_max: Option<u64>,
}

/// What an undisturbed run leaves behind.
#[derive(Debug)]
pub(crate) struct Undisturbed {
    pub(crate) brief: Brief,
    pub(crate) spent: Amount,
    pub(crate) elapsed: Duration,
    pub(crate) journal_bytes: u64,
}

/// The two files of a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Brief {
    json: String,
    markdown: String,
}

/// The run that every other one is compared with.
pub(crate) static UNDISTURBED: LazyLock<Undisturbed> = LazyLock::new(|| {
    let (first, second) = (undisturbed(), undisturbed());
    assert_eq!(first.brief, second.brief, "the same job ends with the same bytes");
    // Other tests run beside this one; the faster run says more about how long a job takes.
    if first.elapsed < second.elapsed {
        first
    } else {
        second
    }
});

fn undisturbed() -> Undisturbed {
    let colony = Colony::new(SLOW);
    let clock = SystemClock::new();
    colony.place.run(colony.run_arguments()).ok();
    let elapsed = clock.mono();
    let history = colony.history();
    history.check_ended();
    let journal = std::fs::metadata(colony.place.path(".anthill/journal.db")).expect("there is a journal");
    Undisturbed {
        brief: colony.brief().expect("an undisturbed run ends with a brief"),
        spent: history.settled(),
        elapsed,
        journal_bytes: journal.len(),
    }
}

impl Colony {
    /// A workplace whose model follows this script.
    pub(crate) fn new(script: &str) -> Self {
        let place = Workplace::new(env!("CARGO_BIN_EXE_anthill"));
        place.write("script.toml", script);
        place.write("anthill.toml", CONFIG);
        Self {
            place,
            steps_max: None,
        }
    }

    /// Allows exactly the steps of an undisturbed run: one that is paid for twice ends the job early.
    pub(crate) fn without_a_step_to_spare(mut self) -> Self {
        self.steps_max = Some(UNDISTURBED.spent.steps);
        self
    }

    /// The arguments that begin the job.
    pub(crate) fn run_arguments(&self) -> Vec<String> {
        let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/brief/job.toml");
        let job = job.to_str().expect("the repository's path is text");
        let mut arguments = words("run");
        arguments.extend([job.to_owned()]);
        arguments.extend(words("--model scripted/script.toml --config anthill.toml --json"));
        if let Some(steps) = self.steps_max {
            arguments.extend(["--budget".to_owned(), format!("steps={steps}")]);
        }
        arguments
    }

    /// The arguments that go on with the job.
    pub(crate) fn resume_arguments() -> Vec<String> {
        words("job resume job_ --config anthill.toml --json")
    }

    /// Goes on with the job.
    pub(crate) fn resume(&self) -> Finished {
        self.place.run(Self::resume_arguments())
    }

    /// The result, where both files are there.
    pub(crate) fn brief(&self) -> Option<Brief> {
        let file = |name: &str| -> Option<PathBuf> {
            let path = self.place.path(OUT).join(name);
            path.exists().then_some(path)
        };
        let (json, markdown) = (file("brief.json")?, file("brief.md")?);
        Some(Brief {
            json: self.place.read(json),
            markdown: self.place.read(markdown),
        })
    }

    /// What the journal tells; empty where there is no job yet.
    pub(crate) fn history(&self) -> History {
        let told = self.place.run(words("job events job_ --json"));
        match told.exit() {
            Some(0) => History::new(told.json_lines()),
            Some(4) if told.stderr().contains("AH0207") => History::default(),
            Some(6) if told.stderr().contains("AH0401") => History::default(),
            _ => panic!("the journal cannot be read: {told:?}"),
        }
    }

    /// The row of the one job.
    pub(crate) fn row(&self) -> Value {
        let mut jobs = self.place.run(words("job list --json")).json();
        let rows = jobs["jobs"].as_array_mut().expect("a list");
        assert_eq!(rows.len(), 1, "one job is disturbed at a time");
        rows.remove(0)
    }

    /// Checks the chain of the journal and every body that it names.
    #[track_caller]
    pub(crate) fn check_audit(&self) {
        let report = self.place.run(words("audit verify --json")).json();
        assert_eq!(report["flaws"], serde_json::json!([]), "{report}");
    }

    /// Checks that the job has ended as an undisturbed one does.
    #[track_caller]
    pub(crate) fn check_undisturbed(&self) {
        let history = self.history();
        history.check_ended();
        let (settled, expected) = (history.settled(), UNDISTURBED.spent);
        assert_eq!(
            (
                settled.steps,
                settled.tokens_in,
                settled.tokens_out,
                settled.usd_micro
            ),
            (
                expected.steps,
                expected.tokens_in,
                expected.tokens_out,
                expected.usd_micro
            ),
            "what was recorded is paid for once, and nothing else is"
        );
        self.check_audit();
        let brief = self.brief().expect("a job that has ended has left its brief");
        assert_eq!(brief, UNDISTURBED.brief);
    }
}

/// The words of a command line.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
