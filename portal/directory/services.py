"""What the rest of the portal may ask of the local index: lists with their age, single rows, search."""

from portal.directory.list_sync import ScopeState, scope_ensure, scope_refresh, scopes_ensure
from portal.directory.queries import (
    EntryMissing,
    entries_matching,
    entries_ranked,
    entries_search,
    entry_children,
    entry_find,
    entry_follow,
    entry_parents,
    entry_store,
    guids_read_before,
    guids_seen,
    visible_entities,
)

__all__ = [
    "EntryMissing",
    "ScopeState",
    "entries_matching",
    "entries_ranked",
    "entries_search",
    "entry_children",
    "entry_find",
    "entry_follow",
    "entry_parents",
    "entry_store",
    "guids_read_before",
    "guids_seen",
    "scope_ensure",
    "scope_refresh",
    "scopes_ensure",
    "visible_entities",
]
