//! Which calls a guard matches, how far it goes, and when it gives up.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::JobId;
use anthill_contracts::signal::{BundleClass, Proposal, Share, Trigger};
use serde_json::json;

use super::*;
use crate::base::{Contribution, Opening, Revocation};
use crate::fact::{Cell, CellKey, Fact, ScopeCell, ScopeId, Stamp, Sums, Why};
use crate::fixed;

const NOW: u64 = 1_790_000_000_000;
const TENANT: u32 = 5;
const NODE: u64 = 7;

fn predicate(at: &str, is: Test) -> Predicate {
    Predicate {
        at: at.to_owned(),
        is,
    }
}

fn state(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn scope(path: &str) -> ScopePath {
    path.parse().expect("a path")
}

#[test]
fn each_test_holds_for_what_it_says_and_for_nothing_else() {
    let args = json!({
        "path": "notes/ants.md", "limit": 50, "ratio": 2.5, "huge": u64::MAX, "deep": {"list": [1, 2, 3]},
        "nothing": null, "a/b": "slash", "flag": true,
    });
    let text = |text: &str| text.to_owned();
    let cases = [
        ("/path", Test::Present, true),
        ("/absent", Test::Present, false),
        ("/nothing", Test::Present, false),
        ("/deep/list/2", Test::Present, true),
        ("/a~1b", Test::Present, true),
        ("", Test::Present, true),
        ("/path", Test::Equals(text("\"notes/ants.md\"")), true),
        ("/path", Test::Equals(text("\"notes/ants\"")), false),
        ("/limit", Test::Equals(text("50")), true),
        ("/limit", Test::Equals(text("\"50\"")), false),
        ("/flag", Test::Equals(text("true")), true),
        ("/deep", Test::Equals(text("{\"list\": [1, 2, 3]}")), true),
        ("/nothing", Test::Equals(text("null")), true),
        ("/absent", Test::Equals(text("null")), false),
        ("/path", Test::Equals(text("no json")), false),
        ("/path", Test::Prefix(text("notes/")), true),
        ("/path", Test::Prefix(text("ants")), false),
        ("/limit", Test::Prefix(text("5")), false),
        ("/path", Test::Contains(text("ants")), true),
        ("/path", Test::Contains(text("bees")), false),
        ("/limit", Test::Above(49), true),
        ("/limit", Test::Above(50), false),
        ("/ratio", Test::Above(2), true),
        ("/ratio", Test::Above(3), false),
        ("/huge", Test::Above(i64::MAX), true),
        ("/path", Test::Above(0), false),
        ("/path", Test::LongerThan(12), true),
        ("/path", Test::LongerThan(13), false),
        ("/deep/list", Test::LongerThan(2), true),
        ("/deep/list", Test::LongerThan(3), false),
        ("/limit", Test::LongerThan(0), false),
    ];
    for (at, is, expected) in cases {
        let guard = Guard {
            tool: "search".to_owned(),
            when: vec![predicate(at, is.clone())],
            state: BTreeMap::new(),
        };
        let found = matches(&guard, "search", &args, &BTreeMap::new());
        assert_eq!(found, expected, "{at} {is:?}");
        assert!(!matches(&guard, "read", &args, &BTreeMap::new()), "{at} {is:?}");
    }
}

#[test]
fn all_conditions_must_hold_and_unknown_values_do_not() {
    let guard = Guard {
        tool: "search".to_owned(),
        when: vec![
            predicate("/query", Test::Contains("*".to_owned())),
            predicate("/limit", Test::Above(10)),
        ],
        state: state(&[("document_kind", "html")]),
    };
    let html = state(&[("document_kind", "html"), ("role", "generalist")]);
    let (both, one) = (
        json!({"query": "a*", "limit": 11}),
        json!({"query": "a*", "limit": 10}),
    );
    assert!(matches(&guard, "search", &both, &html));
    assert!(!matches(&guard, "search", &one, &html));
    assert!(!matches(&guard, "search", &both, &BTreeMap::new()));
    assert!(!matches(
        &guard,
        "search",
        &both,
        &state(&[("document_kind", "text")])
    ));
}

#[test]
fn guards_that_cannot_work_are_refused() {
    let guard = |tool: &str, when: Vec<Predicate>| Guard {
        tool: tool.to_owned(),
        when,
        state: BTreeMap::new(),
    };
    let present = || predicate("/a", Test::Present);
    assert_eq!(check(&guard("search", vec![present(); CONDITIONS_MAX])), Ok(()));
    for wrong in [
        guard("", Vec::new()),
        guard("search", vec![present(); CONDITIONS_MAX + 1]),
        guard("search", vec![predicate("a", Test::Present)]),
        guard("search", vec![predicate("/a", Test::Equals("plain".to_owned()))]),
    ] {
        assert!(check(&wrong).is_err(), "{wrong:?}");
    }
}

fn entry(name: &str, mode: GuardMode) -> Entry {
    Entry {
        signal: SignalId::of_parts(&[name.as_bytes()]),
        scope: scope("answer"),
        guard: Guard {
            tool: "search".to_owned(),
            when: Vec::new(),
            state: BTreeMap::new(),
        },
        mode,
        evidence: name.to_owned(),
        since: NOW,
    }
}

/// Judges calls of `search` by a task of the kind `answer/findings`.
struct Court {
    book: GuardBook,
    breakers: Breakers,
}

impl Court {
    fn new(entries: &[Entry]) -> Self {
        Self {
            book: GuardBook::new(entries.to_vec()),
            breakers: Breakers::default(),
        }
    }

    fn judge(&mut self, now: u64, chance: u64) -> GuardVerdict {
        let (args, none, kind) = (json!({}), BTreeMap::new(), scope("answer/findings"));
        let call = GuardedCall {
            tool: "search",
            args: &args,
            scope: Some(&kind),
            state: &none,
            chance,
            now,
        };
        self.book.verdict(&call, &mut self.breakers)
    }
}

fn why(entry: &Entry) -> (SignalId, String) {
    (entry.signal, entry.evidence.clone())
}

#[test]
fn the_strictest_guard_decides() {
    let [advise, warn, block] = [
        entry("advise", GuardMode::Advise),
        entry("warn", GuardMode::Warn),
        entry("block", GuardMode::Block),
    ];
    assert_eq!(Court::new(&[]).judge(0, 0), GuardVerdict::Pass);
    let (signal, said) = why(&advise);
    let advised = GuardVerdict::Advise { signal, why: said };
    assert_eq!(Court::new(std::slice::from_ref(&advise)).judge(0, 0), advised);
    let (signal, said) = why(&warn);
    let warned = GuardVerdict::Warn { signal, why: said };
    assert_eq!(Court::new(&[advise.clone(), warn.clone()]).judge(0, 0), warned);
    let (signal, said) = why(&block);
    let blocked = GuardVerdict::Block { signal, why: said };
    assert_eq!(Court::new(&[advise, block, warn]).judge(0, 0), blocked);
}

#[test]
fn a_guard_matches_its_kind_of_task_and_no_other() {
    let book = GuardBook::new(vec![entry("block", GuardMode::Block)]);
    let (args, none) = (json!({}), BTreeMap::new());
    for (kind, expected) in [
        (Some("answer"), 1),
        (Some("answer/findings"), 1),
        (Some("answers"), 0),
        (Some("read"), 0),
        (None, 0),
    ] {
        let kind = kind.map(scope);
        let call = GuardedCall {
            tool: "search",
            args: &args,
            scope: kind.as_ref(),
            state: &none,
            chance: 0,
            now: 0,
        };
        assert_eq!(book.matching(&call).len(), expected, "{kind:?}");
    }
}

#[test]
fn a_breaker_probes_after_its_cool_down_one_call_at_a_time() {
    let mut breaker = Breaker::default();
    assert!(!breaker.is_open(0, u64::MAX), "what never blocked is not probed");
    breaker.block(100);
    breaker.block(5_000);
    assert!(!breaker.is_open(0, 99 + COOL_DOWN_MS));
    let half_open = 100 + COOL_DOWN_MS;
    assert!(
        breaker.is_open(0, half_open),
        "the cool-down counts from the first call"
    );
    for chance in 1..PROBE_ONE_IN {
        assert!(!breaker.is_open(chance, half_open));
    }
    breaker.begin_probe(half_open);
    assert!(!breaker.is_open(0, half_open + 1));
    assert!(
        breaker.is_open(0, half_open + COOL_DOWN_MS),
        "a lost probe is given up"
    );
    breaker.end_probe(true, half_open + 2);
    assert!(breaker.is_open(0, half_open + 3));
    breaker.end_probe(false, half_open + 4);
    assert_eq!((breaker.probes_ok, breaker.probes_failed), (0, 1));
    assert!(!breaker.is_open(0, half_open + 3 + COOL_DOWN_MS));
    assert!(breaker.is_open(0, half_open + 4 + COOL_DOWN_MS));
}

#[test]
fn three_good_probes_in_a_row_lift_a_guard_until_a_call_fails() {
    let mut breaker = Breaker::default();
    breaker.block(0);
    for ok in [true, true, false, true, true] {
        breaker.end_probe(ok, 0);
        assert!(!breaker.is_lifted());
    }
    breaker.end_probe(true, 0);
    assert!(breaker.is_lifted() && breaker.is_open(1, 0));
    breaker.end_probe(false, 1);
    assert!(!breaker.is_lifted() && !breaker.is_open(0, 2));
}

#[test]
fn a_call_that_one_guard_still_blocks_probes_none() {
    let [stale, fresh] = ["stale", "fresh"].map(|name| entry(name, GuardMode::Block));
    let mut court = Court::new(&[stale.clone(), fresh.clone()]);
    for _ in 0..PROBES_TO_LIFT {
        court.breakers.of(stale.signal).end_probe(true, 0);
    }
    let blocked = |verdict| matches!(verdict, GuardVerdict::Block { signal, .. } if signal == fresh.signal);
    assert!(blocked(court.judge(0, 0)));
    assert!(blocked(court.judge(COOL_DOWN_MS, 1)));
    let mut signals = vec![stale.signal, fresh.signal];
    signals.sort();
    assert_eq!(court.judge(COOL_DOWN_MS, 0), GuardVerdict::Probe { signals });
    assert!(blocked(court.judge(COOL_DOWN_MS, 0)), "one probe at a time");
}

#[test]
fn breakers_of_guards_that_are_gone_are_forgotten() {
    let [gone, stays] = ["gone", "stays"].map(|name| entry(name, GuardMode::Block));
    let mut court = Court::new(&[gone.clone(), stays.clone()]);
    court.judge(0, 1);
    court.breakers.keep(&GuardBook::new(vec![stays.clone()]));
    assert!(court.breakers.get(gone.signal).is_none());
    assert!(court.breakers.get(stays.signal).is_some());
}

fn base() -> KnowledgeBase {
    KnowledgeBase::open(Opening {
        node: NODE,
        inc: 1,
        now: NOW,
        ..Opening::default()
    })
}

fn contribution(tool: &str, source: &str) -> Contribution {
    Contribution {
        scope: scope("answer"),
        proposal: Proposal {
            polarity: Polarity::Avoid,
            body: SignalBody::Action {
                schema: GUARD_SCHEMA.to_owned(),
                args: json!({"tool": tool}).to_string(),
            },
            trigger: Trigger::default(),
            parents: Vec::new(),
            source: source.to_owned(),
        },
        tenant: TENANT,
        share: Share::Tenant,
        born_in: None,
        bundle: BundleClass::default(),
    }
}

fn contribute(base: &mut KnowledgeBase, contribution: &Contribution) -> SignalId {
    base.contribute(contribution, NOW).expect("it is taken").signal
}

fn mode(base: &KnowledgeBase, tenant: u32, signal: SignalId, mode_max: GuardMode) -> Option<GuardMode> {
    let book = base.guards(tenant, mode_max, NOW);
    book.entries()
        .find(|entry| entry.signal == signal)
        .map(|entry| entry.mode)
}

/// This node has so many runs behind a signal, each this much better than without.
fn used(base: &mut KnowledgeBase, signal: SignalId, runs: u32, uplift: f64) {
    let origin = base.origin(TENANT);
    let sums = Sums {
        n: runs << 16,
        y: runs << 15,
        adv: fixed::from_f64(uplift * f64::from(runs)),
    };
    let at_scope = ScopeId::of(&scope("answer"));
    let cell = Cell {
        stamp: Stamp { inc: 1, seq: 1000 },
        at: NOW,
        slow: sums,
        total: runs,
        ..Cell::default()
    };
    let key = CellKey {
        signal,
        scope: at_scope,
        bundle: BundleClass::default(),
    };
    base.merge(Fact::Cell { origin, key, cell }, NOW);
    let cell = ScopeCell {
        stamp: Stamp { inc: 1, seq: 1001 },
        at: NOW,
        slow: sums,
        ..ScopeCell::default()
    };
    let scope = at_scope;
    base.merge(Fact::ScopeCell { origin, scope, cell }, NOW);
}

#[test]
fn a_guard_on_probation_warns_at_most_unless_a_person_of_this_node_says_it() {
    let mut base = base();
    let learned = Contribution {
        born_in: Some(JobId::new(NOW, 1)),
        ..contribution("learned", "person")
    };
    let learned = contribute(&mut base, &learned);
    let program = contribute(&mut base, &contribution("program", "importer"));
    let persons = contribute(&mut base, &contribution("persons", "person"));
    for (mode_max, at_most) in [
        (GuardMode::Advise, GuardMode::Advise),
        (GuardMode::Warn, GuardMode::Warn),
        (GuardMode::Block, GuardMode::Warn),
    ] {
        // An agent that calls itself a person is still an agent.
        assert_eq!(mode(&base, TENANT, learned, mode_max), Some(at_most));
        assert_eq!(mode(&base, TENANT, program, mode_max), Some(at_most));
        assert_eq!(mode(&base, TENANT, persons, mode_max), Some(mode_max));
    }
    assert_eq!(
        mode(&base, TENANT + 1, persons, GuardMode::Block),
        None,
        "another tenant's"
    );
}

#[test]
fn what_a_person_says_elsewhere_has_to_prove_itself_here() {
    let mut there = base();
    let signal = contribute(&mut there, &contribution("search", "person"));
    let mut here = KnowledgeBase::open(Opening {
        node: NODE + 1,
        inc: 1,
        now: NOW,
        ..Opening::default()
    });
    here.import(there.facts(), NOW);
    assert_eq!(
        mode(&here, TENANT, signal, GuardMode::Block),
        Some(GuardMode::Warn)
    );
}

#[test]
fn evidence_decides_how_far_a_guard_goes() {
    let mut base = base();
    let helps = contribute(&mut base, &contribution("helps", "importer"));
    used(&mut base, helps, 40, 0.3);
    assert_eq!(
        mode(&base, TENANT, helps, GuardMode::Block),
        Some(GuardMode::Block)
    );
    assert_eq!(mode(&base, TENANT, helps, GuardMode::Warn), Some(GuardMode::Warn));
    let mut base = self::base();
    let harms = contribute(&mut base, &contribution("harms", "person"));
    used(&mut base, harms, 40, -0.3);
    assert_eq!(mode(&base, TENANT, harms, GuardMode::Block), None);
}

#[test]
fn a_revoked_guard_is_in_force_no_more() {
    let mut base = base();
    let signal = contribute(&mut base, &contribution("search", "person"));
    assert!(mode(&base, TENANT, signal, GuardMode::Block).is_some());
    base.revoke(&Revocation::Signal(signal), Why::Quarantine, TENANT, NOW);
    assert_eq!(mode(&base, TENANT, signal, GuardMode::Block), None);
}

#[test]
fn what_the_trigger_requires_is_a_condition_of_the_guard() {
    let mut base = base();
    let mut asked = contribution("search", "person");
    asked.proposal.trigger.require = state(&[("document_kind", "html")]);
    contribute(&mut base, &asked);
    let book = base.guards(TENANT, GuardMode::Block, NOW);
    let entry = book.entries().next().expect("the guard");
    assert_eq!(entry.guard.state, state(&[("document_kind", "html")]));
    assert_eq!(entry.since, Timestamp(NOW).0);
}
