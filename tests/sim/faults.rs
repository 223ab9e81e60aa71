//! Crashes, at named sites: before and after each of them.
//!
//! A crash that nothing was hurt by proves nothing, so those that were effective are counted apart.

use crate::dice::Dice;
use crate::swarm::{Rarity, Weather};

/// Where somebody can crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    /// A node asks for the lease.
    Claim,
    /// A lead hands a frame out.
    Append,
    /// A lead hears that its frame is durable.
    Ack,
    /// A node starts an agent.
    Start,
    /// A lead hears an agent's report.
    Report,
    /// The store takes a request in.
    Take,
    /// The store syncs.
    Sync,
    /// An agent hears an order.
    Order,
    /// An agent's model call ends.
    Model,
    /// An agent's tool call reaches the outside.
    Tool,
    /// An agent posts to the blackboard.
    Post,
}

/// Who crashes at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// A node with its lead and agents.
    Node,
    /// The store.
    Store,
    /// One agent.
    Agent,
}

/// Before or after the site's own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before.
    Before,
    /// After.
    After,
}

impl Site {
    /// Every site.
    pub(crate) const ALL: [Self; 11] = [
        Self::Claim,
        Self::Append,
        Self::Ack,
        Self::Start,
        Self::Report,
        Self::Take,
        Self::Sync,
        Self::Order,
        Self::Model,
        Self::Tool,
        Self::Post,
    ];

    /// Who crashes here.
    pub(crate) const fn victim(self) -> Victim {
        match self {
            Self::Claim | Self::Append | Self::Ack | Self::Start | Self::Report => Victim::Node,
            Self::Take | Self::Sync => Victim::Store,
            Self::Order | Self::Model | Self::Tool | Self::Post => Victim::Agent,
        }
    }
}

/// What was injected, and what it hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Crashes by site: before, after.
    pub(crate) sites: [[u64; 2]; Site::ALL.len()],
    /// Crashes of the store while a write was not durable.
    pub(crate) store_with_unsynced: u64,
    /// Crashes of a node while its append was neither acknowledged nor refused.
    pub(crate) node_with_append: u64,
    /// Crashes of an agent that held a reservation.
    pub(crate) agent_with_grant: u64,
    /// Appends of an older epoch that were refused.
    pub(crate) fenced: u64,
    /// Events that a frozen node found when it woke up under a lost lease.
    pub(crate) late_wakeups: u64,
    /// Takeovers from a lead that was alive.
    pub(crate) takeovers: u64,
}

impl Damage {
    /// Adds another run's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.sites.iter_mut().flatten().zip(other.sites.iter().flatten()) {
            *sum += more;
        }
        self.store_with_unsynced += other.store_with_unsynced;
        self.node_with_append += other.node_with_append;
        self.agent_with_grant += other.agent_with_grant;
        self.fenced += other.fenced;
        self.late_wakeups += other.late_wakeups;
        self.takeovers += other.takeovers;
    }

    /// Draws whether somebody crashes here and now.
    pub(crate) fn strikes(&mut self, site: Site, when: When, weather: &Weather, dice: &mut Dice) -> bool {
        let rarity: Rarity = match site.victim() {
            Victim::Node => weather.node_crash,
            Victim::Store => weather.store_crash,
            Victim::Agent => weather.agent_crash,
        };
        let strikes = dice.one_in(rarity);
        if strikes {
            self.sites[site as usize][when as usize] += 1;
        }
        strikes
    }
}
