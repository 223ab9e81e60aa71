//! What a node asks of a job's lead, whichever lead lives.
//!
//! A lead that crashes takes its mailbox with it. So a wish is written down before the living lead is told, and every
//! lead reads it once it can be told: between the two no wish is lost, and hearing one twice changes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anthill_actors::mailbox::Mailbox;

use super::{LeadMessage, happened};
use crate::lead::machine::LeadInput;

/// What may be asked of a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// Pause: the node stops.
    Interrupt,
    /// Cancel the job; stands above a pause.
    Cancel,
}

impl Wish {
    /// As the machine hears it.
    pub(super) const fn input(self) -> LeadInput {
        match self {
            Self::Interrupt => LeadInput::Interrupt,
            Self::Cancel => LeadInput::Cancel,
        }
    }
}

/// Shared by a node and the leads of one run of a job.
#[derive(Default)]
pub(crate) struct LeadSlot {
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    lead: Option<Mailbox<LeadMessage>>,
    wish: Option<Wish>,
}

impl LeadSlot {
    /// Asks the living lead, or the next one.
    pub(crate) fn ask(&self, wish: Wish) {
        let mut state = self.state();
        state.wish = state.wish.max(Some(wish));
        if let Some(lead) = &state.lead {
            // A lead that is gone is followed by one that reads the wish, or by nobody.
            let _ = lead.send_control(happened(wish.input()));
        }
    }

    /// Makes a lead the living one. Answers what was asked of the job before.
    pub(super) fn occupy(&self, lead: Mailbox<LeadMessage>) -> Option<Wish> {
        let mut state = self.state();
        state.lead = Some(lead);
        state.wish
    }

    /// Whether any lead has ever lived.
    pub(super) fn was_occupied(&self) -> bool {
        self.state().lead.is_some()
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
