"""Delete archived rows after the retention period. The first and latest event of each object are kept.

On PostgreSQL only the owner of the tables can do it: the guards are off within one transaction, under a lock.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from portal.audit.forwarding.delivery import get_forwarders
from portal.audit.models import ChainHead, Delivery, Event, KnownName, Term
from portal.audit.recording import Origin, record_event
from portal.audit.retention.archives import (
    Archive,
    ArchiveBroken,
    ArchiveRecord,
    check_archive,
    get_archives,
)
from portal.audit.retention.tombstones import cut_tombstones
from portal.audit.search_index import get_known_names
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification.report import find_broken_event

# What proves the rest is never purged.
PROOFS = ("audit.archived", "audit.purged")
CHUNK = 500
_RANGE = re.compile(r"of the rows (?P<first>\d+) to (?P<last>\d+)")


class PurgeRefused(Exception):  # noqa: N818 - reads as what happened
    """Nothing was removed; the text says why."""


def get_guaranteed_since(now: datetime | None = None) -> datetime:
    """Return the beginning of the time for which all events are kept."""
    now = (now or timezone.now()).astimezone(UTC)
    months = now.year * 12 + now.month - 1 - settings.AUDIT_RETENTION_MONTHS
    # The first of the month: never a day too few, whatever the month's length.
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def get_purged_ranges() -> set[tuple[int, int]]:
    """Return (first, last) of the purged ranges, parsed from the messages because tombstones are large."""
    found = Event.objects.filter(action="audit.purged").values_list("message", flat=True)
    ranges = (_RANGE.search(message) for message in found)
    return {(int(said["first"]), int(said["last"])) for said in ranges if said}


def find_archive_of_purged(sequence: int) -> ArchiveRecord | None:
    """Return the archive that holds a purged row; None if the row was not purged."""
    if Event.objects.filter(pk=sequence).exists():
        return None
    archive = next((kept for kept in get_archives() if kept.first <= sequence <= kept.last), None)
    return archive if archive and (archive.first, archive.last) in get_purged_ranges() else None


def purge_archives(*, origin: Origin, now: datetime | None = None) -> Iterator[tuple[ArchiveRecord, int]]:
    """Purge one archive after the other; yield each with the number of deleted rows. Raises PurgeRefused.

    Each archive is read to its end again, and all of its events must have been delivered to all receivers.
    """
    limit, done = get_guaranteed_since(now), get_purged_ranges()
    for kept in get_archives():
        if (kept.first, kept.last) in done:
            continue
        try:
            archive = check_archive(kept.path)
        except ArchiveBroken as problem:
            raise PurgeRefused(f"Rows {kept.first} to {kept.last} were kept: {problem}") from None
        if (archive.sha256, archive.first, archive.last) != (kept.sha256, kept.first, kept.last):
            raise PurgeRefused(
                f"Rows {kept.first} to {kept.last} were kept: {kept.file} is a different archive."
            )
        if archive.until is None or archive.until >= limit:
            return
        for feed in get_forwarders():
            told = Delivery.objects.filter(receiver=feed.name).values_list("sequence", flat=True).first() or 0
            if feed.tells_events and told < archive.last:
                raise PurgeRefused(
                    f"Rows after {told} are kept until they have been delivered to {feed.name}."
                )
        try:
            yield kept, _purge_archive(archive, origin)
        except DatabaseFailure as failure:
            raise PurgeRefused(
                f"The database refused ({type(failure).__name__}). On PostgreSQL only the owner of the "
                "tables may purge. Set DATABASE_OWNER_URL for this command."
            ) from failure


def _purge_archive(archive: Archive, origin: Origin) -> int:
    """Delete the rows of an archive and record their tombstones, in one transaction."""
    rows = Event.objects.filter(sequence__gte=archive.first, sequence__lte=archive.last).order_by("sequence")
    with transaction.atomic():
        ChainHead.objects.select_for_update().get(pk=1)
        remove_triggers(connection)
        if list(rows.values_list("hash", flat=True)) != archive.hashes:
            raise PurgeRefused(
                f"Rows {archive.first} to {archive.last} differ from the archive. Verify the audit "
                "trail first."
            )
        # The first and latest event of each object stay, the proofs of purges and a current finding.
        same = Event.objects.filter(
            connection=OuterRef("connection"),
            object_guid=OuterRef("object_guid"),
            object_kind=OuterRef("object_kind"),
        )
        earlier = Exists(same.filter(sequence__lt=OuterRef("sequence")))
        later = Exists(same.filter(sequence__gt=OuterRef("sequence")))
        broken = find_broken_event()
        proofs = Q(action__in=PROOFS) | (Q(pk=broken.pk) if broken else Q())
        staying = rows.filter(proofs | (~Q(object_guid="") & (~Q(earlier) | ~Q(later))))
        kept = list(staying.values_list("sequence", "hash"))
        stay = {sequence for sequence, _ in kept}
        gone = [number for number in range(archive.first, archive.last + 1) if number not in stay]
        _delete_rows(gone)
        install_triggers(connection)
        for stone in cut_tombstones(archive, kept):
            here = len(stone.kept)
            # get_purged_ranges parses this message.
            words = (
                f"{stone.last - stone.first + 1 - here} of the rows {archive.first} to {archive.last}, "
                f"{here} stay"
            )
            if (stone.first, stone.last) != (archive.first, archive.last):
                words += f" (here those from {stone.first} to {stone.last})"
            record_event(action="audit.purged", origin=origin, message=words, request=stone.request)
    return len(gone)


def _delete_rows(gone: list[int]) -> None:
    """Delete the rows, their terms, and the names that no other row uses."""
    names: set[tuple[str, str, str, str]] = set()
    for begin in range(0, len(gone), CHUNK):
        numbers = gone[begin : begin + CHUNK]
        going = Event.objects.filter(sequence__in=numbers)
        names.update(row for event in going for row in get_known_names(event))
        Term.objects.filter(event_id__in=numbers)._raw_delete("default")
        going._raw_delete("default")
    for kind, place, guid, name in sorted(names):
        if not is_name_used(kind, place, guid, name):
            KnownName.objects.filter(kind=kind, connection=place, guid=guid, name=name)._raw_delete("default")


def is_name_used(kind: str, place: str, guid: str, name: str) -> bool:
    """Return whether an event still has a known name; a name that was cut is compared by its beginning."""
    if kind == "field":
        return Term.objects.filter(term=f"f:{name}").exists()
    columns = {"actor": "actor_name", "role": "actor_role", "outcome": "outcome", "kind": "object_kind"}
    if kind in columns:
        uses = Event.objects.filter(**{f"{columns[kind]}__startswith": name})
    elif kind == "object:":
        uses = Event.objects.filter(connection=place, parent_guid=guid, parent_name__startswith=name)
    else:
        named = Event.objects.filter(connection=place, object_name__startswith=name)
        uses = named.filter(Q(object_guid=guid) | Q(object_guid=""))
    return uses.exists()
