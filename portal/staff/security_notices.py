"""Notify users and admins of changes to sign-in: second factors, passwords, email addresses.

An attacker with a session or password would change these first. The owner and every admin are notified by
mail and on the dashboard.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from portal.audit.models import Event
from portal.core.dashboard import CARDS, DashboardCard
from portal.staff.models import User

logger = logging.getLogger(__name__)

SHOWN_FOR = timedelta(days=3)
MAX_SHOWN = 5
_OWN_ACTIONS = ("second_factor.added", "second_factor.removed", "second_factor.codes_made")
_ACTIONS = (*_OWN_ACTIONS, "staff.password_changed", "staff.details_changed", "staff.second_factor_reset")


def notify_sign_in_change(*, user: User, what: str, by: str, also_to: str = "") -> None:
    """Mail the user and every admin about `what`, once the open transaction is committed.

    `what` completes "…: ", such as “authenticator app removed”. `by` is who did it, `also_to` an address
    that the user had before. No mail is sent where none is set up.
    """
    if settings.MAIL_ON:
        transaction.on_commit(partial(_mail_all, user, what, by, also_to), robust=True)


def get_admins() -> list[User]:
    """Return the users who may change users, and so approve the removal of second factors."""
    return [one for one in User.objects.filter(is_active=True) if one.has_perm("staff.update")]


def recent_changes(request: HttpRequest) -> Mapping[str, Any]:
    """Return `changes`: events of the last days about the reader, for admins about all users."""
    reader: Any = request.user
    # Commands on the server have no actor. Their operators need no notice.
    events = Event.objects.filter(
        action__in=_ACTIONS, time__gte=timezone.now() - SHOWN_FOR, actor_id__isnull=False
    )
    if not reader.has_perm("staff.update"):
        own = Q(actor_id=reader.pk, action__in=_OWN_ACTIONS)
        events = events.filter(own | Q(object_kind="person", object_guid=str(reader.pk)))
    return {"changes": list(events.order_by("-sequence")[:MAX_SHOWN]), "reader": reader}


def register_card() -> None:
    """Register the dashboard card."""
    CARDS.register(
        "sign-in-changes", DashboardCard("staff/home_sign_in_changes.html", order=5, context=recent_changes)
    )


def _mail_all(user: User, what: str, by: str, also_to: str) -> None:
    readers = {one.email: one for one in [*get_admins(), user] if one.email}
    if also_to:
        readers[also_to] = user
    for address, reader in readers.items():
        context = {"reader": reader, "person": user, "what": what, "by": by, "own": reader == user}
        text = render_to_string("staff/sign_in_change_mail.txt", context)
        try:
            send_mail("Sign-in changed in the Provisioning Portal", text, None, [address])
        except OSError:  # smtplib's errors are OSErrors, too
            logger.exception("A notice of a change of sign-in could not be mailed.")
