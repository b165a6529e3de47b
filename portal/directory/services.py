"""The public functions of the index: lists with their age, single rows, search."""

from portal.directory.list_sync import ListState, refresh_list, refresh_list_if_stale, refresh_stale_lists
from portal.directory.queries import (
    UnknownEntity,
    annotate_rank,
    filter_by_text,
    find_entity,
    find_guids_read_before,
    find_visible_guids,
    get_children,
    get_parents,
    search_entities,
    store_entity,
    update_entity,
    visible_entities,
)

__all__ = [
    "ListState",
    "UnknownEntity",
    "annotate_rank",
    "filter_by_text",
    "find_entity",
    "find_guids_read_before",
    "find_visible_guids",
    "get_children",
    "get_parents",
    "refresh_list",
    "refresh_list_if_stale",
    "refresh_stale_lists",
    "search_entities",
    "store_entity",
    "update_entity",
    "visible_entities",
]
