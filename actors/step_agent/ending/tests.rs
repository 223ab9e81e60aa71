//! Each way to end says what would change it, and names a key only where that key was hit.

use anthill_contracts::budget::Amount;
use anthill_contracts::model::{Counted, ModelReply, StopReason, Usage};
use anthill_contracts::task::ReasonCode;

use super::Ending;

fn reply(stop: StopReason, text: &str, tokens_out: u64) -> ModelReply {
    ModelReply {
        text: text.to_owned(),
        tool_calls: Vec::new(),
        stop,
        usage: Usage {
            tokens_in: 10,
            cached_in: 0,
            tokens_out,
        },
        cost: Amount::ZERO,
        model: "m".to_owned(),
        counted: Counted::Provider,
        thought_bytes: 0,
    }
}

fn told(reply: &ModelReply) -> (ReasonCode, String) {
    let trouble = Ending::of(reply).trouble(1000).expect("not to be asked again");
    assert!(!trouble.concerns_job, "another document may do better");
    (trouble.reason, trouble.detail)
}

#[test]
fn a_reply_that_ended_by_itself_is_worth_asking_again() {
    for stop in [StopReason::End, StopReason::ToolCalls] {
        assert_eq!(Ending::of(&reply(stop, "x", 5)).trouble(1000), None);
    }
}

#[test]
fn a_cut_answer_names_the_key_only_where_its_limit_was_hit() {
    let (reason, detail) = told(&reply(StopReason::Length, "{\"claims\": [", 1000));
    assert_eq!(reason, ReasonCode::AnswerCut);
    assert!(
        detail.starts_with("AH0312: ") && detail.contains("raise `work.answer_tokens_max`, which is 1000"),
        "{detail}"
    );
    let (_, detail) = told(&reply(StopReason::Length, "{\"claims\": [", 300));
    assert!(
        detail.contains("after 300 tokens")
            && detail.contains("a limit of the server")
            && !detail.contains("raise"),
        "{detail}"
    );
    let mut uncounted = reply(StopReason::Length, "{", 300);
    uncounted.counted = Counted::Bound;
    assert!(
        told(&uncounted).1.contains("raise `work.answer_tokens_max`"),
        "nobody counted the 300"
    );
}

#[test]
fn thoughts_that_used_the_answer_up_are_named() {
    let mut thinking = reply(StopReason::Length, "  ", 1000);
    thinking.thought_bytes = 1400;
    assert!(told(&thinking).1.contains("thoughts used up the tokens"));
    thinking.text = "{".to_owned();
    assert!(told(&thinking).1.contains("the answer was cut off"));
}

#[test]
fn refusals_and_filters_are_told_apart() {
    let (reason, detail) = told(&reply(StopReason::Refusal, "I cannot\nhelp.", 5));
    assert_eq!(reason, ReasonCode::AnswerRefused);
    assert_eq!(detail, "AH0313: the model refused to answer: I cannot help.");
    assert_eq!(
        told(&reply(StopReason::Refusal, "", 5)).1,
        "AH0313: the model refused to answer"
    );
    let (reason, detail) = told(&reply(StopReason::Filtered, "", 5));
    assert_eq!(reason, ReasonCode::AnswerRefused);
    assert!(detail.starts_with("AH0311: "), "{detail}");
    let (reason, detail) = told(&reply(StopReason::Context, "{", 5));
    assert_eq!(reason, ReasonCode::PromptTooLong);
    assert!(detail.starts_with("AH0310: "), "{detail}");
    assert!(
        told(&reply(StopReason::Refusal, &"ä".repeat(900), 5))
            .1
            .chars()
            .count()
            < 300
    );
}
