//! From a job file and the flags beside it to a spec that can be submitted.
//!
//! Relative inputs are taken from the job file's folder, `--input` from the current one and instead of the file's. What
//! cannot work is refused here, before a data directory is opened: a job that is wrong leaves no trace.

use std::path::{Path, PathBuf};

use anthill_actors::planner::validate_spec;
use anthill_contracts::budget::{Dimension, Limits, Span, Usd};
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::model::ModelName;
use anthill_contracts::spec::{InputSpec, JobSpec};

use crate::document;

/// What the command line changes in a job file.
#[derive(Debug, Clone, Default)]
pub struct JobFlags {
    /// Inputs that replace the file's.
    pub inputs: Vec<PathBuf>,
    /// The model that replaces the file's.
    pub model: Option<ModelName>,
    /// Limits that replace the file's, each in its dimension.
    pub budget: Vec<BudgetFlag>,
}

/// One `--budget DIMENSION=LIMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetFlag {
    dimension: Dimension,
    limit: u64,
}

impl std::str::FromStr for BudgetFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("write DIMENSION=LIMIT, such as `usd=0.50` or `wall=10m`")?;
        let dimension = name.parse::<Dimension>().map_err(|error| {
            let names = Dimension::ALL.map(Dimension::as_str);
            match document::nearest(name, names) {
                Some(nearest) => format!("{error}; did you mean `{nearest}`?"),
                None => format!("{error}; known: {}", names.join(", ")),
            }
        })?;
        let limit = parse_limit(dimension, value)?;
        Ok(Self { dimension, limit })
    }
}

fn parse_limit(dimension: Dimension, value: &str) -> Result<u64, String> {
    match dimension {
        Dimension::Usd => value
            .parse()
            .ok()
            .and_then(Usd::from_dollars)
            .map(|usd| usd.0)
            .ok_or_else(|| format!("`{value}` is no amount of dollars; write `0.50`")),
        Dimension::Wall => serde_json::from_value::<Span>(value.into())
            .map(|span| span.0)
            .map_err(|error| error.to_string()),
        _ => value
            .parse()
            .map_err(|_| format!("`{value}` is no count; write a whole number")),
    }
}

/// The limits that some flags set; a later flag of a dimension goes above an earlier one.
pub fn limits_of(flags: &[BudgetFlag]) -> Limits {
    let mut limits = Limits::default();
    for flag in flags {
        let limit = flag.limit;
        match flag.dimension {
            Dimension::TokensIn => limits.tokens_in = Some(limit),
            Dimension::TokensOut => limits.tokens_out = Some(limit),
            Dimension::Usd => limits.usd = Some(Usd(limit)),
            Dimension::ToolCalls => limits.tool_calls = Some(limit),
            Dimension::Steps => limits.steps = Some(limit),
            Dimension::Wall => limits.wall = Some(Span(limit)),
            Dimension::Agents => limits.agents = Some(limit),
        }
    }
    limits
}

/// Reads a job file, applies the flags, and checks what can be checked without running.
pub fn load(path: &Path, flags: JobFlags) -> Result<JobSpec, Problem> {
    let mut spec: JobSpec = document::load(path, &codes::SPEC_MISSING)?;
    place_inputs(&mut spec, path, flags.inputs)?;
    if let Some(model) = flags.model {
        // Whoever names the model leaves nothing to choose.
        spec.model = model;
        spec.routing.models.clear();
    }
    spec.budget = merge(spec.budget, limits_of(&flags.budget));
    check_limits(&spec.budget)?;
    validate_spec(&spec)?;
    Ok(spec)
}

/// The limits of `above` where it has some, else those of `below`.
fn merge(below: Limits, above: Limits) -> Limits {
    Limits {
        tokens_in: above.tokens_in.or(below.tokens_in),
        tokens_out: above.tokens_out.or(below.tokens_out),
        usd: above.usd.or(below.usd),
        tool_calls: above.tool_calls.or(below.tool_calls),
        steps: above.steps.or(below.steps),
        wall: above.wall.or(below.wall),
        agents: above.agents.or(below.agents),
    }
}

/// Makes every input absolute and sees that it exists.
fn place_inputs(spec: &mut JobSpec, file: &Path, replaced: Vec<PathBuf>) -> Result<(), Problem> {
    let folder = if replaced.is_empty() {
        file.parent().unwrap_or(Path::new("")).to_owned()
    } else {
        spec.inputs = replaced.into_iter().map(whole).collect();
        PathBuf::new()
    };
    for input in &mut spec.inputs {
        let path = folder.join(&input.path);
        input.path = path.canonicalize().map_err(|error| {
            let shown = path.display();
            match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Problem::new(
                    &codes::INPUT_MISSING,
                    format!("the input `{shown}` does not exist"),
                ),
                _ => Problem::new(
                    &codes::INPUT_UNREADABLE,
                    format!("the input `{shown}` cannot be read: {error}"),
                ),
            }
        })?;
    }
    Ok(())
}

fn whole(path: PathBuf) -> InputSpec {
    InputSpec {
        path,
        include: Vec::new(),
        exclude: Vec::new(),
    }
}

/// Refuses a limit of zero, which is most likely a slip.
pub fn check_limits(limits: &Limits) -> Result<(), Problem> {
    match Dimension::ALL
        .into_iter()
        .find(|dimension| limits.get(*dimension) == Some(0))
    {
        Some(dimension) => {
            let message =
                format!("the limit on {dimension} is zero, so not even the next step could be paid");
            Err(Problem::new(&codes::BUDGET_ZERO, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
