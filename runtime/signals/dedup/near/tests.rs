//! Paraphrases are found, and what turns a text around is not merged.

use anthill_contracts::clock::Timestamp;
use anthill_contracts::signal::{BundleClass, Origin, Polarity, Share, Trigger};

use super::*;
use crate::dedup::signal_id;

fn signal(polarity: Polarity, text: &str) -> Arc<Signal> {
    let scope = "read/html".parse().expect("a scope");
    let body = SignalBody::Text {
        text: text.to_owned(),
    };
    Arc::new(Signal {
        id: signal_id(&scope, polarity, &body),
        scope,
        polarity,
        body,
        tokens: 10,
        trigger: Trigger::default(),
        parents: Vec::new(),
        author: Origin { tenant: 1, node: 1 },
        born_in: None,
        created: Timestamp(0),
        bundle: BundleClass::default(),
        share: Share::Tenant,
        source: String::new(),
    })
}

fn aliases(texts: &[&str]) -> usize {
    let mut near = NearDuplicates::default();
    texts
        .iter()
        .map(|text| near.insert(&signal(Polarity::Do, text)).len())
        .sum()
}

#[test]
fn the_smaller_id_stands_for_both() {
    let (a, b) = (
        signal(
            Polarity::Do,
            "Quote the sentences that follow a heading of the page",
        ),
        signal(
            Polarity::Do,
            "Quote the sentence that follows a heading of the page, and quote the sentences that follow a heading",
        ),
    );
    let mut near = NearDuplicates::default();
    assert_eq!(near.insert(&a), []);
    let expected = Alias {
        stands: a.id.min(b.id),
        follows: a.id.max(b.id),
    };
    assert_eq!(near.insert(&b), [expected]);
    assert_eq!(near.insert(&b), [], "it is held already");
    near.remove(a.id);
    near.remove(b.id);
    assert!(near.is_empty() && near.bands.is_empty());
    assert_eq!(near.insert(&b), [], "nothing of the other is left");
}

#[test]
fn a_turned_meaning_is_no_duplicate() {
    let plain = "Quote long sentences of the introduction when the page has many headings and tables";
    assert_eq!(
        aliases(&[plain, &plain.replace("Quote", "Cite")]),
        1,
        "the plain paraphrase is one"
    );
    for other in [
        plain.replace("Quote", "Do not quote"),
        plain.replace("Quote", "Never quote"),
        plain.replace("many", "3"),
        plain.replace("long", "short"),
        plain.replace("tables", "`read_table`"),
        plain.replace("page", "page.html"),
    ] {
        assert_eq!(aliases(&[plain, &other]), 0, "{other}");
    }
    let mut near = NearDuplicates::default();
    near.insert(&signal(Polarity::Do, plain));
    assert_eq!(
        near.insert(&signal(Polarity::Avoid, &plain.replace("Quote", "Cite"))),
        []
    );
}

/// Texts of 20 to 60 words over a vocabulary whose words are as unevenly frequent as those of a language.
struct Writer {
    rng: fastrand::Rng,
    words: Vec<String>,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let words = (0..2000)
            .map(|_| (0..rng.usize(3..9)).map(|_| rng.char('a'..='z')).collect())
            .collect();
        Self { rng, words }
    }

    fn word(&mut self) -> String {
        let rank = (self.words.len() as f64).powf(self.rng.f64()) - 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank within the list"
        )]
        let place = rank as usize;
        self.words[place].clone()
    }

    fn text(&mut self) -> Vec<String> {
        (0..self.rng.usize(20..60)).map(|_| self.word()).collect()
    }

    /// Each word is, with this probability, replaced, dropped or followed by a new one.
    fn edited(&mut self, text: &[String], share: f64) -> Vec<String> {
        let mut edited = Vec::new();
        for word in text {
            match (self.rng.f64() < share).then(|| self.rng.u8(0..3)) {
                None => edited.push(word.clone()),
                Some(0) => edited.push(self.word()),
                Some(1) => {}
                Some(_) => edited.extend([word.clone(), self.word()]),
            }
        }
        edited
    }
}

/// Share of paraphrases that are found among `count` other texts, and of those paired with a text that is no relative.
fn measured(share: f64, count: usize) -> (f64, f64) {
    let mut writer = Writer::new(7);
    let mut near = NearDuplicates::default();
    let texts: Vec<Vec<String>> = (0..count).map(|_| writer.text()).collect();
    let originals: Vec<Arc<Signal>> = texts
        .iter()
        .map(|text| signal(Polarity::Do, &text.join(" ")))
        .collect();
    for original in &originals {
        assert_eq!(near.insert(original), [], "unrelated texts are no duplicates");
    }
    let (mut found, mut wrong) = (0, 0);
    for (text, original) in texts.iter().zip(&originals) {
        let paraphrase = signal(Polarity::Do, &writer.edited(text, share).join(" "));
        if paraphrase.id == original.id {
            found += 1;
            continue;
        }
        let pairs = near.insert(&paraphrase);
        let is_found = pairs
            .iter()
            .any(|pair| pair.stands == original.id || pair.follows == original.id);
        found += usize::from(is_found);
        wrong += pairs.len() - usize::from(is_found);
        near.remove(paraphrase.id);
    }
    (found as f64 / count as f64, wrong as f64 / count as f64)
}

#[test]
fn paraphrases_are_found_as_often_as_their_edits_allow() {
    for (share, recall_min) in [(0.1, 0.98), (0.2, 0.84), (0.3, 0.40)] {
        let (recall, wrong) = measured(share, 400);
        assert!(recall >= recall_min, "{share}: {recall}");
        assert!(wrong <= 0.001, "{share}: {wrong}");
    }
}
