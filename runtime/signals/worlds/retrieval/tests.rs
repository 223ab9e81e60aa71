//! The experiment on a handful of pages whose best ranking is known.

use std::cell::Cell;

use super::*;

/// Pages on things of their own, each of which points to the next.
fn pages() -> Vec<Page> {
    let things = [
        (
            "tar",
            "pack files into archives",
            "An archive holds many files in one; packing them keeps owners and times",
        ),
        (
            "sort",
            "order lines of text",
            "Lines are compared key by key, and the ordering is stable",
        ),
        (
            "mount",
            "attach a filesystem",
            "Attaching makes the tree of a device appear below a directory",
        ),
        (
            "ping",
            "reach a host",
            "Hosts are reached by echo requests over the network, once a second",
        ),
        (
            "date",
            "show the time",
            "Time is shown in the zone of the system, or set by the administrator",
        ),
    ];
    let after = things.iter().cycle().skip(1);
    let page = |((name, line, body), (next, ..)): (&(&str, &str, &str), &(&str, &str, &str))| Page {
        name: format!("{name}(1)"),
        one_line: (*line).to_owned(),
        body: body.repeat(40),
        see_also: vec![format!("{next}(1)"), "absent(1)".to_owned()],
    };
    things.iter().zip(after).map(page).collect()
}

#[test]
fn the_experiment_finds_pages_by_their_lines() {
    let mut pages = pages();
    pages.push(pages[0].clone());
    let ticks = Cell::new(0);
    let mono = || {
        ticks.set(ticks.get() + 1);
        Duration::from_micros(250 * ticks.get())
    };
    let report = run(&WorldPatch::default(), &pages, &|_, _| {}, &mono);
    let figures = &report.figures;
    assert_eq!(
        (figures["pages"], figures["queries"]),
        (5.0, 5.0),
        "the twin is left out"
    );
    assert_eq!((figures["recall_at_1"], figures["recall_at_10_bm25"]), (1.0, 1.0));
    assert!(figures["ndcg_at_10"] > 0.8 && figures["ndcg_at_10"] <= 1.0);
    assert!(
        (figures["p99_ms"] - 0.25).abs() < 1e-9,
        "each question takes one tick"
    );
    assert!(figures["cap_exceeded"] < 0.5);
    assert!((0.9..=1.0 + 1e-9).contains(&figures["packing_over_exact"]));
    assert!(report.targets.keys().all(|name| figures.contains_key(name)));
}

#[test]
fn the_gain_counts_the_page_and_what_it_points_to() {
    let ids: Vec<SignalId> = ["a", "b", "c"].iter().map(|name| id_of("page", name)).collect();
    let gains = BTreeMap::from([(ids[0], OWN), (ids[1], ALSO)]);
    assert!((normalised_gain(&ids, &gains) - 1.0).abs() < 1e-12);
    let turned = [ids[1], ids[0], ids[2]];
    let expected = (1.0 + 7.0 / 3_f64.log2()) / (7.0 + 1.0 / 3_f64.log2());
    assert!((normalised_gain(&turned, &gains) - expected).abs() < 1e-12);
    assert!(normalised_gain(&ids[2..], &gains) < 1e-12);
}

#[test]
fn long_texts_are_judged_by_what_is_no_signal() {
    let pages = pages();
    let pages: Vec<&Page> = pages.iter().collect();
    let mut report = Report::new("retrieval", WorldPatch::default(), 1);
    Cut::of(&pages, 10_000).long_texts(&pages, &mut report);
    assert!(report.figures.is_empty(), "every text has become a signal");
    let mut cut = Cut::of(&pages, 5);
    for page in &pages {
        let (signals, rest) = &cut.pages[page.name.as_str()];
        assert_eq!((signals.len(), cut.index.len()), (1, 5));
        assert!(page.body.ends_with(rest) && rest.len() < page.body.len());
    }
    cut.long_texts(&pages, &mut report);
    for name in ["ndcg_long_at_10", "ndcg_long_at_10_unbounded"] {
        assert!((report.figures[name] - 1.0).abs() < 1e-12, "{:?}", report.figures);
    }
}
