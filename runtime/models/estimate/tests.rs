//! The bound of a request counts everything that is sent.

use anthill_contracts::model::{AnswerSchema, Matter, Message, ModelRequest, Price, Usage};
use serde_json::json;

use super::{cost, prompt_tokens_max, prompt_tokens_usual, worst_case};

fn request() -> ModelRequest {
    ModelRequest {
        model: "p/m".parse().expect("a name"),
        system: "1234".to_owned(),
        messages: vec![Message::User {
            text: "123456".to_owned(),
        }],
        tools: Vec::new(),
        answer_schema: None,
        answer_tokens_max: 50,
        matter: Matter::Prompt,
    }
}

#[test]
fn the_bound_counts_everything_that_is_sent() {
    let bare = prompt_tokens_max(&request());
    assert_eq!(
        bare,
        5 + 2 * 16,
        "half of ten bytes, and two messages with the instructions"
    );
    assert_eq!(prompt_tokens_usual(&request()), 3);
    let mut more = request();
    more.answer_schema = Some(AnswerSchema {
        name: "ab".to_owned(),
        schema: json!({"type": "object"}),
    });
    assert_eq!(prompt_tokens_max(&more), bare + 10, "29 bytes instead of 10");
    more.messages.push(Message::Tool {
        call: "1".to_owned(),
        tool: "22".to_owned(),
        text: "333".to_owned(),
    });
    assert!(prompt_tokens_max(&more) > bare + 16);
}

#[test]
fn a_price_rounds_up_and_its_absence_is_said() {
    let price = Price {
        usd_micro_per_million_in: 1,
        usd_micro_per_million_out: 3_000_000,
    };
    let bound = worst_case(&request(), Some(price));
    assert!(bound.priced);
    assert_eq!(bound.amount.usd_micro, 1 + 150);
    assert_eq!((bound.amount.tokens_out, bound.amount.steps), (50, 1));
    let unpriced = worst_case(&request(), None);
    assert!(!unpriced.priced);
    assert_eq!(unpriced.amount.usd_micro, 0);

    let usage = Usage {
        tokens_in: 10,
        cached_in: 0,
        tokens_out: 2,
    };
    let spent = cost(&usage, Some(price));
    assert_eq!(
        (spent.usd_micro, spent.tokens_in, spent.tokens_out, spent.steps),
        (7, 10, 2, 1)
    );
}
