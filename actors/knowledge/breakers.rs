//! Guards at the knowledge: laid out for the executor, and what their breakers have seen kept beside the facts.
//!
//! Breakers are no facts: how a call ended here says nothing to other nodes. They are kept all the same, because the
//! cool-down of a guard is longer than most processes live.

use anthill_contracts::id::TenantId;
use anthill_contracts::signal::Origin;

use super::{KnowledgeState, kept};

impl KnowledgeState {
    /// Tells the executor which guards are in force.
    pub(super) fn lay_out_guards(&self) {
        if let Some(desk) = &self.arguments.guards {
            desk.refresh(&self.base, self.now());
        }
    }

    /// Lays the guards out before the first run of a tenant begins.
    pub(super) fn expect_calls(&self, tenant: &TenantId) {
        let tenant = Origin::tenant_number(tenant);
        if self
            .arguments
            .guards
            .as_ref()
            .is_some_and(|desk| desk.expect(tenant))
        {
            self.lay_out_guards();
        }
    }

    /// Enters what has changed of the breakers into the batch that gathers. A run is concluded after its tool calls, so
    /// what they have shown becomes durable with its conclusion at the latest.
    pub(super) fn keep_breakers(&mut self) {
        let Some(desk) = &self.arguments.guards else {
            return;
        };
        for (of, breaker) in desk.changed() {
            match breaker {
                Some(breaker) => {
                    let (key, value) = kept::breaker_row(of, &breaker);
                    self.ledger.put(key, Some(value));
                }
                None => self.ledger.put(kept::breaker_key(of), None),
            }
        }
    }
}
