"""Find, search and store rows of the index. Other packages import these from portal.directory.services."""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from portal.core.errors import NotFound
from portal.core.text import database_safe, fold, search_text
from portal.directory.list_sync import ListState, find_tenant_guid, refresh_list_if_stale, store_rows
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.serialization import GUID_LIMIT, build_row, draft_row
from portal.staff.models import User
from portal.staff.tenant_access import get_tenant_access
from provisioning.entities import ENTITY_KINDS, Entity

# Seconds that a page spends looking at the gateway for an entity that is not in the index yet.
LOOK_BUDGET = 3.0
# A list read this recently is not read again to find something that was not in it.
_JUST_READ = 5.0
# A web address as it is pasted from a browser: scheme and closing slash make no difference.
_WEB_ADDRESS = re.compile(r"^https?://([^/]+(?:/.*?[^/])?)/*$")

_AWAY = (
    "The gateway of “{}” could not be read just now, so the portal could not check.",
    "It may still exist. Try again later.",
)
_ABSENT = (
    "The gateway of “{}” does not list it either.",
    "Check the ID for typing errors, and whether it belongs to another connection. If it was just created "
    "elsewhere, refresh the list it belongs to.",
)
# For users limited to some tenants: the same words whether it exists outside of them or not at all.
_ABSENT_OR_HIDDEN = (
    "It does not exist, or it is outside your tenant access.",
    "Check the ID for typing errors. If it was just created elsewhere, refresh the list it belongs to. "
    "If you need access to its tenant, ask an admin.",
)


class UnknownEntity(NotFound):
    """No such entity is known, and the gateway does not list it. `gateway_away`: it could not be read.

    Also raised for an entity outside the user's tenant access. `beyond` tells the middleware to record that;
    it is None for users with access to all tenants.
    """

    def __init__(
        self, *, connection: str, kind: str, guid: str, gateway_away: bool, beyond: bool | None = None
    ) -> None:
        self.kind, self.guid, self.gateway_away = kind, guid, gateway_away
        limited = beyond is not None
        absent = _ABSENT_OR_HIDDEN if limited else _ABSENT
        reason, advice = _AWAY if gateway_away else absent
        where = "was found within your tenant access" if limited else "is known"
        super().__init__(
            f"No {ENTITY_KINDS[kind].label} with the ID {guid} {where}. {reason.format(connection)}",
            advice=advice,
            worth_retrying=gateway_away,
            beyond=beyond,
        )


def visible_entities(
    *, user: User | AnonymousUser, connection: str = "", kind: str = ""
) -> QuerySet[IndexedEntity]:
    """Return the rows within the user's tenant access; every page and list starts here. "" means any."""
    within = get_tenant_access(user).conditions(
        # Tenants themselves have no tenant_guid.
        lambda guids: Q(tenant_guid__in=guids) | Q(kind="tenant", guid__in=guids)
    )
    rows = IndexedEntity.objects.filter(within)
    rows = rows.filter(connection=connection) if connection else rows
    return rows.filter(kind=kind) if kind else rows


def find_entity(*, user: User | AnonymousUser, connection: str, kind: str, guid: str) -> IndexedEntity:
    """Return the row of one entity. Search the gateway for some seconds before raising UnknownEntity.

    An entity outside the user's tenant access gets the same answer, as slowly, as one that does not exist.
    """
    seen = visible_entities(user=user, connection=connection)
    found = _find_row(seen, kind, guid)
    if found:
        return found
    away = False
    for state in _read_lists(seen, connection, kind):
        away = away or state.away
        found = _find_row(seen, kind, guid)
        if found or away:
            break
    if found is None:
        beyond = None
        if not get_tenant_access(user).everywhere:
            beyond = _find_row(IndexedEntity.objects.filter(connection=connection), kind, guid) is not None
        raise UnknownEntity(connection=connection, kind=kind, guid=guid, gateway_away=away, beyond=beyond)
    return found


def store_entity(*, connection: str, entity: Entity, tenant_guid: str = "") -> IndexedEntity | None:
    """Store the entity that the gateway returned for a change. Return None if its GUID cannot be stored.

    An entity without a parent keeps the parent of its row.
    """
    here = IndexedEntity.objects.filter(connection=connection)
    known = _find_row(here, entity.kind, entity.guid)
    parent = entity.parent or (known.parent_guid if known else "")
    tenant = (
        tenant_guid
        or find_tenant_guid(connection, entity.kind, parent)
        or (known.tenant_guid if known else "")
    )
    draft = draft_row(entity, parent=parent, tenant=tenant)
    if draft is None:
        return None
    row = build_row(draft, connection=connection, seen_at=timezone.now())
    store_rows([row])
    if known and (known.disabled, known.archived) != (row.disabled, row.archived):
        # The gateway may have changed its children too.
        ListSync.objects.filter(
            connection=connection,
            kind__in=ENTITY_KINDS[row.kind].children,
            parent_guid=row.guid,
            refreshed_at__isnull=False,
        ).update(outdated=True)
    _add_facets(row)
    return _find_row(here, entity.kind, entity.guid)


def update_entity(*, entry: IndexedEntity, entity: Entity) -> IndexedEntity:
    """Update a row from a fresh read of its entity; nothing is written if nothing differs."""
    draft = draft_row(entity, parent=entry.parent_guid, tenant=entry.tenant_guid)
    if draft is None or draft.digest == entry.digest:
        return entry
    stored = store_entity(connection=entry.connection, entity=entity, tenant_guid=entry.tenant_guid)
    return stored or entry


def get_parents(entry: IndexedEntity) -> list[IndexedEntity]:
    """Return the known rows above an entity, tenant first."""
    above = {entry.tenant_guid, entry.parent_guid} - {"", entry.guid}
    if not above:
        return []
    rows = IndexedEntity.objects.defer("search").filter(
        connection=entry.connection, kind__in=("tenant", "merchant"), guid__in=above
    )
    return sorted(rows, key=lambda row: row.kind != "tenant")


def find_visible_guids(*, user: User | AnonymousUser, connection: str, guids: Iterable[str]) -> set[str]:
    """Return those of the GUIDs that belong to an entity within the user's tenant access."""
    asked = {guid for guid in guids if len(guid) <= GUID_LIMIT and database_safe(guid) == guid}
    rows = visible_entities(user=user, connection=connection).filter(guid__in=asked)
    return set(rows.values_list("guid", flat=True))


def find_guids_read_before(*, connection: str, kind: str, before: datetime) -> QuerySet[IndexedEntity, str]:
    """Return the GUIDs of the rows written before a moment, of all tenants. Not for pages."""
    rows = IndexedEntity.objects.filter(connection=connection, kind=kind, seen_at__lt=before)
    return rows.values_list("guid", flat=True)


def get_children(entry: IndexedEntity) -> QuerySet[IndexedEntity]:
    """Return the children of an entity. A user who may see the entity may see them."""
    return IndexedEntity.objects.filter(connection=entry.connection, parent_guid=entry.guid)


def filter_by_text(rows: QuerySet[IndexedEntity], text: str) -> QuerySet[IndexedEntity]:
    """Keep the rows that contain each word of the text, in any case."""
    for word in fold(text).split()[:8]:
        rows = rows.filter(search__contains=_WEB_ADDRESS.sub(r"\1", word))
    return rows


def annotate_rank(rows: QuerySet[IndexedEntity], text: str) -> QuerySet[Any]:
    """Annotate `rank`: 0 where the name is the text, 1 where it begins with it, 2 otherwise."""
    name = fold(text)[:120]
    exact, beginning = When(sort_key=name, then=Value(0)), When(sort_key__startswith=name, then=Value(1))
    return rows.annotate(rank=Case(exact, beginning, default=Value(2)))


def search_entities(
    *, user: User | AnonymousUser, text: str, kinds: Iterable[str], limit: int, connection: str = ""
) -> list[IndexedEntity]:
    """Return at most `limit` rows of all connections (or one): an exact GUID first, then an exact name."""
    text = search_text(text)
    if not text:
        return []
    rows = visible_entities(user=user, connection=connection).defer("search").filter(kind__in=list(kinds))
    exact = list(rows.filter(guid=text)[:limit])
    matching = annotate_rank(filter_by_text(rows, text).exclude(guid=text), text)
    matching = matching.order_by("rank", "archived", "sort_key", "guid")
    return exact + list(matching[: limit - len(exact)])


def _find_row(rows: QuerySet[IndexedEntity], kind: str, guid: str) -> IndexedEntity | None:
    if database_safe(guid) != guid:
        return None  # No row can have it, and PostgreSQL refuses to look for a NUL.
    return rows.defer("search").filter(kind=kind, guid=guid).first()


def _read_lists(seen: QuerySet[IndexedEntity], connection: str, kind: str) -> Iterator[ListState]:
    """Read the lists in which an entity could be, those never read first, until the budget is spent."""
    ends = time.monotonic() + LOOK_BUDGET
    yield refresh_list_if_stale(connection=connection, kind="tenant", max_age=_JUST_READ)
    wanted: list[tuple[str, float | None]] = []
    if kind != "tenant":
        wanted = [(kind, _JUST_READ)] if kind == "merchant" else [("merchant", None), (kind, _JUST_READ)]
    for list_kind, max_age in wanted:
        parents = seen.filter(kind=ENTITY_KINDS[list_kind].parent)
        lists = ListSync.objects.filter(connection=connection, kind=list_kind, refreshed_at__isnull=False)
        read_at = {sync.parent_guid: sync.refreshed_at.timestamp() for sync in lists if sync.refreshed_at}
        guids = list(parents.order_by("-seen_at").values_list("guid", flat=True))
        for parent in sorted(guids, key=lambda guid: read_at.get(guid, 0.0)):
            if time.monotonic() > ends:
                return
            yield refresh_list_if_stale(connection=connection, kind=list_kind, parent=parent, max_age=max_age)


def _add_facets(row: IndexedEntity) -> None:
    """Offer a country or currency that is new to the list as a filter at once."""
    sync = ListSync.objects.filter(
        Q(refreshed_at__isnull=False), connection=row.connection, kind=row.kind, parent_guid=row.parent_guid
    ).first()
    if sync is None:
        return
    wanted = {"country": row.country, "currency": row.currency}
    facets = {name: sorted({*sync.facets.get(name, []), value} - {""}) for name, value in wanted.items()}
    if facets != sync.facets:
        ListSync.objects.filter(pk=sync.pk).update(facets=facets)
