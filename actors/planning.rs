//! Planner: asks a model for the job's plan, then stops.
//! Parent: `Lead`, temporary; a crash is another attempt. Talks to: a `Provider`, through its
//! [`step agent`](crate::step_agent).
//! Survives a restart: nothing; the journal holds its steps and the reasons of every refusal.
//! Invariants: it proposes and never decides: the lead has every proposal validated before anything is spent on it.

use std::sync::Arc;

use anthill_contracts::signal::Receipt;
use anthill_contracts::spec::JobSpec;
use futures::future::BoxFuture;

use crate::agent::{AgentNews, Trouble};
use crate::planner::{parse_plan, plan_order};
use crate::step_agent::{AgentPorts, Answer, Composed, Craft, Past, Prepared, history};

/// What a planner is for.
pub struct PlannerCraft {
    /// What was asked for.
    pub spec: Arc<JobSpec>,
    /// How many documents the job may read.
    pub documents: usize,
    /// Why earlier proposals were refused, all of them together.
    pub refused: Vec<String>,
    /// What it is shown of what others have learned.
    pub receipt: Option<Receipt>,
    /// What it has asked already for this proposal.
    pub past: Past,
}

impl Craft for PlannerCraft {
    fn prepare<'a>(&'a self, ports: &'a AgentPorts) -> BoxFuture<'a, Result<Prepared, Trouble>> {
        Box::pin(async move {
            let order = plan_order(&self.spec, self.documents, &self.refused).shown(self.receipt.as_ref());
            let order = Box::new(order);
            let history = history(self, ports, &self.past).await?;
            Ok(Prepared::Ask { order, history })
        })
    }

    fn compose<'a>(&'a self, _: &'a AgentPorts, answer: &'a Answer) -> BoxFuture<'a, Composed> {
        Box::pin(async move {
            let author = self.spec.model.to_string();
            Ok(AgentNews::Planned {
                proposal: parse_plan(&answer.text),
                author,
            })
        })
    }
}
