"""The generic list page of every entity room, and the global search."""

import time
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views import View

from portal.core.context_processors import connection_beyond, connections_of
from portal.core.datetimes import zone_named
from portal.core.errors import NotFound
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.directory.background import enqueue_large_lists, enqueue_reading, get_reading_progress
from portal.directory.list_views import (
    STATUSES,
    ListFilter,
    effective_status,
    filter_rows,
    get_page_prefix,
    get_status,
    join_page_address,
    prepare_row,
    query_param,
)
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.paging import KeysetPage, keyset_page
from portal.directory.services import (
    ListState,
    annotate_rank,
    filter_by_text,
    refresh_list,
    refresh_list_if_stale,
    search_entities,
    visible_entities,
)
from portal.directory.sync import read_missing_lists
from provisioning.entities import ENTITY_KINDS

PAGE_SIZE = 50
CHILD_KINDS = ENTITY_KINDS["merchant"].children
# Seconds that a search spends reading lists that were never read.
SEARCH_BUDGET = 2.0
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


class EntityListView(ConnectionMixin, PortalView):
    """A list from the index: search `q`, filters, `sort`, `page` in the address; POST reads the gateway now.

    A room names `kind` and `template_name` and overrides what differs. `json_sorts` are the properties,
    besides the columns in `sorts`, that a list can be ordered by. Archived rows are left out until somebody
    asks for them. Template context: page (rows as dicts with url, status, badge, created), state
    (ListState), progress (Run or None), q, filters, sort, narrowed, archived_hidden, archived_shown, unit,
    connection_slug.
    """

    kind: ClassVar[str] = ""
    template_name: ClassVar[str] = ""
    unit: ClassVar[str] = "lists"
    sorts: ClassVar[dict[str, tuple[str, ...]]] = {
        "": ("archived", "sort_key"),
        "-name": ("archived", "-sort_key"),
        "created": ("created_at", "sort_key"),
        "-created": ("-created_at", "sort_key"),
        "status": ("archived", "disabled", "sort_key"),
        "-status": ("-archived", "-disabled", "sort_key"),
    }
    json_sorts: ClassVar[tuple[str, ...]] = ()

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The list page."""
        state = self.ensure()
        if state.large:
            enqueue_large_lists(connection=self.connection)
        filters = self.filters(state)
        q = query_param(request.GET, "q")
        chosen = {each.name: each.value for each in filters}
        rows = filter_by_text(filter_rows(self.rows(), chosen), q)
        archived_shown = query_param(request.GET, "archived") == "1"
        archived_hidden = 0
        if not (archived_shown or q or chosen.get("status")):
            archived_hidden = rows.filter(archived=True).count()
            rows = rows.filter(archived=False)
        under_way = state.large or state.loading or not state.complete or state.stale
        context = {
            "page": self.page(rows, q),
            "state": state,
            "progress": self.progress() if under_way else None,
            "q": q,
            "filters": filters,
            "sort": self.sort,
            "narrowed": bool(q or any(chosen.values())),
            "archived_hidden": archived_hidden,
            "archived_shown": archived_shown,
            "unit": self.unit,
            "connection_slug": self.connection,
        }
        return render(request, self.template_name, context | self.page_context(context))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseRedirect:
        """Refresh on demand, say what came of it, then back to the same list."""
        place: dict[str, Any] = {"connection": self.connection, "kind": self.kind, "parent": self.parent}
        if self.refresh_by_worker() and enqueue_reading(**place):
            messages.info(request, "This list is being read again in the background.")
            return redirect(request.get_full_path())
        state = self.refresh()
        if state.away or state.too_large:
            messages.warning(request, f"This list could not be read. {state.failure}")
        elif state.large:
            messages.warning(request, "No background worker is running to read this long list.")
        elif not state.complete:
            read = f"{state.known:,} of {state.total:,} {self.unit}"
            messages.info(request, f"The lists of {read} have been read. Refresh again to continue.")
        else:
            messages.success(request, "Read from the gateway just now.")
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
        wanted = query_param(self.request.GET, "sort")
        known = wanted in self.sorts or wanted.removeprefix("-") in self.json_sorts
        return wanted if known else ""

    def ensure(self) -> ListState:
        """Makes the rows current enough."""
        return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.parent)

    def refresh(self) -> ListState:
        """Reads the list from the gateway whatever its age."""
        return refresh_list(connection=self.connection, kind=self.kind, parent=self.parent)

    def refresh_by_worker(self) -> bool:
        """Whether the list is too long for a page to read."""
        lists = ListSync.objects.filter(connection=self.connection, kind=self.kind)
        lists = lists.filter(parent_guid=self.parent) if self.parent else lists
        return lists.exclude(size=ListSync.Size.ORDINARY).exists()

    def progress(self) -> Any:
        """The background reading of this list that is under way, if any."""
        return get_reading_progress(connection=self.connection, kind=self.kind, parent=self.parent)

    def rows(self) -> QuerySet[IndexedEntity]:
        """All rows of the list that the person may know of, before search and filters."""
        rows = visible_entities(user=self.request.user, connection=self.connection, kind=self.kind)
        return rows.filter(parent_guid=self.parent) if self.parent else rows

    def filters(self, state: ListState) -> list[ListFilter]:
        """The drop-downs: by status, unless a room knows more."""
        return [self.choice("status", "Status", list(STATUSES))]

    def choice(self, name: str, label: str, options: list[tuple[str, str]]) -> ListFilter:
        """A drop-down with what the address chose; a value not on offer stays, so that links keep meaning."""
        value = query_param(self.request.GET, name)
        offered = options if value in {"", *(code for code, _ in options)} else [*options, (value, value)]
        return ListFilter(name, label, offered, value)

    def page(self, rows: QuerySet[IndexedEntity], q: str = "") -> KeysetPage:
        """One page of rows as plain dicts; rows whose name is the text searched for come first."""
        name = self.sort.removeprefix("-")
        if name in self.json_sorts:
            rows = rows.annotate(sort_value=Lower(KT(f"fields__{name}")))
            columns = [f"{'-' if self.sort.startswith('-') else ''}sort_value", "sort_key"]
        else:
            columns = list(self.sorts[self.sort])
        if q and not self.sort:
            rows = annotate_rank(rows, q)
            columns.insert(0, "rank")
        wanted = dict.fromkeys([*_COLUMNS, *(column.removeprefix("-") for column in columns)])
        page = keyset_page(rows.values(*wanted), [*columns, "guid"], size=PAGE_SIZE, query=self.request.GET)
        prefix = get_page_prefix(self.kind, self.connection)
        zone = zone_named(getattr(self.request.user, "timezone", ""))
        places = [(self.connection, row["parent_guid"]) for row in page.object_list]
        merchants = get_merchant_statuses(places) if self.kind in CHILD_KINDS else {}
        for row in page.object_list:
            row["parent_status"] = merchants.get((self.connection, row["parent_guid"]), "")
        page.object_list = [prepare_row(row, prefix, zone) for row in page.object_list]
        return page

    def page_context(self, context: dict[str, Any]) -> dict[str, Any]:
        """What a room's template needs besides."""
        return {}


def get_merchant_statuses(places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (connection, guid) → status of the merchants among the places, in one query."""
    wanted = set(places)
    rows = IndexedEntity.objects.filter(
        kind="merchant",
        connection__in={connection for connection, _ in wanted},
        guid__in={guid for _, guid in wanted} - {""},
    )
    found = rows.values("connection", "guid", "disabled", "archived")
    return {(row["connection"], row["guid"]): get_status(row) for row in found}


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
