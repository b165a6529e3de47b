"""Whether an admin's consent is their own: nobody counts whom the one who asks has in hand.

An account is in somebody's hand who made it, let it do what it does, or could set its password, and in the
hand of whoever had that somebody in hand. The audit trail knows who did that to whom.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Q

from portal.audit.models import Event
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.mfa import FACTORS, second_factor_needed
from portal.staff.models import SecondFactorReset, User
from portal.staff.services import StaffRefused

CONSENT = "staff.update"
# So long before the request counts what the one who asks did to the account of the one who approves.
LOOKED_BACK = timedelta(days=30)
_HOLDS = (
    "staff.created",
    "staff.role_changed",
    "staff.reach_changed",
    "staff.enabled",
    "staff.details_changed",
    "staff.password_link_made",
    "staff.second_factor_reset",
)
_WIDENED = ("role.created", "role.changed")


def independent_ensure(by: User, asked: SecondFactorReset) -> None:
    """Raises StaffRefused, in words, unless `by` may consent to what was asked."""
    if asked.asked_by_id == by.pk:
        raise StaffRefused("You requested this yourself. Another admin must approve it.")
    if by.date_joined > asked.asked_at:
        raise StaffRefused(
            "You were added after this was requested. An admin who was there before must approve it."
        )
    if any(_holding(by.pk, asked.asked_at)):
        raise StaffRefused(
            "Your role, tenant access or sign-in has been changed since this was requested. "
            "Another admin must approve it."
        )
    if asked.asked_by_id in _hands(by.pk, asked.asked_at - LOOKED_BACK):
        raise StaffRefused(
            f"In the {LOOKED_BACK.days} days before the request, {asked.asked_by.called} created or "
            "changed your account, or an account that changed yours. An independent admin must approve it."
        )
    if not _proves_itself(by, asked.asked_at):
        raise StaffRefused(
            "To approve this, you need a second factor that you set up before it was requested. "
            "Another admin must approve it."
        )


def is_independent(by: User, asked: SecondFactorReset) -> bool:
    """The same as a question."""
    try:
        independent_ensure(by, asked)
    except StaffRefused:
        return False
    return True


def _hands(person: int, since: datetime) -> set[int]:
    """Everybody who had the account in hand since then, directly or through others."""
    found: set[int] = set()
    waiting = [person]
    while waiting:
        new = {event.actor_id for event in _holding(waiting.pop(), since) if event.actor_id} - found
        found |= new
        waiting.extend(new)
    return found


def _holding(person: int, since: datetime) -> Iterator[Event]:
    """What put the account into somebody's hand since then: done to the person, or to their role."""
    roles = list(User.groups.through.objects.filter(user_id=person).values_list("group_id", flat=True))
    events = Event.objects.filter(connection="", object_guid__in=[str(one) for one in [person, *roles]])
    to_person = Q(object_kind="person", object_guid=str(person), action__in=_HOLDS)
    to_role = Q(object_kind="role", object_guid__in=[str(one) for one in roles], action__in=_WIDENED)
    for event in events.filter(to_person | to_role, time__gte=since):
        if CONSENT not in (event.before_data or {}).get("rights", ()):
            yield event


def _proves_itself(by: User, asked_at: datetime) -> bool:
    """Whether a second factor of before the request stands behind `by`, where there is or has to be one."""
    enrolled = Authenticator.objects.filter(user=by, type__in=FACTORS)
    if enrolled.filter(created_at__lt=asked_at).exists():
        return True
    if settings.OIDC_TRUST_SECOND_FACTOR and signs_in_elsewhere(by):
        return True
    return not enrolled.exists() and not second_factor_needed(by)
