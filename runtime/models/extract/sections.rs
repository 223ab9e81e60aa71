//! Groups of claims that belong together, by what they say and where they stand.

use super::ranking::{Vector, cosine};

/// What a common heading and a common document add to the likeness of two claims.
const SAME_HEADING: f64 = 0.35;
const SAME_DOCUMENT: f64 = 0.2;
/// How strongly large groups are held back; without it one group would swallow all and leave single claims beside it.
const SIZE_COST: f64 = 0.5;
/// A section should hold about this many claims.
const CLAIMS_PER_SECTION: usize = 3;

/// One claim to be grouped.
pub(super) struct Item<'a> {
    /// What it says.
    pub(super) vector: &'a Vector,
    /// The heading above it.
    pub(super) heading: Option<&'a str>,
    /// Its document.
    pub(super) path: &'a str,
}

/// How alike each two items are.
pub(super) struct Likeness(Vec<Vec<f64>>);

impl Likeness {
    /// Compares all items once; grouping asks for the same pairs again and again.
    pub(super) fn new(items: &[Item<'_>]) -> Self {
        let row = |a: &Item<'_>| items.iter().map(|b| likeness(a, b)).collect();
        Self(items.iter().map(row).collect())
    }

    fn average(&self, a: &[usize], b: &[usize]) -> f64 {
        let sum: f64 = a.iter().flat_map(|i| b.iter().map(|j| self.0[*i][*j])).sum();
        sum / (a.len() * b.len()) as f64
    }

    /// The item of a group that is most like all the others.
    pub(super) fn middle(&self, members: &[usize]) -> usize {
        let closeness = |index: usize| self.average(&[index], members);
        members
            .iter()
            .copied()
            .max_by(|a, b| closeness(*a).total_cmp(&closeness(*b)).then(b.cmp(a)))
            .unwrap_or(0)
    }
}

/// Groups of item numbers, at most `groups_max`; average-link clustering.
pub(super) fn group(likeness: &Likeness, groups_max: usize) -> Vec<Vec<usize>> {
    let items = likeness.0.len();
    let mut groups: Vec<Vec<usize>> = (0..items).map(|index| vec![index]).collect();
    let wanted = items.div_ceil(CLAIMS_PER_SECTION).clamp(1, groups_max.max(1));
    while groups.len() > wanted
        && let Some((a, b)) = most_alike(likeness, &groups)
    {
        let moved = groups.remove(b);
        groups[a].extend(moved);
    }
    groups
}

fn most_alike(likeness: &Likeness, groups: &[Vec<usize>]) -> Option<(usize, usize)> {
    let mut best: Option<(f64, usize, usize)> = None;
    for a in 0..groups.len() {
        for b in a + 1..groups.len() {
            let size = (groups[a].len() + groups[b].len()) as f64;
            let value = likeness.average(&groups[a], &groups[b]) / size.powf(SIZE_COST);
            if best.is_none_or(|(top, _, _)| value > top) {
                best = Some((value, a, b));
            }
        }
    }
    best.map(|(_, a, b)| (a, b))
}

fn likeness(a: &Item<'_>, b: &Item<'_>) -> f64 {
    let heading = if a.heading.is_some() && a.heading == b.heading {
        SAME_HEADING
    } else {
        0.0
    };
    let document = if a.path == b.path { SAME_DOCUMENT } else { 0.0 };
    cosine(a.vector, b.vector) + heading + document
}

#[cfg(test)]
mod tests;
