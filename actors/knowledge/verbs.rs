//! The verbs of people: contribute, revoke, import, export, list, show, query, stats.

use std::collections::{BTreeMap, BTreeSet};

use anthill_contracts::clock::Timestamp;
use anthill_contracts::id::{JobId, ReceiptId, SignalId, TaskId, TenantId};
use anthill_contracts::knowledge::{FactRow, KnowledgeError, KnowledgeStore};
use anthill_contracts::signal::{Origin, Receipt};
use anthill_signals::base::{
    Builtin, Contributed, Contribution, Imported, KnowledgeBase, Life, Opening, Query, QueryAnswer,
    Revocation, Revoked, SignalRow, Stats,
};
use anthill_signals::codec::{read_snapshot, snapshot_of};
use anthill_signals::fact::Why;
use anthill_signals::guard::Breaker;
use anthill_signals::params::Params;
use anthill_signals::replica::Versions;
use ractor::concurrency::oneshot;
use serde::{Deserialize, Serialize};

use super::handle::CALL_TIME_MAX;
use super::kept::{self, Kept};
use super::{KnowledgeHandle, KnowledgeMessage, RECEIPT_AGE_MAX_MS};
use crate::mailbox::MailError;
use crate::metrics;

/// Most receipts that are looked through for runs that were shown a signal.
const RECEIPTS_MAX: usize = 1_000_000;

/// A run that was shown something that is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposed {
    /// The receipt.
    pub receipt_id: ReceiptId,
    /// The job.
    pub job_id: JobId,
    /// The task.
    pub task_id: TaskId,
    /// Which of the revoked signals it was shown.
    pub signals: Vec<SignalId>,
    /// When.
    pub at: Timestamp,
}

/// What a revocation reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct RevokeReport {
    /// The signals that are out of use now.
    pub revoked: Revoked,
    /// Runs on this node that were shown one of them, in the last 30 days.
    pub exposed: Vec<Exposed>,
}

/// The knowledge as people look at it, without a node and beside a running one.
pub struct KnowledgeReport {
    /// The facts and their readings.
    pub base: KnowledgeBase,
    /// What guards of this node have seen when they blocked, by tenant and signal; none of those that never have.
    pub breakers: BTreeMap<(u32, SignalId), Breaker>,
    /// Rows that could not be read.
    pub damaged: usize,
}

impl KnowledgeReport {
    /// Reads what a store holds, as of `now` in milliseconds since 1970.
    pub async fn read(
        store: &dyn KnowledgeStore,
        builtins: Vec<Builtin>,
        params: Params,
        now: u64,
    ) -> Result<Self, KnowledgeError> {
        let rows: Vec<FactRow> = store.load_facts().await?;
        let kept = Kept::read(&rows);
        let node = kept.node.as_ref();
        let opening = Opening {
            node: node.map_or(0, |node| node.node),
            inc: node.map_or(0, |node| node.inc),
            versions: kept.node.map(|node| node.versions).unwrap_or_default(),
            facts: kept.facts,
            builtins,
            params,
            groups: BTreeSet::new(),
            now,
        };
        Ok(Self {
            base: KnowledgeBase::open(opening),
            breakers: kept.breakers,
            damaged: kept.damaged,
        })
    }
}

/// Runs that were shown one of these signals, oldest first.
pub async fn exposed(
    store: &dyn KnowledgeStore,
    signals: &[SignalId],
) -> Result<Vec<Exposed>, KnowledgeError> {
    let wanted: BTreeSet<SignalId> = signals.iter().copied().collect();
    let rows = store.receipts_since(Timestamp(0), RECEIPTS_MAX).await?;
    let mut exposed = Vec::new();
    for row in &rows {
        let receipt: Receipt = kept::receipt_of(row)?;
        let shown: Vec<SignalId> = receipt
            .exposures
            .iter()
            .filter(|exposure| exposure.kept && wanted.contains(&exposure.signal))
            .map(|exposure| exposure.signal)
            .collect();
        if !shown.is_empty() {
            exposed.push(Exposed {
                receipt_id: receipt.receipt_id,
                job_id: receipt.job_id,
                task_id: receipt.task_id,
                signals: shown,
                at: receipt.at,
            });
        }
    }
    Ok(exposed)
}

impl KnowledgeHandle {
    /// What runs were shown of which this knowledge does not know how they ended, newest first, at most `receipts_max`,
    /// as far back as receipts are kept. What cannot be read is passed over.
    pub async fn open_receipts(
        &self,
        now: Timestamp,
        receipts_max: usize,
    ) -> Result<Vec<Receipt>, KnowledgeError> {
        let from = Timestamp(now.0.saturating_sub(RECEIPT_AGE_MAX_MS));
        let rows = self.store.open_receipts(from, receipts_max).await?;
        Ok(rows.iter().filter_map(|row| kept::receipt_of(row).ok()).collect())
    }

    /// Takes in a signal of a person or of another program; answers when it is durable.
    pub async fn contribute(&self, contribution: Contribution) -> Result<Contributed, KnowledgeError> {
        self.call(|reply| KnowledgeMessage::Contribute {
            contribution: Box::new(contribution),
            reply,
        })
        .await
    }

    /// Takes signals out of use, with everything that was made of them; answers when that is durable, with the runs
    /// that were shown them.
    pub async fn revoke(
        &self,
        what: Revocation,
        why: Why,
        tenant: &TenantId,
    ) -> Result<RevokeReport, KnowledgeError> {
        let tenant = Origin::tenant_number(tenant);
        let revoked = self
            .call(|reply| KnowledgeMessage::Revoke {
                what,
                why,
                tenant,
                reply,
            })
            .await?;
        let exposed = exposed(&*self.store, &revoked.signals).await?;
        Ok(RevokeReport { revoked, exposed })
    }

    /// Takes in a snapshot; answers when everything new in it is durable.
    pub async fn import(&self, snapshot: &[u8]) -> Result<Imported, KnowledgeError> {
        let facts = read_snapshot(snapshot).map_err(|error| KnowledgeError::Refused {
            detail: error.to_string(),
        })?;
        metrics::knowledge_bytes("in", snapshot.len());
        self.call(|reply| KnowledgeMessage::Import { facts, reply }).await
    }

    /// Everything that others may have and that somebody with these versions misses, as a snapshot.
    pub async fn export(&self, theirs: Versions) -> Result<Vec<u8>, KnowledgeError> {
        let snapshot = self
            .look(move |base, _| snapshot_of(&base.shared(&theirs)))
            .await?;
        metrics::knowledge_bytes("out", snapshot.len());
        Ok(snapshot)
    }

    /// Every signal, the best proven first.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<SignalRow>, KnowledgeError> {
        let tenant = Origin::tenant_number(tenant);
        self.look(move |base, now| base.list(tenant, now)).await
    }

    /// The life of a signal; `None` where it is not known.
    pub async fn show(&self, signal: SignalId, tenant: &TenantId) -> Result<Option<Life>, KnowledgeError> {
        let tenant = Origin::tenant_number(tenant);
        self.look(move |base, now| base.show(signal, tenant, now)).await
    }

    /// What would be chosen now, and why.
    pub async fn query(&self, query: Query) -> Result<QueryAnswer, KnowledgeError> {
        self.look(move |base, now| base.query(&query, now)).await
    }

    /// The layer in figures.
    pub async fn stats(&self, tenant: &TenantId) -> Result<Stats, KnowledgeError> {
        let tenant = Origin::tenant_number(tenant);
        self.look(move |base, now| base.stats(tenant, now)).await
    }

    /// Has the actor look at its knowledge.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut KnowledgeBase, u64) -> T + Send + 'static,
    ) -> Result<T, KnowledgeError> {
        let (seen, answer) = oneshot();
        let look = Box::new(move |base: &mut KnowledgeBase, now: u64| {
            // Whoever is gone by now needs no answer.
            let _ = seen.send(look(base, now));
        });
        let mailbox = self.mailbox().map_err(|_| KnowledgeError::Away)?;
        let sent = mailbox.try_send(KnowledgeMessage::Look { look });
        sent.map_err(|error| match error {
            MailError::Busy => KnowledgeError::Busy,
            MailError::Closed | MailError::TimedOut => KnowledgeError::Away,
        })?;
        match tokio::time::timeout(CALL_TIME_MAX, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(KnowledgeError::Away),
        }
    }
}
