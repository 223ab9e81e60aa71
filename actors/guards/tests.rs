//! A guard between knowledge and executor: a contributed one blocks, a revoked one does not, a stale one lifts itself.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anthill_contracts::brief::Passage;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, StepId, TaskId, TenantId, ToolCallId};
use anthill_contracts::plan::DocumentSlice;
use anthill_contracts::signal::{BundleClass, GUARD_SCHEMA, Polarity, Proposal, Share, SignalBody, Trigger};
use anthill_contracts::sources::{Listing, LocatedQuote, SourceError, Sources};
use anthill_contracts::tool::{Setting, ToolSpec, Toolbox};
use anthill_signals::base::{Contribution, Revocation};
use anthill_signals::fact::Why;
use anthill_signals::guard::{COOL_DOWN_MS, PROBE_ONE_IN, PROBES_TO_LIFT};
use futures::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::{Value, json};

use super::*;
use crate::executor::{ExecutorArguments, ExecutorHandle};
use crate::knowledge::{KnowledgeArguments, KnowledgeHandle, KnowledgeReport, MemoryStore, Params};

/// A clock that stands until somebody moves it.
#[derive(Default)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_000_000 + self.0.load(Ordering::SeqCst))
    }

    fn mono(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Tools that count their calls and end as they are told.
#[derive(Default)]
struct Tools {
    ran: AtomicUsize,
    fails: AtomicBool,
    panics: AtomicBool,
}

impl Toolbox for Tools {
    fn specs(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    fn run(&self, _: ToolContext, call: ToolCall) -> BoxFuture<'_, ToolOutput> {
        self.ran.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            assert!(
                !self.panics.load(Ordering::SeqCst),
                "a tool of the test panics as it is told"
            );
            ToolOutput {
                ok: !self.fails.load(Ordering::SeqCst),
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

    fn read(&self, slice: &DocumentSlice) -> Result<Vec<Passage>, SourceError> {
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

/// An executor and a knowledge with one desk between them.
struct Rig {
    clock: Arc<Hands>,
    tools: Arc<Tools>,
    desk: Arc<GuardDesk>,
    executor: ExecutorHandle,
    knowledge: KnowledgeHandle,
    store: Arc<MemoryStore>,
    calls: u32,
}

impl Rig {
    async fn start(mode_max: GuardMode) -> Self {
        Self::over(mode_max, Arc::default(), Arc::default()).await
    }

    /// One whose knowledge begins with what an earlier one has left.
    async fn over(mode_max: GuardMode, store: Arc<MemoryStore>, clock: Arc<Hands>) -> Self {
        let tools = Arc::<Tools>::default();
        let desk = Arc::new(GuardDesk::new(mode_max, Arc::clone(&clock) as _));
        let executing = ExecutorArguments {
            guards: Some(Arc::clone(&desk)),
            ..ExecutorArguments::new(Arc::clone(&tools) as _)
        };
        let (root, _) = Actor::spawn(None, Root, ()).await.expect("the root starts");
        let executor = ExecutorHandle::vacant(&executing);
        let occupied = executor.occupy(executing, root.get_cell()).await;
        occupied.expect("the executor starts");
        let knowing = KnowledgeArguments {
            guards: Some(Arc::clone(&desk)),
            ..KnowledgeArguments::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, 42)
        };
        let knowledge = KnowledgeHandle::vacant(&knowing);
        knowledge.occupy_alone(knowing).await.expect("it starts");
        Self {
            clock,
            tools,
            desk,
            executor,
            knowledge,
            store,
            calls: 0,
        }
    }

    /// A guard against asking a tool for a star.
    async fn contribute(&self, tool: &str, source: &str) -> SignalId {
        let guard = json!({"tool": tool, "when": [{"at": "/query", "is": {"contains": "*"}}]});
        let contribution = Contribution {
            scope: "answer".parse().expect("a scope"),
            proposal: Proposal {
                polarity: Polarity::Avoid,
                body: SignalBody::Action {
                    schema: GUARD_SCHEMA.to_owned(),
                    args: guard.to_string(),
                },
                trigger: Trigger::default(),
                parents: Vec::new(),
                source: source.to_owned(),
            },
            tenant: tenant(),
            share: Share::Tenant,
            born_in: None,
            bundle: BundleClass::default(),
        };
        let contributed = self.knowledge.contribute(contribution).await;
        contributed.expect("it is durable").signal
    }

    /// Runs a call of its own step; `is_probe` says whether its number is one of those that may probe.
    async fn run(&mut self, tool: &str, args: Value, is_probe: bool) -> ToolOutput {
        let context = loop {
            let context = context(self.calls);
            self.calls += 1;
            if chance(&context).is_multiple_of(PROBE_ONE_IN) == is_probe {
                break context;
            }
        };
        let call = ToolCall {
            call: "c1".to_owned(),
            tool: tool.to_owned(),
            args,
        };
        self.executor.run(context, call).await
    }

    async fn search(&mut self, is_probe: bool) -> ToolOutput {
        self.run("search", json!({"query": "ant*"}), is_probe).await
    }

    /// Another process over the same store, after this one has ended a run.
    async fn again(self) -> Self {
        self.contribute("another", "person").await;
        Self::over(GuardMode::Block, self.store, self.clock).await
    }

    fn wait_ms(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    fn ran(&self) -> usize {
        self.tools.ran.load(Ordering::SeqCst)
    }

    fn breaker(&self, signal: SignalId) -> Breaker {
        self.desk.breaker(tenant(), signal).expect("it has blocked")
    }
}

/// A process that runs one job ended before any cool-down did, so no guard was ever probed.
#[tokio::test]
async fn what_a_guard_has_seen_outlives_its_process() {
    let mut rig = Rig::start(GuardMode::Block).await;
    let signal = rig.contribute("search", "person").await;
    assert!(is_blocked(&rig.search(true).await));
    let mut life = Vec::new();
    for _ in 0..PROBES_TO_LIFT {
        rig = rig.again().await;
        rig.wait_ms(COOL_DOWN_MS);
        assert!(is_blocked(&rig.search(false).await), "not every call is a probe");
        assert!(
            rig.search(true).await.ok,
            "the cool-down of an earlier process is over"
        );
        life.push(rig.breaker(signal).probes_ok);
    }
    assert_eq!(life, [1, 2, 3]);
    rig = rig.again().await;
    assert!(rig.search(false).await.ok, "it is lifted");
    let default = TenantId::default();
    let revoking = rig
        .knowledge
        .revoke(Revocation::Signal(signal), Why::Quarantine, &default);
    revoking.await.expect("it is durable");
    rig = rig.again().await;
    let report = KnowledgeReport::read(&*rig.store, Vec::new(), Params::default(), rig.clock.now().0);
    let report = report.await.expect("it is in memory");
    assert!(report.breakers.is_empty(), "its breaker goes with it");
    assert_eq!(report.damaged, 0);
}

fn tenant() -> u32 {
    Origin::tenant_number(&TenantId::default())
}

fn context(seq: u32) -> ToolContext {
    let job_id = JobId::new(1, 1);
    let task_id = TaskId::derive(job_id, "answer", None);
    ToolContext {
        job_id,
        task_id,
        call_id: ToolCallId::derive(StepId::derive(task_id, seq), "t", "{}"),
        sources: Arc::new(NoSources),
        setting: Arc::new(Setting {
            scope: Some("answer/findings".parse().expect("a scope")),
            ..Setting::default()
        }),
    }
}

fn is_blocked(output: &ToolOutput) -> bool {
    !output.ok && output.text.starts_with("known_bad: ")
}

#[tokio::test]
async fn a_contributed_guard_blocks_what_it_matches_and_nothing_else() {
    let mut rig = Rig::start(GuardMode::Block).await;
    assert!(rig.search(true).await.ok);
    let signal = rig.contribute("search", "person").await;
    let blocked = rig.search(true).await;
    assert!(is_blocked(&blocked), "{blocked:?}");
    assert!(blocked.text.contains(&signal.to_string()), "{blocked:?}");
    assert!(blocked.text.contains("a person says so"), "{blocked:?}");
    assert_eq!(rig.ran(), 1, "a blocked call never reaches the toolbox");
    assert!(rig.run("search", json!({"query": "ants"}), true).await.ok);
    assert!(rig.run("read", json!({"query": "*"}), true).await.ok);
    assert_eq!(rig.ran(), 3);
}

#[tokio::test]
async fn a_guard_goes_no_further_than_policy_and_evidence_allow() {
    for (mode_max, source, is_warned) in [
        (GuardMode::Advise, "person", false),
        (GuardMode::Warn, "person", true),
        (GuardMode::Block, "importer", true),
    ] {
        let mut rig = Rig::start(mode_max).await;
        let signal = rig.contribute("search", source).await;
        let output = rig.search(true).await;
        assert!(output.ok, "{output:?}");
        let line = format!("guard {signal}");
        assert_eq!(output.text.contains(&line), is_warned, "{mode_max:?}: {output:?}");
    }
}

#[tokio::test]
async fn a_revoked_guard_blocks_nothing() {
    let mut rig = Rig::start(GuardMode::Block).await;
    let signal = rig.contribute("search", "person").await;
    assert!(is_blocked(&rig.search(true).await));
    let default = TenantId::default();
    let revoking = rig
        .knowledge
        .revoke(Revocation::Signal(signal), Why::Quarantine, &default);
    revoking.await.expect("it is durable");
    assert!(rig.search(true).await.ok);
    assert!(
        rig.desk.breaker(tenant(), signal).is_none(),
        "its breaker goes with it"
    );
}

#[tokio::test]
async fn probes_lift_a_stale_guard_and_a_failure_closes_it_again() {
    let mut rig = Rig::start(GuardMode::Block).await;
    let signal = rig.contribute("search", "person").await;
    assert!(is_blocked(&rig.search(true).await));
    rig.wait_ms(COOL_DOWN_MS - 1);
    assert!(
        is_blocked(&rig.search(true).await),
        "it blocks for the whole cool-down"
    );
    rig.wait_ms(1);
    assert!(is_blocked(&rig.search(false).await), "not every call is a probe");
    for _ in 0..PROBES_TO_LIFT {
        assert!(is_blocked(&rig.search(false).await));
        assert!(rig.search(true).await.ok);
    }
    assert!(rig.breaker(signal).is_lifted());
    assert!(
        rig.search(false).await.ok,
        "a lifted guard lets every call through"
    );
    // What brings the book anew must not bring the guard back.
    rig.contribute("read", "person").await;
    assert!(rig.search(false).await.ok);
    rig.tools.fails.store(true, Ordering::SeqCst);
    let failed = rig.search(false).await;
    assert!(!failed.ok && !is_blocked(&failed), "{failed:?}");
    rig.tools.fails.store(false, Ordering::SeqCst);
    assert!(is_blocked(&rig.search(true).await));
}

#[tokio::test]
async fn a_probe_that_fails_or_panics_closes_the_guard_for_another_cool_down() {
    let mut rig = Rig::start(GuardMode::Block).await;
    let signal = rig.contribute("search", "person").await;
    assert!(is_blocked(&rig.search(true).await));
    rig.tools.fails.store(true, Ordering::SeqCst);
    rig.wait_ms(COOL_DOWN_MS);
    assert!(!is_blocked(&rig.search(true).await));
    assert_eq!(rig.breaker(signal).probes_failed, 1);
    assert!(is_blocked(&rig.search(true).await));
    rig.tools.panics.store(true, Ordering::SeqCst);
    rig.wait_ms(COOL_DOWN_MS);
    assert!(!is_blocked(&rig.search(true).await));
    assert_eq!(rig.breaker(signal).probes_failed, 2);
    assert!(is_blocked(&rig.search(true).await));
}
