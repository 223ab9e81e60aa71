//! Who may see what: scopes and shares, asked by retrieval and by guards alike.

use anthill_contracts::signal::{Origin, ScopePath, Share};

/// Whether a scope is another one or refines it.
pub(crate) fn is_within(scope: &ScopePath, outer: &ScopePath) -> bool {
    let rest = scope.as_str().strip_prefix(outer.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether what this author shares so far reaches a reader who has joined these groups.
pub(crate) fn reaches(author: Origin, share: Share, reader: Origin, groups: &[u32]) -> bool {
    author == Origin::BUILTIN
        || match share {
            Share::Private => author == reader,
            Share::Tenant => author.tenant == reader.tenant,
            Share::Group(group) => author.tenant == reader.tenant || groups.contains(&group),
            Share::Public => true,
        }
}
