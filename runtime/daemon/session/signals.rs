//! The signals that ask a process to stop: from the keyboard, from a service manager, from a closed terminal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use anthill_contracts::codes;
use anthill_contracts::fault::Problem;

/// Every signal that means: stop.
pub(crate) struct Signals {
    keyboard: Signal,
    manager: Signal,
    terminal: Signal,
}

impl Signals {
    /// From now on these signals are heard here and end the process no longer by themselves.
    pub(crate) fn listen() -> Result<Self, Problem> {
        let open = || -> io::Result<Self> {
            Ok(Self {
                keyboard: signal(SignalKind::interrupt())?,
                manager: signal(SignalKind::terminate())?,
                terminal: signal(SignalKind::hangup())?,
            })
        };
        open().map_err(|error| Problem::new(&codes::DEFECT, format!("no signals: {error}")))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.keyboard.recv() => {}
            _ = self.manager.recv() => {}
            _ = self.terminal.recv() => {}
        }
    }
}
