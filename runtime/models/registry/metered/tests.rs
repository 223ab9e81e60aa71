//! Every request is counted once, with its outcome and its tokens.

use std::sync::Arc;

use anthill_contracts::clock::{Clock, SystemClock};
use anthill_contracts::model::{Matter, ModelRequest};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::Metered;
use crate::config::ModelsConfig;
use crate::metrics;
use crate::prices::Prices;
use crate::scripted::{Fault, Rule, Script, Scripted, ScriptedUsage};

/// One answer, then one fault.
fn script() -> Script {
    let answer = Rule {
        times: Some(1),
        text: "hi".to_owned(),
        usage: Some(ScriptedUsage {
            tokens_in: 7,
            cached_in: 0,
            tokens_out: 2,
        }),
        ..Rule::default()
    };
    let fault = Rule {
        fault: Some(Fault::Unavailable),
        ..Rule::default()
    };
    Script {
        rules: vec![answer, fault],
    }
}

#[test]
fn every_request_is_counted_with_its_outcome_and_tokens() {
    let prices = Arc::new(Prices::new(&ModelsConfig::default()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let provider = Metered::wrap("scripted", Arc::new(Scripted::new(script(), prices)), &clock);
    let request = ModelRequest {
        model: "scripted/x".parse().expect("a name"),
        system: String::new(),
        messages: Vec::new(),
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 10,
        matter: Matter::Prompt,
    };
    let recorder = PrometheusBuilder::new().build_recorder();
    ::metrics::with_local_recorder(&recorder, || {
        metrics::describe();
        for _ in 0..3 {
            let done = provider.complete(request.clone(), Arc::new(|_| {}));
            drop(futures::executor::block_on(done));
        }
    });
    let text = recorder.handle().render();
    for line in [
        "anthill_models_requests_total{provider=\"scripted\",outcome=\"ok\"} 1",
        "anthill_models_requests_total{provider=\"scripted\",outcome=\"unavailable\"} 2",
        "anthill_models_tokens_total{provider=\"scripted\",direction=\"in\"} 7",
        "anthill_models_tokens_total{provider=\"scripted\",direction=\"out\"} 2",
        "anthill_models_request_seconds_count{provider=\"scripted\"} 3",
        "# HELP anthill_models_request_seconds ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
