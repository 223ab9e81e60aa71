//! What a job takes from the knowledge, and what it hands back.
//!
//! An agent is shown what others have learned once, before its first step; the receipt is on record and serves every
//! later attempt and round, so that a resumed task asks what it asked before. When the work behind a receipt has been
//! judged, its outcome is told to the knowledge until that acknowledges or the shell gives up; a receipt that is on
//! record without its acknowledgement is told again by the next lead, for telling twice has one effect. The choice
//! rejected was to let agents ask by themselves: then what they saw would be in no journal.
//!
//! What an outcome is: the critic's measure of the version that was accepted; 0 for work that the critic refused to
//! the end or that never fitted its contract, because nobody can use it. A budget that is used up, a crash, a
//! provider that fails or a cancelled job say nothing of the work, and are no outcome.

use anthill_actors::agent::{AgentKey, AgentKind};
use anthill_actors::critic::Wanted;
use anthill_contracts::artifact::Review;
use anthill_contracts::clock::Timestamp;
use anthill_contracts::event::JobEvent;
use anthill_contracts::id::{ReceiptId, TaskId};
use anthill_contracts::knowledge::Spent;
use anthill_contracts::plan::NodeKind;
use anthill_contracts::signal::{
    EvidenceClass, Outcome, PROPOSALS_PER_RUN_MAX, Polarity, Proposal, Receipt, SignalBody, Trigger,
};
use anthill_contracts::spec::{JobSpec, Shape};
use anthill_contracts::step::{Phase, StepRecord};
use anthill_contracts::store::JobStatus;
use anthill_contracts::task::{ReasonCode, TaskStatus};

use super::{Closing, Lead, LeadStep, Mood};
use crate::lead::job_state::{JobState, ReceiptState, TaskState};

/// The score of work that is as good as can be.
const SCORE_FULL: u16 = 1000;

/// The end of a run that the knowledge was not told, or never acknowledged.
#[derive(Debug, Clone)]
pub struct Untold {
    /// What the run was shown.
    pub receipt: Box<Receipt>,
    /// What is known of its work, one per class of evidence.
    pub outcomes: Vec<Outcome>,
    /// What it has spent.
    pub spent: Option<Spent>,
    /// What it hands in.
    pub proposals: Vec<Proposal>,
}

impl Lead {
    /// Whether an agent must wait until it is known what others have learned.
    pub(super) fn wants_recall(&self, key: AgentKey) -> bool {
        let Some(spec) = self.job.spec.as_ref().filter(|spec| spec.knowledge.used) else {
            return false;
        };
        let receipt_id = receipt_of(key);
        if self.bugs.recall_again {
            return !self.unanswered.contains(&receipt_id) && self.asks_model(key, spec);
        }
        let is_known = self.job.receipts.contains_key(&receipt_id) || self.unanswered.contains(&receipt_id);
        // Who has begun without must go on without: its later steps would be asked other things than its first.
        !is_known && self.asks_model(key, spec) && !self.has_begun(key)
    }

    fn asks_model(&self, key: AgentKey, spec: &JobSpec) -> bool {
        match key.kind {
            AgentKind::Planner => true,
            AgentKind::Worker => self.job.asks_model(key.task_id),
            AgentKind::Critic => {
                let node = self.job.node_of(key.task_id);
                spec.review.opinion && node.is_some_and(|(_, node)| node.kind != NodeKind::Verify)
            }
        }
    }

    fn has_begun(&self, key: AgentKey) -> bool {
        let phase = match key.kind {
            AgentKind::Worker | AgentKind::Planner => Phase::Work,
            AgentKind::Critic => Phase::Review,
        };
        let task = self.job.tasks.get(&key.task_id);
        task.is_some_and(|task| task.steps.iter().any(|step| step.phase == phase))
    }

    /// Asks for what others have learned; the agent begins with the answer.
    pub(super) fn recall(&mut self, key: AgentKey) {
        self.recalling.insert(key);
        self.recall_at_beginning(key);
    }

    pub(super) fn on_recalled(&mut self, key: AgentKey, receipt: Option<Box<Receipt>>) {
        if !self.recalling.remove(&key) {
            return;
        }
        let receipt_id = receipt_of(key);
        if self.bugs.recall_again {
            self.unanswered.insert(receipt_id);
        }
        match receipt.filter(|receipt| receipt.receipt_id == receipt_id) {
            None => drop(self.unanswered.insert(receipt_id)),
            Some(receipt) => self.emit(JobEvent::SignalExposed {
                task_id: key.task_id,
                receipt,
            }),
        }
        let task = self.job.tasks.get(&key.task_id);
        let has_started = task.is_some_and(|task| task.attempt == key.attempt);
        if has_started {
            self.start_agent(key);
        } else if self.mood == Mood::Working {
            if key.kind == AgentKind::Planner && self.leaves_shape_open() {
                self.hold(LeadStep::MakePlan);
            } else {
                self.start_attempt(key.task_id);
            }
        }
    }

    /// Makes a plan, with what was learned of plans where the spec leaves one to choose.
    pub(super) fn make_plan(&mut self) {
        let key = AgentKey {
            task_id: TaskId::planning(self.job.job_id),
            attempt: 1,
            kind: AgentKind::Planner,
        };
        if self.leaves_shape_open() && self.wants_recall(key) {
            self.recall(key);
        } else {
            self.hold(LeadStep::MakePlan);
        }
    }

    fn leaves_shape_open(&self) -> bool {
        self.job
            .spec
            .as_ref()
            .is_some_and(|spec| spec.shape == Shape::Auto)
    }

    /// Agents that were about to be started are not, now that the job closes; but for critics of paid work.
    pub(super) fn forget_recalls(&mut self) {
        let reviews = self.reviews_while_closing();
        self.recalling
            .retain(|key| reviews && key.kind == AgentKind::Critic);
    }

    /// Keeps what an agent has learned until its work is judged. It is on record with the version that it came with:
    /// a lead that dies before the review must not take it along.
    pub(super) fn keep_lessons(&mut self, task_id: TaskId, lessons: &[Proposal]) {
        if !lessons.is_empty() && self.open_receipt(task_id, AgentKind::Worker).is_some() {
            // How the work will be judged decides which of them count; more than these never do.
            let of = |polarity: Polarity| {
                let of_polarity = lessons.iter().filter(move |lesson| lesson.polarity == polarity);
                of_polarity.take(PROPOSALS_PER_RUN_MAX).cloned()
            };
            let kept = of(Polarity::Do).chain(of(Polarity::Avoid)).collect();
            self.hand_in(task_id, kept);
        }
    }

    /// Puts on record what a task hands in, where that is not on record yet.
    fn hand_in(&mut self, task_id: TaskId, proposals: Vec<Proposal>) {
        if *self.handed_in(task_id) != proposals {
            self.emit(JobEvent::SignalsProposed { task_id, proposals });
        }
    }

    fn handed_in(&self, task_id: TaskId) -> &[Proposal] {
        let receipt_id = ReceiptId::derive(task_id, AgentKind::Worker.as_str());
        let state = self.job.receipts.get(&receipt_id);
        state.map_or(&[], |state| &state.proposals)
    }

    /// Writes down what is learned from a task that is about to end: advice of work that was accepted, warnings of
    /// work that was not, and how a refused version differs from the one that passed.
    pub(super) fn propose(&mut self, task_id: TaskId, failure: Option<ReasonCode>) {
        let polarity = match failure {
            None => Polarity::Do,
            Some(reason) if reason.judges_work() => Polarity::Avoid,
            Some(_) => return,
        };
        if self.open_receipt(task_id, AgentKind::Worker).is_none() {
            return;
        }
        let contrast = self
            .job
            .tasks
            .get(&task_id)
            .filter(|_| failure.is_none())
            .and_then(|task| contrast(&task.reviews));
        let lessons = self.handed_in(task_id).iter().cloned();
        let own = lessons.filter(|lesson| lesson.polarity == polarity);
        let proposals: Vec<Proposal> = contrast
            .into_iter()
            .chain(own)
            .take(PROPOSALS_PER_RUN_MAX)
            .collect();
        self.hand_in(task_id, proposals);
    }

    /// Tells the knowledge how a task came out, once that is durable.
    pub(super) fn conclude_task(&mut self, task_id: TaskId) {
        if self.open_receipt(task_id, AgentKind::Worker).is_none() {
            return;
        }
        let outcomes = self
            .job
            .tasks
            .get(&task_id)
            .map_or_else(Vec::new, |task| self.outcomes_of_work(task_id, task));
        self.conclude(ReceiptId::derive(task_id, AgentKind::Worker.as_str()), outcomes);
    }

    /// Tells again what an earlier lead was told no acknowledgement of.
    pub(super) fn conclude_ended(&mut self) {
        let ended: Vec<TaskId> = self
            .job
            .receipts
            .values()
            .filter(|state| !state.credited)
            .map(|state| state.task_id)
            .filter(|task_id| {
                let task = self.job.tasks.get(task_id);
                task.is_some_and(|task| task.status.is_terminal())
            })
            .collect();
        for task_id in ended {
            self.conclude_task(task_id);
        }
    }

    /// Whether the knowledge has been told everything that the end of the job says. Asks to tell it when called first.
    pub(super) fn has_concluded(&mut self) -> bool {
        if !std::mem::replace(&mut self.concluded, true) {
            let open: Vec<(ReceiptId, TaskId)> = self
                .job
                .receipts
                .iter()
                .filter(|(receipt_id, state)| !state.credited && !self.given_up.contains(receipt_id))
                .map(|(receipt_id, state)| (*receipt_id, state.task_id))
                .filter(|(receipt_id, _)| !self.concluding.contains_key(receipt_id))
                .collect();
            for (receipt_id, task_id) in open {
                let outcomes = self.outcomes_at_end(receipt_id, task_id);
                self.conclude(receipt_id, outcomes);
            }
        }
        self.concluding.is_empty()
    }

    /// What the journal of a job that has ended holds of runs whose end nobody acknowledged, as the job's own lead
    /// would have told it.
    pub fn untold(job: JobState, ended_at: Timestamp) -> Vec<Untold> {
        let mut lead = Self::new(job, 0);
        lead.now = ended_at;
        lead.mood = match lead.job.status {
            JobStatus::Cancelled => Mood::Closing(Closing::Cancel),
            _ => Mood::Working,
        };
        if lead.job.plan.is_none() && lead.job.status == JobStatus::Failed {
            lead.failed_planning = Some(lead.job.detail.clone());
        }
        lead.find_broken();
        let open = lead.job.receipts.iter().filter(|(_, state)| !state.credited);
        open.filter_map(|(receipt_id, state)| {
            Some(Untold {
                receipt: state.receipt.clone()?,
                outcomes: lead.outcomes_at_end(*receipt_id, state.task_id),
                spent: lead.spent_behind(*receipt_id, state.task_id),
                proposals: lead.lessons_of(state),
            })
        })
        .collect()
    }

    pub(super) fn on_concluded(&mut self, receipt_id: ReceiptId, kept: bool) {
        let Some((task_id, outcome)) = self.concluding.remove(&receipt_id) else {
            return;
        };
        if kept {
            self.emit(JobEvent::SignalCredited {
                task_id,
                receipt_id,
                outcome,
            });
        } else {
            self.given_up.insert(receipt_id);
        }
    }

    fn conclude(&mut self, receipt_id: ReceiptId, outcomes: Vec<Outcome>) {
        let Some(state) = self.job.receipts.get(&receipt_id) else {
            return;
        };
        let task_id = state.task_id;
        let Some(receipt) = state.receipt.clone().filter(|_| !state.credited) else {
            return;
        };
        let proposals = self.lessons_of(state);
        let surest = outcomes.iter().min_by_key(|outcome| outcome.class).cloned();
        self.concluding.insert(receipt_id, (task_id, surest));
        let spent = self.spent_behind(receipt_id, task_id);
        self.hold(LeadStep::Conclude {
            receipt,
            outcomes,
            proposals,
            spent,
        });
    }

    /// What the run behind a receipt has spent: the recorded steps of its agent, over all attempts, and for a planner
    /// those of the whole job, for that is what the shape of a plan decides. The journal holds them, so whoever concludes
    /// after a restart says the same.
    fn spent_behind(&self, receipt_id: ReceiptId, task_id: TaskId) -> Option<Spent> {
        let is = |kind: AgentKind| receipt_id == ReceiptId::derive(task_id, kind.as_str());
        if is(AgentKind::Planner) {
            let steps = self.job.tasks.values().flat_map(|task| &task.steps);
            return Some(spent(steps));
        }
        let phase = if is(AgentKind::Critic) {
            Phase::Review
        } else {
            Phase::Work
        };
        let task = self.job.tasks.get(&task_id)?;
        Some(spent(task.steps.iter().filter(|step| step.phase == phase)))
    }

    /// What a run hands in: lessons of work that nobody judged are none.
    fn lessons_of(&self, state: &ReceiptState) -> Vec<Proposal> {
        let task = self.job.tasks.get(&state.task_id);
        let is_judged = task.is_some_and(|task| match task.status {
            TaskStatus::Succeeded => true,
            TaskStatus::Failed => task.reason.is_some_and(ReasonCode::judges_work),
            _ => false,
        });
        let proposals = is_judged.then(|| state.proposals.clone());
        proposals.unwrap_or_default()
    }

    fn open_receipt(&self, task_id: TaskId, kind: AgentKind) -> Option<&Receipt> {
        if self.job.receipts.is_empty() {
            return None;
        }
        let receipt_id = ReceiptId::derive(task_id, kind.as_str());
        let state = self.job.receipts.get(&receipt_id)?;
        state.receipt.as_deref().filter(|_| !state.credited)
    }

    fn outcome(&self, receipt_id: ReceiptId, score_milli: u16, class: EvidenceClass) -> Outcome {
        Outcome {
            receipt_id,
            score_milli: score_milli.min(SCORE_FULL),
            class,
            harm: false,
            at: self.now,
        }
    }

    fn outcomes_of_work(&self, task_id: TaskId, task: &TaskState) -> Vec<Outcome> {
        let receipt_id = ReceiptId::derive(task_id, AgentKind::Worker.as_str());
        let Some(spec) = self.job.spec.as_ref() else {
            return Vec::new();
        };
        let path = task.item.as_ref().and_then(|item| item.document.as_ref());
        let class = Wanted::class(spec, path.map(|document| document.path.as_str()));
        let last = task.reviews.last();
        match (task.status, task.reason, last) {
            (TaskStatus::Succeeded, _, Some(review)) if review.accepted() => {
                let mut outcomes = vec![self.outcome(receipt_id, score(review), class)];
                if spec.review.opinion {
                    outcomes.push(self.outcome(receipt_id, SCORE_FULL, EvidenceClass::Judge));
                }
                outcomes
            }
            // Nothing is wrong with it that a program can find; somebody did not like it.
            (TaskStatus::Failed, Some(ReasonCode::CriticRejected), Some(review)) if is_opinion(review) => {
                vec![self.outcome(receipt_id, 0, EvidenceClass::Judge)]
            }
            // The version stands and nobody could say what it is worth: that is the critic's failure.
            (TaskStatus::Failed, Some(ReasonCode::ContractViolation), _) if task.unreviewed().is_some() => {
                Vec::new()
            }
            (TaskStatus::Failed, Some(reason), _) if reason.judges_work() => {
                vec![self.outcome(receipt_id, 0, class)]
            }
            _ => Vec::new(),
        }
    }

    fn outcomes_at_end(&self, receipt_id: ReceiptId, task_id: TaskId) -> Vec<Outcome> {
        let is = |kind: AgentKind| receipt_id == ReceiptId::derive(task_id, kind.as_str());
        let task = self.job.tasks.get(&task_id);
        let score = if is(AgentKind::Planner) {
            self.score_of_plan()
        } else if is(AgentKind::Critic) {
            task.and_then(|task| self.score_of_critic(task_id, task))
        } else {
            return task.map_or_else(Vec::new, |task| self.outcomes_of_work(task_id, task));
        };
        score
            .map(|score| self.outcome(receipt_id, score, EvidenceClass::Verifier))
            .into_iter()
            .collect()
    }

    /// What a plan was worth: the final review's score of what came out of it, and nothing where it was refused or its
    /// work was.
    fn score_of_plan(&self) -> Option<u16> {
        if self.failed_planning.is_some() {
            let planning = self.job.tasks.get(&TaskId::planning(self.job.job_id));
            // One that was cancelled with its job was given no verdict of its own.
            let planning = planning.filter(|task| task.status != TaskStatus::Cancelled);
            let reason = planning.and_then(|task| task.reason);
            let refused = reason.map_or(!self.job.refused.is_empty(), ReasonCode::judges_work);
            return refused.then_some(0);
        }
        if self.mood != Mood::Working && !self.is_complete() {
            return None;
        }
        if let Some(index) = self.first_unsound() {
            return self.first_failure(index).0.judges_work().then_some(0);
        }
        let tasks = &self.job.nodes.get(self.last_node()?)?.tasks;
        let mut reviews = tasks
            .iter()
            .filter_map(|task_id| self.job.tasks.get(task_id)?.reviews.last());
        reviews.next().map(score)
    }

    /// Whether later work agreed with a critic is mostly unknown. It is wrong for certain where a check of the whole
    /// refused what it had accepted, or where it gave no verdict that fits its contract.
    fn score_of_critic(&self, task_id: TaskId, task: &TaskState) -> Option<u16> {
        let gave_none = task.reason == Some(ReasonCode::ContractViolation) && task.unreviewed().is_some();
        let (_, node) = self.job.node_of(task_id)?;
        let nodes = self.job.plan.as_ref()?.nodes.iter().zip(&self.job.nodes);
        let mut checks =
            nodes.filter(|(check, _)| check.kind == NodeKind::Verify && check.deps.contains(&node.id));
        let contradicted = checks.any(|(_, state)| {
            let mut tasks = state.tasks.iter().filter_map(|id| self.job.tasks.get(id));
            tasks.any(|task| task.reason == Some(ReasonCode::CriticRejected))
        });
        (gave_none || (contradicted && task.status == TaskStatus::Succeeded)).then_some(0)
    }
}

fn receipt_of(key: AgentKey) -> ReceiptId {
    ReceiptId::derive(key.task_id, key.kind.as_str())
}

fn spent<'a>(steps: impl Iterator<Item = &'a StepRecord>) -> Spent {
    steps.fold(Spent::default(), |sum, step| Spent {
        tokens_in: sum.tokens_in.saturating_add(step.cost.tokens_in),
        tokens_out: sum.tokens_out.saturating_add(step.cost.tokens_out),
    })
}

fn score(review: &Review) -> u16 {
    u16::try_from(review.score_milli).unwrap_or(SCORE_FULL)
}

fn is_opinion(review: &Review) -> bool {
    let by_opinion = |reason| reason == ReasonCode::OpinionRejected;
    review.findings.iter().all(|finding| by_opinion(finding.reason))
}

/// What the refused versions of a task had and the accepted one had not.
fn contrast(reviews: &[Review]) -> Option<Proposal> {
    reviews.last().filter(|review| review.accepted())?;
    let findings = reviews.iter().flat_map(|review| &review.findings);
    let mut reasons: Vec<ReasonCode> = findings.map(|finding| finding.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if reasons.is_empty() {
        return None;
    }
    let named: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    let text = format!(
        "Work of this kind was sent back for {}, and passed once that was mended: check for it before you answer.",
        named.join(" and ")
    );
    Some(Proposal {
        polarity: Polarity::Avoid,
        body: SignalBody::Text { text },
        trigger: Trigger::default(),
        parents: Vec::new(),
        source: String::new(),
    })
}
