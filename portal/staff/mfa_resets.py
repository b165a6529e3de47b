"""Remove a user's second factor: one admin requests it, another approves; both are recorded.

An admin who could do both could take over any account with a one-time link. The owner and every admin are
notified by mail and on the dashboard. Without a second admin, use `manage.py second_factor_reset` on the
server.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.recording import Origin, record_event
from portal.core.dashboard import CARDS, DashboardCard
from portal.staff.approver_rules import is_independent, require_independence
from portal.staff.identity import get_user_ref
from portal.staff.mfa import get_second_factors
from portal.staff.models import SecondFactorReset, User
from portal.staff.security_notices import get_admins, notify_sign_in_change
from portal.staff.services import StaffRefused, authorise_change, lock_staff
from portal.staff.sessions import end_all_sessions

logger = logging.getLogger(__name__)


def get_open_resets() -> QuerySet[SecondFactorReset]:
    """Return the requests that wait for a second admin, the oldest first."""
    rows = SecondFactorReset.objects.select_related("person", "asked_by")
    return rows.filter(expires_at__gt=timezone.now())


def send_reset_mail(asked: SecondFactorReset) -> None:
    """Mail the owner and every other admin who has an address, if mail is set up."""
    if not settings.MAIL_ON:
        return
    for reader in {asked.person, *get_admins()} - {asked.asked_by}:
        if not reader.email:
            continue
        context = {"reader": reader, "reset": asked, "person": asked.person}
        text = render_to_string("staff/reset_mail.txt", context)
        try:
            send_mail("Request to remove a second factor", text, None, [reader.email])
        except OSError:  # smtplib's errors are OSErrors, too
            logger.exception("A notice of a second factor's reset could not be mailed.")


def resets_to_tell(request: HttpRequest) -> Mapping[str, Any]:
    """Return `resets` for the dashboard card: the reader's, or all for those who may approve them."""
    mine = Q() if request.user.has_perm("staff.update") else Q(person_id=request.user.pk)
    return {"resets": get_open_resets().filter(mine), "reader": request.user}


def register_card() -> None:
    """Register the dashboard card."""
    CARDS.register(
        "second-factor-resets", DashboardCard("staff/home_resets.html", order=4, context=resets_to_tell)
    )


def request_mfa_reset(*, by: User, origin: Origin, user: User, reason: str) -> None:
    """Ask another admin to approve, within MFA_RESET_HOURS. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        now = timezone.now()  # behind the lock: what was done to accounts before is older
        user = authorise_change(by, user)
        if not get_second_factors(user):
            raise StaffRefused("This user has no second factor.")
        if get_open_resets().filter(person=user).exists():
            raise StaffRefused("The removal has already been requested. Another admin can approve it.")
        planned = SecondFactorReset(person=user, asked_by=by, asked_at=now)
        others = [one for one in get_admins() if one not in (by, user)]
        if not any(is_independent(one, planned) for one in others):
            raise StaffRefused(
                "There is no other admin who can approve this. "
                f"Run on the server: manage.py second_factor_reset --username {user.username}"
            )
        SecondFactorReset.objects.filter(person=user).delete()
        asked = SecondFactorReset.objects.create(
            person=user,
            asked_by=by,
            reason=reason,
            asked_at=now,
            expires_at=now + timedelta(hours=settings.MFA_RESET_HOURS),
        )
        record_event(
            action="staff.second_factor_reset_asked",
            origin=origin,
            object=get_user_ref(user),
            reason=reason,
        )
        transaction.on_commit(partial(send_reset_mail, asked), robust=True)


def approve_mfa_reset(*, by: User, origin: Origin, user: User) -> None:
    """Approve: remove every second factor of `user` and end their sessions.

    Raises StaffRefused if there is no open request, the trail holds another one, or `by` is not independent
    of the admin who asked (portal.staff.approver_rules), and AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        asked = _get_open_reset(user)
        _check_recorded_request(asked)
        require_independence(User.objects.get(pk=by.pk), asked)
        remove_second_factors(origin=origin, user=user, reason=asked.reason, asked_by=asked.asked_by.called)


def withdraw_mfa_reset(*, by: User, origin: Origin, user: User) -> None:
    """Withdraw or decline the request. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        _get_open_reset(authorise_change(by, user)).delete()
        record_event(action="staff.second_factor_reset_declined", origin=origin, object=get_user_ref(user))


def remove_second_factors(*, origin: Origin, user: User, reason: str, asked_by: str = "") -> list[str]:
    """Remove all second factors of `user` and end their sessions. The caller checks the approval.

    Raises AuditUnavailable.
    """
    with transaction.atomic():
        removed = get_second_factors(user)
        SecondFactorReset.objects.filter(person=user).delete()
        Authenticator.objects.filter(user=user).delete()
        record_event(
            action="staff.second_factor_reset",
            origin=origin,
            object=get_user_ref(user),
            before={"second_factors": removed},
            message=f"asked for by {asked_by}" if asked_by else "",
            reason=reason,
        )
        end_all_sessions(origin=origin, user=user)
        by = origin.actor_name + (f", asked for by {asked_by}" if asked_by else "")
        notify_sign_in_change(user=user, what="every second factor removed", by=by)
    return removed


def _get_open_reset(user: User) -> SecondFactorReset:
    asked = get_open_resets().filter(person=user).first()
    if asked is None:
        raise StaffRefused("There is no open request. It was approved, withdrawn or declined, or it expired.")
    return asked


def _check_recorded_request(asked: SecondFactorReset) -> None:
    """Raise StaffRefused unless the trail's latest step is this request, by this admin.

    Someone who can write rows could otherwise approve their own request, or one that nobody made.
    """
    steps = Event.objects.filter(object_kind="person", object_guid=str(asked.person_id))
    last = steps.filter(action__startswith="staff.second_factor_reset").first()
    expected = ("staff.second_factor_reset_asked", asked.asked_by_id, asked.reason)
    if last is None or (last.action, last.actor_id, last.reason) != expected:
        raise StaffRefused(
            "This request does not agree with the audit trail. Decline it, and find out who changed it."
        )
