//! The client against a small server: batches, what is refused of an answer, tries, and that keys stay secret.

use std::io::Write;
use std::sync::Mutex;

use anthill_contracts::budget::Span;
use anthill_contracts::clock::SystemClock;
use anthill_kit::fault_proxy::{FaultProxy, NetFault};
use serde_json::Value;

use super::*;

const KEY: &str = "sk-test-0123456789abcdef";

fn answer(status: u16, body: &Value) -> NetFault {
    NetFault::Answer {
        status,
        headers: vec!["Content-Type: application/json".to_owned()],
        body: body.to_string(),
    }
}

/// Embeddings in this order of indexes.
fn embedded(vectors: &[(usize, Vec<f64>)]) -> NetFault {
    let data: Vec<Value> = vectors
        .iter()
        .map(|(index, embedding)| json!({"object": "embedding", "index": index, "embedding": embedding}))
        .collect();
    answer(
        200,
        &json!({"object": "list", "data": data, "model": "m", "usage": {"total_tokens": 1}}),
    )
}

fn client(answers: impl IntoIterator<Item = NetFault>) -> (FaultProxy, Embeddings) {
    let peer = FaultProxy::start("127.0.0.1:9".parse().expect("an address")).expect("started");
    peer.plan(answers);
    let provider = ProviderConfig {
        base_url: Some(format!("{}/v1", peer.url())),
        key_env: Some("TEST_KEY".to_owned()),
        first_byte_timeout: Span(2_000),
        retries_max: 1,
        retry_wait_first: Span(5),
        retry_wait_max: Span(20),
        ..ProviderConfig::new(ProviderKind::Openai)
    };
    let models = ModelsConfig {
        providers: [("test".to_owned(), provider)].into(),
        ..ModelsConfig::default()
    };
    let keys: KeyResolver = Arc::new(|name| (name == "TEST_KEY").then(|| KEY.to_owned()));
    let client = Embeddings::new(config("test"), &models, &keys, Arc::new(SystemClock::new()));
    (peer, client.expect("the configuration is good"))
}

fn config(provider: &str) -> EmbeddingsConfig {
    EmbeddingsConfig {
        provider: provider.to_owned(),
        model: "m".to_owned(),
        dimensions: Some(2),
        similarity_min: None,
    }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text {n}")).collect()
}

#[tokio::test]
async fn texts_go_out_in_batches_and_come_back_in_order() {
    let first: Vec<(usize, Vec<f64>)> = (0..64)
        .rev()
        .map(|n| (n, vec![1.0, f64::from(u8::try_from(n).expect("small")) / 64.0]))
        .collect();
    let (peer, client) = client([embedded(&first), embedded(&[(0, vec![0.25, -0.5])])]);
    let vectors = client.embed(&texts(65)).await.expect("answered");
    assert_eq!(
        (vectors.len(), &vectors[0], &vectors[32], &vectors[64]),
        (65, &vec![127, 0], &vec![127, 64], &vec![64, -127])
    );
    let seen = peer.seen();
    let body: Value = serde_json::from_slice(&seen[1].body).expect("requests are JSON");
    assert_eq!(
        body,
        json!({"model": "m", "input": ["text 64"], "encoding_format": "float", "dimensions": 2})
    );
    assert!(client.embed(&[]).await.expect("nothing to ask").is_empty());
}

#[tokio::test]
async fn what_does_not_fit_is_refused_in_the_end() {
    for (bad, said) in [
        (embedded(&[(0, vec![1.0, 2.0])]), "1 embeddings for 2 texts"),
        (
            embedded(&[(0, vec![1.0, 2.0]), (0, vec![1.0, 2.0])]),
            "some twice",
        ),
        (
            embedded(&[(0, vec![1.0, 2.0]), (1, vec![1.0])]),
            "of 1 numbers after others of 2",
        ),
        (
            embedded(&[(0, vec![1.0, 2.0]), (1, vec![0.0, 0.0])]),
            "without direction",
        ),
        (embedded(&[(0, vec![1.0, 2.0]), (1, vec![])]), "without direction"),
        (
            embedded(&[(0, vec![1.0; 4097]), (1, vec![1.0; 4097])]),
            "more than 4096",
        ),
        (
            answer(200, &json!({"data": [{"index": 0, "embedding": [null]}]})),
            "no list",
        ),
    ] {
        let (peer, client) = client([bad.clone(), bad]);
        let error = client.embed(&texts(2)).await.expect_err(said);
        assert!(
            matches!(error, ModelError::Malformed { .. }) && error.to_string().contains(said),
            "{error}"
        );
        assert_eq!(peer.seen().len(), 2, "it was tried again");
    }
    let (peer, client) = client([]);
    assert!(matches!(
        client.embed(&["x".repeat(8193)]).await,
        Err(ModelError::Refused { .. })
    ));
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_the_key_is_never_shown() {
    let busy = answer(429, &json!({"error": {"message": format!("slow down, {KEY}")}}));
    let good = embedded(&[(0, vec![1.0])]);
    let (_peer, first) = client([busy.clone(), good.clone()]);
    assert_eq!(first.embed(&texts(1)).await.expect("the second try"), [[127]]);
    let (_peer, second) = client([busy.clone(), busy]);
    let error = second.embed(&texts(1)).await.expect_err("too often");
    assert!(
        error.to_string().contains("HTTP 429") && !error.to_string().contains(KEY),
        "{error}"
    );
    let (peer, third) = client([answer(401, &json!({"error": "no"}))]);
    assert!(matches!(
        third.embed(&texts(1)).await,
        Err(ModelError::KeyRefused { .. })
    ));
    assert_eq!(peer.seen().len(), 1, "a refused key is refused again");
}

/// Keeps the lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Servers quote the input that they do not like; one quoted a task in the log of every try.
#[tokio::test]
async fn what_a_server_says_of_a_text_is_neither_logged_nor_told() {
    const SECRET: &str = "the merger with Globex";
    let quoting = |status: u16, code: &str| {
        let message = format!("cannot tokenize: {SECRET}");
        answer(status, &json!({"error": {"message": message, "code": code}}))
    };
    let lines = Lines::default();
    let to = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || to.clone())
        .finish();
    // For the whole program: a log of this thread alone misses what another test's thread has met first.
    tracing::subscriber::set_global_default(log).expect("no other test of this crate keeps a log");
    let mut told = Vec::new();
    for (status, code) in [
        (500, "engine_overloaded"),
        (429, SECRET),
        (400, "input_too_long"),
        (422, "merger"),
    ] {
        let (_peer, client) = client([quoting(status, code), quoting(status, code)]);
        let error = client.embed(&[SECRET.to_owned()]).await.expect_err("refused");
        let refused = Embedder::embed(&client, vec![SECRET.to_owned()]).await;
        let refused = refused.expect_err("the peer has no more answers");
        told.push(format!("{error} {error:?} {refused:?}"));
    }
    let told = told.join("\n");
    let logged = String::from_utf8(lines.0.lock().expect("nobody panics with it").clone()).expect("text");
    assert!(logged.contains("HTTP 500: engine_overloaded"), "{logged}");
    assert!(told.contains("HTTP 400: input_too_long"), "{told}");
    for (place, text) in [("log", &logged), ("error", &told)] {
        let quoted = ["merger", "Globex", "tokenize"]
            .iter()
            .find(|word| text.contains(**word));
        assert_eq!(quoted, None, "the {place} repeats the text: {text}");
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let keys: KeyResolver = Arc::new(|_| None);
    let new = |provider: &str| {
        let clock = Arc::new(SystemClock::new());
        Embeddings::new(config(provider), &ModelsConfig::default(), &keys, clock).err()
    };
    assert!(matches!(new("nobody"), Some(ModelError::Refused { .. })));
    assert!(matches!(new("anthropic"), Some(ModelError::Refused { .. })));
    assert!(matches!(new("openai"), Some(ModelError::KeyMissing { .. })));
}
