//! The guard desk: what the executor asks before a tool call runs.
//!
//! The knowledge writes the guards that are in force, the executor reads them; neither waits for the other, and a node
//! whose knowledge is away goes on with the guards that it has. What probes have shown is no fact and stays on this
//! node; the knowledge keeps it beside its facts, for a process that runs one job would never live to see the end of a
//! cool-down. Rejected: asking the knowledge's actor at each call, for then no tool runs while it is busy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anthill_contracts::clock::Clock;
use anthill_contracts::id::SignalId;
use anthill_contracts::signal::{GuardMode, Origin};
use anthill_contracts::task::ReasonCode;
use anthill_contracts::tool::{ToolCall, ToolContext, ToolOutput};
use anthill_signals::base::KnowledgeBase;
use anthill_signals::guard::{Breaker, Breakers, GuardBook, GuardVerdict, GuardedCall};

use crate::metrics;

/// Most tenants whose guards are held.
const TENANTS_MAX: usize = 1024;

/// Most breakers that outlive their process.
const BREAKERS_MAX: usize = 65_536;

/// The guards of a node, shared by its executor and its knowledge.
pub struct GuardDesk {
    mode_max: GuardMode,
    clock: Arc<dyn Clock>,
    /// The wall clock when the monotonic one began, in milliseconds since 1970.
    epoch: u64,
    books: RwLock<BTreeMap<u32, Arc<GuardBook>>>,
    breakers: Mutex<BTreeMap<u32, Breakers>>,
    /// Tenants that have called tools: their books are wanted even where this node has learned nothing for them.
    callers: Mutex<BTreeSet<u32>>,
    /// The breakers as the knowledge has last heard of them, by tenant and guard.
    heard: Mutex<BTreeMap<(u32, SignalId), Breaker>>,
    /// Whether a breaker may have changed since.
    is_stirred: AtomicBool,
}

impl fmt::Debug for GuardDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardDesk")
            .field("mode_max", &self.mode_max)
            .finish_non_exhaustive()
    }
}

/// What is to happen to a call, with what is needed to tell how it went.
pub enum Ruling {
    /// It runs.
    Run,
    /// It runs; this is added to its output.
    RunWarned {
        /// The warning.
        line: String,
    },
    /// It does not run; this is its output.
    Blocked {
        /// What the model is told.
        output: Box<ToolOutput>,
    },
    /// It runs to see whether a guard still holds.
    Probe(Probe),
}

/// A call that guards have let through. Dropped without a word, as by a tool that panics, it counts as failed.
pub struct Probe {
    desk: Arc<GuardDesk>,
    tenant: u32,
    signals: Vec<SignalId>,
    ok: bool,
}

impl Probe {
    /// The call has ended.
    pub fn end(mut self, ok: bool) {
        self.ok = ok;
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.desk.probed(self.tenant, &self.signals, self.ok);
    }
}

impl GuardDesk {
    /// A desk without guards; none of them will go further than `mode_max`.
    pub fn new(mode_max: GuardMode, clock: Arc<dyn Clock>) -> Self {
        let elapsed = u64::try_from(clock.mono().as_millis()).unwrap_or(u64::MAX);
        Self {
            mode_max,
            epoch: clock.now().0.saturating_sub(elapsed),
            clock,
            books: RwLock::default(),
            breakers: Mutex::default(),
            callers: Mutex::default(),
            heard: Mutex::default(),
            is_stirred: AtomicBool::new(false),
        }
    }

    /// What is to happen to a call.
    pub fn judge(self: &Arc<Self>, context: &ToolContext, call: &ToolCall) -> Ruling {
        let setting = &context.setting;
        let tenant = Origin::tenant_number(&setting.tenant);
        let Some(book) = self.book(tenant) else {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            if callers.len() < TENANTS_MAX {
                callers.insert(tenant);
            }
            return Ruling::Run;
        };
        let call = GuardedCall {
            tool: &call.tool,
            args: &call.args,
            scope: setting.scope.as_ref(),
            state: &setting.state,
            chance: chance(context),
            now: self.now(),
        };
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = book.verdict(&call, breakers.entry(tenant).or_default());
        drop(breakers);
        if matches!(verdict, GuardVerdict::Block { .. } | GuardVerdict::Probe { .. }) {
            self.is_stirred.store(true, Ordering::Release);
        }
        match verdict {
            GuardVerdict::Pass => Ruling::Run,
            GuardVerdict::Advise { .. } => {
                metrics::guarded_call("advised");
                Ruling::Run
            }
            GuardVerdict::Warn { signal, why } => {
                metrics::guarded_call("warned");
                let line = format!("warning: a call like this is known to be bad ({why}); guard {signal}");
                Ruling::RunWarned { line }
            }
            GuardVerdict::Block { signal, why } => {
                metrics::guarded_call("blocked");
                let reason = ReasonCode::KnownBad;
                let tool = call.tool;
                let text = format!(
                    "{reason}: this call of `{tool}` did not run, for it is known to be bad ({why}); guard {signal}"
                );
                Ruling::Blocked {
                    output: Box::new(ToolOutput::failure(text)),
                }
            }
            GuardVerdict::Probe { signals } => {
                metrics::guarded_call("probed");
                Ruling::Probe(Probe {
                    desk: Arc::clone(self),
                    tenant,
                    signals,
                    ok: false,
                })
            }
        }
    }

    /// A tenant's run is about to begin. True where its guards have to be laid out first: this node has learned nothing
    /// for it by itself, and what came from elsewhere must hold for the first call, too.
    pub fn expect(&self, tenant: u32) -> bool {
        if self.book(tenant).is_some() {
            return false;
        }
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() < TENANTS_MAX {
            callers.insert(tenant);
        }
        callers.contains(&tenant)
    }

    /// Takes over what the knowledge says now.
    pub fn refresh(&self, base: &KnowledgeBase, now: u64) {
        let callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let tenants: BTreeSet<u32> = callers
            .iter()
            .copied()
            .chain(base.tenant_numbers())
            // A job that is resumed asks for nothing again, and calls tools all the same.
            .chain(base.replica().signals().map(|signal| signal.author.tenant))
            .take(TENANTS_MAX)
            .collect();
        drop(callers);
        for tenant in tenants {
            self.replace(tenant, base.guards(tenant, self.mode_max, now));
        }
    }

    /// Puts a tenant's guards in force. Guards that are there still keep what their probes have shown.
    pub fn replace(&self, tenant: u32, book: GuardBook) {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(breakers) = breakers.get_mut(&tenant) {
            breakers.keep(&book);
            self.is_stirred.store(true, Ordering::Release);
        }
        drop(breakers);
        let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
        books.insert(tenant, Arc::new(book));
    }

    /// The guards that are in force for a tenant.
    pub fn book(&self, tenant: u32) -> Option<Arc<GuardBook>> {
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        books.get(&tenant).cloned()
    }

    /// What the probes of a guard have shown; `None` where it has not blocked yet.
    pub fn breaker(&self, tenant: u32, signal: SignalId) -> Option<Breaker> {
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.get(&tenant)?.get(signal).copied()
    }

    /// Takes over what an earlier process has kept; a breaker that has moved since keeps its own state. A probe that was
    /// under way died with its process.
    pub fn restore(&self, kept: impl IntoIterator<Item = ((u32, SignalId), Breaker)>) {
        let now = self.now();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        for ((tenant, signal), breaker) in kept.into_iter().take(BREAKERS_MAX) {
            heard.insert((tenant, signal), breaker);
            let of_tenant = breakers.entry(tenant).or_default();
            if of_tenant.get(signal).is_none() {
                *of_tenant.of(signal) = Breaker {
                    // A wall clock that was put back must not close a guard for longer than a cool-down.
                    blocked_since: breaker.blocked_since.map(|since| since.min(now)),
                    probing_since: None,
                    ..breaker
                };
            }
        }
        self.is_stirred.store(true, Ordering::Release);
    }

    /// The breakers that have changed since this was asked last; `None` for one whose guard is gone.
    pub fn changed(&self) -> Vec<((u32, SignalId), Option<Breaker>)> {
        if !self.is_stirred.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeMap<(u32, SignalId), Breaker> = breakers
            .iter()
            .flat_map(|(tenant, of_tenant)| {
                of_tenant
                    .iter()
                    .map(|(signal, breaker)| ((*tenant, signal), *breaker))
            })
            .take(BREAKERS_MAX)
            .collect();
        drop(breakers);
        let gone = heard.keys().filter(|key| !now.contains_key(key));
        let gone = gone.map(|key| (*key, None));
        let moved = now
            .iter()
            .filter(|(key, breaker)| heard.get(key) != Some(breaker));
        let moved = moved.map(|(key, breaker)| (*key, Some(*breaker)));
        let changed = gone.chain(moved).collect();
        *heard = now;
        changed
    }

    fn probed(&self, tenant: u32, signals: &[SignalId], ok: bool) {
        let now = self.now();
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breakers) = breakers.get_mut(&tenant) else {
            return;
        };
        for signal in signals {
            let breaker = breakers.of(*signal);
            let was_lifted = breaker.is_lifted();
            breaker.end_probe(ok, now);
            if breaker.is_lifted() != was_lifted {
                tracing::info!(%signal, lifted = breaker.is_lifted(), "probes have changed a guard");
            }
        }
        self.is_stirred.store(true, Ordering::Release);
    }

    /// Cool-downs are windows, so a jump of the wall clock must not end them; but they last longer than a process.
    fn now(&self) -> u64 {
        let elapsed = u64::try_from(self.clock.mono().as_millis()).unwrap_or(u64::MAX);
        self.epoch.saturating_add(elapsed)
    }
}

/// A number that depends on the call alone, so that a repeated call is judged alike.
fn chance(context: &ToolContext) -> u64 {
    let [first, second] = [0, 8].map(|from| {
        let mut word = [0; 8];
        word.copy_from_slice(&context.call_id.as_bytes()[from..from + 8]);
        u64::from_le_bytes(word)
    });
    first ^ second
}

#[cfg(test)]
mod tests;
