"""The access matrix: who may do what where, as a table with a digest, and its regular review."""

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
from portal.staff.tenant_access import describe_tenant_access


@dataclass(frozen=True, slots=True)
class Row:
    """A user who can sign in: role, tenants in full and in short, and permissions."""

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
    """The last review, if any, and the next. `due_at` is None if reviews are switched off."""

    last: Event | None
    due_at: datetime | None

    @property
    def overdue(self) -> bool:
        """Whether the next review is late."""
        return self.due_at is not None and self.due_at < timezone.now()

    @property
    def digest(self) -> str:
        """The digest of the table at the last review, "" if there was none."""
        after = self.last.after_data if self.last else None
        return str(after.get("digest", "")) if isinstance(after, dict) else ""


def get_areas() -> list[str]:
    """Return the headings of all permissions."""
    return list(permissions_by_area(list(PERMISSIONS)))


def get_access_rows() -> list[Row]:
    """Return the users who can sign in, by username, with five queries."""
    known = get_roles()
    people = User.objects.filter(is_active=True).prefetch_related("groups", "tenant_scopes")
    rows = []
    for person in people.order_by("username"):
        role = next((group.name for group in person.groups.all()), "")
        held = known.get(role, frozenset())
        rights = within_tenants(held) if person.is_limited else held
        rows.append(
            Row(
                person,
                role,
                describe_tenant_access(person),
                describe_tenant_access(person, short=True),
                rights,
            )
        )
    return rows


def compute_access_digest(rows: Sequence[Row]) -> str:
    """Return 64 hex digits that change with any permission, role or tenant in the table."""
    told = [[row.person.username, row.role, row.places, sorted(row.rights)] for row in rows]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def get_review_status() -> ReviewStatus:
    """Return the last review and when the next is due: ACCESS_REVIEW_DAYS later, or at once."""
    last = Event.objects.filter(action="staff.access_reviewed").order_by("-sequence").first()
    days = settings.ACCESS_REVIEW_DAYS
    if not days:
        return ReviewStatus(last, None)
    return ReviewStatus(
        last, last.time + timedelta(days=days) if last else timezone.now() - timedelta(days=1)
    )


def record_access_review(*, by: User, origin: Origin, note: str, seen: str) -> None:
    """Record the sign-off of the table with the digest `seen`. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        authorise(by, "access.review")
        rows = get_access_rows()
        digest = compute_access_digest(rows)
        if digest != seen:
            raise StaffRefused("Permissions changed while you were reviewing. Check the table again.")
        record_event(
            action="staff.access_reviewed",
            origin=origin,
            reason=note,
            after={"people": len(rows), "digest": digest},
            message=f"{len(rows)} {'person' if len(rows) == 1 else 'people'}",
        )
