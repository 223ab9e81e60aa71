//! Cancelling a job that no lead works on: the lead's machine, driven by hand.

use std::collections::VecDeque;

use anthill_contracts::clock::Clock;
use anthill_contracts::codes;
use anthill_contracts::fault::Problem;
use anthill_contracts::id::{JobId, NodeId};
use anthill_contracts::knowledge::{Conclusion, Knowledge};
use anthill_contracts::store::{Append, Store};

use crate::lead::journal::{append_patiently, fold};
use crate::lead::machine::{Cx, Lead, LeadInput, LeadStep};
use crate::lead::shell::tell;
use crate::metrics;
use crate::watch::JobEnd;

/// Cancels the job durably. No agent is started for a job that ends, so there is none to stop.
pub(super) async fn cancel(
    store: &dyn Store,
    knowledge: &dyn Knowledge,
    clock: &dyn Clock,
    (job_id, node_id): (JobId, NodeId),
) -> Result<JobEnd, Problem> {
    let lease = store.take_lease(job_id, node_id).await?;
    let mut lead = Lead::new(fold(store, job_id).await?, lease.last_seq);
    let begin = LeadInput::Begin {
        node_id,
        epoch: lease.epoch,
        spec: None,
        topup: None,
    };
    let mut inputs = VecDeque::from([begin, LeadInput::Cancel]);
    while let Some(input) = inputs.pop_front() {
        let mut steps = Vec::new();
        lead.step(Cx::default(), input, &mut steps);
        for step in steps {
            match step {
                LeadStep::Append { seq, events, blobs } => {
                    let append = Append {
                        job_id,
                        epoch: lease.epoch,
                        seq,
                        at: clock.now(),
                        events: events.into(),
                        blobs,
                    };
                    append_patiently(store, append).await?;
                    inputs.push_back(LeadInput::Appended { seq });
                }
                LeadStep::Conclude {
                    receipt,
                    outcomes,
                    proposals,
                    spent,
                } => {
                    // What its runs have taught before it paused is worth as much as before.
                    let receipt_id = receipt.receipt_id;
                    let spec = lead.job().spec.as_ref();
                    let conclusion = Conclusion {
                        receipt: *receipt,
                        outcomes,
                        proposals,
                        share: spec.map(|spec| spec.knowledge.share).unwrap_or_default(),
                        at: clock.now(),
                        spent,
                    };
                    let kept = tell(knowledge, conclusion).await;
                    if !kept {
                        metrics::conclusion_given_up("run");
                    }
                    inputs.push_back(LeadInput::Concluded { receipt_id, kept });
                }
                LeadStep::StopAgents => inputs.push_back(LeadInput::AgentsStopped),
                _ => {}
            }
        }
    }
    if !lead.has_ended() {
        return Err(Problem::new(&codes::DEFECT, "the job was not cancelled"));
    }
    Ok(JobEnd::told_by(lead.job()))
}
