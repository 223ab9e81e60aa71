//! Receipts of late: most questions about a receipt come soon after it was issued, and need no look into the store.

use std::collections::{HashMap, VecDeque};

use anthill_contracts::id::ReceiptId;
use anthill_contracts::signal::Receipt;

use super::KnowledgeHandle;

/// Receipts that are remembered without asking the store. More than may wait in the mailbox, so that no answer of the
/// store about a receipt can be older than what is remembered of it.
const RECENT_MAX: usize = 4 * KnowledgeHandle::WAITING_MAX;

/// Receipts of late, and whether their runs have ended.
#[derive(Default)]
pub(super) struct Recent {
    pub(super) receipts: HashMap<ReceiptId, (Receipt, bool)>,
    order: VecDeque<ReceiptId>,
}

impl Recent {
    pub(super) fn put(&mut self, receipt: Receipt, is_concluded: bool) {
        let id = receipt.receipt_id;
        if self.receipts.insert(id, (receipt, is_concluded)).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.receipts.remove(&oldest);
        }
    }
}
