"""Who may do what where, as one table with a digest; when it was last reviewed, and when it must be again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import Origin, record_event
from portal.core.permissions import PERMISSIONS, describe_permissions, permissions_by_area, within_tenants
from portal.staff.models import User
from portal.staff.roles import get_roles
from portal.staff.services import StaffRefused, authorise
from portal.staff.tenant_access_services import places_words


@dataclass(frozen=True, slots=True)
class Row:
    """A person who can sign in: role, the exact places and the same in short, and all rights."""

    person: User
    role: str
    places: list[str]
    where: list[str]
    rights: frozenset[str]

    @property
    def cells(self) -> list[tuple[str, list[str]]]:
        """Return (area, words) for each area with a permission, in the order of `get_areas`."""
        return describe_permissions(self.rights)


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """The last review, if any, and the next. `due_at` is None where nobody asks for reviews."""

    last: Event | None
    due_at: datetime | None

    @property
    def overdue(self) -> bool:
        """Whether the next review should have been."""
        return self.due_at is not None and self.due_at < timezone.now()

    @property
    def digest(self) -> str:
        """What was reviewed last; "" if nothing ever was."""
        after = self.last.after_data if self.last else None
        return str(after.get("digest", "")) if isinstance(after, dict) else ""


def get_areas() -> list[str]:
    """Return the headings of all permissions."""
    return list(permissions_by_area(list(PERMISSIONS)))


def access_rows() -> list[Row]:
    """Everybody who can sign in, by user name. Five queries, however many people there are."""
    known = get_roles()
    people = User.objects.filter(is_active=True).prefetch_related("groups", "tenant_scopes")
    rows = []
    for person in people.order_by("username"):
        role = next((group.name for group in person.groups.all()), "")
        held = known.get(role, frozenset())
        rights = within_tenants(held) if person.is_limited else held
        rows.append(Row(person, role, places_words(person), places_words(person, short=True), rights))
    return rows


def access_digest(rows: Sequence[Row]) -> str:
    """64 hex digits that change with any right, role or place of anybody in the table."""
    told = [[row.person.username, row.role, row.places, sorted(row.rights)] for row in rows]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def review_standing() -> ReviewStatus:
    """When the last review was, and when the next is due: ACCESS_REVIEW_DAYS later, or at once."""
    last = Event.objects.filter(action="staff.access_reviewed").order_by("-sequence").first()
    days = settings.ACCESS_REVIEW_DAYS
    if not days:
        return ReviewStatus(last, None)
    return ReviewStatus(
        last, last.time + timedelta(days=days) if last else timezone.now() - timedelta(days=1)
    )


def access_review(*, by: User, origin: Origin, note: str, seen: str) -> None:
    """Signs off the table whose digest the person saw. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        authorise(by, "access.review")
        rows = access_rows()
        digest = access_digest(rows)
        if digest != seen:
            raise StaffRefused("Permissions changed while you were reviewing. Check the table again.")
        record_event(
            action="staff.access_reviewed",
            origin=origin,
            reason=note,
            after={"people": len(rows), "digest": digest},
            message=f"{len(rows)} {'person' if len(rows) == 1 else 'people'}",
        )
