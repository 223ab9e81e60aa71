//! The tools that every node offers: look around, read and search in a job's inputs.
//!
//! A tool never fails the runtime. Wrong arguments, a file that is gone or a defect in a tool come back as an output
//! with `ok: false` whose text tells the model what to mend. All work blocks on the disk, so all of it runs on the
//! blocking pool. `post_artifact` is only described here: what it does is up to the worker and its blackboard.

use std::sync::Arc;

use anthill_contracts::tool::{EffectClass, ToolCall, ToolContext, ToolOutput, ToolSpec, Toolbox};
use futures::future::{BoxFuture, FutureExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::arguments::Arguments;
use self::files::{ListFiles, ReadFile};
use self::search::Search;
use self::views::{View, Views};

mod arguments;
mod files;
mod output;
mod search;
mod views;

pub use self::files::READ_BYTES_MAX;
pub use self::output::OUTPUT_BYTES_MAX;
pub use self::search::INDEX_BYTES_MAX;

/// The name of the tool that posts an artifact.
pub const POST_ARTIFACT: &str = "post_artifact";

/// Longest body that a model may post, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// `list_files`, `read_file` and `search` over the inputs of whatever job asks.
pub struct StandardToolbox {
    tools: Vec<Arc<Tool>>,
    views: Arc<Views>,
}

/// One tool: how it is described, what it takes, and what it does.
struct Tool {
    spec: ToolSpec,
    arguments: Arguments,
    work: fn(&View, &Arguments, &Value) -> Result<ToolOutput, String>,
}

impl Tool {
    fn new<T: Work>() -> Arc<Self> {
        let arguments = Arguments::of::<T>();
        Arc::new(Self {
            spec: ToolSpec {
                name: T::NAME.to_owned(),
                description: T::DESCRIPTION.to_owned(),
                schema: arguments.schema().clone(),
                effect: EffectClass::Read,
            },
            arguments,
            work: |view, arguments, given| arguments.take::<T>(given)?.work(view),
        })
    }
}

/// What a tool does, implemented by its arguments.
trait Work: JsonSchema + for<'de> Deserialize<'de> {
    /// The tool's name.
    const NAME: &'static str;
    /// What it does, for the model.
    const DESCRIPTION: &'static str;

    /// Does it; an error is what the model is told.
    fn work(self, view: &View) -> Result<ToolOutput, String>;
}

impl StandardToolbox {
    /// A toolbox without any job yet; views of jobs are made as they come.
    pub fn new() -> Self {
        Self {
            tools: vec![
                Tool::new::<ListFiles>(),
                Tool::new::<ReadFile>(),
                Tool::new::<Search>(),
            ],
            views: Arc::new(Views::default()),
        }
    }

    fn unknown(&self, name: &str) -> ToolOutput {
        let known: Vec<&str> = self.tools.iter().map(|tool| tool.spec.name.as_str()).collect();
        let name: String = name.chars().take(64).collect();
        ToolOutput::failure(format!(
            "there is no tool `{name}`; known tools: {}",
            known.join(", ")
        ))
    }
}

impl Default for StandardToolbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Toolbox for StandardToolbox {
    fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|tool| tool.spec.clone()).collect()
    }

    fn run(&self, context: ToolContext, call: ToolCall) -> BoxFuture<'_, ToolOutput> {
        async move {
            let Some(tool) = self.tools.iter().find(|tool| tool.spec.name == call.tool) else {
                count("unknown", "refused");
                return self.unknown(&call.tool);
            };
            let (work, views) = (Arc::clone(tool), Arc::clone(&self.views));
            let ran = tokio::task::spawn_blocking(move || {
                let view = views.of(&context.sources);
                (work.work)(&view, &work.arguments, &call.args).unwrap_or_else(ToolOutput::failure)
            });
            let output = ran.await.unwrap_or_else(|error| {
                tracing::error!(tool = %tool.spec.name, %error, "a tool panicked");
                ToolOutput::failure(format!(
                    "the tool `{}` failed; try other arguments",
                    tool.spec.name
                ))
            });
            count(&tool.spec.name, if output.ok { "ok" } else { "refused" });
            output
        }
        .boxed()
    }
}

fn count(tool: &str, outcome: &'static str) {
    metrics::counter!(crate::metrics::CALLS, "tool" => tool.to_owned(), "outcome" => outcome).increment(1);
}

/// What a model gives to post an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostArtifact {
    /// The artifact's name, such as `findings` or `brief`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,63}$"))]
    pub name: String,
    /// The artifact's body, in the form that its output contract asks for.
    #[schemars(length(min = 1, max = BODY_BYTES_MAX))]
    pub body: String,
}

impl PostArtifact {
    /// Checks what a model gave; an error is what the model is told.
    pub fn from_args(args: &Value) -> Result<Self, String> {
        let post: Self = Arguments::of::<Self>().take(args)?;
        // The schema counts letters, the bound is in bytes.
        if post.body.len() > BODY_BYTES_MAX {
            return Err(format!(
                "`body` has {} bytes; at most {BODY_BYTES_MAX} are taken",
                post.body.len()
            ));
        }
        Ok(post)
    }
}

/// How `post_artifact` is described to a model. The worker runs it, with the call as its idempotency key.
pub fn post_artifact_spec() -> ToolSpec {
    ToolSpec {
        name: POST_ARTIFACT.to_owned(),
        description: "Posts a version of an artifact to the job's blackboard, where it is reviewed. \
                      Posting again under the same name makes a new version."
            .to_owned(),
        schema: Arguments::of::<PostArtifact>().schema().clone(),
        effect: EffectClass::IdempotentWrite,
    }
}

#[cfg(test)]
mod tests;
