//! Names of actors, per node.
//!
//! ractor's registry and groups are statics of the process, so two nodes in one process (every simulation) would
//! meet in them, and a name there is freed before its actor is gone. Here a name belongs to a [`NameLease`]. Keep the
//! lease in the state of the actor: the state is dropped when the actor is really gone, whatever ended it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The names of one node. Clones share them.
#[derive(Clone, Default)]
pub struct Names {
    shared: Arc<Shared>,
}

/// The name belongs to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {name} is taken")]
pub struct NameTaken {
    /// The name.
    pub name: String,
}

impl Names {
    /// Takes a name for a handle, or says that it is taken.
    pub fn register<H>(&self, name: impl Into<String>, handle: H) -> Result<NameLease, NameTaken>
    where
        H: Clone + Send + Sync + 'static,
    {
        let name = name.into();
        let mut entries = self.shared.entries();
        if entries.contains_key(&name) {
            return Err(NameTaken { name });
        }
        entries.insert(name.clone(), Box::new(handle));
        drop(entries);
        Ok(NameLease {
            name,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Takes a name as soon as it is free. A start function bounds the wait by `start_within` of its child.
    pub async fn claim<H>(&self, name: &str, handle: H) -> NameLease
    where
        H: Clone + Send + Sync + 'static,
    {
        loop {
            self.wait_free(name).await;
            if let Ok(lease) = self.register(name, handle.clone()) {
                return lease;
            }
        }
    }

    /// Waits until nobody holds the name.
    pub async fn wait_free(&self, name: &str) {
        loop {
            let freed = self.shared.freed.notified();
            tokio::pin!(freed);
            // Listening begins before the look, so that a release in between is not missed.
            freed.as_mut().enable();
            if !self.shared.entries().contains_key(name) {
                return;
            }
            freed.await;
        }
    }

    /// The handle behind a name, when it is one of this type.
    pub fn find<H: Clone + 'static>(&self, name: &str) -> Option<H> {
        self.shared.entries().get(name)?.downcast_ref::<H>().cloned()
    }

    /// All names, in order.
    pub fn list(&self) -> Vec<String> {
        self.shared.entries().keys().cloned().collect()
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.list()).finish()
    }
}

/// Holds a name until it is dropped.
pub struct NameLease {
    name: String,
    shared: Arc<Shared>,
}

impl NameLease {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the name back; the same as dropping the lease.
    pub fn release(self) {}
}

impl Drop for NameLease {
    fn drop(&mut self) {
        let handle = self.shared.entries().remove(&self.name);
        // Outside the lock: dropping a handle may run code of others.
        drop(handle);
        self.shared.freed.notify_waiters();
    }
}

impl std::fmt::Debug for NameLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NameLease").field(&self.name).finish()
    }
}

#[derive(Default)]
struct Shared {
    entries: Mutex<BTreeMap<String, Box<dyn Any + Send + Sync>>>,
    freed: Notify,
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Box<dyn Any + Send + Sync>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
