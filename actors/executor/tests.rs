//! Tools that hang, panic or queue up harm their own call only.

use std::sync::atomic::{AtomicUsize, Ordering};

use anthill_contracts::id::{JobId, StepId, TaskId, ToolCallId};
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::sources::{Listing, LocatedQuote, SourceError, Sources};
use anthill_contracts::tool::ToolSpec;
use futures::future::BoxFuture;

use super::*;

#[derive(Default)]
struct Tools {
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Toolbox for Tools {
    fn specs(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    fn run(&self, _: ToolContext, call: ToolCall) -> BoxFuture<'_, ToolOutput> {
        Box::pin(async move {
            let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            match call.tool.as_str() {
                "hang" => std::future::pending::<()>().await,
                "panic" => panic!("a tool of the test panics"),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
            ToolOutput {
                ok: true,
                text: call.tool,
                truncated: false,
                passages: Vec::new(),
            }
        })
    }
}

struct NoSources;

impl Sources for NoSources {
    fn list(&self) -> Result<Listing, SourceError> {
        Ok(Listing::default())
    }

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<anthill_contracts::brief::Passage>, SourceError> {
        Err(SourceError::Outside {
            path: slice.path.clone(),
        })
    }

    fn bytes(&self, path: &str, _: u64, _: u64) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Outside {
            path: path.to_owned(),
        })
    }

    fn locate(&self, _: &str, _: &str) -> Result<Option<LocatedQuote>, SourceError> {
        Ok(None)
    }
}

fn context(seq: u32) -> ToolContext {
    let job_id = JobId::new(1, 1);
    let task_id = TaskId::derive(job_id, "answer", None);
    let call_id = ToolCallId::derive(StepId::derive(task_id, seq), "t", "{}");
    ToolContext {
        job_id,
        task_id,
        call_id,
        sources: Arc::new(NoSources),
        setting: Arc::default(),
    }
}

fn call(tool: &str) -> ToolCall {
    ToolCall {
        call: "c1".to_owned(),
        tool: tool.to_owned(),
        args: serde_json::json!({}),
    }
}

async fn executor(tools: Arc<Tools>, calls_max: usize) -> ExecutorHandle {
    let arguments = ExecutorArguments {
        toolbox: tools,
        calls_max,
        call_time_max: Duration::from_secs(5),
        guards: None,
    };
    let (root, _) = Actor::spawn(None, Root, ()).await.expect("the root starts");
    let executor = ExecutorHandle::vacant(&arguments);
    executor
        .occupy(arguments, root.get_cell())
        .await
        .expect("the executor starts");
    executor
}

/// What the executor is linked to.
struct Root;

impl Actor for Root {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_hangs_or_panics_fails_its_own_call() {
    let executor = executor(Arc::default(), 4).await;
    let (hangs, panics, works) = futures::future::join3(
        executor.run(context(0), call("hang")),
        executor.run(context(1), call("panic")),
        executor.run(context(2), call("fine")),
    )
    .await;
    assert!(!hangs.ok && hangs.text.starts_with("tool_timeout"), "{hangs:?}");
    assert!(!panics.ok && panics.text.contains("crashed"), "{panics:?}");
    assert!(works.ok, "{works:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn() {
    let tools: Arc<Tools> = Arc::default();
    let executor = executor(Arc::clone(&tools), 3).await;
    let calls = (0..20).map(|seq| executor.run(context(seq), call("fine")));
    let outputs = futures::future::join_all(calls).await;
    assert!(outputs.iter().all(|output| output.ok));
    assert_eq!(tools.most.load(Ordering::SeqCst), 3);
}
