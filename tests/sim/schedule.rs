//! Virtual time: what happens next, and nothing happens at once.
//!
//! Messages of one channel keep their order, as one mailbox or one connection keeps it; across channels any order can
//! come out. Ties are broken by the order in which things were scheduled, so that a seed means one history.

use std::collections::BTreeMap;

use anthill_actors::agent::AgentOrder;
use anthill_contracts::id::StepId;
use anthill_supervisors::lead::machine::LeadInput;

use crate::outside::Arrival;
use crate::store::{Answer, Request};

/// One incarnation of a lead.
pub(crate) type LeadNo = u32;

/// One incarnation of an agent.
pub(crate) type AgentNo = u32;

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A node tries to become the job's owner.
    Claim { node: usize },
    /// A request reaches the store.
    Request { generation: u32, request: Request },
    /// The store syncs what it has taken in.
    Sync { generation: u32 },
    /// The store is back.
    StoreUp,
    /// The store's answer reaches a lead.
    Answer(Answer),
    /// The lead hears that the outcome of its request is unknown.
    Unknown { lead: LeadNo },
    /// A lead hears something.
    Input { lead: LeadNo, input: Box<LeadInput> },
    /// An agent hears something from its lead.
    Order { agent: AgentNo, order: AgentOrder },
    /// The model has answered an agent.
    Replied { agent: AgentNo, step_id: StepId },
    /// A tool call reaches the outside.
    Arrival { agent: AgentNo, arrival: Arrival },
    /// A tool's outcome reaches its agent.
    ToolEnded {
        agent: AgentNo,
        step_id: StepId,
        takes_answer: bool,
    },
    /// An agent has looked at its answer.
    Concluded { agent: AgentNo },
    /// Another node takes over, or a node freezes.
    Unrest,
    /// Somebody cancels.
    Cancel,
    /// A node is told to stop.
    Interrupt,
    /// Somebody looks whether the job has a lead.
    Watch,
}

/// A line of messages that keep their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    /// From a lead to the store.
    ToStore(LeadNo),
    /// From the store to a lead.
    FromStore(LeadNo),
    /// From an agent to its lead.
    ToLead(AgentNo),
    /// From a lead to an agent.
    ToAgent(AgentNo),
}

/// What will happen, by time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    now_ms: u64,
    scheduled: u64,
    events: BTreeMap<(u64, u64), Event>,
    last: BTreeMap<Channel, u64>,
}

impl Schedule {
    /// The time.
    pub(crate) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Lets something happen after a delay.
    pub(crate) fn after(&mut self, delay_ms: u64, event: Event) {
        self.scheduled += 1;
        self.events
            .insert((self.now_ms + delay_ms, self.scheduled), event);
    }

    /// Lets something happen after a delay, and after everything before it in its channel.
    pub(crate) fn send(&mut self, channel: Channel, delay_ms: u64, event: Event) {
        let last = self.last.entry(channel).or_default();
        *last = (self.now_ms + delay_ms).max(*last);
        let delay_ms = *last - self.now_ms;
        self.after(delay_ms, event);
    }

    /// The next event; the time moves on to it.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        let ((at_ms, number), event) = self.events.pop_first()?;
        self.now_ms = at_ms;
        Some((number, event))
    }

    /// Puts an event off. Whoever is frozen finds all of it in its order.
    pub(crate) fn put_off(&mut self, until_ms: u64, number: u64, event: Event) {
        self.events.insert((until_ms, number), event);
    }
}
