//! The knowledge as a job's leads meet it: sometimes slow, away, or answering when nobody listens any more.
//!
//! It never gives the same answer twice. A knowledge that remembered its receipts would hide every lead that asks
//! again for what is on record. What it knows grows with every question, as in a fleet that works beside the job; what
//! it holds for the job stays, unless it is lost.

use anthill_actors::agent::AgentKey;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::digest::Digest;
use anthill_contracts::id::{JobId, ReceiptId, SignalId, TaskId, TenantId};
use anthill_contracts::knowledge::Cut;
use anthill_contracts::signal::{
    Arm, BundleClass, Chosen, Exposure, Outcome, Polarity, Proposal, Receipt, SignalBody, Trigger,
};
use anthill_supervisors::lead::machine::LeadInput;

use crate::checks::{Violation, ensure};
use crate::dice::Dice;
use crate::run::Sim;
use crate::schedule::LeadNo;

/// Longest wait of a lead for what an agent is shown.
const RECALL_MS_MAX: u64 = 2_000;

/// Longest wait of a lead for an acknowledgement.
const CONCLUDE_MS_MAX: u64 = 5_000;

/// What the knowledge knows, and what it holds for the job.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: u64,
    held: Option<Cut>,
}

impl Memory {
    fn grow(&mut self) {
        self.known += 1;
    }

    fn now(&self) -> Cut {
        Cut {
            digest: Digest::of(&self.known.to_le_bytes()),
            at: Timestamp(self.known),
        }
    }

    fn hold(&mut self) -> Cut {
        let now = self.now();
        *self.held.get_or_insert(now)
    }
}

impl Sim {
    /// A lead has what is known now held for the job; what is held already stays.
    pub(crate) fn take_cut(&mut self, lead: LeadNo) {
        self.memory.grow();
        let is_away = self.dice.one_in(self.swarm.manners.knowledge_away);
        let (delay_ms, cut) = if is_away {
            (RECALL_MS_MAX, None)
        } else {
            (self.net_ms().min(RECALL_MS_MAX), Some(self.memory.hold()))
        };
        self.input_after(lead, delay_ms, LeadInput::CutTaken { cut });
    }

    /// A lead asks what an agent is to be shown.
    pub(crate) fn recall(&mut self, lead: LeadNo, key: AgentKey, (seed, cut): (Digest, Option<Cut>)) {
        self.memory.grow();
        self.note_seed(lead, key, seed);
        if self.is_stormy() && self.dice.one_in(self.swarm.manners.knowledge_away) && self.dice.one_in(4) {
            self.memory.held = None;
        }
        if cut.is_some() && cut != self.memory.held {
            let delay_ms = self.net_ms().min(RECALL_MS_MAX);
            self.input_after(lead, delay_ms, LeadInput::CutLost { key });
            return;
        }
        let is_away = self.dice.one_in(self.swarm.manners.knowledge_away);
        let (delay_ms, receipt) = if is_away {
            (RECALL_MS_MAX, None)
        } else {
            let at = cut.unwrap_or_else(|| self.memory.now()).at;
            let receipt = Receipt {
                at,
                ..draw_receipt(key, self.job_id, &mut self.dice)
            };
            (self.net_ms().min(RECALL_MS_MAX), Some(Box::new(receipt)))
        };
        self.input_after(lead, delay_ms, LeadInput::Recalled { key, receipt });
    }

    /// Notes by which seed a task is drawn for, whatever its id.
    fn note_seed(&mut self, lead: LeadNo, key: AgentKey, seed: Digest) {
        let Some(shell) = self.leads.get(&lead) else {
            return;
        };
        let job = shell.lead.job();
        let node = job.node_of(key.task_id).map(|(_, node)| node.id.clone());
        let item = job.tasks.get(&key.task_id).and_then(|task| task.item.as_ref());
        let of = (
            node.unwrap_or_default(),
            item.map(|item| item.label.clone()).unwrap_or_default(),
            key.kind.as_str(),
        );
        self.seeds.insert(of, seed);
    }

    /// A lead tells how a run ended.
    pub(crate) fn conclude(
        &mut self,
        lead: LeadNo,
        receipt: &Receipt,
        outcomes: &[Outcome],
    ) -> Result<(), Violation> {
        let receipt_id = receipt.receipt_id;
        if !self.setup.only_consequences {
            self.may_conclude(receipt, outcomes)?;
        }
        let is_away = self.dice.one_in(self.swarm.manners.knowledge_away);
        // What is taken in may still not be acknowledged in time.
        let is_late = !is_away && self.dice.one_in(self.swarm.manners.knowledge_away);
        if !is_away {
            self.truth.receipts.acknowledge(receipt_id);
        }
        let kept = !is_away && !is_late;
        let delay_ms = if kept {
            self.net_ms().min(CONCLUDE_MS_MAX)
        } else {
            CONCLUDE_MS_MAX
        };
        self.input_after(lead, delay_ms, LeadInput::Concluded { receipt_id, kept });
        Ok(())
    }

    /// Whether what the knowledge is told is durable already.
    fn may_conclude(&self, receipt: &Receipt, outcomes: &[Outcome]) -> Result<(), Violation> {
        let receipt_id = receipt.receipt_id;
        ensure(
            self.truth.receipts.exposed(receipt_id) == Some(receipt),
            "I13 credit",
            || format!("{receipt_id} is concluded and not on record"),
        )?;
        let task = self.truth.fold.tasks.get(&receipt.task_id);
        // A plan is judged by what came of it, or by the refusals on record.
        let is_plan = receipt.task_id == TaskId::planning(self.job_id);
        let is_decided = is_plan || task.is_some_and(|task| task.status.is_terminal());
        ensure(outcomes.is_empty() || is_decided, "I13 credit", || {
            format!("{receipt_id} has an outcome before its task's end is durable")
        })
    }
}

/// What a receipt shows, in few letters: what an agent asks depends on it.
pub(crate) fn shown(receipt: Option<&Receipt>) -> String {
    receipt.map_or_else(
        || "nothing".to_owned(),
        |receipt| {
            let bytes = serde_json::to_vec(receipt).expect("a receipt is JSON");
            Digest::of(&bytes).to_string()
        },
    )
}

/// What an agent has learned, if anything.
pub(crate) fn draw_lessons(dice: &mut Dice) -> Vec<Proposal> {
    let count = if dice.one_in(3) { dice.between(1, 5) } else { 0 };
    let lesson = |_| Proposal {
        polarity: if dice.one_in(2) {
            Polarity::Do
        } else {
            Polarity::Avoid
        },
        body: SignalBody::Text {
            text: format!("lesson {}", dice.any()),
        },
        trigger: Trigger::default(),
        parents: Vec::new(),
        source: String::new(),
    };
    (0..count).map(lesson).collect()
}

fn draw_receipt(key: AgentKey, job_id: JobId, dice: &mut Dice) -> Receipt {
    let count = dice.between(0, 2);
    let exposures = (0..count).map(|_| {
        let nonce = dice.any();
        Exposure {
            signal: SignalId::of_parts(&[&nonce.to_le_bytes()]),
            propensity_milli: 980,
            kept: !dice.one_in(4),
            chosen: Chosen::Drawn,
            tokens: 4,
            polarity: Polarity::Do,
            body: SignalBody::Text {
                text: format!("signal {nonce}"),
            },
            mean_micro: 0,
        }
    });
    Receipt {
        receipt_id: ReceiptId::derive(key.task_id, key.kind.as_str()),
        job_id,
        task_id: key.task_id,
        tenant: TenantId::default(),
        scope: "read/text".parse().expect("a scope"),
        bundle: BundleClass::default(),
        arm: Arm::Treated,
        exposures: exposures.collect(),
        at: Timestamp::default(),
        model: None,
        weighed: Vec::new(),
    }
}
