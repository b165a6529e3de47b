"""How complete the index is, and reading missing lists within the time that a page has."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from portal.directory.list_sync import (
    RETRY_AFTER,
    UNREADABLE_SHOWN,
    ListState,
    get_unreadable_rows,
    refresh_list,
    refresh_list_if_stale,
    refresh_stale_lists,
)
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.queries import visible_entities
from portal.staff.models import User
from portal.staff.tenant_access import get_tenant_access
from portal.tasks.recovery import is_worker_running

# The gateway has one list of users and one of connectors per merchant. Pages refresh up to this many.
READ_AT_ONCE = 40
# No read starts later than this after a page began to read, so that a page stays below 20 seconds.
LATEST_START = 4.0
_SLICE = 200
_ANY_AGE = 1e9  # seconds: read only what was never read, or is known to be wrong


@dataclass(frozen=True, slots=True)
class Coverage:
    """For how many merchants the list of a kind was read. `merchants_complete`: all merchants are known."""

    kind: str
    total: int
    known: int
    merchants_complete: bool

    @property
    def complete(self) -> bool:
        """Whether an entity that is not in the index does not exist at the gateway."""
        return self.merchants_complete and self.known >= self.total


def visible_merchants(*, user: User | AnonymousUser, connection: str) -> QuerySet[IndexedEntity]:
    """Return the known merchants of a connection within the user's tenant access."""
    return visible_entities(user=user, connection=connection, kind="merchant")


def refresh_merchant_lists(
    *, user: User | AnonymousUser, connection: str, budget: float, max_age: float | None = None
) -> ListState:
    """Read the list of tenants and their lists of merchants if they are stale. Return their common state."""
    tenants = refresh_list_if_stale(connection=connection, kind="tenant", max_age=max_age)
    rows = visible_entities(user=user, connection=connection, kind="tenant")
    parents = list(rows.values_list("guid", flat=True))
    if not parents or (tenants.away and not tenants.loaded):
        return tenants
    return refresh_stale_lists(
        connection=connection,
        kind="merchant",
        parents=parents,
        budget=-1.0 if tenants.away else budget,
        max_age=max_age,
    )


def refresh_child_lists(
    *, user: User | AnonymousUser, connection: str, kind: str, budget: float, refresh: bool = False
) -> ListState:
    """Read the missing or wrong lists of users or connectors of merchants. Return the common state.

    If there are few lists, stale ones are read as well. If there are many, a running background worker reads
    those never read. `refresh` reads all of them, the oldest first, as far as the budget allows.
    """
    started, now = time.monotonic(), timezone.now()
    merchants = visible_merchants(user=user, connection=connection)
    few = merchants.count() <= READ_AT_ONCE
    lists = _lists(user, connection, kind)
    tried = Q(failed_at__gte=now - RETRY_AFTER) | ~Q(size=ListSync.Size.ORDINARY)
    due = [lists.filter(outdated=True)]
    if few or refresh:
        age = timedelta(seconds=0 if refresh else settings.INDEX_MAX_AGE)
        due.append(lists.filter(refreshed_at__lt=now - age).order_by("refreshed_at"))
    found = [list(rows.exclude(tried).values_list("parent_guid", flat=True)[:_SLICE]) for rows in due]
    if few or refresh or not is_worker_running():
        # The lists that were never read, those of the newest merchants first.
        skipped = lists.filter(Q(refreshed_at__isnull=False) | tried)
        never_read = merchants.exclude(guid__in=skipped.values("parent_guid"))
        never_read = never_read.order_by(F("created_at").desc(nulls_last=True))
        found.insert(1, list(never_read.values_list("guid", flat=True)[:_SLICE]))
    for parent in dict.fromkeys(guid for guids in found for guid in guids):
        if time.monotonic() - started > min(budget, LATEST_START) or budget < 0:
            break
        read = refresh_list if refresh else refresh_list_if_stale
        if read(connection=connection, kind=kind, parent=parent).away:
            break
    return get_child_lists_state(user=user, connection=connection, kind=kind)


def get_child_lists_state(*, user: User | AnonymousUser, connection: str, kind: str) -> ListState:
    """Return the common state of the lists of users or connectors of all merchants that the user may see."""
    lists = _lists(user, connection, kind)
    current = timezone.now() - timedelta(seconds=settings.INDEX_MAX_AGE)
    found = lists.aggregate(
        known=Count("refreshed_at"),
        oldest=Min("refreshed_at"),
        fresh=Count("pk", filter=Q(refreshed_at__gte=current)),
    )
    failed = lists.filter(away_since__isnull=False).order_by("-failed_at").first()
    total = visible_merchants(user=user, connection=connection).count()
    return ListState(
        refreshed_at=found["oldest"],
        failed_at=failed.failed_at if failed else None,
        away_since=failed.away_since if failed else None,
        failure=failed.failure if failed else "",
        stale=max(0, found["known"] - found["fresh"]),
        total=total,
        known=min(found["known"], total),
        unreadable=get_unreadable_rows(lists.exclude(unreadable=[])[:UNREADABLE_SHOWN]),
    )


def get_coverage(*, user: User | AnonymousUser, connection: str, kind: str) -> Coverage:
    """Return how complete the users or connectors (or, for "merchant", the merchants) of a connection are."""
    tenants = visible_entities(user=user, connection=connection, kind="tenant")
    listed = ListSync.objects.filter(connection=connection, refreshed_at__isnull=False)
    read = listed.filter(kind="merchant", parent_guid__in=tenants.values("guid")).count()
    tenants_read = listed.filter(kind="tenant").exists()
    whole = tenants_read and read >= tenants.count()
    if kind == "merchant":
        return Coverage(kind, tenants.count(), read, tenants_read)
    state = get_child_lists_state(user=user, connection=connection, kind=kind)
    return Coverage(kind, state.total, state.known, whole)


def read_missing_lists(
    *, user: User | AnonymousUser, connection: str, kinds: Iterable[str], budget: float
) -> list[Coverage]:
    """Read the lists of a connection that were never read. Return what the budget left incomplete."""
    started = time.monotonic()
    wanted = [kind for kind in kinds if kind != "tenant"]
    merchants = get_coverage(user=user, connection=connection, kind="merchant")
    if not merchants.complete:
        refresh_merchant_lists(user=user, connection=connection, budget=budget, max_age=_ANY_AGE)
    for kind in wanted:
        left = budget - (time.monotonic() - started)
        if kind != "merchant" and left > 0:
            refresh_child_lists(user=user, connection=connection, kind=kind, budget=left)
    found = [get_coverage(user=user, connection=connection, kind=kind) for kind in wanted]
    return [coverage for coverage in found if not coverage.complete]


def _lists(user: User | AnonymousUser, connection: str, kind: str) -> QuerySet[ListSync]:
    """Return the lists of the merchants that the user may see. Lists of vanished merchants are deleted."""
    lists = ListSync.objects.filter(connection=connection, kind=kind)
    if get_tenant_access(user).everywhere:
        return lists
    merchants = visible_merchants(user=user, connection=connection)
    return lists.filter(parent_guid__in=merchants.values("guid"))
