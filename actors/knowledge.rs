//! Knowledge: what this node has learned; tells runs what is known, and takes in how they end.
//! Parent: `Node`, permanent. Talks to: a `KnowledgeStore`.
//! Survives a restart: every fact and receipt that was acknowledged, and the count of the node's own facts.
//! Invariants: a receipt is kept before it is answered; a conclusion is acknowledged when its facts are durable, and
//! counts once; after a failed write nothing is acknowledged any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, SignalId};
use anthill_contracts::knowledge::{Ask, Conclusion, Cut, KnowledgeError, ReceiptRow};
use anthill_contracts::signal::Receipt;
use anthill_signals::base::{
    Contributed, Contribution, Imported, KnowledgeBase, Opening, Refusal, Revocation, Revoked,
};
use anthill_signals::codec;
use anthill_signals::fact::{Fact, Why};
use anthill_signals::retrieval::Vector;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::JoinSet;

use crate::mailbox::{Mail, MailPermit};
use crate::metrics;
use cuts::Cuts;
use kept::{Kept, NodeRow};
use ledger::Ledger;
use meaning::Embedding;
use question::Question;
use recent::Recent;

mod arguments;
mod breakers;
mod cuts;
mod handle;
mod kept;
mod ledger;
mod meaning;
mod memory;
mod question;
mod recent;
mod verbs;

pub use anthill_signals::base::Builtin;
pub use anthill_signals::params::Params;
use anthill_signals::replica::Versions;
pub use arguments::KnowledgeArguments;
pub use handle::KnowledgeHandle;
pub use memory::MemoryStore;
pub use verbs::{Exposed, KnowledgeReport, RevokeReport, exposed};

/// How often it looks after what time changes.
const TICK: Duration = Duration::from_secs(10);

/// Ticks between two looks at everything for the metrics.
const TICKS_PER_METRICS: u64 = 6;

/// Ticks between two clearings of old receipts.
const TICKS_PER_FORGETTING: u64 = 360;

/// How long receipts are kept.
const RECEIPT_AGE_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1000;

type Reply<T> = RpcReplyPort<Result<T, KnowledgeError>>;

/// A look at the knowledge at a time, in milliseconds since 1970.
type Look = Box<dyn FnOnce(&mut KnowledgeBase, u64) + Send>;

/// The protocol.
enum KnowledgeMessage {
    /// Chooses what a run is shown, or takes in how it ended.
    Decide { question: Question },
    /// Holds the knowledge for a job as it is now.
    Cut { job_id: JobId, reply: Reply<Cut> },
    /// Lets go of what is held for a job.
    Release { job_id: JobId },
    /// Takes in a signal of a person or of another program.
    Contribute {
        contribution: Box<Contribution>,
        reply: Reply<Contributed>,
    },
    /// Takes signals out of use.
    Revoke {
        what: Revocation,
        why: Why,
        tenant: u32,
        reply: Reply<Revoked>,
    },
    /// Takes in facts from elsewhere.
    Import {
        facts: Vec<Fact>,
        reply: Reply<Imported>,
    },
    /// Looks at the knowledge and changes nothing.
    Look { look: Look },
    /// Own mail: what the store holds of a receipt.
    ReceiptFound {
        found: Result<Option<ReceiptRow>, KnowledgeError>,
        question: Question,
        permit: MailPermit,
    },
    /// Own mail: a copy of the knowledge was made for the jobs that wait for it.
    CopyMade {
        made: Result<Box<cuts::Copy>, KnowledgeError>,
    },
    /// Own mail: a copy was opened for a question.
    CopyOpened {
        copy: Digest,
        opened: Result<Box<KnowledgeBase>, KnowledgeError>,
        question: Question,
        permit: MailPermit,
    },
    /// Own mail: the embedder has answered for these signals.
    SignalsEmbedded {
        signals: Vec<SignalId>,
        vectors: Result<Vec<Vec<i8>>, KnowledgeError>,
    },
    /// Own mail: a batch has ended.
    BatchEnded { outcome: Result<(), KnowledgeError> },
    /// Own mail: time has passed.
    Ticked,
}

struct KnowledgeActor;

struct KnowledgeState {
    arguments: KnowledgeArguments,
    myself: ActorRef<Mail<KnowledgeMessage>>,
    base: KnowledgeBase,
    node: u64,
    inc: u32,
    ledger: Ledger,
    /// Keys of the facts in the store, the batch that gathers included.
    keys: BTreeSet<Vec<u8>>,
    recent: Recent,
    /// What jobs under way read.
    cuts: Cuts,
    /// After a failed write the memory is ahead of the store, so nothing more is told or taken in.
    failed: Option<KnowledgeError>,
    ticks: u64,
    embedding: Embedding,
    tasks: JoinSet<()>,
}

impl Actor for KnowledgeActor {
    type Msg = Mail<KnowledgeMessage>;
    type State = KnowledgeState;
    type Arguments = KnowledgeArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: KnowledgeArguments,
    ) -> Result<KnowledgeState, ActorProcessingErr> {
        let rows = arguments.store.load_facts().await?;
        let mut state = KnowledgeState::open(arguments, myself, Kept::read(&rows));
        state.keep_node();
        state.take_kept_vectors();
        state.flush();
        state.begin_ticking();
        state.embed_signals();
        state.lay_out_guards();
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        mail: Self::Msg,
        state: &mut KnowledgeState,
    ) -> Result<(), ActorProcessingErr> {
        for (message, permit) in mail.open() {
            state.on(message, permit);
        }
        while state.tasks.try_join_next().is_some() {}
        state.keep_breakers();
        state.flush();
        Ok(())
    }
}

impl KnowledgeState {
    fn open(arguments: KnowledgeArguments, myself: ActorRef<Mail<KnowledgeMessage>>, kept: Kept) -> Self {
        let now = arguments.clock.now().0;
        let Kept {
            node,
            facts,
            breakers,
            vectors,
            held,
            copies,
            keys,
            damaged,
            newer,
        } = kept;
        if let Some(desk) = &arguments.guards {
            desk.restore(breakers);
        }
        // Seconds since 1970 as the first incarnation: a store that was lost begins above the one that it had.
        let node = node.unwrap_or_else(|| NodeRow {
            node: arguments.node.max(1),
            inc: u32::try_from(now / 1000).unwrap_or(u32::MAX),
            versions: Versions::default(),
        });
        let opening = Opening {
            facts,
            node: node.node,
            inc: node.inc,
            versions: node.versions,
            builtins: arguments.builtins.to_vec(),
            params: arguments.params.clone(),
            groups: arguments.groups.clone(),
            now,
        };
        let base = KnowledgeBase::open(opening);
        tracing::info!(facts = keys.len(), damaged, newer, "the knowledge is open");
        metrics::knowledge_damaged(damaged);
        Self {
            base,
            arguments,
            myself,
            node: node.node,
            inc: node.inc,
            ledger: Ledger::default(),
            keys,
            recent: Recent::default(),
            cuts: Cuts::with(held, copies),
            failed: None,
            ticks: 0,
            embedding: Embedding::with(vectors),
            tasks: JoinSet::new(),
        }
    }

    fn now(&self) -> u64 {
        self.arguments.clock.now().0
    }

    fn on(&mut self, message: KnowledgeMessage, permit: MailPermit) {
        match message {
            KnowledgeMessage::Decide { question } => self.ask(question, permit),
            KnowledgeMessage::Cut { job_id, reply } => self.on_cut(job_id, reply, permit),
            KnowledgeMessage::Release { job_id } => self.on_release(job_id),
            KnowledgeMessage::CopyMade { made } => self.on_copy_made(made),
            KnowledgeMessage::CopyOpened {
                copy,
                opened,
                question,
                permit,
            } => self.on_copy_opened(copy, opened, question, permit),
            KnowledgeMessage::Contribute { contribution, reply } => {
                self.on_contribute(&contribution, reply, permit);
            }
            KnowledgeMessage::Revoke {
                what,
                why,
                tenant,
                reply,
            } => {
                let revoked = self.base.revoke(&what, why, tenant, self.now());
                self.keep(&revoked.facts);
                self.answer_when_durable(revoked, reply, permit);
            }
            KnowledgeMessage::Import { facts, reply } => {
                let imported = self.base.import(facts, self.now());
                metrics::knowledge_imported(imported.facts.len());
                self.keep(&imported.facts);
                self.answer_when_durable(imported, reply, permit);
            }
            KnowledgeMessage::Look { look } => look(&mut self.base, self.arguments.clock.now().0),
            KnowledgeMessage::ReceiptFound {
                found,
                question,
                permit,
            } => self.on_receipt_found(found, question, permit),
            KnowledgeMessage::SignalsEmbedded { signals, vectors } => {
                self.on_signals_embedded(&signals, vectors);
            }
            KnowledgeMessage::BatchEnded { outcome } => self.on_batch_ended(outcome),
            KnowledgeMessage::Ticked => self.on_ticked(),
        }
    }

    /// Answers from memory, or asks the store what it holds of the receipt.
    fn ask(&mut self, question: Question, permit: MailPermit) {
        if let Some(error) = &self.failed {
            question.fail(error.clone());
            return;
        }
        let id = question.receipt_id();
        if self.recent.receipts.contains_key(&id) {
            self.decide(question, permit);
            return;
        }
        let (store, myself) = (Arc::clone(&self.arguments.store), self.myself.clone());
        self.tasks.spawn(async move {
            let found = store.receipt(id).await;
            let mail = KnowledgeMessage::ReceiptFound {
                found,
                question,
                permit,
            };
            // An actor that is gone drops the question, and its asker hears that.
            let _ = myself.send_message(Mail::own(mail));
        });
    }

    fn on_receipt_found(
        &mut self,
        found: Result<Option<ReceiptRow>, KnowledgeError>,
        question: Question,
        permit: MailPermit,
    ) {
        let is_known = self.recent.receipts.contains_key(&question.receipt_id());
        let read = found.and_then(|row| {
            let read = |row: ReceiptRow| Ok((kept::receipt_of(&row)?, row.conclusion.is_some()));
            row.map(read).transpose()
        });
        match read {
            Err(error) => question.fail(error),
            Ok(Some((receipt, is_concluded))) if !is_known => {
                self.recent.put(receipt, is_concluded);
                self.decide(question, permit);
            }
            Ok(_) => self.decide(question, permit),
        }
    }

    /// Everything that is known of the receipt is in memory now.
    fn decide(&mut self, question: Question, permit: MailPermit) {
        if let Some(error) = &self.failed {
            question.fail(error.clone());
            return;
        }
        match question {
            Question::Recall { ask, vector, reply } => self.recall(ask, vector, reply, permit),
            Question::Conclude { conclusion, reply } => match self.conclude(*conclusion) {
                Ok(()) => self.answer_when_durable((), reply, permit),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
        }
    }

    fn recall(&mut self, ask: Box<Ask>, vector: Option<Vector>, reply: Reply<Receipt>, permit: MailPermit) {
        if let Some((receipt, _)) = self.recent.receipts.get(&ask.receipt_id) {
            let receipt = receipt.clone();
            self.answer_when_durable(receipt, reply, permit);
            return;
        }
        let now = self.now();
        let enlisted = self.base.enlist(&ask, now);
        self.keep(&enlisted);
        self.expect_calls(&ask.tenant);
        if let Some(cut) = ask.cut {
            self.recall_at_cut((ask, cut), vector, reply, permit);
            return;
        }
        let receipt = self.base.recall_with(&ask, vector.as_ref(), now);
        self.issue(&receipt);
        self.answer_when_durable(receipt, reply, permit);
    }

    /// Keeps a receipt before it is answered.
    fn issue(&mut self, receipt: &Receipt) {
        question::told(receipt);
        metrics::knowledge_recalled(receipt);
        self.ledger.issue(kept::receipt_row(receipt));
        self.recent.put(receipt.clone(), false);
    }

    fn conclude(&mut self, mut conclusion: Conclusion) -> Result<(), KnowledgeError> {
        let id = conclusion.receipt.receipt_id;
        let Some((receipt, is_concluded)) = self.recent.receipts.get_mut(&id) else {
            return Err(KnowledgeError::Refused {
                detail: format!("no {id} was issued here in the last 30 days"),
            });
        };
        if std::mem::replace(is_concluded, true) {
            return Ok(());
        }
        // What counts is what was issued, not what somebody says was.
        conclusion.receipt.clone_from(receipt);
        let concluded = self.base.conclude(&conclusion, self.now());
        metrics::knowledge_concluded(&concluded);
        self.ledger.conclude(id, kept::conclusion_bytes(&conclusion));
        self.keep(&concluded.facts);
        Ok(())
    }

    fn on_contribute(&mut self, contribution: &Contribution, reply: Reply<Contributed>, permit: MailPermit) {
        let taken = self.base.contribute(contribution, self.now());
        match taken {
            Ok(contributed) => {
                self.keep(&contributed.facts);
                self.answer_when_durable(contributed, reply, permit);
            }
            Err(Refusal { detail }) => drop(reply.send(Err(KnowledgeError::Refused { detail }))),
        }
    }

    /// Enters facts into the batch that gathers, with the count that they have used.
    fn keep(&mut self, facts: &[Fact]) {
        if facts.is_empty() {
            return;
        }
        self.cuts.changed();
        for fact in facts {
            let (key, value) = codec::row(fact);
            self.keys.insert(key.clone());
            self.ledger.put(key, Some(value));
        }
        self.keep_node();
        if facts.iter().any(|fact| matches!(fact, Fact::Tomb { .. })) {
            self.drop_rows();
        }
        if facts.iter().any(|fact| matches!(fact, Fact::Signal { .. })) {
            self.embed_signals();
        }
        if facts
            .iter()
            .any(|fact| matches!(fact, Fact::Signal { .. } | Fact::Tomb { .. }))
        {
            self.lay_out_guards();
        }
    }

    fn keep_node(&mut self) {
        let (key, value) = kept::node_row(&NodeRow {
            node: self.node,
            inc: self.inc,
            versions: self.base.versions(),
        });
        self.ledger.put(key, Some(value));
    }

    /// Removes the rows of facts that the base has dropped.
    fn drop_rows(&mut self) {
        let held: BTreeSet<Vec<u8>> = self.base.facts().iter().map(codec::key).collect();
        let gone: Vec<Vec<u8>> = self.keys.difference(&held).cloned().collect();
        for key in gone {
            self.keys.remove(&key);
            self.ledger.put(key, None);
        }
    }

    fn answer_when_durable<T: Send + 'static>(&mut self, answer: T, reply: Reply<T>, permit: MailPermit) {
        if let Some(error) = &self.failed {
            let _ = reply.send(Err(error.clone()));
            return;
        }
        self.ledger.wait(Box::new(move |outcome| {
            drop(permit);
            // Whoever is gone by now will ask again under the same id.
            let _ = reply.send(outcome.map(|()| answer));
        }));
    }

    /// Writes what has gathered, unless a batch is under way.
    fn flush(&mut self) {
        let Some((batch, waiters)) = self.ledger.next() else {
            return;
        };
        if let Some(error) = &self.failed {
            let error = error.clone();
            for waiter in waiters {
                waiter(Err(error.clone()));
            }
            self.ledger.written();
            return;
        }
        let (store, myself) = (Arc::clone(&self.arguments.store), self.myself.clone());
        self.tasks.spawn(async move {
            let outcome = store.commit(batch).await;
            for waiter in waiters {
                waiter(outcome.clone());
            }
            let _ = myself.send_message(Mail::own(KnowledgeMessage::BatchEnded { outcome }));
        });
    }

    fn on_batch_ended(&mut self, outcome: Result<(), KnowledgeError>) {
        self.ledger.written();
        if let Err(error) = outcome {
            tracing::error!(%error, "the knowledge is no longer kept; nothing more is taken in");
            metrics::knowledge_failed();
            self.failed = Some(error);
        }
    }

    fn on_ticked(&mut self) {
        let now = self.now();
        let ticked = self.base.tick(now);
        self.keep(&ticked.facts);
        if ticked.dropped > 0 {
            self.cuts.changed();
            self.drop_rows();
        }
        if self.ticks.is_multiple_of(TICKS_PER_FORGETTING) {
            let before = Timestamp(now.saturating_sub(RECEIPT_AGE_MAX_MS));
            self.ledger.forget_before(before);
            self.drop_overdue();
        }
        if self.ticks.is_multiple_of(TICKS_PER_METRICS) {
            metrics::knowledge_stats(&self.base.stats(0, now));
        }
        self.embed_signals();
        self.lay_out_guards();
        self.ticks += 1;
    }

    fn begin_ticking(&mut self) {
        let myself = self.myself.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                if myself.send_message(Mail::own(KnowledgeMessage::Ticked)).is_err() {
                    return;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
