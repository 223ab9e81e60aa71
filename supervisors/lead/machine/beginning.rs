//! What a job begins with: the moment as of which its agents are shown what others have learned, and what it reads.
//!
//! Before the first agent is shown anything, the knowledge is asked to hold what it knows, and the answer is on record.
//! Every lead of the job asks once, for an earlier one may have died in between: what is held already is answered, and
//! another moment is recorded only where what was held is gone. Everything that is drawn by lot follows from that moment
//! and from what a task is: neither the job's id, nor its time, nor the order in which tasks end has a part in it.

use anthill_actors::agent::AgentKey;
use anthill_contracts::digest::Digest;
use anthill_contracts::event::JobEvent;
use anthill_contracts::knowledge::Cut;
use anthill_contracts::plan::{DocumentSlice, Item};

use super::{Lead, LeadStep};

/// How often a lead takes what is known now in the place of what is gone.
const LOST_MAX: u32 = 3;

/// Whether the knowledge is known to hold what the job began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// This lead has not asked yet.
    Unasked,
    /// It has asked.
    Asked,
    /// It holds this.
    Held(Cut),
}

impl Lead {
    /// How many documents the job may read: as many as there were when it began.
    pub fn documents_at_beginning(&self) -> usize {
        let known = self.job.beginning.map(|beginning| beginning.documents as usize);
        known.unwrap_or(self.documents)
    }

    /// What an agent's task is, by its content alone.
    pub fn seed(&self, key: AgentKey) -> Digest {
        if self.bugs.seed_by_task_id {
            return Digest::of(key.task_id.as_bytes());
        }
        let spec = self.job.spec.as_ref();
        let node = self.job.node_of(key.task_id).map(|(_, node)| node);
        let item = self
            .job
            .tasks
            .get(&key.task_id)
            .and_then(|task| task.item.as_ref());
        let content = match item {
            Some(item) => content_of(item),
            // What has no item of its own works on everything.
            None => self.inputs(),
        };
        let parts = [
            Some("task seed v1"),
            spec.map(|spec| spec.goal.as_str()),
            node.map(|node| node.id.as_str()),
            node.and_then(|node| node.instructions.as_deref()),
            Some(key.kind.as_str()),
        ];
        let parts = parts.iter().map(|part| part.unwrap_or_default().as_bytes());
        Digest::of_parts(parts.chain([content.as_bytes().as_slice()]))
    }

    /// The content of the job's inputs, whatever they are called and wherever they lie.
    fn inputs(&self) -> Digest {
        if let Some(beginning) = &self.job.beginning {
            return beginning.inputs;
        }
        let items = self.listed.iter().flat_map(|listed| &listed.items);
        let mut contents: Vec<Digest> = items.map(content_of).collect();
        contents.sort_unstable();
        Digest::of_parts(contents.iter().map(|content| content.as_bytes().as_slice()))
    }

    /// Asks what an agent is shown, as of the job's beginning, once that is held.
    pub(super) fn recall_at_beginning(&mut self, key: AgentKey) {
        match self.holding {
            Holding::Unasked => {
                self.holding = Holding::Asked;
                self.hold(LeadStep::TakeCut);
            }
            Holding::Asked => {}
            Holding::Held(cut) => self.ask_at(key, cut),
        }
    }

    fn ask_at(&mut self, key: AgentKey, cut: Cut) {
        let seed = self.seed(key);
        let cut = (!self.bugs.recall_past_cut).then_some(cut);
        self.hold(LeadStep::Recall { key, seed, cut });
    }

    pub(super) fn on_cut_taken(&mut self, cut: Option<Cut>) {
        if self.holding != Holding::Asked {
            return;
        }
        let waiting: Vec<AgentKey> = self.recalling.iter().copied().collect();
        let Some(cut) = cut else {
            // The next agent asks again; these begin without.
            self.holding = Holding::Unasked;
            for key in waiting {
                self.on_recalled(key, None);
            }
            return;
        };
        self.holding = Holding::Held(cut);
        if self.job.beginning.is_none_or(|beginning| beginning.cut != cut) {
            let inputs = self.inputs();
            let documents = u32::try_from(self.documents_at_beginning()).unwrap_or(u32::MAX);
            self.emit(JobEvent::KnowledgeCut {
                cut,
                inputs,
                documents,
            });
        }
        for key in waiting {
            self.ask_at(key, cut);
        }
    }

    pub(super) fn on_cut_lost(&mut self, key: AgentKey) {
        if !self.recalling.contains(&key) {
            return;
        }
        if matches!(self.holding, Holding::Held(_)) {
            self.holding = Holding::Unasked;
            self.lost += 1;
        }
        if self.lost > LOST_MAX {
            self.on_recalled(key, None);
        } else {
            self.recall_at_beginning(key);
        }
    }
}

/// What there is to read in an item.
fn content_of(item: &Item) -> Digest {
    match &item.document {
        Some(DocumentSlice {
            digest, start, end, ..
        }) => Digest::of_parts([
            digest.as_bytes().as_slice(),
            &start.to_le_bytes(),
            &end.to_le_bytes(),
        ]),
        None => Digest::of(item.label.as_bytes()),
    }
}
