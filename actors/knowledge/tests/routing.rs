//! The actor routes runs between models, keeps what they have spent, and knows it in its next life.

use anthill_contracts::knowledge::{ModelOption, Spent};
use anthill_contracts::model::{MODEL_CHOICE_SCHEMA, ModelName, Price};
use anthill_signals::base::{ModelRow, Query};
use anthill_signals::route;

use super::*;

fn model(name: &str) -> ModelName {
    name.parse().expect("a model's name")
}

fn bundle(number: u16) -> BundleClass {
    BundleClass {
        family: number,
        exact: number,
    }
}

/// A small model and one that costs ten times as much and follows no strategies.
fn options() -> Vec<ModelOption> {
    let option = |name: &str, number: u16, rate: u64, schemas: &[&str]| ModelOption {
        model: model(name),
        bundle: bundle(number),
        price: Some(Price {
            usd_micro_per_million_in: rate,
            usd_micro_per_million_out: 4 * rate,
        }),
        state: BTreeMap::new(),
        schemas: schemas.iter().map(|schema| (*schema).to_owned()).collect(),
        reads_text: true,
    };
    vec![
        option("local/small", 1, 100_000, &[SCHEMA]),
        option("openai/large", 2, 1_000_000, &[]),
    ]
}

fn routed(number: u32) -> Ask {
    Ask {
        bundle: bundle(2),
        models: options(),
        ..ask(number)
    }
}

/// The end of a run: the small model fails, and every run takes 2000 tokens and writes 200.
fn ended(receipt: &Receipt) -> Conclusion {
    let is_large = receipt.model == Some(model("openai/large"));
    let mut conclusion = conclusion(receipt);
    conclusion.proposals.clear();
    conclusion.outcomes[0].score_milli = if is_large { 950 } else { 100 };
    conclusion.spent = Some(Spent {
        tokens_in: 2_000,
        tokens_out: 200,
    });
    conclusion
}

async fn models(handle: &KnowledgeHandle) -> Vec<ModelRow> {
    let query = Query {
        tenant: TenantId::default(),
        scope: "read/markdown".parse().expect("a scope"),
        text: String::new(),
        state: BTreeMap::new(),
        bundle: bundle(2),
        run: 0,
        models: options(),
        quality_min: Quality::default(),
    };
    handle.query(query).await.expect("an answer").models
}

#[tokio::test]
async fn a_run_is_routed_in_the_receipt_that_it_is_shown_signals_by() {
    let (handle, _) = start(Arc::new(MemoryStore::default())).await;
    let mut taken = BTreeSet::new();
    for number in 0..60 {
        let receipt = handle.recall(routed(number)).await.expect("a receipt");
        let Some(chosen) = &receipt.model else {
            assert!(receipt.exposures.is_empty(), "only the control arm has no model");
            continue;
        };
        let option = options().into_iter().find(|option| option.model == *chosen);
        let option = option.expect("it is one of the list");
        assert_eq!(
            receipt.bundle, option.bundle,
            "the run is what its model makes it"
        );
        assert_eq!(receipt.weighed.len(), 2);
        let exposure = &receipt.exposures[0];
        assert_eq!(route::model_of(&exposure.body).as_ref(), Some(chosen));
        assert!(exposure.kept && exposure.tokens == 0);
        for other in &receipt.exposures[1..] {
            let SignalBody::Action { schema, .. } = &other.body else {
                panic!("nobody has said anything: {other:?}");
            };
            assert!(option.schemas.contains(schema), "{schema} for {chosen}");
        }
        taken.insert(chosen.clone());
    }
    assert_eq!(taken.len(), 2, "of which nothing is known both are tried");
    let listed = handle.list(&TenantId::default()).await.expect("a list");
    let is_choice = |body: &SignalBody| matches!(body, SignalBody::Action { schema, .. } if schema == MODEL_CHOICE_SCHEMA);
    let choices = listed.iter().filter(|row| is_choice(&row.body));
    assert_eq!(choices.count(), 2, "a choice is written down once: {listed:?}");
}

#[tokio::test]
async fn what_models_are_worth_and_cost_survives_the_actor() {
    let store = Arc::new(MemoryStore::default());
    let (handle, cell) = start(Arc::clone(&store) as _).await;
    for number in 0..80 {
        let receipt = handle.recall(routed(number)).await.expect("a receipt");
        handle.conclude(ended(&receipt)).await.expect("it is durable");
    }
    let before = models(&handle).await;
    kill(cell).await;
    let (handle, _) = start(store).await;
    let after = models(&handle).await;
    let [small, large] = after.as_slice() else {
        panic!("two models: {after:?}");
    };
    assert!(small.success.mean < 0.5 && large.success.mean > 0.8, "{after:?}");
    assert!(small.runs >= 1.0 && large.runs > 40.0, "{after:?}");
    assert!(large.share > 0.9 && small.share < 0.1, "{after:?}");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.model, before.signal), (&after.model, after.signal));
        assert!((before.success.mean - after.success.mean).abs() < 0.01);
        // A share of 2^20 tokens is told to 16 of them.
        let tokens = (after.tokens_in.expect("known"), after.tokens_out.expect("known"));
        assert!(
            (tokens.0 - 2_000.0).abs() < 16.0 && (tokens.1 - 200.0).abs() < 16.0,
            "{tokens:?}"
        );
    }
    let dollars = large.usd_per_run.expect("it has a price");
    assert!((dollars - 0.0028).abs() < 0.0001, "{dollars}");
    let receipt = handle.recall(routed(7)).await.expect("a receipt");
    assert_eq!(receipt.task_id, routed(7).task_id);
    assert!(receipt.at.0 > 0, "the receipt of the first life is answered");
}

#[tokio::test]
async fn a_revoked_choice_is_taken_by_nobody() {
    let (handle, _) = start(Arc::new(MemoryStore::default())).await;
    handle.recall(routed(0)).await.expect("a receipt");
    let small = models(&handle).await[0].signal;
    handle
        .revoke(Revocation::Signal(small), Why::Quarantine, &TenantId::default())
        .await
        .expect("it is durable");
    for number in 1..40 {
        let receipt = handle.recall(routed(number)).await.expect("a receipt");
        assert_ne!(receipt.model, Some(model("local/small")));
    }
}
