//! Findings that belong together stand together.

use super::{Item, Likeness, group};
use crate::extract::ranking::vectors;

#[test]
fn what_belongs_together_stands_together() {
    let texts: Vec<Vec<String>> = [
        "dance flower",
        "dance sun",
        "dance angle",
        "wax comb",
        "wax cell",
        "wax worker",
    ]
    .iter()
    .map(|line| line.split_whitespace().map(str::to_owned).collect())
    .collect();
    let vectors = vectors(&texts);
    let items: Vec<Item<'_>> = vectors
        .iter()
        .map(|vector| Item {
            vector,
            heading: None,
            path: "a",
        })
        .collect();
    let likeness = Likeness::new(&items);
    let mut groups = group(&likeness, 5);
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort();
    assert_eq!(groups, [vec![0, 1, 2], vec![3, 4, 5]]);
    assert_eq!(group(&likeness, 1).len(), 1);
    assert_eq!(
        group(&likeness, 0).len(),
        1,
        "where there are claims there is a section"
    );
    assert!([0, 1, 2].contains(&likeness.middle(&[0, 1, 2])));
}

#[test]
fn nothing_has_no_sections() {
    assert_eq!(group(&Likeness::new(&[]), 3), Vec::<Vec<usize>>::new());
}
