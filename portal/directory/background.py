"""Read lists of the gateway in the background, so that lists and search become complete early."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.directory.list_sync import refresh_list
from portal.directory.models import IndexedEntity, ListSync
from portal.tasks.models import OPEN, TaskRun
from portal.tasks.periodic import HOUSEKEEPING, Housekeeping
from portal.tasks.recovery import is_worker_running
from portal.tasks.registry import TASK_TYPES, Result, TaskType
from portal.tasks.services import Owner, TaskNotPossible, enqueue_task, forget_runs, report_progress
from provisioning.credentials.models import Connection, Credential
from provisioning.entities import ENTITY_KINDS

KIND = "directory.read"
EVERY = timedelta(seconds=10)
# Lists that are not opened are read again after this time, which bounds the age of search results.
MAX_AGE = timedelta(hours=24)
# After a failure, no list of the connection is read for this long.
RETRY_AFTER = timedelta(minutes=1)
MAX_FAILURES = 3
# A run ends after this many seconds and enqueues the rest, so that other background work gets its turn.
TURN = 30.0
_PORTAL = Owner(None, "Portal")
_SLICE = 100
_CHILDREN = [(kind.kind, kind.parent) for kind in ENTITY_KINDS.values() if kind.parent]


def register_tasks() -> None:
    """Register the task that reads lists, and the periodic search for lists that are missing."""
    TASK_TYPES.register(KIND, TaskType(read_lists, deadline=timedelta(hours=6)))
    HOUSEKEEPING.register("missing lists", Housekeeping(enqueue_missing_lists, every=EVERY))


def enqueue_missing_lists() -> None:
    """Enqueue a reading for each connection with lists that are missing, known to be wrong or a day old."""
    usable = Credential.objects.filter(state=Credential.State.ACTIVE).values("connection")
    for slug in Connection.objects.filter(pk__in=usable).order_by("slug").values_list("slug", flat=True):
        failing = ListSync.objects.filter(connection=slug, failed_at__gte=timezone.now() - RETRY_AFTER)
        if not failing.exists() and next(_due_lists(slug), None):
            enqueue_reading(connection=slug)


def enqueue_reading(
    *, connection: str, kind: str = "", parent: str = "", before: str = "", turn: int = 0
) -> bool:
    """Have a worker read the missing lists of a connection; with `kind`, read all lists of that kind again.

    Return whether a worker is running. While a reading is under way, a second one is not enqueued: it would
    only take turns with the first one, and delay other background work. `turn` above 0 continues a reading.
    """
    if not is_worker_running():
        return False
    if turn == 0 and _open_readings(_key(connection, kind, parent)).exists():
        return True
    before = before or (timezone.now().isoformat() if kind else "")
    arguments = {"connection": connection, "kind": kind, "parent": parent, "before": before, "turn": turn}
    key = f"{_key(connection, kind, parent)}:{turn}"
    plural = ENTITY_KINDS[kind].plural if kind else "lists"
    title = f"Read the {plural} of {connection}"
    forget_runs(kind=KIND, key=key)
    try:
        enqueue_task(kind=KIND, title=title, owner=_PORTAL, arguments=arguments, key=key)
    except TaskNotPossible:
        return False
    return True


def enqueue_large_lists(*, connection: str) -> None:
    """Have a worker read the lists that are too long for a page and old or never read."""
    old = timezone.now() - timedelta(seconds=settings.INDEX_MAX_AGE)
    lists = ListSync.objects.filter(connection=connection, size=ListSync.Size.LARGE)
    due = lists.filter(Q(refreshed_at__isnull=True) | Q(refreshed_at__lt=old) | Q(outdated=True))
    for kind, parent in due.values_list("kind", "parent_guid")[:_SLICE]:
        enqueue_reading(connection=connection, kind=kind, parent=parent)


def get_reading_progress(
    *, connection: str, kind: str, parent: str = "", missing: bool = True
) -> TaskRun | None:
    """Return the reading of these lists that is under way, with `done` and `total`; None if there is none.

    The reading of all missing lists of the connection counts only for lists that are `missing`.
    """
    keys = {_key(connection, kind, parent), _key(connection, kind, "")}
    if missing:
        keys.add(_key(connection, "", ""))
    return _open_readings(*keys).order_by("-key").first()


def read_lists(
    run: TaskRun, *, connection: str, kind: str = "", parent: str = "", before: str = "", turn: int = 0
) -> Result:
    """Read the due lists of a connection one after the other. A long list reports its rows as progress."""
    renewed = datetime.fromisoformat(before) if before else None
    started, total = time.monotonic(), 0
    done = failures = 0
    for list_kind, list_parent in _due_lists(connection, kind=kind, parent=parent, before=renewed):
        if done % _SLICE == 0:
            total = done + _estimate_due_lists(connection, kind=kind, parent=parent, before=renewed)
        report_progress(run=run, done=done, total=max(total, done + 1))

        def report(stored: int, rows: int) -> None:
            report_progress(run=run, done=stored, total=rows, message="rows of one long list")

        state = refresh_list(connection=connection, kind=list_kind, parent=list_parent, report=report)
        done += 1
        failures = failures + 1 if state.away or state.too_large else 0
        if failures >= MAX_FAILURES or (state.away and list_kind == "tenant"):
            break
        if time.monotonic() - started > TURN:
            enqueue_reading(connection=connection, kind=kind, parent=parent, before=before, turn=turn + 1)
            break
    return Result(message=f"{done:,} lists read")


def _key(connection: str, kind: str, parent: str) -> str:
    return f"directory:{connection}:{kind}:{parent}"[:200]


def _open_readings(*keys: str) -> QuerySet[TaskRun]:
    """Return the waiting and running turns of the readings with these keys."""
    wanted = Q()
    for key in keys:
        wanted |= Q(key__startswith=f"{key}:")
    return TaskRun.objects.filter(wanted, kind=KIND, state__in=OPEN)


def _due_lists(
    connection: str, *, kind: str = "", parent: str = "", before: datetime | None = None
) -> Iterator[tuple[str, str]]:
    """Yield (kind, parent) of each due list once. Parents come first, because reading them finds children."""
    if parent:
        yield kind, parent
        return
    yield from _due_lists_of_kind(
        "tenant", [""], connection, before if kind in ("tenant", "merchant") else None
    )
    for child, above in _CHILDREN:
        known = IndexedEntity.objects.filter(connection=connection, kind=above)
        newest = F("created_at").desc(nulls_last=True)
        parents = known.order_by("archived", newest).values_list("guid", flat=True)
        yield from _due_lists_of_kind(
            child, parents.iterator(chunk_size=2000), connection, before if kind == child else None
        )


def _due_lists_of_kind(
    kind: str, parents: Iterable[str], connection: str, before: datetime | None
) -> Iterator[tuple[str, str]]:
    """Yield the due lists of one kind. The state of each slice is looked up when it is reached."""
    chunk: list[str] = []
    for parent in [*parents, None]:
        if parent is not None:
            chunk.append(parent)
        if len(chunk) < _SLICE and parent is not None:
            continue
        here = ListSync.objects.filter(connection=connection, kind=kind, parent_guid__in=chunk)
        current = set(here.exclude(_due_condition(before)).values_list("parent_guid", flat=True))
        yield from ((kind, guid) for guid in chunk if guid not in current)
        chunk = []


def _due_condition(before: datetime | None) -> Q:
    """Return the condition for lists to read: never read, known to be wrong, or older than `before`."""
    now = timezone.now()
    old = Q(refreshed_at__lt=before or now - MAX_AGE)
    recently = Q(failed_at__isnull=False) & Q(failed_at__gte=now - RETRY_AFTER)
    too_large = Q(size=ListSync.Size.TOO_LARGE) & Q(failed_at__isnull=False) & Q(failed_at__gte=now - MAX_AGE)
    wanted = Q(refreshed_at__isnull=True) | Q(outdated=True) | old
    return wanted & ~recently & (~too_large if before is None else Q())


def _estimate_due_lists(connection: str, *, kind: str, parent: str, before: datetime | None) -> int:
    """Estimate how many lists are due, for the progress bar."""
    if parent:
        return 1
    total = 0
    for child, above in _CHILDREN:
        known = IndexedEntity.objects.filter(connection=connection, kind=above).count()
        read = ListSync.objects.filter(connection=connection, kind=child)
        total += max(0, known - read.exclude(_due_condition(before if kind == child else None)).count())
    return total
