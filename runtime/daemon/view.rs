//! What a person sees while a job runs.
//!
//! [`Progress`] folds the journal's frames, without I/O, into counts and into notes worth a line. What is made of them
//! depends on who watches: bars on a terminal, lines where the output is piped, JSON objects for programs, nothing
//! where quiet is asked for. The view is fed by the same frames that a resumed process would read, so it can be behind
//! but never wrong.

mod lines;
mod live;
pub mod progress;
pub mod score;
pub mod summary;

use std::io::IsTerminal as _;

use anthill_contracts::event::Frame;
use anthill_contracts::id::TaskId;
use anthill_contracts::model::ModelDelta;
use indicatif::MultiProgress;

use crate::console::{Console, Failure};
use crate::view::live::Live;
use crate::view::progress::Progress;

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal.
    Terminal,
    /// A person who reads it later, or `grep`.
    Pipe,
    /// A program.
    Program,
    /// Nobody.
    Nobody,
}

impl Audience {
    /// Who watches this process.
    pub fn of(console: &Console, quiet: bool) -> Self {
        if console.is_json() {
            Self::Program
        } else if quiet {
            Self::Nobody
        } else if std::io::stdout().is_terminal() && std::io::stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Pipe
        }
    }
}

/// The view of one job.
pub struct View {
    audience: Audience,
    progress: Progress,
    live: Option<Live>,
    lost: Option<Failure>,
}

impl View {
    /// Begins to watch; `bars` is where a terminal's bars are drawn.
    pub fn new(audience: Audience, bars: MultiProgress) -> Self {
        let live = (audience == Audience::Terminal).then(|| Live::new(bars));
        Self {
            audience,
            progress: Progress::default(),
            live,
            lost: None,
        }
    }

    /// What is known so far.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Takes in a frame from before this run, without a word.
    pub fn past(&mut self, frame: &Frame) {
        if frame.seq > self.progress.last_seq() {
            let notes = self.progress.apply(frame);
            if let Some(live) = &mut self.live {
                live.past(&self.progress, &notes);
            }
        }
    }

    /// Shows a frame. A frame that was shown before is left out. Nothing is said once the output stream has failed: the
    /// job goes on without an audience.
    pub fn frame(&mut self, frame: &Frame, console: &mut Console) -> Result<(), Failure> {
        if frame.seq <= self.progress.last_seq() {
            return Ok(());
        }
        let notes = self.progress.apply(frame);
        let shown = match self.audience {
            Audience::Program | Audience::Pipe if self.lost.is_some() => Ok(()),
            Audience::Program => lines::events(frame, console),
            Audience::Pipe => notes.iter().try_for_each(|note| match lines::line(note) {
                Some(line) => console.line(line),
                None => Ok(()),
            }),
            Audience::Terminal => {
                if let Some(live) = &mut self.live {
                    live.show(&self.progress, &notes);
                }
                Ok(())
            }
            Audience::Nobody => Ok(()),
        };
        match shown {
            Err(failure) if failure.is_of_output() => {
                self.lost = Some(failure);
                Ok(())
            }
            other => other,
        }
    }

    /// Why nothing was said any more, where the output stream has failed.
    pub fn lost(self) -> Option<Failure> {
        self.lost
    }

    /// Shows that an answer is being written, or that its provider is asked again.
    pub fn delta(&mut self, task_id: TaskId, delta: &ModelDelta) {
        if let Some(live) = &mut self.live {
            live.delta(&self.progress, task_id, delta);
        }
    }

    /// Says something about the program itself, above the bars where there are some.
    pub fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.say(text),
            None if self.audience == Audience::Nobody => {}
            None => {
                // A closed error stream takes nothing from the job.
                let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{text}\n"));
            }
        }
    }

    /// Takes the bars away.
    pub fn close(&mut self) {
        if let Some(live) = self.live.take() {
            live.close();
        }
    }
}

pub use lines::events as print_events;
