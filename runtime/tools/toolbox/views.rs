//! What the toolbox remembers of a job: the listing of its inputs and its search index.
//!
//! A view belongs to one `Arc<dyn Sources>` and is found by its address. It holds the sources weakly: the
//! address cannot be used again while the view lives, and a job that has ended frees its view at the next call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anthill_contracts::sources::{Document, Listing, SourceError, Sources, SourcesRef};

use anthill_text::name;

use super::search::Index;

/// Most jobs that are remembered at once; the one that was used longest ago is forgotten first.
const VIEWS_MAX: usize = 4;

/// The views of the jobs that have used a tool.
#[derive(Default)]
pub(super) struct Views(Mutex<Vec<Arc<Kept>>>);

/// What is kept between calls.
struct Kept {
    owner: Weak<dyn Sources>,
    listing: Mutex<Option<Arc<Listing>>>,
    index: Mutex<Option<Arc<Index>>>,
}

/// A job's inputs as its tools see them during one call.
pub(super) struct View {
    kept: Arc<Kept>,
    sources: SourcesRef,
}

impl Views {
    /// The view of these sources.
    pub(super) fn of(&self, sources: &SourcesRef) -> View {
        let mut views = lock(&self.0);
        views.retain(|kept| kept.owner.strong_count() > 0);
        let address = Arc::as_ptr(sources).cast::<()>();
        let position = views
            .iter()
            .position(|kept| kept.owner.as_ptr().cast::<()>() == address);
        let kept = match position {
            Some(position) => views.remove(position),
            None => Arc::new(Kept {
                owner: Arc::downgrade(sources),
                listing: Mutex::new(None),
                index: Mutex::new(None),
            }),
        };
        if views.len() >= VIEWS_MAX {
            views.remove(0);
        }
        views.push(Arc::clone(&kept));
        View {
            kept,
            sources: Arc::clone(sources),
        }
    }
}

impl View {
    /// The job's sources.
    pub(super) fn sources(&self) -> &dyn Sources {
        self.sources.as_ref()
    }

    /// The listing, taken once per job so that all its calls see the same files.
    pub(super) fn listing(&self) -> Result<Arc<Listing>, SourceError> {
        let mut known = lock(&self.kept.listing);
        if let Some(listing) = known.as_ref() {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(self.sources.list()?);
        *known = Some(Arc::clone(&listing));
        Ok(listing)
    }

    /// The search index, built once per job. Others who search meanwhile wait for it instead of building their own.
    pub(super) fn index(&self) -> Result<Arc<Index>, SourceError> {
        let listing = self.listing()?;
        let mut known = lock(&self.kept.index);
        if let Some(index) = known.as_ref() {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(Index::build(self.sources(), listing)?);
        *known = Some(Arc::clone(&index));
        Ok(index)
    }

    /// The document at this path, or what a model should know instead.
    pub(super) fn document(&self, path: &str) -> Result<Document, String> {
        let listing = self.listing().map_err(|error| error.to_string())?;
        let found = listing
            .documents
            .binary_search_by(|document| document.path.as_str().cmp(path));
        match found {
            Ok(position) => Ok(listing.documents[position].clone()),
            Err(_) => meant(&listing, path)
                .cloned()
                .ok_or_else(|| missing(&listing, path)),
        }
    }
}

/// The document that is meant by a path in another form, if it is one.
fn meant<'a>(listing: &'a Listing, path: &str) -> Option<&'a Document> {
    let documents = listing.documents.iter().map(|document| document.path.as_str());
    let skipped = listing.skipped.iter().map(|skipped| skipped.path.as_str());
    let known: Vec<&str> = documents.chain(skipped).collect();
    let meant = name::resolve(&known, path)?;
    listing.documents.iter().find(|document| document.path == meant)
}

/// Most paths that are offered in place of a wrong one.
const SUGGESTIONS_MAX: usize = 3;

fn missing(listing: &Listing, path: &str) -> String {
    if let Some(skipped) = listing.skipped.iter().find(|skipped| skipped.path == path) {
        return format!("`{path}` cannot be read: {}", skipped.reason.words());
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let alike: Vec<&str> = listing
        .documents
        .iter()
        .map(|document| document.path.as_str())
        .filter(|other| other.rsplit('/').next() == Some(name))
        .take(SUGGESTIONS_MAX)
        .collect();
    let path: String = path.chars().take(200).collect();
    if alike.is_empty() {
        format!("`{path}` is not among the job's documents; `list_files` names them")
    } else {
        format!(
            "`{path}` is not among the job's documents; did you mean `{}`?",
            alike.join("` or `")
        )
    }
}

/// What is kept is replaced whole, so a panic elsewhere cannot have left it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
