//! Vectors of texts, how central each is among the others, and a choice that does not say the same thing twice.

use std::collections::BTreeMap;

use super::words::Vocabulary;

/// Similarities below this are noise and no link.
const LINK_MIN: f64 = 0.08;
const DAMPING: f64 = 0.85;
const ROUNDS_MAX: usize = 40;
const SETTLED: f64 = 1e-6;
/// How much a good score outweighs likeness to what is chosen already.
const SCORE_SHARE: f64 = 0.7;
/// Above this likeness two texts say the same.
pub(super) const SAME: f64 = 0.72;
/// What each earlier choice from the same group costs, and at most.
const GROUP_COST: f64 = 0.03;
const GROUP_COST_MAX: f64 = 0.15;

/// A text as weighted terms, sorted by term, of length one.
pub(super) type Vector = Vec<(u32, f64)>;

/// Vectors by term frequency and rarity among these texts.
pub(super) fn vectors(texts: &[Vec<String>]) -> Vec<Vector> {
    let mut vocabulary = Vocabulary::default();
    let bags: Vec<BTreeMap<u32, u32>> = texts.iter().map(|terms| vocabulary.bag(terms)).collect();
    let mut holders: BTreeMap<u32, u32> = BTreeMap::new();
    for bag in &bags {
        for term in bag.keys() {
            *holders.entry(*term).or_insert(0) += 1;
        }
    }
    let count = texts.len() as f64;
    bags.iter()
        .map(|bag| {
            let weighted = bag.iter().map(|(term, times)| {
                let rarity = (1.0 + count / f64::from(holders[term])).ln();
                (*term, (1.0 + f64::from(*times).ln()) * rarity)
            });
            unit(weighted.collect())
        })
        .collect()
}

fn unit(mut vector: Vector) -> Vector {
    let length = vector
        .iter()
        .map(|(_, weight)| weight * weight)
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        for (_, weight) in &mut vector {
            *weight /= length;
        }
    }
    vector
}

/// How alike two vectors are, 0 to 1.
pub(super) fn cosine(a: &Vector, b: &Vector) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += a[i].1 * b[j].1;
                i += 1;
                j += 1;
            }
        }
    }
    sum
}

/// How central each text is among the others, the most central one being 1. Takes time by the square of their number;
/// the caller bounds it.
pub(super) fn centrality(vectors: &[Vector]) -> Vec<f64> {
    let count = vectors.len();
    if count == 0 {
        return Vec::new();
    }
    let links = links(vectors);
    let totals: Vec<f64> = links
        .iter()
        .map(|row| row.iter().map(|(_, weight)| weight).sum())
        .collect();
    let mut ranks = vec![1.0 / count as f64; count];
    for _ in 0..ROUNDS_MAX {
        let mut next = vec![(1.0 - DAMPING) / count as f64; count];
        for (from, row) in links.iter().enumerate() {
            for (to, weight) in row {
                next[*to] += DAMPING * ranks[from] * weight / totals[from];
            }
        }
        let change: f64 = ranks.iter().zip(&next).map(|(old, new)| (old - new).abs()).sum();
        ranks = next;
        if change < SETTLED {
            break;
        }
    }
    let top = ranks.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    ranks.into_iter().map(|rank| rank / top).collect()
}

fn links(vectors: &[Vector]) -> Vec<Vec<(usize, f64)>> {
    let mut links = vec![Vec::new(); vectors.len()];
    for (i, a) in vectors.iter().enumerate() {
        for (j, b) in vectors.iter().enumerate().skip(i + 1) {
            let likeness = cosine(a, b);
            if likeness >= LINK_MIN {
                links[i].push((j, likeness));
                links[j].push((i, likeness));
            }
        }
    }
    links
}

/// Something to choose from.
pub(super) struct Candidate<'a> {
    /// How good it is, 0 to about 1.
    pub(super) score: f64,
    /// What it says.
    pub(super) vector: &'a Vector,
    /// Where it is from; choices are spread over these.
    pub(super) group: usize,
}

/// Chooses up to `wanted` candidates, best first, none like one that is chosen already (maximal marginal relevance).
/// Candidates with a score of zero are never chosen.
pub(super) fn choose(candidates: &[Candidate<'_>], wanted: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut likeness = vec![0.0_f64; candidates.len()];
    let mut per_group: BTreeMap<usize, f64> = BTreeMap::new();
    while chosen.len() < wanted {
        let value = |index: usize| {
            let candidate = &candidates[index];
            let group = per_group.get(&candidate.group).copied().unwrap_or(0.0);
            SCORE_SHARE * candidate.score
                - (1.0 - SCORE_SHARE) * likeness[index]
                - (GROUP_COST * group).min(GROUP_COST_MAX)
        };
        let best = (0..candidates.len())
            .filter(|index| candidates[*index].score > 0.0)
            .filter(|index| likeness[*index] < SAME && !chosen.contains(index))
            // Of equal ones the first, so that the order of the document decides.
            .max_by(|a, b| value(*a).total_cmp(&value(*b)).then(b.cmp(a)));
        let Some(best) = best else {
            break;
        };
        for (index, candidate) in candidates.iter().enumerate() {
            likeness[index] = likeness[index].max(cosine(candidate.vector, candidates[best].vector));
        }
        *per_group.entry(candidates[best].group).or_insert(0.0) += 1.0;
        chosen.push(best);
    }
    chosen
}

#[cfg(test)]
mod tests;
