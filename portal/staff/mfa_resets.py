"""Taking away somebody's second factor: one admin asks, another approves, both on record.

Whoever could do it alone could, with a one-time link, take over any account. Where there is no second admin
the way is `manage.py second_factor_reset` on the server.
"""

from datetime import timedelta
from functools import partial

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.audit.recording import Origin, record_event
from portal.staff.approver_rules import independent_ensure, is_independent
from portal.staff.identity import person_ref
from portal.staff.mfa import second_factors_of
from portal.staff.mfa_reset_mail import approvers, reset_mail, resets_open
from portal.staff.models import SecondFactorReset, User
from portal.staff.security_notices import sign_in_change_tell
from portal.staff.services import StaffRefused, changeable, staff_lock
from portal.staff.sessions import sessions_end_all


def second_factor_reset_ask(*, by: User, origin: Origin, person: User, reason: str) -> None:
    """Asks another admin to consent, for MFA_RESET_HOURS. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        staff_lock()
        now = timezone.now()  # behind the lock: what was done to accounts before is older
        person = changeable(by, person)
        if not second_factors_of(person):
            raise StaffRefused("This person has no second factor.")
        if resets_open().filter(person=person).exists():
            raise StaffRefused("The removal has already been requested. Another admin can approve it.")
        if not _may_approve(by, person):
            raise StaffRefused(
                "There is no other admin who can approve this. "
                f"Run on the server: manage.py second_factor_reset --username {person.username}"
            )
        SecondFactorReset.objects.filter(person=person).delete()
        asked = SecondFactorReset.objects.create(
            person=person,
            asked_by=by,
            reason=reason,
            asked_at=now,
            expires_at=now + timedelta(hours=settings.MFA_RESET_HOURS),
        )
        record_event(
            action="staff.second_factor_reset_asked", origin=origin, object=person_ref(person), reason=reason
        )
        transaction.on_commit(partial(reset_mail, asked), robust=True)


def second_factor_reset_approve(*, by: User, origin: Origin, person: User) -> None:
    """Consents: every second factor of `person` is removed and their sessions end.

    Raises StaffRefused if nothing is asked for any more, or by somebody whom the one who asked has in hand
    (portal.staff.approver_rules); AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        asked = _asked(person)
        independent_ensure(User.objects.get(pk=by.pk), asked)
        second_factor_remove(
            origin=origin, person=person, reason=asked.reason, asked_by=asked.asked_by.called
        )


def second_factor_reset_withdraw(*, by: User, origin: Origin, person: User) -> None:
    """Takes the request back, or declines it. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        staff_lock()
        _asked(changeable(by, person)).delete()
        record_event(action="staff.second_factor_reset_declined", origin=origin, object=person_ref(person))


def second_factor_remove(*, origin: Origin, person: User, reason: str, asked_by: str = "") -> list[str]:
    """Removes what `person` has, in words, and ends their sessions; consent is the caller's affair.

    Raises AuditUnavailable.
    """
    with transaction.atomic():
        removed = second_factors_of(person)
        SecondFactorReset.objects.filter(person=person).delete()
        Authenticator.objects.filter(user=person).delete()
        record_event(
            action="staff.second_factor_reset",
            origin=origin,
            object=person_ref(person),
            before={"second_factors": removed},
            message=f"asked for by {asked_by}" if asked_by else "",
            reason=reason,
        )
        sessions_end_all(origin=origin, person=person)
        by = origin.actor_name + (f", asked for by {asked_by}" if asked_by else "")
        sign_in_change_tell(person=person, what="every second factor removed", by=by)
    return removed


def _asked(person: User) -> SecondFactorReset:
    asked = resets_open().filter(person=person).first()
    if asked is None:
        raise StaffRefused("There is no open request. It was approved, withdrawn or declined, or it expired.")
    return asked


def _may_approve(by: User, person: User) -> bool:
    asked = SecondFactorReset(person=person, asked_by=by, asked_at=timezone.now())
    return any(is_independent(other, asked) for other in approvers() if other not in (by, person))
