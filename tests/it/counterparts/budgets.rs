//! Money: a model without a price is refused under a limit in dollars, and with one every answer is accounted for.

use anthill_contracts::model::Price;

use super::account::{Account, verified_brief};
use super::jobs::check_greeting;
use super::servers::llama;
use super::{Way, resume, write_greeting};

/// The answer is the dear part, so what is reserved for the longest answer is far above what the answer costs.
const PRICES: &str =
    "[models.prices]\n\"peer/scripted\" = { usd_per_million_in = 1.0, usd_per_million_out = 10.0 }\n";
const PRICE: Price = Price {
    usd_micro_per_million_in: 1_000_000,
    usd_micro_per_million_out: 10_000_000,
};

#[test]
fn a_limit_in_dollars_without_a_price_is_refused_at_once() {
    let Some(llama) = llama() else { return };
    let way = Way::llama(llama, "openai");
    let place = way.place("");
    write_greeting(&place);
    let line = way
        .run(&place, "job.toml", &["--budget", "usd=0.50"])
        .refused(5, "AH0304");
    assert!(line.contains("peer/scripted"), "{line}");
    let jobs = place.run(["job", "list", "--json"]).json();
    assert_eq!(
        jobs["jobs"],
        serde_json::json!([]),
        "a job that cannot run leaves no trace"
    );
}

#[test]
fn a_price_is_accounted_for_and_a_limit_in_dollars_binds() {
    let Some(llama) = llama() else { return };
    let way = Way::llama(llama, "openai");
    let free = way.place(PRICES);
    write_greeting(&free);
    let finished = way.run(&free, "job.toml", &["--json"]);
    assert_eq!(finished.exit(), Some(3), "{}", finished.stderr());
    let whole = Account::of(&free, &finished);
    check_greeting(&free, &whole);
    for step in whole.asked() {
        let cost = PRICE.cost(step.cost.tokens_in, step.cost.tokens_out);
        assert_eq!(step.cost.usd_micro, cost, "{step:?}");
    }

    // Room for the first answer, and not for the second beside what the first has cost.
    let reserved = whole
        .fields("budget_reserved")
        .next()
        .expect("something was reserved");
    let worst = reserved["amount"]["usd_micro"].as_u64().expect("a number");
    let limit = worst + whole.steps[0].cost.usd_micro / 2;
    let place = way.place(PRICES);
    write_greeting(&place);
    let dollars = format!("usd=0.{limit:06}");
    let stopped = way.run(&place, "job.toml", &["--json", "--budget", &dollars]);
    assert_eq!(stopped.exit(), Some(3), "{}", stopped.stderr());
    let part = Account::of(&place, &stopped);
    assert_eq!(part.summary["reason"], "budget_exhausted:usd");
    assert_eq!(part.steps.len(), 1);
    assert!(part.spent().usd_micro <= limit, "{:?} of {limit}", part.spent());
    verified_brief(&place, "greeting", &place.path("docs"));

    let resumed = resume(&place, &["--json", "--budget", "usd=1"]);
    assert_eq!(resumed.exit(), Some(3), "{}", resumed.stderr());
    let end = Account::of(&place, &resumed);
    check_greeting(&place, &end);
    assert_eq!(
        end.spent().usd_micro,
        whole.spent().usd_micro,
        "nothing was paid for twice"
    );
}
