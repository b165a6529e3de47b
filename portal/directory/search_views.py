"""The global search."""

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.core.context_processors import connections_of
from portal.core.text import query_param
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.directory.background import enqueue_reading
from portal.directory.completeness import read_missing_lists
from portal.directory.list_views import (
    CHILD_KINDS,
    effective_status,
    get_merchant_statuses,
    get_page_prefix,
    join_page_address,
)
from portal.directory.models import IndexedEntity
from portal.directory.services import (
    search_entities,
)
from provisioning.entities import ENTITY_KINDS

# Seconds that a search spends reading lists that were never read.
SEARCH_BUDGET = 2.0


class SearchView(PortalView):
    """`/search/?q=`: everything the index knows, over all connections; a pasted guid leads to its page."""

    access = SIGNED_IN
    limit = 15

    def get(self, request: HttpRequest) -> HttpResponse:
        """Results grouped by kind, at most `limit` of each."""
        q = query_param(request.GET, "q")
        names = {connection.slug: connection.name for connection in connections_of(request)}
        kinds = [kind for kind in ENTITY_KINDS if request.user.has_perm(f"{kind}.view")]
        incomplete = self._incomplete(kinds, names) if q and kinds else []
        found = {
            kind: search_entities(user=request.user, text=q, kinds=[kind], limit=self.limit + 1)
            for kind in kinds
        }
        exact = [entry for rows in found.values() for entry in rows if entry.guid == q]
        if len(exact) == 1:
            return redirect(
                join_page_address(get_page_prefix(exact[0].kind, exact[0].connection), exact[0].guid)
            )
        groups = [self._group(kind, rows, names) for kind, rows in found.items() if rows]
        context = {"q": q, "groups": groups, "known": bool(names), "incomplete": incomplete}
        return render(request, "directory/search.html", context)

    def _incomplete(self, kinds: list[str], names: dict[str, str]) -> list[dict[str, Any]]:
        """Read what is missing within the budget; say what the search does not know after that."""
        found = []
        ends = time.monotonic() + SEARCH_BUDGET
        for slug, name in names.items():
            left = ends - time.monotonic()
            missing = read_missing_lists(user=self.request.user, connection=slug, kinds=kinds, budget=left)
            reading = bool(missing) and enqueue_reading(connection=slug)
            found += [
                {
                    "connection": name,
                    "title": ENTITY_KINDS[each.kind].title,
                    "coverage": each,
                    "reading": reading,
                }
                for each in missing
            ]
        return found

    def _group(self, kind: str, rows: list[IndexedEntity], names: dict[str, str]) -> dict[str, Any]:
        places = [(row.connection, row.parent_guid) for row in rows]
        merchants = get_merchant_statuses(places) if kind in CHILD_KINDS else {}
        shown = [
            {
                "entry": row,
                "status": effective_status(row.status, merchants.get((row.connection, row.parent_guid), "")),
                "url": join_page_address(get_page_prefix(kind, row.connection), row.guid),
                "connection": names.get(row.connection, row.connection),
            }
            for row in rows[: self.limit]
        ]
        return {
            "kind": kind,
            "title": ENTITY_KINDS[kind].title,
            "rows": shown,
            "more": len(rows) > self.limit,
        }
