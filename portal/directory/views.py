"""The generic list page of every entity room, and the global search."""

from typing import Any, ClassVar

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views import View

from portal.console.access import SIGNED_IN
from portal.console.context import connection_beyond, connections_of
from portal.console.errors import NotFound
from portal.console.moments import zone_named
from portal.console.views import PortalView
from portal.directory.listing import (
    ROOMS,
    STATUSES,
    ListFilter,
    asked,
    page_address,
    page_prefix,
    row_shown,
    rows_narrowed,
)
from portal.directory.models import Entry
from portal.directory.services import (
    ScopeState,
    entries_matching,
    entries_search,
    entries_seen,
    scope_ensure,
    scope_refresh,
)

PAGE_SIZE = 50
_COLUMNS = ("guid", "parent_guid", "tenant_guid", "name", "disabled", "archived", "created_at", "fields")


class ConnectionMixin(View):
    """A page below `/<connection>/`: an unknown connection is a 404 before anything else happens."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Raises NotFound for a slug that is no connection's."""
        super().setup(request, *args, **kwargs)
        slug = kwargs["connection"]
        if slug not in {known.slug for known in connections_of(request)}:
            raise NotFound(
                f"There is no connection “{slug}”.",
                advice="The first part of an address names the connection. Choose one from the menu.",
                beyond=connection_beyond(request, slug),
            )


class EntryListView(ConnectionMixin, PortalView):
    """A list from the index: search `q`, filters, `sort`, `page` in the address; POST reads the gateway now.

    A room names `kind` and `template_name` and overrides what differs. Template context: page (rows as dicts
    with url, status, badge, created), state (ScopeState), q, filters, sort, narrowed, connection_slug.
    """

    kind: ClassVar[str] = ""
    template_name: ClassVar[str] = ""
    sorts: ClassVar[dict[str, tuple[str, ...]]] = {
        "": ("archived", "sort_key"),
        "-name": ("archived", "-sort_key"),
        "created": ("created_at", "sort_key"),
        "-created": ("-created_at", "sort_key"),
    }

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The list page."""
        state = self.ensure()
        filters = self.filters(state)
        q = asked(request.GET, "q")
        chosen = {each.name: each.value for each in filters}
        rows = entries_matching(rows_narrowed(self.rows(), chosen), q)
        context = {
            "page": self.page(rows),
            "state": state,
            "q": q,
            "filters": filters,
            "sort": self.sort,
            "narrowed": bool(q or any(chosen.values())),
            "connection_slug": self.connection,
        }
        return render(request, self.template_name, context | self.page_context(context))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseRedirect:
        """Refresh on demand, then back to the same list."""
        self.refresh()
        return redirect(request.get_full_path())

    @property
    def connection(self) -> str:
        """Slug of the connection in the address."""
        return str(self.kwargs["connection"])

    @property
    def parent(self) -> str:
        """Guid of the entity whose children are listed; "" lists everything of the kind."""
        return str(self.kwargs.get("guid", ""))

    @property
    def sort(self) -> str:
        """The order asked for; "" (by name) if there is no such order."""
        wanted = asked(self.request.GET, "sort")
        return wanted if wanted in self.sorts else ""

    def ensure(self) -> ScopeState:
        """Makes the rows current enough."""
        return scope_ensure(connection=self.connection, kind=self.kind, parent=self.parent)

    def refresh(self) -> None:
        """Reads the list from the gateway whatever its age."""
        scope_refresh(connection=self.connection, kind=self.kind, parent=self.parent)

    def rows(self) -> QuerySet[Entry]:
        """All rows of the list that the person may know of, before search and filters."""
        rows = entries_seen(user=self.request.user, connection=self.connection, kind=self.kind)
        return rows.filter(parent_guid=self.parent) if self.parent else rows

    def filters(self, state: ScopeState) -> list[ListFilter]:
        """The drop-downs: by status, unless a room knows more."""
        return [self.choice("status", "Status", list(STATUSES))]

    def choice(self, name: str, label: str, options: list[tuple[str, str]]) -> ListFilter:
        """A drop-down with what the address chose; a value not on offer stays, so that links keep meaning."""
        value = asked(self.request.GET, name)
        offered = options if value in {"", *(code for code, _ in options)} else [*options, (value, value)]
        return ListFilter(name, label, offered, value)

    def page(self, rows: QuerySet[Entry]) -> Page[Any]:
        """One page of rows as plain dicts; a page number beyond the end shows the last page."""
        values = rows.order_by(*self.sorts[self.sort], "guid").values(*_COLUMNS)
        page: Page[Any] = Paginator(values, PAGE_SIZE).get_page(asked(self.request.GET, "page"))
        prefix = page_prefix(self.kind, self.connection)
        zone = zone_named(getattr(self.request.user, "timezone", ""))
        page.object_list = [row_shown(row, prefix, zone) for row in page.object_list]
        return page

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """What a room's template needs besides."""
        return {}


class SearchView(PortalView):
    """`/search/?q=`: everything the index knows, over all connections; a pasted guid leads to its page."""

    access = SIGNED_IN
    limit = 15
    titles: ClassVar[dict[str, str]] = {
        "tenant": "Tenants",
        "merchant": "Merchants",
        "merchant_user": "Merchant users",
        "connector": "Connectors",
    }

    def get(self, request: HttpRequest) -> HttpResponse:
        """Results grouped by kind, at most `limit` of each."""
        q = asked(request.GET, "q")
        names = {connection.slug: connection.name for connection in connections_of(request)}
        kinds = [kind for kind in ROOMS if request.user.has_perm(f"{kind}.view")]
        found = {
            kind: entries_search(user=request.user, text=q, kinds=[kind], limit=self.limit + 1)
            for kind in kinds
        }
        exact = [entry for rows in found.values() for entry in rows if entry.guid == q]
        if len(exact) == 1:
            return redirect(page_address(page_prefix(exact[0].kind, exact[0].connection), exact[0].guid))
        groups = [self._group(kind, rows, names) for kind, rows in found.items() if rows]
        return render(request, "directory/search.html", {"q": q, "groups": groups, "known": bool(names)})

    def _group(self, kind: str, rows: list[Entry], names: dict[str, str]) -> dict[str, Any]:
        shown = [
            {
                "entry": row,
                "url": page_address(page_prefix(kind, row.connection), row.guid),
                "connection": names.get(row.connection, row.connection),
            }
            for row in rows[: self.limit]
        ]
        return {"kind": kind, "title": self.titles[kind], "rows": shown, "more": len(rows) > self.limit}
