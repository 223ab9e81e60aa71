//! Scripts answer by their rules, in order, and refuse what they forgot.

use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::model::{
    FindingsAnswer, Matter, Message, ModelError, ModelReply, ModelRequest, Provider as _, StopReason,
};
use futures::FutureExt as _;

use super::{Script, ScriptError, Scripted, read};
use crate::config::ModelsConfig;
use crate::prices::Prices;

fn scripted(text: &str) -> Scripted {
    let script: Script = toml::from_str(text).expect("a script");
    Scripted::new(script, Arc::new(Prices::new(&ModelsConfig::default())))
}

fn request(text: &str, matter: Matter) -> ModelRequest {
    ModelRequest {
        model: "scripted/test".parse().expect("a name"),
        system: String::new(),
        messages: vec![Message::User {
            text: text.to_owned(),
        }],
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 100,
        matter,
    }
}

async fn ask(scripted: &Scripted, text: &str) -> Result<ModelReply, ModelError> {
    scripted
        .complete(request(text, Matter::Prompt), Arc::new(|_| {}))
        .await
}

#[tokio::test]
async fn rules_with_a_count_are_a_sequence() {
    let scripted = scripted(
        r#"
        rules = [
            { when = { prompt = "colour" }, times = 1, fault = "unavailable" },
            { when = { prompt = "colour" }, times = 1, fault = "key_refused" },
            { when = { prompt = "colour" }, text = "blue", usage = { tokens_in = 7, tokens_out = 1 } },
        ]
        "#,
    );
    assert!(matches!(
        ask(&scripted, "a colour").await,
        Err(ModelError::Unavailable { .. })
    ));
    assert!(matches!(
        ask(&scripted, "a colour").await,
        Err(ModelError::KeyRefused { .. })
    ));
    for _ in 0..3 {
        let reply = ask(&scripted, "a colour").await.expect("an answer");
        assert_eq!((reply.text.as_str(), reply.stop), ("blue", StopReason::End));
        assert_eq!(
            (reply.usage.tokens_in, reply.cost.usd_micro, reply.cost.steps),
            (7, 0, 1)
        );
    }
    let forgotten = ask(&scripted, "a shape").await;
    assert!(
        matches!(forgotten, Err(ModelError::Refused { .. })),
        "{forgotten:?}"
    );
}

#[tokio::test]
async fn tools_are_called_first_and_answered_then() {
    let scripted = scripted(
        r#"
        [[rules]]
        when = { after_tool = true }
        text = "done"
        [[rules]]
        tool_calls = [{ tool = "search", args = { query = "x" } }, { tool = "search", args = "bad" }]
        "#,
    );
    let first = ask(&scripted, "x").await.expect("calls");
    assert_eq!(first.stop, StopReason::ToolCalls);
    assert_ne!(first.tool_calls[0].call, first.tool_calls[1].call);
    let mut after = request("x", Matter::Prompt);
    after.messages.push(Message::Tool {
        call: "1".to_owned(),
        tool: "search".to_owned(),
        text: "y".to_owned(),
    });
    let last = scripted
        .complete(after, Arc::new(|_| {}))
        .await
        .expect("an answer");
    assert_eq!(last.text, "done");
}

#[tokio::test]
async fn what_is_not_scripted_can_be_extracted() {
    let scripted = scripted("rules = [{ when = { matter = \"read\" }, extract = true }]");
    let matter = Matter::Read {
        question: "What colour is the sky?".to_owned(),
        path: "a.txt".to_owned(),
        passages: Vec::new(),
        claims_max: 3,
        strategy: None,
    };
    let reply = scripted
        .complete(request("", matter), Arc::new(|_| {}))
        .await
        .expect("an answer");
    let answer: FindingsAnswer = serde_json::from_str(&reply.text).expect("findings");
    assert!(answer.claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn latency_is_time_of_the_runtime_and_a_hang_never_ends() {
    let scripted =
        scripted("rules = [{ times = 1, latency = \"1h\", text = \"late\" }, { fault = \"hang\" }]");
    let mut late = Box::pin(ask(&scripted, "x"));
    assert!(late.as_mut().now_or_never().is_none());
    assert_eq!(late.await.expect("an hour later").text, "late");
    let hang = tokio::time::timeout(Duration::from_hours(24), ask(&scripted, "x")).await;
    assert!(hang.is_err());
}

#[test]
fn files_are_checked_and_their_lines_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    assert_eq!(
        read(&file("a.json", r#"{"rules": [{"text": "x"}]}"#))
            .expect("valid")
            .rules
            .len(),
        1
    );
    let wrong = read(&file("b.toml", "rules = []\nsecret hunter2")).expect_err("no TOML");
    assert!(matches!(wrong, ScriptError::Invalid { .. }), "{wrong}");
    assert!(
        wrong.to_string().contains("line 2") && !wrong.to_string().contains("hunter2"),
        "{wrong}"
    );
    let unknown = read(&file("c.toml", "[[rules]]\ntxt = \"x\"")).expect_err("an unknown key");
    assert!(unknown.to_string().contains("unknown field `txt`"), "{unknown}");
    assert!(matches!(
        read(&file("shadow", "root:x")),
        Err(ScriptError::Ending { .. })
    ));
    std::fs::create_dir(folder.path().join("d.toml")).expect("made");
    assert!(matches!(
        read(&folder.path().join("d.toml")),
        Err(ScriptError::Unreadable { .. })
    ));
    assert!(matches!(
        read(&folder.path().join("none.toml")),
        Err(ScriptError::Unreadable { .. })
    ));
}
