//! Tools answer or refuse; they never fail their caller.

use std::fs;
use std::sync::Arc;

use anthill_contracts::id::{JobId, StepId, TaskId, ToolCallId};
use anthill_contracts::sources::SourcesRef;
use anthill_contracts::spec::InputSpec;
use serde_json::json;

use super::*;
use crate::inputs::{FolderSources, SourceLimits};

/// A folder as the inputs of a job, and a toolbox over it.
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) sources: SourcesRef,
    toolbox: StandardToolbox,
}

impl Bench {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (path, bytes) in files {
            let full = dir.path().join(path);
            fs::create_dir_all(full.parent().expect("every path has a folder"))
                .expect("the folder can be made");
            fs::write(full, bytes).expect("the file can be written");
        }
        let input = InputSpec {
            path: dir.path().to_path_buf(),
            include: Vec::new(),
            exclude: Vec::new(),
        };
        let sources = FolderSources::open(&[input], SourceLimits::default()).expect("the input exists");
        Self {
            dir,
            sources: Arc::new(sources),
            toolbox: StandardToolbox::new(),
        }
    }

    pub(super) fn run(&self, tool: &str, args: &Value) -> ToolOutput {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(self.toolbox.run(self.context(), call(tool, args)))
    }

    fn context(&self) -> ToolContext {
        context(&self.sources)
    }
}

fn context(sources: &SourcesRef) -> ToolContext {
    let job_id = JobId::new(1, 1);
    let task_id = TaskId::derive(job_id, "answer", None);
    let step_id = StepId::derive(task_id, 0);
    ToolContext {
        job_id,
        task_id,
        call_id: ToolCallId::derive(step_id, "tool", "{}"),
        sources: Arc::clone(sources),
        setting: Arc::default(),
    }
}

fn call(tool: &str, args: &Value) -> ToolCall {
    ToolCall {
        call: "call-1".to_owned(),
        tool: tool.to_owned(),
        args: args.clone(),
    }
}

#[test]
fn an_unknown_tool_is_answered_with_the_known_ones() {
    let output = Bench::new(&[]).run("write_file", &json!({}));
    assert!(!output.ok);
    assert_eq!(
        output.text,
        "there is no tool `write_file`; known tools: list_files, read_file, search"
    );
}

#[test]
fn wrong_arguments_are_answered_with_what_to_mend() {
    let bench = Bench::new(&[("a.txt", b"Some words.")]);
    let output = bench.run("read_file", &json!({"file": "a.txt"}));
    assert!(!output.ok);
    assert!(
        output.text.contains("\"path\" is a required property"),
        "{}",
        output.text
    );
    assert!(output.text.contains("file"), "{}", output.text);
}

#[test]
fn every_tool_describes_itself_and_its_arguments() {
    let toolbox = StandardToolbox::new();
    let mut specs = toolbox.specs();
    specs.push(post_artifact_spec());
    for spec in &specs {
        assert!(
            spec.description.len() > 40 && !spec.description.contains("  "),
            "{}",
            spec.description
        );
        assert_eq!(spec.schema["additionalProperties"], false, "{}", spec.name);
        let properties = spec.schema["properties"]
            .as_object()
            .expect("arguments are an object");
        assert!(
            properties
                .values()
                .all(|property| property["description"].is_string()),
            "{}",
            spec.name
        );
    }
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["list_files", "read_file", "search", "post_artifact"]);
}

#[test]
fn artifacts_to_be_posted_are_checked() {
    let post = |name: &str, body: &str| PostArtifact::from_args(&json!({"name": name, "body": body}));
    assert!(post("findings", "{}").is_ok());
    assert!(post("../findings", "{}").is_err());
    assert!(post("findings", "").is_err());
    assert!(
        post("findings", &"\u{20ac}".repeat(BODY_BYTES_MAX / 2)).is_err(),
        "bytes count, not letters"
    );
}

/// A tool that panics must not take the runtime with it, nor what other calls share.
#[test]
fn a_panic_in_a_tool_is_an_output() {
    struct Broken;
    impl anthill_contracts::sources::Sources for Broken {
        fn list(
            &self,
        ) -> Result<anthill_contracts::sources::Listing, anthill_contracts::sources::SourceError> {
            panic!("a defect")
        }
        fn read(
            &self,
            _: &anthill_contracts::plan::DocumentSlice,
        ) -> Result<Vec<anthill_contracts::brief::Passage>, anthill_contracts::sources::SourceError> {
            panic!("a defect")
        }
        fn bytes(&self, _: &str, _: u64, _: u64) -> Result<Vec<u8>, anthill_contracts::sources::SourceError> {
            panic!("a defect")
        }
        fn locate(
            &self,
            _: &str,
            _: &str,
        ) -> Result<Option<anthill_contracts::sources::LocatedQuote>, anthill_contracts::sources::SourceError>
        {
            panic!("a defect")
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let broken: SourcesRef = Arc::new(Broken);
    let bench = Bench::new(&[("a.txt", b"Some words.")]);
    for _ in 0..2 {
        let output = runtime.block_on(
            bench
                .toolbox
                .run(context(&broken), call("list_files", &json!({}))),
        );
        assert!(
            !output.ok && output.text.contains("`list_files` failed"),
            "{}",
            output.text
        );
    }
    assert!(bench.run("list_files", &json!({})).ok);
}
