//! How good the work of a job was found, and what the knowledge had to do with it.
//!
//! A mean of scores has the Wilson score interval (Wilson 1927), the difference of two means Newcombe's hybrid of two such
//! intervals (Newcombe 1998, method 10). Both are made for shares of yes and no; no score from 0 to 1 varies more than
//! those at the same mean, so for scores they are never too narrow, and unlike those of Student or Welch they stay sound for
//! five tasks that all came out alike. Tasks that were shown nothing are drawn by lot, so the difference between them and the
//! rest is what the knowledge brought; below [`CONTROLS_MIN`] of them it is not told.

use anthill_contracts::signal::Arm;
use anthill_contracts::store::{JobScore, ScoreSum, TaskScore};
use serde::Serialize;

use crate::words;

/// Fewest tasks that were shown nothing from which anything is told of the difference.
pub const CONTROLS_MIN: u64 = 5;

/// The normal quantile of a 95 % interval.
const Z: f64 = 1.959_964;

/// How good the work of a job was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Who says so: `answers` that are known beforehand, or `checks`.
    pub by: By,
    /// Over all tasks that have a score.
    pub all: Mean,
    /// Over those that were given what the knowledge holds.
    pub with_knowledge: Option<Mean>,
    /// Over those that were shown nothing, by lot or because the job uses no knowledge.
    pub without_knowledge: Option<Mean>,
    /// What the knowledge brought, where enough tasks were shown nothing by lot.
    pub gain: Option<Estimate>,
    /// Why there is no gain to tell, where there is none.
    pub gain_unknown: Option<Unknown>,
}

/// Who says how good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Answers that are known beforehand.
    Answers,
    /// What the checks measured: claims that stand, and words of the question in them.
    Checks,
}

/// Why nothing is told of what the knowledge brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The job uses no knowledge.
    NotUsed,
    /// Every task was given what the knowledge holds.
    NoControls,
    /// Too few tasks were shown nothing.
    FewControls,
}

/// A mean score of some tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// How many tasks.
    pub tasks: u64,
    /// Their mean with its interval.
    #[serde(flatten)]
    pub score: Estimate,
}

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Score {
    /// What the sums of a job say.
    pub fn of(sums: &JobScore) -> Self {
        let JobScore {
            with,
            control,
            unaided,
            ..
        } = sums;
        let (treated, controls) = (mean(*with), mean(*control));
        let gain_unknown = match (with.tasks, control.tasks) {
            (0, 0) => Some(Unknown::NotUsed),
            (_, 0) => Some(Unknown::NoControls),
            (0, _) | (_, ..CONTROLS_MIN) => Some(Unknown::FewControls),
            _ => None,
        };
        let pair = treated.zip(controls).filter(|_| gain_unknown.is_none());
        Self {
            by: if sums.by_answers { By::Answers } else { By::Checks },
            all: mean(plus(plus(*with, *control), *unaided)).unwrap_or(Mean {
                tasks: 0,
                score: wilson(0.0, 0.0),
            }),
            with_knowledge: treated,
            without_knowledge: mean(plus(*control, *unaided)),
            gain: pair.map(|(with, without)| difference(with.score, without.score)),
            gain_unknown,
        }
    }

    /// The score alone, for a column of a table.
    pub fn short(&self) -> String {
        format!("{:.2}", self.all.score.mean)
    }

    /// The score and what the knowledge had to do with it, on lines that begin with a head of nine columns.
    pub fn lines(&self) -> Vec<String> {
        let by = match self.by {
            By::Answers => "answers known beforehand",
            By::Checks => "the checks",
        };
        let first = format!("score    {} by {by}", in_words(&self.all));
        let second = match (&self.gain, &self.with_knowledge, &self.without_knowledge) {
            (Some(gain), Some(with), Some(without)) => {
                return vec![
                    first,
                    format!("         with knowledge {}", in_words(with)),
                    format!("         without {}", in_words(without)),
                    format!("         gain {}", gain.signed()),
                ];
            }
            (_, _, without) => self.why_unknown(without.as_ref()),
        };
        vec![first, format!("         without knowledge: {second}")]
    }

    fn why_unknown(&self, without: Option<&Mean>) -> String {
        match (self.gain_unknown, without) {
            (Some(Unknown::FewControls), Some(mean)) => format!(
                "{:.2} over {}, too few of {CONTROLS_MIN}",
                mean.score.mean,
                words::counted(mean.tasks, "task")
            ),
            (Some(Unknown::NotUsed), _) => "the same, the job uses none".to_owned(),
            _ => "not measured, each task was given it".to_owned(),
        }
    }
}

/// The score of one task, for a column of a table.
pub fn of_task(score: &TaskScore) -> String {
    let number = f64::from(score.score_milli) / 1000.0;
    let mark = if score.arm == Some(Arm::Control) {
        " (control)"
    } else {
        ""
    };
    format!("{number:.2}{mark}")
}

fn in_words(mean: &Mean) -> String {
    let Estimate {
        mean: score,
        low,
        high,
    } = mean.score;
    let tasks = words::counted(mean.tasks, "task");
    format!("{score:.2} ({low:.2} to {high:.2}) over {tasks}")
}

impl Estimate {
    /// A difference with its sign, and its interval.
    fn signed(&self) -> String {
        format!("{:+.2} (95 %: {:+.2} to {:+.2})", self.mean, self.low, self.high)
    }
}

const fn plus(one: ScoreSum, other: ScoreSum) -> ScoreSum {
    ScoreSum {
        tasks: one.tasks + other.tasks,
        sum_milli: one.sum_milli + other.sum_milli,
    }
}

fn mean(sum: ScoreSum) -> Option<Mean> {
    let tasks = sum.tasks as f64;
    (sum.tasks > 0).then(|| Mean {
        tasks: sum.tasks,
        score: wilson(sum.sum_milli as f64 / 1000.0 / tasks, tasks),
    })
}

/// Wilson's interval of a mean over so many tasks.
fn wilson(mean: f64, tasks: f64) -> Estimate {
    if tasks < 1.0 {
        return Estimate {
            mean,
            low: 0.0,
            high: 1.0,
        };
    }
    let square = Z * Z;
    let shrink = 1.0 + square / tasks;
    let centre = (mean + square / (2.0 * tasks)) / shrink;
    let spread = mean * (1.0 - mean) / tasks + square / (4.0 * tasks * tasks);
    let half = Z * spread.max(0.0).sqrt() / shrink;
    Estimate {
        mean,
        low: (centre - half).clamp(0.0, mean),
        high: (centre + half).clamp(mean, 1.0),
    }
}

/// Newcombe's interval of the difference of two means.
fn difference(one: Estimate, other: Estimate) -> Estimate {
    let mean = one.mean - other.mean;
    Estimate {
        mean,
        low: mean - (one.mean - one.low).hypot(other.high - other.mean),
        high: mean + (one.high - one.mean).hypot(other.mean - other.low),
    }
}

#[cfg(test)]
mod tests;
