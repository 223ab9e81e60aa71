//! The gate, the two rankings and their fusion, and an index that is the same however it came to be.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::signal::{BundleClass, Polarity, Trigger};
use proptest::prelude::*;

use super::asked::Asked;
use super::*;
use crate::dedup::signal_id;

const AUTHOR: Origin = Origin { tenant: 1, node: 1 };

fn scope(path: &str) -> ScopePath {
    path.parse().expect("a scope")
}

fn signal(path: &str, body: SignalBody) -> Signal {
    let scope = scope(path);
    Signal {
        id: signal_id(&scope, Polarity::Do, &body),
        scope,
        polarity: Polarity::Do,
        body,
        tokens: 10,
        trigger: Trigger::default(),
        parents: Vec::new(),
        author: AUTHOR,
        born_in: None,
        created: Timestamp(0),
        bundle: BundleClass::default(),
        share: Share::Tenant,
        source: String::new(),
    }
}

fn text(path: &str, text: &str) -> Signal {
    signal(
        path,
        SignalBody::Text {
            text: text.to_owned(),
        },
    )
}

fn action(path: &str, args: &str) -> Signal {
    let schema = "extract_strategy".to_owned();
    signal(
        path,
        SignalBody::Action {
            schema,
            args: args.to_owned(),
        },
    )
}

fn index(signals: &[Signal]) -> Index {
    let mut index = Index::new(&Params::default());
    for signal in signals {
        index.insert(&Arc::new(signal.clone()));
    }
    index
}

/// A task of a program that reads words and follows strategies.
struct Task<'a> {
    scope: ScopePath,
    text: &'a str,
    state: BTreeMap<String, String>,
    reader: Origin,
    groups: Vec<u32>,
    schemas: Vec<String>,
    reads_text: bool,
    vector: Option<Vector>,
}

impl<'a> Task<'a> {
    fn new(path: &str, text: &'a str) -> Self {
        Self {
            scope: scope(path),
            text,
            state: BTreeMap::new(),
            reader: AUTHOR,
            groups: Vec::new(),
            schemas: vec!["extract_strategy".to_owned()],
            reads_text: true,
            vector: None,
        }
    }

    fn query(&self) -> Query<'_> {
        Query {
            scope: &self.scope,
            text: self.text,
            vector: self.vector.as_ref(),
            state: &self.state,
            reader: self.reader,
            groups: &self.groups,
            schemas: &self.schemas,
            reads_text: self.reads_text,
        }
    }

    fn ask(&self, index: &Index) -> Vec<(SignalId, f64)> {
        index.candidates(&self.query())
    }

    fn finds(&self, signal: &Signal) -> bool {
        let found = self.ask(&index(std::slice::from_ref(signal)));
        found.iter().any(|(id, _)| *id == signal.id)
    }
}

#[test]
fn stop_words_are_in_order_for_the_search() {
    assert!(words::words("the and of a you not only which one").is_empty());
    assert_eq!(words::words("Caching caches, cached!").len(), 3);
    assert!(
        words::words("Caching caches, cached!")
            .iter()
            .all(|word| *word == term("cache"))
    );
}

#[test]
fn a_scope_and_its_ancestors_are_open_and_no_other() {
    let task = Task::new("read/html/wiki", "tables of a wiki page");
    for (path, is_open) in [
        ("read/html/wiki", true),
        ("read/html", true),
        ("read", true),
        ("read/html/wiki/big", false),
        ("read/ht", false),
        ("write/html", false),
        ("read/markdown", false),
    ] {
        assert_eq!(task.finds(&text(path, "Read tables last")), is_open, "{path}");
        assert_eq!(task.finds(&action(path, "{}")), is_open, "{path}");
    }
}

#[test]
fn a_signal_is_seen_as_far_as_it_is_shared() {
    let mut signal = text("read", "Read tables last");
    let at = |tenant, node, groups: &[u32]| Task {
        reader: Origin { tenant, node },
        groups: groups.to_vec(),
        ..Task::new("read", "tables")
    };
    let readers = [at(1, 1, &[]), at(1, 2, &[]), at(2, 1, &[5]), at(2, 1, &[6])];
    for (share, seen) in [
        (Share::Private, [true, false, false, false]),
        (Share::Tenant, [true, true, false, false]),
        (Share::Group(5), [true, true, true, false]),
        (Share::Public, [true; 4]),
    ] {
        signal.share = share;
        assert_eq!(
            readers.each_ref().map(|reader| reader.finds(&signal)),
            seen,
            "{share:?}"
        );
    }
    signal.author = Origin::BUILTIN;
    signal.share = Share::Tenant;
    assert!(
        readers.iter().all(|reader| reader.finds(&signal)),
        "what is built in is for all"
    );
}

#[test]
fn a_trigger_has_to_hold() {
    let mut signal = action("read", "{}");
    signal
        .trigger
        .require
        .insert("kind".to_owned(), "html".to_owned());
    let mut task = Task::new("read", "tables of a page");
    assert!(!task.finds(&signal), "the task says nothing of it");
    task.state.insert("kind".to_owned(), "text".to_owned());
    assert!(!task.finds(&signal));
    task.state.insert("kind".to_owned(), "html".to_owned());
    assert!(task.finds(&signal));
    signal.trigger.terms = vec![term("invoice")];
    assert!(!task.finds(&signal), "none of its terms is in the task");
    signal.trigger.terms.push(term("Table"));
    assert!(task.finds(&signal));
}

#[test]
fn who_cannot_follow_a_signal_is_not_shown_it() {
    let mut task = Task::new("read", "tables");
    task.reads_text = false;
    assert!(!task.finds(&text("read", "Read tables last")) && task.finds(&action("read", "{}")));
    task.schemas.clear();
    assert!(!task.finds(&action("read", "{}")));
}

#[test]
fn the_fitting_text_comes_first_and_the_foreign_one_not_at_all() {
    let fitting = text("read", "Convert currency amounts of invoices before you sum them");
    let alike = text("read", "Sum the rows of a table only after reading its caption");
    let foreign = text("read", "Kubernetes pods restart when liveness probes fail");
    let task = Task::new("read", "add up the amounts of all invoices by currency");
    let found = task.ask(&index(&[foreign.clone(), alike, fitting.clone()]));
    assert_eq!(found[0].0, fitting.id);
    assert!(found.iter().all(|(id, _)| *id != foreign.id), "{found:?}");
    assert!(found.iter().all(|(_, relevance)| (0.0..=1.0).contains(relevance)));
}

#[test]
fn a_wrong_ending_is_found_by_its_characters() {
    let wanted = text("read", "Decompression bombs hide in nested archives");
    let found = Task::new("read", "unpack decompressible archivefiles").ask(&index(&[
        text("read", "Quote headings whole"),
        wanted.clone(),
        text("read", "Prefer tables over prose"),
    ]));
    assert_eq!(found.first().map(|(id, _)| *id), Some(wanted.id));
}

#[test]
fn an_action_without_words_fits_by_its_scope() {
    let (near, far) = (action("read/html", "{}"), action("read", "{}"));
    let found = Task::new("read/html", "whatever").ask(&index(&[far.clone(), near.clone()]));
    assert_eq!(found, [(near.id, 1.0), (far.id, 1.0)]);
}

#[test]
fn a_task_without_words_is_shown_what_its_scope_holds() {
    let signals = [
        text("read", "Quote headings whole"),
        text("write", "Quote headings whole"),
    ];
    assert_eq!(
        Task::new("read", " ?! ").ask(&index(&signals)),
        [(signals[0].id, 1.0)]
    );
}

#[test]
fn embeddings_take_the_second_vote() {
    let (near, far) = (text("read", "Sum the columns"), text("read", "Sum the lines"));
    let mut index = index(&[near.clone(), far.clone()]);
    let vector = |numbers: [i8; 3]| Vector::new(numbers.to_vec()).expect("a direction");
    assert_eq!(index.without_vector(9).len(), 2);
    assert!(
        index.set_vector(near.id, vector([127, 10, 0])) && index.set_vector(far.id, vector([0, 10, 127]))
    );
    assert!(index.without_vector(9).is_empty());
    for (asked, first) in [([100, 0, 1], near.id), ([1, 0, 100], far.id)] {
        // Words and their characters say nothing of it.
        let mut task = Task::new("read", "xyz");
        task.vector = Some(vector(asked));
        assert_eq!(task.ask(&index)[0].0, first, "{asked:?}");
    }
    assert_eq!(
        vector([1, 0, 0]).cosine(&Vector::new(vec![1, 0]).expect("a direction")),
        None
    );
    assert!(Vector::new(vec![0, 0]).is_none() && Vector::new(Vec::new()).is_none());
}

/// Models give texts that have nothing in common cosines well above zero; every text fitted every task.
#[test]
fn embeddings_that_are_only_a_little_alike_say_nothing() {
    let signal = text("read", "Sum the columns");
    // Cosines of 0.6 and 0.3 with what is asked.
    for (numbers, similarity_min, is_found) in [
        ([60, 80], 0.5, true),
        ([30, 95], 0.5, false),
        ([30, 95], 0.25, true),
        ([60, 80], 0.7, false),
    ] {
        let params = Params {
            similarity_min,
            ..Params::default()
        };
        let mut index = Index::new(&params);
        index.insert(&Arc::new(signal.clone()));
        index.set_vector(signal.id, Vector::new(numbers.to_vec()).expect("a direction"));
        let mut task = Task::new("read", "xyz");
        task.vector = Vector::new(vec![127, 0]);
        let found = task.ask(&index);
        assert_eq!(
            !found.is_empty(),
            is_found,
            "{numbers:?} at least {similarity_min}"
        );
        // Words that fit are words that fit.
        task.text = "sum of columns";
        assert_eq!(task.ask(&index).len(), 1);
    }
}

#[test]
fn a_changed_author_or_share_is_taken_over() {
    let mut signal = text("read", "Read tables last");
    let mut index = index(&[signal.clone()]);
    let mut task = Task::new("read", "tables");
    task.reader = Origin { tenant: 9, node: 9 };
    assert!(task.ask(&index).is_empty());
    signal.share = Share::Public;
    index.insert(&Arc::new(signal.clone()));
    assert_eq!((task.ask(&index).len(), index.len()), (1, 1));
    signal.trigger.terms = vec![term("invoice")];
    index.insert(&Arc::new(signal));
    task.text = "an invoice";
    assert_eq!((task.ask(&index).len(), index.len()), (1, 1));
}

#[test]
fn the_telling_words_of_a_task_are_its_rare_ones() {
    let signals: Vec<Signal> = (0..9).map(|n| text("read", &format!("page {n}"))).collect();
    let terms = index(&signals).telling_terms("a page of invoices", 1);
    assert_eq!(terms, [term("invoice")]);
}

/// Words of four letters, of which no two begin alike.
fn vocabulary() -> Vec<String> {
    let letters = || b'a'..=b'z';
    let pairs = letters().flat_map(|a| letters().map(move |b| [a, b]));
    pairs
        .map(|[a, b]| [a, b, b, a].map(char::from).iter().collect())
        .collect()
}

/// An index in which every word of the vocabulary stands in many texts.
fn crowded(tuning: Tuning) -> Index {
    let (words, mut random) = (vocabulary(), fastrand::Rng::with_seed(7));
    let mut index = Index::tuned(&Params::default(), tuning);
    for _ in 0..1000 {
        let of_text: Vec<&str> = (0..100)
            .map(|_| words[random.usize(..words.len())].as_str())
            .collect();
        index.insert(&Arc::new(text("read", &of_text.join(" "))));
    }
    index
}

/// Runs of characters that are looked for, and the postings that the two votes visit.
fn work(index: &Index, text: &str) -> (usize, usize, usize) {
    let task = Task::new("read", text);
    let asked = Asked::of(index, &task.query());
    let visits = |terms: &[postings::Found<'_>]| terms.iter().map(postings::Found::visits).sum();
    (asked.grams.len(), visits(&asked.words), visits(&asked.grams))
}

#[test]
fn no_text_makes_unbounded_work() {
    const BYTES: usize = 64 * 1024;
    let bounds = Tuning::default();
    // Each bound is asked alone, for either hides what the other lets through.
    let of_runs = Tuning {
        visits_max: usize::MAX,
        ..bounds
    };
    let mut index = crowded(bounds);
    let unknown: Vec<String> = (0..BYTES / 8).map(|n| format!("{n:07x}")).collect();
    let bytes: String = (0..BYTES / 2)
        .map(|n| if n % 3 == 0 { "z " } else { "7 " })
        .collect();
    let texts = [
        vocabulary().join(" ").repeat(20),
        "abba ".repeat(BYTES / 5),
        "?! ".repeat(BYTES / 3),
        "abba_".repeat(BYTES / 5),
        "abba".repeat(BYTES / 4),
        "\u{df}\u{130} ".repeat(BYTES / 5),
        unknown.join(" "),
        bytes,
    ];
    for text in texts {
        let start: String = text.chars().take(8).collect();
        index.retune(of_runs);
        let (grams, ..) = work(&index, &text);
        assert!(grams <= bounds.grams_max, "{grams} runs of characters of {start}");
        index.retune(bounds);
        let (_, of_words, of_grams) = work(&index, &text);
        let visits = of_words.max(of_grams);
        assert!(visits <= bounds.visits_max, "{visits} for {start}");
        let found = Task::new("read", &text).ask(&index);
        assert!(found.len() <= CANDIDATES_MAX, "{} for {start}", found.len());
    }
}

/// The bounds are no accident of the texts that are asked.
#[test]
fn without_bounds_a_long_text_makes_much_work() {
    let bounds = Tuning::default();
    let index = crowded(Tuning {
        grams_max: usize::MAX,
        visits_max: usize::MAX,
        ..bounds
    });
    let (grams, of_words, of_grams) = work(&index, &vocabulary().join(" "));
    assert!(grams > bounds.grams_max, "{grams}");
    assert!(
        of_words > bounds.visits_max && of_grams > bounds.visits_max,
        "{of_words}, {of_grams}"
    );
}

#[test]
fn a_usual_text_is_looked_for_whole() {
    let task = "Compare the yearly reports of all subsidiaries, convert what they state in other currencies, and tell \
        which of the headings differ from those of the year before; quote each of them with its page";
    let whole = words::grams(task).into_iter().collect::<BTreeSet<u32>>();
    assert_eq!(work(&index(&[text("read", task)]), task).0, whole.len());
}

#[test]
fn a_rare_word_of_a_long_text_is_found_by_its_characters() {
    let wanted = text("read", "Decompression bombs hide in nested archives");
    let mut index = crowded(Tuning::default());
    index.insert(&Arc::new(wanted.clone()));
    let long = format!("{} decompressible archivefiles", vocabulary()[..400].join(" "));
    let asked = Task::new("read", &long);
    let ranking = Task::ask(&asked, &index);
    assert!(ranking.iter().any(|(id, _)| *id == wanted.id));
}

/// A text of a few words from a small vocabulary, so that words are shared.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let word = prop::sample::select(vec![
        "table", "heading", "quote", "sum", "column", "invoice", "page", "archive", "skip_nav", "caption",
        "3", "no",
    ]);
    let text = prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "));
    prop::collection::vec(text, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_index_forgets_what_is_taken_out(kept in texts(), dropped in texts(), order in any::<u64>()) {
        let kept: Vec<Signal> = kept.iter().map(|words| text("read", words)).collect();
        let is_kept = |signal: &Signal| kept.iter().any(|held| held.id == signal.id);
        let dropped: Vec<Signal> = dropped.iter().map(|words| text("read", words)).filter(|signal| !is_kept(signal)).collect();
        let mut all = [kept.clone(), dropped.clone()].concat();
        fastrand::Rng::with_seed(order).shuffle(&mut all);
        let mut grown = index(&all);
        for signal in &dropped {
            grown.remove(signal.id);
        }
        for signal in &kept {
            // Into the places that have become free.
            prop_assert!(!is_kept(signal) || grown.remove(signal.id) || !grown.places.contains_key(&signal.id));
            grown.insert(&Arc::new(signal.clone()));
        }
        let fresh = index(&kept);
        prop_assert_eq!(grown.words.held(), fresh.words.held());
        prop_assert_eq!(grown.grams.held(), fresh.grams.held());
        for words in ["sum a column of the table", "no 3 invoices", "skip_nav captions"] {
            let task = Task::new("read", words);
            prop_assert_eq!(task.ask(&grown), task.ask(&fresh));
        }
    }
}
