//! What is typed after `anthill knowledge`.

use std::path::PathBuf;

use anthill_contracts::id::TenantId;
use anthill_contracts::model::ModelName;
use anthill_contracts::signal::{ScopePath, Share, SignalState};
use anthill_contracts::spec::Quality;
use clap::{Args, Subcommand, ValueEnum};

/// `anthill knowledge`.
#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// List signals, the best proven first
    List(ListFilter),
    /// Tell the life of a signal: born where, shown where, helped whom
    Show {
        /// The signal's id, or the beginning of it
        signal: String,
        /// For whom
        #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT)]
        tenant: TenantId,
    },
    /// Say what a run would be shown now, and why not the rest
    Query(QueryArguments),
    /// Add a signal; it has to prove itself like any other
    Contribute(ContributeArguments),
    /// Take signals out of use, with everything that was made of them, and say what they have reached
    Revoke(RevokeArguments),
    /// Print what the knowledge is worth
    Stats {
        /// For whom
        #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT)]
        tenant: TenantId,
    },
    /// Write everything that may be shared into a file
    Export {
        /// The file; `-` is the standard output stream
        file: PathBuf,
        /// Only what this older export lacks
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
    /// Take in what another node has exported
    Import {
        /// The file; `-` is the standard input stream
        file: PathBuf,
    },
}

/// Which signals are listed.
#[derive(Debug, Args)]
pub struct ListFilter {
    /// Only signals in this state
    #[arg(long, value_name = "STATE")]
    pub state: Option<SignalStateFilter>,
    /// Only signals of this scope and those below it
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<ScopePath>,
    /// For whom
    #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT)]
    pub tenant: TenantId,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
}

/// `anthill knowledge query`.
#[derive(Debug, Args)]
pub struct QueryArguments {
    /// The kind of task, such as `read/markdown`
    #[arg(value_name = "SCOPE")]
    pub scope: ScopePath,
    /// What the task is about
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// A value of the task, such as `document_kind=html`; may be given several times
    #[arg(long = "state", value_name = "KEY=VALUE")]
    pub state: Vec<Pair>,
    /// Who would work on it: evidence of another model counts less
    #[arg(long, value_name = "PROVIDER/NAME", default_value_t)]
    pub model: ModelName,
    /// The share of success from which a model is taken for its cost
    #[arg(long, value_name = "SHARE", default_value = "0.8")]
    pub quality_min: QualityFlag,
    /// For whom
    #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT)]
    pub tenant: TenantId,
    /// Another number draws anew, as for another run
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub run: u64,
}

/// `anthill knowledge contribute`.
#[derive(Debug, Args)]
pub struct ContributeArguments {
    /// The kind of task that it is for, such as `read/markdown`
    #[arg(value_name = "SCOPE")]
    pub scope: ScopePath,
    /// What it says.
    #[command(flatten)]
    pub says: Says,
    /// Read the text as the JSON arguments of an action of this kind, such as `guard`
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// A value that the task must have, such as `model_family=llama`; may be given several times
    #[arg(long = "require", value_name = "KEY=VALUE")]
    pub require: Vec<Pair>,
    /// How far it may travel
    #[arg(long, value_name = "REACH", default_value = "tenant")]
    pub share: ShareFlag,
    /// Where it comes from, by which it can be revoked
    #[arg(long, value_name = "NAME", default_value = "person")]
    pub source: String,
    /// For whom
    #[arg(long, value_name = "NAME", default_value = TenantId::DEFAULT)]
    pub tenant: TenantId,
}

/// Advice or a warning.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Says {
    /// Advice: do this
    #[arg(long = "do", value_name = "TEXT")]
    pub advice: Option<String>,
    /// A warning: do not do this
    #[arg(long, value_name = "TEXT")]
    pub avoid: Option<String>,
}

/// `anthill knowledge revoke`.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// What is revoked.
    #[command(flatten)]
    pub what: Revoked,
    /// Remove the content, too; it cannot come back
    #[arg(long)]
    pub erase: bool,
    /// Who revokes
    #[arg(long = "as", value_name = "NAME", default_value = TenantId::DEFAULT)]
    pub tenant: TenantId,
}

/// What is revoked.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Revoked {
    /// One signal, by its id or the beginning of it
    #[arg(long, value_name = "SIGNAL")]
    pub signal: Option<String>,
    /// Everything that came from this source
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Everything of this tenant
    #[arg(long = "tenant", value_name = "NAME")]
    pub everything_of: Option<TenantId>,
}

/// `KEY=VALUE`.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// States of a signal, as words of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SignalStateFilter {
    /// New; its users' outcomes are awaited
    Probation,
    /// Its users did better
    Active,
    /// Revoked, or its users did worse
    Quarantined,
    /// Its evidence has faded
    Retired,
}

impl From<SignalStateFilter> for SignalState {
    fn from(filter: SignalStateFilter) -> Self {
        match filter {
            SignalStateFilter::Probation => Self::Probation,
            SignalStateFilter::Active => Self::Active,
            SignalStateFilter::Quarantined => Self::Quarantined,
            SignalStateFilter::Retired => Self::Retired,
        }
    }
}

/// How far a signal may travel: `private`, `tenant`, `group:NUMBER` or `public`.
#[derive(Debug, Clone, Copy)]
pub struct ShareFlag(Share);

impl std::str::FromStr for ShareFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = match text.split_once(':') {
            None if text == "private" => Share::Private,
            None if text == "tenant" => Share::Tenant,
            None if text == "public" => Share::Public,
            Some(("group", number)) => Share::Group(number.parse().map_err(|_| "a group is a number")?),
            _ => return Err("write private, tenant, group:NUMBER or public".to_owned()),
        };
        Ok(Self(share))
    }
}

impl From<ShareFlag> for Share {
    fn from(flag: ShareFlag) -> Self {
        flag.0
    }
}

/// A share of success, 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct QualityFlag(pub Quality);

impl std::str::FromStr for QualityFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.parse().ok().and_then(Quality::from_share);
        share
            .map(Self)
            .ok_or_else(|| "write a number from 0 to 1".to_owned())
    }
}
