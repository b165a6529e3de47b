"""Notify the owner and every admin of a request to remove a second factor, by mail and on the dashboard."""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from portal.core.dashboard import CARDS, DashboardCard
from portal.staff.models import SecondFactorReset, User

logger = logging.getLogger(__name__)


def get_open_resets() -> QuerySet[SecondFactorReset]:
    """Return the requests that wait for a second admin, the oldest first."""
    rows = SecondFactorReset.objects.select_related("person", "asked_by")
    return rows.filter(expires_at__gt=timezone.now())


def get_approvers() -> list[User]:
    """Return the users who may approve a request."""
    return [one for one in User.objects.filter(is_active=True) if one.has_perm("staff.update")]


def send_reset_mail(asked: SecondFactorReset) -> None:
    """Mail the owner and every other admin who has an address, if mail is set up."""
    if not settings.MAIL_ON:
        return
    for reader in {asked.person, *get_approvers()} - {asked.asked_by}:
        if reader.email:
            _mail(reader, asked)


def resets_to_tell(request: HttpRequest) -> Mapping[str, Any]:
    """Return `resets` for the dashboard card: the reader's, or all for those who may approve them."""
    mine = Q() if request.user.has_perm("staff.update") else Q(person_id=request.user.pk)
    return {"resets": get_open_resets().filter(mine), "reader": request.user}


def register_card() -> None:
    """Register the dashboard card."""
    CARDS.register(
        "second-factor-resets", DashboardCard("staff/home_resets.html", order=4, context=resets_to_tell)
    )


def _mail(reader: User, asked: SecondFactorReset) -> None:
    text = render_to_string(
        "staff/reset_mail.txt", {"reader": reader, "reset": asked, "person": asked.person}
    )
    try:
        send_mail("Somebody asked to remove a second factor", text, None, [reader.email])
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("A notice of a second factor's reset could not be mailed.")
