"""Search entities of all connections by name or GUID."""

import time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.core.context_processors import get_connections
from portal.core.links import entity_url
from portal.core.text import query_param
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.directory.background import enqueue_reading
from portal.directory.completeness import read_missing_lists
from portal.directory.list_views import (
    CHILD_KINDS,
    effective_status,
    get_merchant_statuses,
)
from portal.directory.services import (
    search_entities,
)
from provisioning.entities import ENTITY_KINDS

# Seconds that a search spends reading lists that were never read.
SEARCH_BUDGET = 2.0


class SearchView(PortalView):
    """`/search/?q=`: search the index of all connections. A pasted GUID leads to the entity's page."""

    access = SIGNED_IN
    limit = 15

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the results by kind, at most `limit` of each, and which lists the index does not know yet."""
        q = query_param(request.GET, "q")
        names = {connection.slug: connection.name for connection in get_connections(request)}
        kinds = [kind for kind in ENTITY_KINDS if request.user.has_perm(f"{kind}.view")]
        incomplete = []
        if q and kinds:
            ends = time.monotonic() + SEARCH_BUDGET
            for slug, name in names.items():
                left = ends - time.monotonic()
                missing = read_missing_lists(user=request.user, connection=slug, kinds=kinds, budget=left)
                reading = enqueue_reading(connection=slug) if missing else False
                for coverage in missing:
                    title = ENTITY_KINDS[coverage.kind].title
                    row = {"connection": name, "title": title, "coverage": coverage, "reading": reading}
                    incomplete.append(row)
        found = {
            kind: search_entities(user=request.user, text=q, kinds=[kind], limit=self.limit + 1)
            for kind in kinds
        }
        exact = [entry for rows in found.values() for entry in rows if entry.guid == q]
        if len(exact) == 1:
            return redirect(entity_url(exact[0].kind, exact[0].connection, exact[0].guid))
        groups = []
        for kind, rows in found.items():
            if not rows:
                continue
            places = [(row.connection, row.parent_guid) for row in rows]
            merchants = get_merchant_statuses(places) if kind in CHILD_KINDS else {}
            shown = [
                {
                    "entry": row,
                    "status": effective_status(
                        row.status, merchants.get((row.connection, row.parent_guid), "")
                    ),
                    "url": entity_url(kind, row.connection, row.guid),
                    "connection": names.get(row.connection, row.connection),
                }
                for row in rows[: self.limit]
            ]
            title, more = ENTITY_KINDS[kind].title, len(rows) > self.limit
            groups.append({"kind": kind, "title": title, "rows": shown, "more": more})
        context = {"q": q, "groups": groups, "known": bool(names), "incomplete": incomplete}
        return render(request, "directory/search.html", context)
