"""Read lists of the gateway into the index: when, by which process, and what a failure changes."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from portal.directory.models import IndexedEntity, ListSync
from portal.directory.serialization import build_row, draft_row
from provisioning import service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import AnswerTooLarge, ProvisioningError

# A list that has just failed is not read again by each page that needs it; "Refresh" does read it.
RETRY_AFTER = timedelta(seconds=15)
# A claim older than this belongs to a process that was killed.
CLAIM_LIFE = timedelta(seconds=60)
FIRST_LOAD_WAIT = 5.0
# Pages read lists up to this length themselves. Longer ones are read by a background worker.
PAGE_ROWS = 5000
PAGE_BYTES = 8 * 1024 * 1024
# The maximum number of unreadable rows that are listed for several lists together.
UNREADABLE_SHOWN = 50
_BATCH = 500
# Seconds between the slices of a long list. SQLite serves writers in no order, so this lets others write.
_PAUSE = 0.01
_WRITTEN = [field.attname for field in IndexedEntity._meta.concrete_fields if not field.primary_key]
_IDENTITY = ["connection", "kind", "guid"]
_CHILD_KINDS = [kind.kind for kind in ENTITY_KINDS.values() if kind.parent]
# Called with the number of rows stored and of rows in all.
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ListState:
    """How current a list is. `refreshed_at` None: never read. `away_since` is set while reading fails.

    For several lists together: `total` is their number, `known` how many were ever read, `stale` how many are
    too old. `large`: a background worker has to read it. `parents_complete`: no list is missing in `total`.
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
        """Whether the gateway did not answer the last time."""
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
        """Combine this with the state of the lists of their parents, which may be incomplete or away too."""
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


def refresh_list(*, connection: str, kind: str, parent: str = "", report: Report | None = None) -> ListState:
    """Read one list now, unless another process is reading it. A failure is part of the state, not raised.

    A page leaves a long list to the background worker, which passes `report`.
    """
    sync = _get_sync(connection, kind, parent)
    if report is None and sync.size != ListSync.Size.ORDINARY:
        return _get_state(sync)
    return _read_or_wait(sync, report)


def refresh_list_if_stale(
    *, connection: str, kind: str, parent: str = "", max_age: float | None = None
) -> ListState:
    """Read one list if it is older than `max_age` seconds (default: settings.INDEX_MAX_AGE).

    Only one process reads it; the others serve the rows there are. A failed read leaves the rows as they are.
    """
    sync = ListSync.objects.filter(connection=connection, kind=kind, parent_guid=parent).first()
    sync = sync or _get_sync(connection, kind, parent)
    return _read_or_wait(sync) if _is_due(sync, max_age) else _get_state(sync)


def refresh_stale_lists(
    *, connection: str, kind: str, parents: Sequence[str], budget: float = 2.0, max_age: float | None = None
) -> ListState:
    """Read the lists that are stale, oldest first, for `budget` seconds. Return the state of all of them.

    `refreshed_at` is the oldest; `stale` is how many are still too old.
    """
    known = {sync.parent_guid: sync for sync in ListSync.objects.filter(connection=connection, kind=kind)}
    for parent in parents:
        known.setdefault(parent, ListSync(connection=connection, kind=kind, parent_guid=parent))
    states = {parent: _get_state(known[parent]) for parent in parents}
    due = [known[parent] for parent in parents if _is_due(known[parent], max_age)]
    # Lists known to be wrong come first, then those never read.
    due.sort(
        key=lambda sync: (not sync.outdated, sync.refreshed_at.timestamp() if sync.refreshed_at else 0.0)
    )
    ends = time.monotonic() + budget
    left = len(due)
    for sync in due:
        if time.monotonic() > ends:
            break
        parent = sync.parent_guid
        states[parent] = refresh_list_if_stale(
            connection=connection, kind=kind, parent=parent, max_age=max_age
        )
        left -= 1
        if states[parent].away:
            break
    return _combine(list(states.values()), left)


def _combine(states: list[ListState], stale: int) -> ListState:
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
        unreadable=get_unreadable_rows(states),
    )


def get_unreadable_rows(lists: Iterable[ListState | ListSync]) -> tuple[str, ...]:
    """Return the descriptions of the rows of several lists that could not be read, up to a limit."""
    return tuple(row for each in lists for row in each.unreadable)[:UNREADABLE_SHOWN]


def _get_sync(connection: str, kind: str, parent: str) -> ListSync:
    return ListSync.objects.get_or_create(connection=connection, kind=kind, parent_guid=parent)[0]


def _get_state(sync: ListSync) -> ListState:
    return ListState(
        refreshed_at=sync.refreshed_at,
        failed_at=sync.failed_at,
        away_since=sync.away_since,
        failure=sync.failure,
        facets=sync.facets,
        loading=sync.claimed_at is not None and timezone.now() - sync.claimed_at < CLAIM_LIFE,
        known=int(sync.refreshed_at is not None),
        rows=sync.rows,
        large=sync.size != ListSync.Size.ORDINARY,
        too_large=sync.size == ListSync.Size.TOO_LARGE,
        unreadable=tuple(sync.unreadable),
    )


def _is_due(sync: ListSync, max_age: float | None) -> bool:
    age = timedelta(seconds=settings.INDEX_MAX_AGE if max_age is None else max_age)
    now = timezone.now()
    if sync.size != ListSync.Size.ORDINARY or (sync.failed_at and now - sync.failed_at < RETRY_AFTER):
        return False
    return sync.outdated or sync.refreshed_at is None or now - sync.refreshed_at > age


def _read_or_wait(sync: ListSync, report: Report | None = None) -> ListState:
    """Read the list if this process can claim it; otherwise wait for a first load, never for a later one."""
    # One conditional UPDATE, so exactly one of several processes claims the list. It also fails if another
    # process has renewed the list since this one decided to read it.
    now = timezone.now()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_LIFE)
    unchanged = {"refreshed_at": sync.refreshed_at, "failed_at": sync.failed_at}
    claimed = ListSync.objects.filter(free, pk=sync.pk, **unchanged).update(claimed_at=now)
    if claimed:
        return _read(sync, report)
    ends = time.monotonic() + FIRST_LOAD_WAIT
    sync.refresh_from_db()
    while sync.refreshed_at is None and sync.claimed_at is not None and time.monotonic() < ends:
        time.sleep(0.05)
        sync.refresh_from_db()
    return _get_state(sync)


def _read(sync: ListSync, report: Report | None) -> ListState:
    """Read the list, store the difference and the outcome, and release the claim in any case."""
    started = timezone.now()
    in_page = report is None
    try:
        entities = service.list_entities(
            connection=sync.connection,
            kind=sync.kind,
            parent=sync.parent_guid,
            size_cap=PAGE_BYTES if in_page else 0,
        )
        if in_page and len(entities) > PAGE_ROWS:
            raise AnswerTooLarge("The list is too long to be read while a page loads.")
        facets = _store_difference(sync, entities, started, report)
        outcome: dict[str, Any] = {
            "refreshed_at": started,
            "failed_at": None,
            "away_since": None,
            "failure": "",
            "facets": facets,
            "rows": len(entities),
            "size": ListSync.Size.LARGE if len(entities) > PAGE_ROWS else ListSync.Size.ORDINARY,
            "outdated": False,
            "unreadable": list(entities.unreadable),
        }
    except AnswerTooLarge as error:
        outcome = {"size": ListSync.Size.LARGE}
        if not in_page:
            failure = f"The list is larger than the portal can read. {_describe(error)}"[:500]
            outcome = {"size": ListSync.Size.TOO_LARGE, "failure": failure, "failed_at": timezone.now()}
    except ProvisioningError as error:
        failed_at = timezone.now()
        outcome = {
            "failed_at": failed_at,
            "away_since": sync.away_since or failed_at,
            "failure": _describe(error),
        }
    except BaseException:
        ListSync.objects.filter(pk=sync.pk).update(claimed_at=None)
        raise
    ListSync.objects.filter(pk=sync.pk).update(claimed_at=None, **outcome)
    sync.refresh_from_db()
    return _get_state(sync)


def _describe(error: ProvisioningError) -> str:
    return str(error)[:500] or type(error).__name__


def _store_difference(
    sync: ListSync, entities: Sequence[Entity], started: datetime, report: Report | None
) -> dict[str, list[str]]:
    """Store only what differs, in slices with a transaction each, so that other writers do not wait long.

    A row written after the read began is newer than the answer and stays. Return the list's facets.
    """
    rows = IndexedEntity.objects.filter(
        connection=sync.connection, kind=sync.kind, parent_guid=sync.parent_guid
    )
    columns = rows.values_list("guid", "digest", "seen_at", "archived")
    known = {guid: (digest, seen_at, archived) for guid, digest, seen_at, archived in columns}
    tenant = find_tenant_guid(sync.connection, sync.kind, sync.parent_guid)
    drafts = (draft_row(entity, parent=sync.parent_guid, tenant=tenant) for entity in entities)
    listed = {draft.guid: draft for draft in drafts if draft}
    changed = []
    for guid, draft in listed.items():
        digest, seen_at, _ = known.get(guid, ("", None, False))
        if seen_at is None or (digest != draft.digest and seen_at < started):
            changed.append(draft)
    vanished = [
        guid
        for guid, (_, seen_at, archived) in known.items()
        # It is not documented whether lists contain archived entities, so an archived row stays.
        if guid not in listed and seen_at < started and not archived
    ]
    total = len(changed) + len(vanished)
    for start in range(0, len(changed), _BATCH):
        batch = changed[start : start + _BATCH]
        store_rows([build_row(draft, connection=sync.connection, seen_at=started) for draft in batch])
        _pause(sync, start + len(batch), total, report)
    for start in range(0, len(vanished), _BATCH):
        guids = vanished[start : start + _BATCH]
        children = {"connection": sync.connection, "kind__in": _CHILD_KINDS, "parent_guid__in": guids}
        IndexedEntity.objects.filter(connection=sync.connection, kind=sync.kind, guid__in=guids).delete()
        IndexedEntity.objects.filter(**children).delete()
        ListSync.objects.filter(**children).delete()
        _pause(sync, len(changed) + start + len(guids), total, report)
    if not total:
        return dict(sync.facets)
    # The countries and currencies that occur are stored, so that no list page has to collect them.
    return {
        name: sorted(set(rows.exclude(**{name: ""}).values_list(name, flat=True)))
        for name in ("country", "currency")
    }


def _pause(sync: ListSync, done: int, total: int, report: Report | None) -> None:
    """Between two slices of a long list: renew the claim, report the progress, let others write."""
    if total <= _BATCH:
        return
    ListSync.objects.filter(pk=sync.pk).update(claimed_at=timezone.now())
    if report:
        report(done, total)
    time.sleep(_PAUSE)


def store_rows(rows: list[IndexedEntity]) -> None:
    """Insert or overwrite rows in few statements, in the same way on both databases."""
    update = [name for name in _WRITTEN if name not in _IDENTITY]
    IndexedEntity.objects.bulk_create(
        rows, batch_size=_BATCH, update_conflicts=True, unique_fields=_IDENTITY, update_fields=update
    )


def find_tenant_guid(connection: str, kind: str, parent: str) -> str:
    """Return the GUID of the tenant of the entities of a list; "" for the tenants themselves."""
    if kind in ("tenant", "merchant"):
        return parent
    merchants = IndexedEntity.objects.filter(connection=connection, kind="merchant", guid=parent)
    return merchants.values_list("tenant_guid", flat=True).first() or ""
