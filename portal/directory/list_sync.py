"""Reading lists of the gateway into the index: when, by whom, and what happens if it does not answer."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from portal.directory.models import IndexedEntity, ListSync
from portal.directory.serialization import Draft, build_row, draft_row
from provisioning import service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import AnswerTooLarge, ProvisioningError

# A list that just failed is not asked again by every page that wants it; "refresh now" does ask.
RETRY_AFTER = timedelta(seconds=15)
# Whoever claimed a list and never came back was killed.
CLAIM_LIFE = timedelta(seconds=60)
FIRST_LOAD_WAIT = 5.0
# Pages read lists up to this length themselves. Longer ones are read by a background worker.
PAGE_ROWS = 5000
PAGE_BYTES = 8 * 1024 * 1024
# Rows that could not be read, of several lists together.
UNREADABLE_SHOWN = 50
_BATCH = 500
# On SQLite writers queue without order, so a long list lets others write between its slices. In seconds.
_PAUSE = 0.01
_WELL: dict[str, Any] = {"failed_at": None, "away_since": None, "failure": ""}
_WRITTEN = [field.attname for field in IndexedEntity._meta.concrete_fields if not field.primary_key]
_IDENTITY = ["connection", "kind", "guid"]
_CHILD_KINDS = [kind.kind for kind in ENTITY_KINDS.values() if kind.parent]


@dataclass(frozen=True, slots=True)
class ListState:
    """How current a list is. `refreshed_at` None: never read. `away_since` is set while reading fails.

    Of several lists together: `total` is how many there are, `known` how many were ever read, `stale` how
    many are older than they should be. `large`: a background worker has to read it. `parents_complete`: all
    lists there could be are among the `total`.
    """

    refreshed_at: datetime | None = None
    failed_at: datetime | None = None
    away_since: datetime | None = None
    failure: str = ""
    facets: dict[str, Any] | None = None
    loading: bool = False
    stale: int = 0
    total: int = 1
    known: int = 0
    rows: int | None = None
    large: bool = False
    too_large: bool = False
    parents_complete: bool = True
    unreadable: tuple[str, ...] = ()

    @property
    def away(self) -> bool:
        """Whether the gateway did not answer the last time it was asked."""
        return self.away_since is not None

    @property
    def loaded(self) -> bool:
        """Whether the list was ever read."""
        return self.refreshed_at is not None

    @property
    def complete(self) -> bool:
        """Whether every list was read at least once: only then does an absent row mean anything."""
        return self.parents_complete and self.known >= self.total

    def below(self, parents: "ListState") -> "ListState":
        """Return the state of lists whose parents are on lists that may be incomplete or away themselves."""
        away = parents if parents.away and not self.away else self
        return replace(
            self,
            parents_complete=parents.complete,
            failed_at=away.failed_at,
            away_since=away.away_since,
            failure=away.failure,
            loading=self.loading or parents.loading,
            large=self.large or (parents.large and not parents.complete),
        )


def refresh_list(
    *, connection: str, kind: str, parent: str = "", report: Callable[[int, int], None] | None = None
) -> ListState:
    """Reads one list now, unless somebody else is just doing so. A failure is told, not raised.

    A page leaves a long list to the worker, which passes `report`, a function of rows stored and rows in all.
    """
    scope = _scope(connection, kind, parent)
    if report is None and scope.size != ListSync.Size.ORDINARY:
        return _state(scope)
    return _refreshed(scope, report) if _claimed(scope) else _state(_waited(scope))


def refresh_list_if_stale(
    *, connection: str, kind: str, parent: str = "", max_age: float | None = None
) -> ListState:
    """The state of one list, read first if it is older than `max_age` seconds (settings.INDEX_MAX_AGE).

    Only one worker reads it; the others serve what is there. A failed read leaves the rows and is told.
    """
    found = ListSync.objects.filter(connection=connection, kind=kind, parent_guid=parent).first()
    scope = found or _scope(connection, kind, parent)
    if not _due(scope, max_age):
        return _state(scope)
    return _refreshed(scope) if _claimed(scope) else _state(_waited(scope))


def refresh_stale_lists(
    *, connection: str, kind: str, parents: Sequence[str], budget: float = 2.0, max_age: float | None = None
) -> ListState:
    """The common state of several lists; stale ones are read, oldest first, until `budget` seconds are over.

    `refreshed_at` is the oldest of them, `stale` how many are still older than they should be.
    """
    known = {scope.parent_guid: scope for scope in ListSync.objects.filter(connection=connection, kind=kind)}
    for parent in parents:
        known.setdefault(parent, ListSync(connection=connection, kind=kind, parent_guid=parent))
    states = {parent: _state(known[parent]) for parent in parents}
    due = sorted((known[parent] for parent in parents if _due(known[parent], max_age)), key=_oldest_first)
    ends = time.monotonic() + budget
    left = len(due)
    for scope in due:
        if time.monotonic() > ends:
            break
        states[scope.parent_guid] = refresh_list_if_stale(
            connection=connection, kind=kind, parent=scope.parent_guid, max_age=max_age
        )
        left -= 1
        if states[scope.parent_guid].away:
            break
    return _summary(list(states.values()), left)


def _summary(states: list[ListState], stale: int) -> ListState:
    ages = [state.refreshed_at for state in states if state.refreshed_at]
    sizes = [state.rows for state in states if state.rows is not None]
    failed = next((state for state in states if state.away), None)
    facets: dict[str, set[str]] = {}
    for state in states:
        for name, values in (state.facets or {}).items():
            facets.setdefault(name, set()).update(values)
    return ListState(
        refreshed_at=min(ages) if ages else None,
        failed_at=failed.failed_at if failed else None,
        away_since=failed.away_since if failed else None,
        failure=failed.failure if failed else "",
        facets={name: sorted(values) for name, values in facets.items()},
        stale=stale,
        loading=any(state.loading for state in states),
        total=len(states),
        known=len(ages),
        rows=sum(sizes) if len(sizes) == len(states) else None,
        large=any(state.large for state in states),
        too_large=any(state.too_large for state in states),
        unreadable=unreadable_rows(states),
    )


def unreadable_rows(lists: Iterable[ListState | ListSync]) -> tuple[str, ...]:
    """Return what is said of the rows of several lists that could not be read, up to a limit."""
    return tuple(row for each in lists for row in each.unreadable)[:UNREADABLE_SHOWN]


def _scope(connection: str, kind: str, parent: str) -> ListSync:
    return ListSync.objects.get_or_create(connection=connection, kind=kind, parent_guid=parent)[0]


def _state(scope: ListSync) -> ListState:
    return ListState(
        refreshed_at=scope.refreshed_at,
        failed_at=scope.failed_at,
        away_since=scope.away_since,
        failure=scope.failure,
        facets=scope.facets,
        loading=scope.claimed_at is not None and timezone.now() - scope.claimed_at < CLAIM_LIFE,
        known=int(scope.refreshed_at is not None),
        rows=scope.rows,
        large=scope.size != ListSync.Size.ORDINARY,
        too_large=scope.size == ListSync.Size.TOO_LARGE,
        unreadable=tuple(scope.unreadable),
    )


def _due(scope: ListSync, max_age: float | None) -> bool:
    age = timedelta(seconds=settings.INDEX_MAX_AGE if max_age is None else max_age)
    now = timezone.now()
    if scope.size != ListSync.Size.ORDINARY or (scope.failed_at and now - scope.failed_at < RETRY_AFTER):
        return False
    return scope.outdated or scope.refreshed_at is None or now - scope.refreshed_at > age


def _oldest_first(scope: ListSync) -> tuple[bool, bool, float]:
    """Lists known to be wrong come first, then those never read."""
    return (
        not scope.outdated,
        scope.refreshed_at is not None,
        scope.refreshed_at.timestamp() if scope.refreshed_at else 0.0,
    )


def _claimed(scope: ListSync) -> bool:
    """Takes the list for this worker: one conditional UPDATE, so exactly one of many gets it.

    Whoever decided on a state that another worker has meanwhile renewed does not get it either.
    """
    now = timezone.now()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_LIFE)
    seen = {"refreshed_at": scope.refreshed_at, "failed_at": scope.failed_at}
    return ListSync.objects.filter(free, pk=scope.pk, **seen).update(claimed_at=now) == 1


def _waited(scope: ListSync) -> ListSync:
    """Who finds nothing yet waits for the first load; who finds old rows does not."""
    ends = time.monotonic() + FIRST_LOAD_WAIT
    scope.refresh_from_db()
    while scope.refreshed_at is None and scope.claimed_at is not None and time.monotonic() < ends:
        time.sleep(0.05)
        scope.refresh_from_db()
    return scope


def _refreshed(scope: ListSync, report: Callable[[int, int], None] | None = None) -> ListState:
    """Reads, writes the difference, records the outcome and lets go of the claim, whatever happens."""
    started = timezone.now()
    in_page = report is None
    try:
        entities = service.list_entities(
            connection=scope.connection,
            kind=scope.kind,
            parent=scope.parent_guid,
            size_cap=PAGE_BYTES if in_page else 0,
        )
        if in_page and len(entities) > PAGE_ROWS:
            raise AnswerTooLarge("The list is too long to be read while a page loads.")
        facets = _reconcile(scope, entities, started, report)
        size = ListSync.Size.LARGE if len(entities) > PAGE_ROWS else ListSync.Size.ORDINARY
        outcome: dict[str, Any] = {
            "refreshed_at": started, **_WELL, "facets": facets, "rows": len(entities), "size": size,
            "outdated": False, "unreadable": list(entities.unreadable),
        }  # fmt: skip
    except AnswerTooLarge as error:
        outcome = {"size": ListSync.Size.LARGE}
        if not in_page:
            told = f"The list is larger than the portal can read. {_told(error)}"[:500]
            outcome = {"size": ListSync.Size.TOO_LARGE, "failure": told, "failed_at": timezone.now()}
    except ProvisioningError as error:
        failed_at = timezone.now()
        outcome = {
            "failed_at": failed_at,
            "away_since": scope.away_since or failed_at,
            "failure": _told(error),
        }
    except BaseException:
        ListSync.objects.filter(pk=scope.pk).update(claimed_at=None)
        raise
    ListSync.objects.filter(pk=scope.pk).update(claimed_at=None, **outcome)
    scope.refresh_from_db()
    return _state(scope)


def _told(error: ProvisioningError) -> str:
    return str(error)[:500] or type(error).__name__


def _reconcile(
    scope: ListSync,
    entities: Sequence[Entity],
    started: datetime,
    report: Callable[[int, int], None] | None = None,
) -> dict[str, list[str]]:
    """Writes only what differs. A row written after the read began is newer than the answer and stays."""
    mine = IndexedEntity.objects.filter(
        connection=scope.connection, kind=scope.kind, parent_guid=scope.parent_guid
    )
    columns = mine.values_list("guid", "digest", "seen_at", "archived")
    known = {guid: (digest, seen, archived) for guid, digest, seen, archived in columns}
    tenant = find_tenant_guid(scope.connection, scope.kind, scope.parent_guid)
    drafts = (draft_row(entity, parent=scope.parent_guid, tenant=tenant) for entity in entities)
    listed = {draft.guid: draft for draft in drafts if draft}
    changed = [draft for draft in listed.values() if _is_news(draft, known.get(draft.guid), started)]
    vanished = [
        guid
        for guid, (_, written, archived) in known.items()
        # Whether lists contain what is archived is not documented: what was archived stays known.
        if guid not in listed and written < started and not archived
    ]
    _write(scope, changed, vanished, started, report)
    return _facets(mine) if changed or vanished else scope.facets


def _is_news(draft: Draft, known: tuple[str, datetime, bool] | None, started: datetime) -> bool:
    return known is None or (known[0] != draft.digest and known[1] < started)


def _write(
    scope: ListSync,
    changed: list[Draft],
    vanished: list[str],
    started: datetime,
    report: Callable[[int, int], None] | None,
) -> None:
    """Stores the difference in slices, each in a transaction of its own, so that nobody waits long."""
    total = len(changed) + len(vanished)
    for start in range(0, len(changed), _BATCH):
        drafts = changed[start : start + _BATCH]
        store_rows([build_row(draft, connection=scope.connection, seen_at=started) for draft in drafts])
        _pause(scope, start + len(drafts), total, report)
    for start in range(0, len(vanished), _BATCH):
        guids = vanished[start : start + _BATCH]
        children = {"connection": scope.connection, "kind__in": _CHILD_KINDS, "parent_guid__in": guids}
        IndexedEntity.objects.filter(connection=scope.connection, kind=scope.kind, guid__in=guids).delete()
        IndexedEntity.objects.filter(**children).delete()
        ListSync.objects.filter(**children).delete()
        _pause(scope, len(changed) + start + len(guids), total, report)


def _pause(scope: ListSync, done: int, total: int, report: Callable[[int, int], None] | None) -> None:
    """Between two slices of a long list: keep the claim, say how far it is, let others write."""
    if total <= _BATCH:
        return
    ListSync.objects.filter(pk=scope.pk).update(claimed_at=timezone.now())
    if report:
        report(done, total)
    time.sleep(_PAUSE)


def store_rows(rows: list[IndexedEntity]) -> None:
    """Inserts or overwrites rows in few statements, alike on both databases."""
    update = [name for name in _WRITTEN if name not in _IDENTITY]
    IndexedEntity.objects.bulk_create(
        rows, batch_size=_BATCH, update_conflicts=True, unique_fields=_IDENTITY, update_fields=update
    )


def find_tenant_guid(connection: str, kind: str, parent: str) -> str:
    """The tenant under which children of `parent` live; "" for tenants themselves."""
    if kind in ("tenant", "merchant"):
        return parent
    merchants = IndexedEntity.objects.filter(connection=connection, kind="merchant", guid=parent)
    return merchants.values_list("tenant_guid", flat=True).first() or ""


def _facets(rows: Any) -> dict[str, list[str]]:
    """The countries and currencies that occur, kept so that no list page has to collect them."""
    columns = ("country", "currency")
    return {name: sorted(set(rows.exclude(**{name: ""}).values_list(name, flat=True))) for name in columns}
