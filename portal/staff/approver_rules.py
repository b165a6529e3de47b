"""Whether an approver is independent of the admin who asks.

A user controls an account if they created it, gave it permissions or could set its password, and if they
control such a user. The audit trail tells who did what to whom.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Q

from portal.audit.models import Event
from portal.staff.identity import signs_in_elsewhere
from portal.staff.mfa import FACTORS, needs_mfa
from portal.staff.models import SecondFactorReset, User
from portal.staff.services import StaffRefused

CONSENT = "staff.update"
# Actions of the requester on the account of the approver count for this long before the request.
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


def require_independence(by: User, asked: SecondFactorReset) -> None:
    """Raise StaffRefused, with the reason, unless `by` may approve the request."""
    if asked.asked_by_id == by.pk:
        raise StaffRefused("You requested this yourself. Another admin must approve it.")
    if by.date_joined > asked.asked_at:
        raise StaffRefused(
            "You were added after this was requested. An admin who was there before must approve it."
        )
    if any(_find_holding_events(by.pk, asked.asked_at)):
        raise StaffRefused(
            "Your role, tenant access or sign-in has been changed since this was requested. "
            "Another admin must approve it."
        )
    if asked.asked_by_id in _find_holders(by.pk, asked.asked_at - LOOKED_BACK):
        raise StaffRefused(
            f"In the {LOOKED_BACK.days} days before the request, {asked.asked_by.called} created or "
            "changed your account, or an account that changed yours. An independent admin must approve it."
        )
    enrolled = Authenticator.objects.filter(user=by, type__in=FACTORS)
    at_provider = settings.OIDC_TRUST_SECOND_FACTOR and signs_in_elsewhere(by)
    had_one = enrolled.filter(created_at__lt=asked.asked_at).exists() or at_provider
    if not had_one and (enrolled.exists() or needs_mfa(by)):
        raise StaffRefused(
            "To approve this, you need a second factor that you set up before it was requested. "
            "Another admin must approve it."
        )


def is_independent(by: User, asked: SecondFactorReset) -> bool:
    """Return whether `by` may approve the request."""
    try:
        require_independence(by, asked)
    except StaffRefused:
        return False
    return True


def _find_holders(user: int, since: datetime) -> set[int]:
    """Return the users who controlled the account since then, directly or through others."""
    found: set[int] = set()
    waiting = [user]
    while waiting:
        events = _find_holding_events(waiting.pop(), since)
        new = {event.actor_id for event in events if event.actor_id} - found
        found |= new
        waiting.extend(new)
    return found


def _find_holding_events(user: int, since: datetime) -> Iterator[Event]:
    """Yield the events since then that gave another user control of the account or its role."""
    roles = list(User.groups.through.objects.filter(user_id=user).values_list("group_id", flat=True))
    events = Event.objects.filter(connection="", object_guid__in=[str(one) for one in [user, *roles]])
    to_user = Q(object_kind="person", object_guid=str(user), action__in=_HOLDS)
    to_role = Q(object_kind="role", object_guid__in=[str(one) for one in roles], action__in=_WIDENED)
    for event in events.filter(to_user | to_role, time__gte=since):
        if CONSENT not in (event.before_data or {}).get("rights", ()):
            yield event
