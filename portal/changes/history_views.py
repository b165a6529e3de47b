"""The history tab of an entity."""

from collections.abc import Collection
from typing import Any

from portal.changes.stale_changes import load_entity_history
from portal.directory.detail import EntityDetailView


class EntityHistoryView(EntityDetailView):
    """The latest audit events of an entity. Context: also history."""

    tab = "history"

    def get_tab_context(self) -> dict[str, Any]:
        """Read the events."""
        history = load_entity_history(
            connection=self.entry.connection,
            guid=self.entry.guid,
            query=self.request.GET,
            child_kinds=self.get_child_kinds(),
        )
        return {"history": history}

    def get_child_kinds(self) -> Collection[str] | None:
        """Return the object kinds of children whose events are included; None for the entity's own events."""
        return None
