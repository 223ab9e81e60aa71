//! Embeddings through the actor: they find what no word would, and an embedder that fails or hangs costs little.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anthill_contracts::clock::SystemClock;
use anthill_contracts::knowledge::{Knowledge, KnowledgeStore as _};
use anthill_contracts::signal::{Polarity, SignalBody, Trigger};
use anthill_signals::base::Builtin;
use futures::future::BoxFuture;

use super::*;
use crate::knowledge::{KnowledgeArguments, KnowledgeHandle, MemoryStore};

/// Says the same as [`TASK`] without one word, and without one run of three characters, of it.
const ADVICE: &str = "Fly up for honey.";

const TASK: &str = "where bees get sweet nectar";

/// Texts that no task asks for.
const OTHERS: usize = 150;

/// Whatever is about bees points one way, everything else another.
#[derive(Default)]
struct Scripted {
    maker: &'static str,
    /// Refuses a batch with this text in it.
    refuses: Option<&'static str>,
    hangs: AtomicBool,
    away: AtomicBool,
    calls: AtomicUsize,
}

impl Embedder for Scripted {
    fn maker(&self) -> String {
        self.maker.to_owned()
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<i8>>, KnowledgeError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(texts.len() <= BATCH_MAX, "{} texts at once", texts.len());
        Box::pin(async move {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.away.load(Ordering::SeqCst) {
                return Err(KnowledgeError::Away);
            }
            if texts.iter().any(|text| Some(text.as_str()) == self.refuses) {
                let detail = "one of them cannot be read".to_owned();
                return Err(KnowledgeError::Refused { detail });
            }
            let point = |text: &String| match text.as_str() {
                ADVICE | TASK => vec![127, 3, 0],
                _ => vec![0, 0, 127],
            };
            Ok(texts.iter().map(point).collect())
        })
    }
}

fn says(text: &str) -> Builtin {
    Builtin {
        scope: "read".parse().expect("a scope"),
        polarity: Polarity::Do,
        body: SignalBody::Text {
            text: text.to_owned(),
        },
        trigger: Trigger::default(),
        source: "anthill".to_owned(),
        measured: Vec::new(),
    }
}

fn other(number: usize) -> String {
    format!("Zur Krypta {number}")
}

async fn start(embedder: Option<Arc<Scripted>>) -> KnowledgeHandle {
    start_over(Arc::new(MemoryStore::default()), embedder).await
}

/// A knowledge that begins with what an earlier one has left in the store.
async fn start_over(store: Arc<MemoryStore>, embedder: Option<Arc<Scripted>>) -> KnowledgeHandle {
    let mut builtins: Vec<Builtin> = (0..OTHERS).map(|number| says(&other(number))).collect();
    builtins.push(says(ADVICE));
    let arguments = KnowledgeArguments {
        builtins: builtins.into(),
        embedder: embedder.map(|embedder| embedder as Arc<dyn Embedder>),
        ..KnowledgeArguments::new(store, Arc::new(SystemClock::new()), 42)
    };
    let handle = KnowledgeHandle::vacant(&arguments);
    handle.occupy_alone(arguments).await.expect("it starts");
    handle
}

fn ask(number: u32) -> Ask {
    Ask {
        text: TASK.to_owned(),
        schemas: Vec::new(),
        ..crate::knowledge::tests::ask(number)
    }
}

/// Which texts twenty runs were shown or had withheld, each once.
async fn found(handle: &KnowledgeHandle, first: u32) -> Vec<String> {
    let mut texts = Vec::new();
    for number in first..first + 20 {
        let receipt = handle.recall(ask(number)).await.expect("a receipt");
        for exposure in receipt.exposures {
            if let SignalBody::Text { text } = exposure.body {
                texts.push(text);
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts
}

#[tokio::test(start_paused = true)]
async fn what_says_the_same_in_other_words_is_found_by_its_embedding_alone() {
    assert_eq!(found(&start(None).await, 0).await, [""; 0]);
    let handle = start(Some(Arc::default())).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(found(&handle, 0).await, [ADVICE]);
}

#[tokio::test(start_paused = true)]
async fn an_embedder_that_hangs_delays_no_run_beyond_the_deadline() {
    let embedder = Arc::new(Scripted::default());
    let handle = start(Some(Arc::clone(&embedder))).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    embedder.hangs.store(true, Ordering::SeqCst);
    let instant = Duration::from_millis(1);
    let answer = timeout(TASK_DEADLINE + instant, handle.recall(ask(1))).await;
    let receipt = answer.expect("it waits no longer").expect("a receipt");
    assert!(receipt.exposures.is_empty(), "without a vector nothing fits");
    // The same run is shown the same again, whatever the embedder says by now.
    embedder.hangs.store(false, Ordering::SeqCst);
    assert_eq!(handle.recall(ask(1)).await.expect("a receipt"), receipt);
    // Who follows no words waits for no embedding.
    embedder.hangs.store(true, Ordering::SeqCst);
    let program = Ask {
        reads_text: false,
        ..ask(2)
    };
    let answer = timeout(instant, handle.recall(program)).await;
    answer.expect("it does not wait").expect("a receipt");
}

#[tokio::test(start_paused = true)]
async fn signals_are_embedded_when_their_embedder_comes_back() {
    let embedder = Arc::new(Scripted::default());
    embedder.away.store(true, Ordering::SeqCst);
    let handle = start(Some(Arc::clone(&embedder))).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    let calls = embedder.calls.load(Ordering::SeqCst);
    assert!((50..=61).contains(&calls), "{calls} calls in sixty ticks");
    embedder.away.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(found(&handle, 0).await, [ADVICE]);
}

/// Rows of embeddings in a store.
async fn kept(store: &MemoryStore) -> usize {
    let rows = store.load_facts().await.expect("it is in memory");
    let vectors = rows.iter().filter(|row| row.key.starts_with(&[0xff, b'v']));
    vectors.count()
}

/// Each start asked for every signal again, at the price and in the time of the server.
#[tokio::test(start_paused = true)]
async fn embeddings_outlive_their_process() {
    let store = Arc::<MemoryStore>::default();
    let first = Arc::new(Scripted::default());
    drop(start_over(Arc::clone(&store), Some(Arc::clone(&first))).await);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(first.calls.load(Ordering::SeqCst) > 0);
    assert_eq!(kept(&store).await, OTHERS + 1);

    let second = Arc::new(Scripted::default());
    let handle = start_over(Arc::clone(&store), Some(Arc::clone(&second))).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(second.calls.load(Ordering::SeqCst), 0, "nothing is asked twice");
    assert_eq!(found(&handle, 0).await, [ADVICE]);

    // Without an embedder they wait; those of another model are of no use, and make room.
    start_over(Arc::clone(&store), None).await;
    assert_eq!(kept(&store).await, OTHERS + 1);
    let other = Arc::new(Scripted {
        maker: "another",
        ..Scripted::default()
    });
    start_over(Arc::clone(&store), Some(Arc::clone(&other))).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(other.calls.load(Ordering::SeqCst) > 0);
    assert_eq!(kept(&store).await, OTHERS + 1);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_always_refused_holds_up_no_other() {
    let embedder = Arc::new(Scripted {
        refuses: Some("Zur Krypta 77"),
        ..Scripted::default()
    });
    let handle = start(Some(embedder)).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    let missing = handle.look(|base, _| base.without_vector(usize::MAX, None)).await;
    let texts: Vec<String> = missing
        .expect("an answer")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(texts, ["Zur Krypta 77"]);
}
