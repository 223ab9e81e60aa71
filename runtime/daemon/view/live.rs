//! Progress as bars: a head, one bar for each node of the plan, and a foot with workers, tokens and cost.

use std::time::Duration;

use anthill_contracts::id::TaskId;
use anthill_contracts::model::ModelDelta;
use anthill_contracts::task::TaskStatus;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::view::lines;
use crate::view::progress::{NodeProgress, Note, Progress};
use crate::words;

/// Most bars; the nodes of a larger plan share the last one.
const BARS_MAX: usize = 12;

/// How often the time moves on while nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// Most characters of a node's name beside its bar.
const NAME_CHARS_MAX: usize = 20;

/// The bars of one job.
pub(super) struct Live {
    bars: MultiProgress,
    head: ProgressBar,
    nodes: Vec<ProgressBar>,
    foot: ProgressBar,
}

impl Live {
    /// Draws head and foot.
    pub(super) fn new(bars: MultiProgress) -> Self {
        let head = bars.add(ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg} {elapsed}")));
        head.enable_steady_tick(TICK);
        let foot = bars.add(ProgressBar::new_spinner().with_style(style("  {wide_msg}")));
        Self {
            bars,
            head,
            nodes: Vec::new(),
            foot,
        }
    }

    /// Brings the bars up to date, with lines above them for what should not be missed.
    pub(super) fn show(&mut self, progress: &Progress, notes: &[Note]) {
        for note in notes {
            if matches!(note, Note::Planned { .. }) {
                self.plan(progress);
            }
            if let Some(line) = lines::line(note).filter(|_| is_news(note)) {
                self.say(&line);
            }
        }
        self.head_line(progress);
        self.update(progress);
    }

    /// Brings the bars up to date with what happened before this run.
    pub(super) fn past(&mut self, progress: &Progress, notes: &[Note]) {
        if notes.iter().any(|note| matches!(note, Note::Planned { .. })) {
            self.plan(progress);
        }
        self.head_line(progress);
        self.update(progress);
    }

    fn head_line(&self, progress: &Progress) {
        if let Some(title) = progress.title() {
            self.head
                .set_message(format!("{}  {}  {}", title.name, title.job_id, title.model));
        }
    }

    fn plan(&mut self, progress: &Progress) {
        for bar in self.nodes.drain(..) {
            bar.finish_and_clear();
        }
        for node in progress.nodes().iter().take(BARS_MAX) {
            // Hidden until it is among the others: a bar of its own would draw over them.
            let bar = ProgressBar::with_draw_target(node.total, ProgressDrawTarget::hidden())
                .with_style(style("  {prefix:20} {bar:24} {pos:>6}/{len:6} {msg}").progress_chars("=> "))
                .with_prefix(words::shortened(&node.id, NAME_CHARS_MAX));
            self.nodes.push(self.bars.insert_before(&self.foot, bar));
        }
    }

    fn update(&self, progress: &Progress) {
        let nodes = progress.nodes();
        for (bar, node) in self.nodes.iter().zip(nodes) {
            bar.set_length(node.total.unwrap_or(0));
            bar.set_position(node.ended());
            bar.set_message(beside(node));
        }
        let mut foot = vec![format!(
            "{} running, {}",
            progress.running(),
            words::cost(&progress.spent())
        )];
        let saved = progress.saved();
        if !saved.is_zero() {
            foot.push(format!("reuse saved {}", words::cost(&saved)));
        }
        if nodes.len() > BARS_MAX {
            foot.push(format!("{} nodes more", nodes.len() - BARS_MAX));
        }
        self.foot.set_message(foot.join("; "));
    }

    /// Shows which task hears from its model, or waits for it.
    pub(super) fn delta(&self, progress: &Progress, task_id: TaskId, delta: &ModelDelta) {
        match delta {
            ModelDelta::Text(_) => self.foot.tick(),
            ModelDelta::Retry { attempt, wait } => {
                let wait = words::time(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                let task = progress.name_of(task_id);
                self.say(&format!(
                    "{task}: try {attempt} failed, the provider is asked again in {wait}"
                ));
            }
        }
    }

    /// Prints a line above the bars.
    pub(super) fn say(&self, text: &str) {
        // A closed error stream takes nothing from the job.
        let _ = self.bars.println(words::harmless(text));
    }

    /// Takes the bars away, so that the summary stands alone.
    pub(super) fn close(self) {
        // The clock beside the head would draw it again.
        self.head.disable_steady_tick();
        let _ = self.bars.clear();
    }
}

/// Beside the bar stands what it cannot show.
fn beside(node: &NodeProgress) -> String {
    let mut parts = Vec::new();
    for (number, word) in [
        (node.running, "running"),
        (node.reused, "reused"),
        (node.failed, "failed"),
    ] {
        if number > 0 {
            parts.push(format!("{} {word}", words::count(number)));
        }
    }
    parts.join(", ")
}

/// Whether a note deserves a line although the bars show how far things are.
fn is_news(note: &Note) -> bool {
    match note {
        Note::TaskEnded(end) => end.status != TaskStatus::Succeeded,
        Note::PlanRefused { .. } | Note::Rejected { .. } | Note::Retried { .. } | Note::Exhausted(_) => true,
        Note::Submitted(_)
        | Note::Resumed { .. }
        | Note::Planned { .. }
        | Note::Expanded { .. }
        | Note::Ended { .. } => false,
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants of this file")
}
