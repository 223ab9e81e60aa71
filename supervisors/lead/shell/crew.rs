//! The agents that live under a lead, and under which key each of them speaks.
//!
//! A key names task, attempt and kind, so the worker of the next round bears the key of the last one. An actor gives
//! its key free with its last word; its end, which may be told later, then is nobody's crash. The choice rejected was
//! to put the round into the key: the end of an agent that has spoken would still have to be told from a crash.

use std::collections::BTreeMap;

use anthill_actors::agent::AgentKey;
use ractor::ActorId;

/// Every agent that has been started and has not ended yet, by the handle through which it is told something.
#[derive(Debug)]
pub(super) struct Crew<H> {
    /// With its key, until it has said its last word.
    actors: BTreeMap<ActorId, Option<AgentKey>>,
    speaking: BTreeMap<AgentKey, (ActorId, H)>,
}

impl<H> Default for Crew<H> {
    fn default() -> Self {
        Self {
            actors: BTreeMap::new(),
            speaking: BTreeMap::new(),
        }
    }
}

impl<H> Crew<H> {
    /// Takes an agent in.
    pub(super) fn join(&mut self, key: AgentKey, actor: ActorId, handle: H) {
        self.actors.insert(actor, Some(key));
        self.speaking.insert(key, (actor, handle));
    }

    /// Whoever speaks under a key.
    pub(super) fn handle(&self, key: AgentKey) -> Option<&H> {
        self.speaking.get(&key).map(|(_, handle)| handle)
    }

    /// Frees the key of an agent that says nothing more.
    pub(super) fn has_said_last_word(&mut self, key: AgentKey) {
        if let Some((actor, _)) = self.speaking.remove(&key) {
            self.actors.insert(actor, None);
        }
    }

    /// Lets an actor go. Answers under which key it has ended without a last word, if it has.
    pub(super) fn left(&mut self, actor: ActorId) -> Option<AgentKey> {
        let key = self.actors.remove(&actor)??;
        self.speaking.remove(&key);
        Some(key)
    }

    /// Whether an actor belongs to the crew.
    pub(super) fn contains(&self, actor: ActorId) -> bool {
        self.actors.contains_key(&actor)
    }

    /// Whether every agent is gone.
    pub(super) fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }
}

#[cfg(test)]
mod tests;
