//! The command line: what was typed, as types, and nothing of what it means.
//!
//! Each command has a file in `cli/` that carries it out. Texts that begin with `///` are the help that people read.

mod artifact;
mod audit;
mod bench;
mod completions;
mod doctor;
mod explain;
mod job;
mod knowledge;
mod prefix;
mod run;
mod schema;

use std::ffi::OsString;
use std::path::PathBuf;

use anthill_contracts::model::ModelName;
use anthill_contracts::store::JobStatus;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use indicatif::MultiProgress;

use crate::bench::knowledge::Experiment;
use crate::config::{self, Config, LogFormat, Overrides};
use crate::console::{Console, Failure};
use crate::job_file::BudgetFlag;
use crate::telemetry;
pub use knowledge::KnowledgeCommand;

/// A runtime for fleets of language-model agents.
///
/// `anthill run job.toml` carries out one job in this process and keeps its journal in the data directory.
#[derive(Debug, Parser)]
#[command(
    name = "anthill",
    version,
    max_term_width = 100,
    disable_help_subcommand = false
)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// The data directory [default: .anthill]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "ANTHILL_DATA_DIR",
        hide_env_values = true
    )]
    pub data_dir: Option<PathBuf>,
    /// The configuration; config/anthill.toml names every key
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "ANTHILL_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// What is logged to the standard error stream [default: off]: a level, or a filter such as `warn,anthill_store=debug`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "ANTHILL_LOG",
        hide_env_values = true
    )]
    pub log: Option<String>,
    /// How a line of the log is written
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Print JSON: one document, or one object per line where things happen one after another
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Carry out one job to its end
    Run(RunArguments),
    /// Look at jobs, resume or cancel them
    #[command(subcommand)]
    Job(JobCommand),
    /// Look at what jobs made
    #[command(subcommand)]
    Artifact(ArtifactCommand),
    /// Look at what was learned, add to it, take it back, carry it elsewhere
    #[command(subcommand)]
    Knowledge(KnowledgeCommand),
    /// Check the journal
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check that this machine is fit, and say what is not
    Doctor(DoctorArguments),
    /// Explain an error or reason code; without one, list them all
    Explain {
        /// Such as `AH0105` or `critic_rejected`
        code: Option<String>,
    },
    /// Print the JSON Schema of a file that people write
    Schema {
        /// Which file
        file: SchemaFile,
    },
    /// Measure what the runtime itself costs, beside the disk's own limit
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `anthill bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// One job that fans out to many no-op tasks; each result is durable before the job goes on
    Fanout(BenchArguments),
    /// Many jobs of one no-op task each
    Lifecycle(BenchArguments),
    /// What learning brings: experiments beside their baselines and limits
    Knowledge(KnowledgeBench),
    /// Memory of agents that wait
    Idle {
        /// How many agents wait; may be given several times [default: 10000 and 100000]
        #[arg(long = "agents", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        agents: Vec<u32>,
        /// Measure in this process and print one number: for the processes that the bench starts
        #[arg(long, hide = true)]
        here: bool,
        /// The folder in which the data directory is made, and removed again [default: the current one]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `anthill bench knowledge`.
#[derive(Debug, Args)]
pub struct KnowledgeBench {
    /// Only this experiment; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    pub experiment: Vec<Experiment>,
    /// The first seed
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
    /// A TOML file that changes the worlds, such as `nodes = 16` or `liars = 0.2`
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
}

/// How much a bench does.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Tasks or jobs of one repetition
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub n: u32,
    /// Counted repetitions; one more warms up
    #[arg(long, value_name = "TIMES", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repetitions: u32,
    /// Tasks or jobs at once [default: 16 tasks, 256 jobs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub parallel: Option<u32>,
    /// The folder in which the data directory is made, and removed again [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `anthill run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The job file, TOML or JSON
    #[arg(value_name = "JOB")]
    pub job: PathBuf,
    /// A folder or file to read instead of the job's inputs; may be given several times
    #[arg(long = "input", value_name = "PATH")]
    pub inputs: Vec<PathBuf>,
    /// The model to work with instead of the job's
    #[arg(long, value_name = "PROVIDER/NAME")]
    pub model: Option<ModelName>,
    /// What the end is given and shown.
    #[command(flatten)]
    pub ending: RunOptions,
}

/// What `run` and `job resume` share.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// A limit instead of the job's, such as `usd=0.50`, `wall=10m` or `tokens_in=200000`; may be given several times
    #[arg(long = "budget", value_name = "DIMENSION=LIMIT")]
    pub budget: Vec<BudgetFlag>,
    /// The folder for the result, which is never read as an input [default: anthill-out/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Serve Prometheus metrics here; `:9464` means the loopback address, port 0 any free one
    #[arg(long, value_name = "ADDR")]
    pub metrics_addr: Option<String>,
}

/// `anthill job`.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List jobs, newest first
    List {
        /// Only jobs in this state
        #[arg(long, value_name = "STATE")]
        state: Option<StateFilter>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Show one job with its tasks, costs and reasons
    Show {
        /// The job's id, or the beginning of it
        job: String,
    },
    /// Print a job's journal
    Events {
        /// The job's id, or the beginning of it
        job: String,
        /// Begin with this frame
        #[arg(long, value_name = "SEQ", default_value_t = 1)]
        from: u64,
    },
    /// Go on with a job that was stopped, paused or killed
    Resume {
        /// The job's id, or the beginning of it
        job: String,
        /// What the end is given and shown.
        #[command(flatten)]
        ending: RunOptions,
    },
    /// End a job for good
    Cancel {
        /// The job's id, or the beginning of it
        job: String,
    },
}

/// `anthill artifact`.
#[derive(Debug, Subcommand)]
pub enum ArtifactCommand {
    /// List a job's artifacts with their versions and reviews
    List {
        /// The job's id, or the beginning of it
        job: String,
    },
    /// Print the body of an artifact
    Show {
        /// The job's id, or the beginning of it
        job: String,
        /// The artifact's id, the beginning of it, or its name where only one has it
        artifact: String,
        /// Its version [default: the newest]
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Show what changed between two versions of an artifact
    Diff {
        /// The job's id, or the beginning of it
        job: String,
        /// The artifact's id, the beginning of it, or its name where only one has it
        artifact: String,
        /// The older version [default: the one before the newer]
        #[arg(long, value_name = "N")]
        from: Option<u32>,
        /// The newer version [default: the newest]
        #[arg(long, value_name = "N")]
        to: Option<u32>,
    },
}

/// `anthill audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chain of the journal and every body that it names
    Verify {
        /// Only this job
        #[arg(long, value_name = "JOB")]
        job: Option<String>,
    },
}

/// `anthill doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// A folder or file to look through: what would be read, and what skipped; may be given several times
    #[arg(long = "input", value_name = "PATH")]
    pub inputs: Vec<PathBuf>,
}

/// Files that people write.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaFile {
    /// The job file
    Job,
    /// A plan within a job file
    Plan,
    /// The configuration
    Config,
}

/// States of a job, as words of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StateFilter {
    /// Running, or its process died
    Running,
    /// Stopped before its end
    Paused,
    /// Ended well
    Succeeded,
    /// Ended badly
    Failed,
    /// Cancelled
    Cancelled,
}

impl From<StateFilter> for JobStatus {
    fn from(filter: StateFilter) -> Self {
        match filter {
            StateFilter::Running => Self::Running,
            StateFilter::Paused => Self::Paused,
            StateFilter::Succeeded => Self::Succeeded,
            StateFilter::Failed => Self::Failed,
            StateFilter::Cancelled => Self::Cancelled,
        }
    }
}

/// Reads a command line. A variable that is set to nothing counts as unset, whatever its flag takes.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let command = Arguments::command().mut_args(|argument| {
        let is_empty = argument.get_env().is_some_and(config::is_set_to_nothing);
        if is_empty {
            argument.env(None::<&str>)
        } else {
            argument
        }
    });
    let matches = command.try_get_matches_from(arguments)?;
    Arguments::from_arg_matches(&matches)
}

/// Carries a command out and answers with the program's exit code.
pub fn perform(arguments: Arguments, console: &mut Console) -> Result<u8, Failure> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Run(run) => run::run(&common, run, console),
        Command::Job(command) => job::perform(&common, command, console),
        Command::Artifact(command) => artifact::perform(&common, command, console),
        Command::Knowledge(command) => knowledge::perform(&common, command, console),
        Command::Audit(AuditCommand::Verify { job }) => audit::verify(&common, job.as_deref(), console),
        Command::Doctor(doctor) => doctor::doctor(&common, &doctor, console),
        Command::Explain { code } => explain::explain(code.as_deref(), console),
        Command::Schema { file } => schema::schema(file, console),
        Command::Bench(command) => bench::perform(&common, &command, console),
        Command::Completions { shell } => completions::completions(shell, console),
    }
}

impl Common {
    /// The configuration with the flags above it, and the log that it asks for.
    pub(crate) fn begin(&self, metrics_addr: Option<String>) -> Result<Setting, Failure> {
        let overrides = Overrides {
            data_dir: self.data_dir.clone(),
            log: self.log.clone(),
            log_format: self.log_format,
            metrics_addr,
        };
        let config = Config::load(self.config.as_deref(), overrides)?;
        let bars = MultiProgress::new();
        telemetry::start_log(&config.telemetry, &bars)?;
        Ok(Setting { config, bars })
    }
}

/// What every command stands on.
pub(crate) struct Setting {
    /// The configuration, with the flags above it.
    pub(crate) config: Config,
    /// Where a terminal's bars are drawn; the log goes around them.
    pub(crate) bars: MultiProgress,
}
