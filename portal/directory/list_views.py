"""Lists of entities from the local index: search, filters, sorting, pages, refresh."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from portal.core.links import URL_NAMESPACES
from portal.core.tables import Column, Filter, FilterBar, Table
from portal.core.templatetags.portal import badge
from portal.core.text import query_param
from portal.core.views import ConnectionMixin, PortalView
from portal.directory.background import enqueue_large_lists, enqueue_reading, get_reading_progress
from portal.directory.completeness import (
    READ_AT_ONCE,
    refresh_child_lists,
    refresh_merchant_lists,
    visible_merchants,
)
from portal.directory.models import IndexedEntity, ListSync, status_named
from portal.directory.paging import KeysetPage, keyset_page
from portal.directory.services import (
    ListState,
    annotate_rank,
    filter_by_text,
    refresh_list,
    refresh_list_if_stale,
    visible_entities,
)
from portal.staff.models import User
from provisioning.entities import ENTITY_KINDS
from provisioning.registry import Registry

PAGE_SIZE = 50
# Seconds that a page spends reading lists of several merchants.
REFRESH_BUDGET = 2.0
CHILD_KINDS = ENTITY_KINDS["merchant"].children
_COLUMNS = ("guid", "parent_guid", "tenant_guid", "name", "disabled", "archived", "created_at", "fields")
STATUSES = (("active", "Active"), ("disabled", "Disabled"), ("archived", "Archived"))
CHILD_STATUSES = (*STATUSES, ("off", "Off: merchant disabled or archived"))
_STATUS_ROWS: dict[str, dict[str, bool]] = {
    "active": {"disabled": False, "archived": False},
    "disabled": {"disabled": True, "archived": False},
    "archived": {"archived": True},
}


_OFF = {"disabled": "off_disabled", "archived": "off_archived"}
_BADGES = {
    status: badge(status) for status in ("active", "disabled", "archived", "unreadable", *_OFF.values())
}
# Merchants hang under their tenant, and that is what the index is built for.
_COLUMN_OF = {"tenant": "parent_guid"}


# The columns of the lists of each kind of entity; each app registers its own in `AppConfig.ready`. A value
# is a row as `prepare_row` returns it.
LIST_COLUMNS: Registry[tuple[Column, ...]] = Registry("columns of entity lists")


def filter_rows(rows: QuerySet[IndexedEntity], chosen: Mapping[str, str]) -> QuerySet[IndexedEntity]:
    """Return the rows that match the filters: status, tenant, and columns by equality. "" matches all."""
    # The status is the effective one: children of a disabled or archived merchant are off, not active.
    merchants_off = IndexedEntity.objects.filter(
        Q(disabled=True) | Q(archived=True),
        connection=OuterRef("connection"), kind="merchant", guid=OuterRef("parent_guid"),
    )  # fmt: skip
    for name, value in chosen.items():
        if name == "status" and value == "off":
            rows = rows.filter(Exists(merchants_off), disabled=False, archived=False)
        elif name == "status":
            rows = rows.filter(**_STATUS_ROWS.get(value, {}))
            rows = rows.exclude(Exists(merchants_off)) if value == "active" else rows
        elif value:
            rows = rows.filter(**{_COLUMN_OF.get(name, name): value})
    return rows


def label_options(codes: Iterable[str], names: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return (code, name) for the codes, sorted by name."""
    known = dict(names)
    return sorted(((code, known.get(code, code)) for code in codes), key=lambda option: option[1])


def get_page_prefix(kind: str, connection: str) -> str:
    """Return the part of a kind's addresses before the GUID, so that a list calls `reverse` once."""
    return reverse(
        f"{URL_NAMESPACES[kind]}:page", kwargs={"connection": connection, "guid": "0"}
    ).removesuffix("0/")


def join_page_address(prefix: str, guid: str) -> str:
    """Return the address of an entity's page."""
    return f"{prefix}{quote(guid, safe='')}/"


def prepare_row(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return a row with what its columns show: the address of its page, its status and the badge."""
    status = effective_status(get_status(row), row.get("parent_status", ""))
    unreadable, shown = row["fields"].get("unreadable"), _BADGES[status]
    if unreadable:
        markup = '{}<div class="text-secondary">unreadable: {}</div>'
        shown = format_html(markup, shown, "; ".join(unreadable[:3]))
    return {**row, "url": join_page_address(prefix, row["guid"]), "status": status, "badge": shown}


def effective_status(status: str, merchant: str) -> str:
    """Return the status for a badge. Children of a disabled or archived merchant are off, too.

    `status` is the entity's own, `merchant` that of its merchant, "" if it has none.
    """
    return _OFF.get(merchant, status) if status == "active" else status


def get_effective_status(entry: IndexedEntity, parents: Iterable[IndexedEntity]) -> str:
    """Return the state of an entity's badge. `parents` are the rows above it."""
    merchant = next((parent.status for parent in parents if parent.kind == "merchant"), "")
    return effective_status(entry.status, merchant)


def get_status(row: Mapping[str, Any]) -> str:
    """Return the status for the badge of a row that was read as a dict."""
    return status_named(disabled=row["disabled"], archived=row["archived"], fields=row.get("fields") or {})


class EntityListView(ConnectionMixin, PortalView):
    """A list from the index: search `q`, filters, `sort`, `page` in the address; POST reads the gateway now.

    A subclass declares `access`, `kind`, `template_name`, `table_label` and `search_label`. Its columns are
    those of LIST_COLUMNS without the `hidden_columns`. A column whose `sort` is not in `sorts` sorts by the
    entity's property of that name. Archived rows are hidden unless the address asks for them.
    Template context: page (rows as dicts with url, status, badge), table, filter_bar, state (ListState),
    progress (Run or None), narrowed, archived_hidden, archived_shown, unit, connection_slug.
    """

    kind: ClassVar[str] = ""
    template_name: ClassVar[str] = ""
    table_label: ClassVar[str] = ""
    search_label: ClassVar[str] = "Search"
    hidden_columns: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str] = "lists"
    sorts: ClassVar[dict[str, tuple[str, ...]]] = {
        "": ("archived", "sort_key"),
        "-name": ("archived", "-sort_key"),
        "created": ("created_at", "sort_key"),
        "-created": ("-created_at", "sort_key"),
        "status": ("archived", "disabled", "sort_key"),
        "-status": ("-archived", "-disabled", "sort_key"),
    }

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the list, read from the gateway if needed."""
        state = self.ensure()
        if state.large:
            enqueue_large_lists(connection=self.connection)
        filters = self.filters(state)
        q = query_param(request.GET, "q")
        chosen = {each.name: each.value for each in filters}
        rows = filter_by_text(self.filter_rows(self.rows(), chosen), q)
        archived_shown = query_param(request.GET, "archived") == "1"
        archived_hidden = 0
        if not (archived_shown or q or chosen.get("status")):
            archived_hidden = rows.filter(archived=True).count()
            rows = rows.filter(archived=False)
        under_way = state.large or state.loading or not state.complete or state.stale
        page, narrowed = self.page(rows, q), bool(q or any(chosen.values()))
        kept = (("archived", "1" if archived_shown else ""), ("sort", self.sort))
        context = {
            "page": page,
            "filter_bar": FilterBar(
                label="This list",
                filters=[Filter(name="q", label=self.search_label, type="search", value=q), *filters],
                hidden=[(name, value) for name, value in kept if value],
                is_narrowed=narrowed,
            ),
            "state": state,
            "progress": self.progress(state) if under_way else None,
            "narrowed": narrowed,
            "archived_hidden": archived_hidden,
            "archived_shown": archived_shown,
            "unit": self.unit,
            "connection_slug": self.connection,
            **self.page_context(page),
        }
        context["table"] = Table(
            request, self.columns(), page.object_list, label=self.table_label, sort=self.sort,
            css="table-vcenter table-dense",
        )  # fmt: skip
        return render(request, self.template_name, context)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseRedirect:
        """Read the list from the gateway and redirect to it with the result as a message."""
        place: dict[str, Any] = {"connection": self.connection, "kind": self.kind, "parent": self.parent}
        enqueued = enqueue_reading(**place) if self.needs_worker() else False
        if enqueued:
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
        """The requested order; "" (by name) if it is unknown."""
        wanted = query_param(self.request.GET, "sort")
        known = wanted in self.sorts or wanted.removeprefix("-") in self.property_sorts
        return wanted if known else ""

    @property
    def property_sorts(self) -> set[str]:
        """The properties of the entity that a column sorts by."""
        named = {column.sort for column in self.columns()}
        return {name for name in named if name and f"-{name}" not in self.sorts}

    def columns(self) -> list[Column]:
        """Return the columns of this list."""
        return [column for column in LIST_COLUMNS.get(self.kind) if column.label not in self.hidden_columns]

    def ensure(self) -> ListState:
        """Read the list if it is stale."""
        return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.parent)

    def refresh(self) -> ListState:
        """Read the list, however old it is."""
        return refresh_list(connection=self.connection, kind=self.kind, parent=self.parent)

    def needs_worker(self) -> bool:
        """Return whether the list is too long for a page to read."""
        lists = ListSync.objects.filter(connection=self.connection, kind=self.kind)
        lists = lists.filter(parent_guid=self.parent) if self.parent else lists
        return lists.exclude(size=ListSync.Size.ORDINARY).exists()

    def progress(self, state: ListState) -> Any:
        """Return the background reading of this list that is under way, if any."""
        return get_reading_progress(
            connection=self.connection, kind=self.kind, parent=self.parent, missing=not state.complete
        )

    def rows(self) -> QuerySet[IndexedEntity]:
        """Return the rows within the user's tenant access, before search and filters."""
        rows = visible_entities(user=self.request.user, connection=self.connection, kind=self.kind)
        return rows.filter(parent_guid=self.parent) if self.parent else rows

    def filters(self, state: ListState) -> list[Filter]:
        """Return the drop-downs; by default one for the status."""
        return [self.choice("status", "Status", list(STATUSES))]

    def filter_rows(self, rows: QuerySet[IndexedEntity], chosen: dict[str, str]) -> QuerySet[IndexedEntity]:
        """Return the rows that match the values of the filters by name; "" matches all."""
        return filter_rows(rows, chosen)

    def choice(self, name: str, label: str, options: list[tuple[str, str]]) -> Filter:
        """Return a drop-down with the value from the address; an unknown value stays selected."""
        value = query_param(self.request.GET, name)
        offered = options if value in {"", *(code for code, _ in options)} else [*options, (value, value)]
        return Filter(name=name, label=label, options=offered, value=value)

    def page(self, rows: QuerySet[IndexedEntity], q: str = "") -> KeysetPage:
        """Return one page of rows as dicts. Rows whose name is the search text come first."""
        name = self.sort.removeprefix("-")
        if name in self.property_sorts:
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
        places = [(self.connection, row["parent_guid"]) for row in page.object_list]
        merchants = get_merchant_statuses(places) if self.kind in CHILD_KINDS else {}
        for row in page.object_list:
            row["parent_status"] = merchants.get((self.connection, row["parent_guid"]), "")
        page.object_list = [prepare_row(row, prefix) for row in page.object_list]
        return page

    def page_context(self, page: KeysetPage) -> dict[str, Any]:
        """Return what the template needs besides. May add to the rows of the page."""
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


class MerchantChildrenListView(EntityListView):
    """Rows get merchant_name and merchant_url. Context besides the list's own: merchant, merchant_name."""

    unit = "merchants"
    sorts = EntityListView.sorts | {
        "merchant": ("merchant_key", "sort_key"),
        "-merchant": ("-merchant_key", "sort_key"),
    }

    @property
    def parent(self) -> str:
        """GUID of the requested merchant; "" for all, or if it is unknown."""
        wanted = query_param(self.request.GET, "merchant")
        return wanted if wanted and get_merchant_names(self.request.user, self.connection, [wanted]) else ""

    def ensure(self) -> ListState:
        """Read one merchant's list; for all merchants, what is missing, unless a worker reads it."""
        if self.parent:
            return refresh_list_if_stale(connection=self.connection, kind=self.kind, parent=self.parent)
        return self._read(refresh=False)

    def refresh(self) -> ListState:
        """Read one merchant's list, or as many as the budget allows; a worker reads the rest."""
        if self.parent:
            return refresh_list(connection=self.connection, kind=self.kind, parent=self.parent)
        return self._read(refresh=True)

    def needs_worker(self) -> bool:
        """Return whether there are many lists, or a long one, which a worker reads."""
        known = visible_merchants(user=self.request.user, connection=self.connection)
        return super().needs_worker() or (not self.parent and known.count() > READ_AT_ONCE)

    def _read(self, *, refresh: bool) -> ListState:
        place: dict[str, Any] = {"user": self.request.user, "connection": self.connection}
        merchants = refresh_merchant_lists(**place, budget=REFRESH_BUDGET)
        budget = -1.0 if merchants.away else (3 if refresh else 1) * REFRESH_BUDGET
        state = refresh_child_lists(**place, kind=self.kind, budget=budget, refresh=refresh)
        return state.below(merchants)

    def rows(self) -> QuerySet[IndexedEntity]:
        """Return the rows, with the name of the merchant if they are sorted by it."""
        merchants = IndexedEntity.objects.filter(
            connection=OuterRef("connection"), kind="merchant", guid=OuterRef("parent_guid")
        )
        rows = super().rows()
        if self.sort.removeprefix("-") == "merchant":
            rows = rows.annotate(merchant_key=Subquery(merchants.values("sort_key")[:1]))
        return rows

    def filters(self, state: ListState) -> list[Filter]:
        """Return a filter by effective status."""
        return [self.choice("status", "Status", list(CHILD_STATUSES))]

    def page_context(self, page: KeysetPage) -> dict[str, Any]:
        """Add the names and addresses of the merchants on this page, in one query."""
        rows = page.object_list
        guids = [row["parent_guid"] for row in rows] + [self.parent]
        names = get_merchant_names(self.request.user, self.connection, guids)
        for row in rows:
            row["merchant_name"] = names.get(row["parent_guid"], row["parent_guid"])
            row["merchant_url"] = reverse("merchants:page", args=[self.connection, row["parent_guid"]])
        return {"merchant": self.parent, "merchant_name": names.get(self.parent, "")}


def get_merchant_names(user: User | AnonymousUser, connection: str, guids: Iterable[str]) -> dict[str, str]:
    """Return GUID → name of known merchants within the user's tenant access, in one query."""
    merchants = visible_entities(user=user, connection=connection, kind="merchant")
    return dict(merchants.filter(guid__in=set(guids) - {""}).values_list("guid", "name"))
