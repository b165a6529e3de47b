"""The password of somebody who is signed in, asked for again: step-up, and before they set another one.

Wrong ones are counted apart from those at the sign-in page, which anybody can reach: a stranger who locks a
name there must not keep its owner, who is in already, from what is urgent.
"""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from django.conf import settings
from django.http import HttpRequest

from portal.audit.recording import origin_of, record_event
from portal.staff.identity import person_ref
from portal.staff.login_throttle import attempt_reserve, attempts_forget, own_password_slot_of
from portal.staff.models import User
from portal.staff.password_forms import PlainForm


class OwnPasswordForm(PlainForm, ChangePasswordForm):  # type: ignore[misc]
    """allauth's form for another password, whose question for the old one is no way to guess it."""

    def clean_oldpassword(self) -> str:
        """Raises ValidationError."""
        password: str = self.cleaned_data["oldpassword"]
        if not own_password_is(request=context.request, person=self.user, password=password):
            raise get_adapter().validation_error("enter_current_password")
        return password


def own_password_is(*, request: HttpRequest, person: User, password: str) -> bool:
    """Whether it is theirs: a slot is taken before, and a wrong one is recorded.

    Raises ValidationError after LOGIN_ATTEMPTS wrong ones.
    """
    slot = own_password_slot_of(person)
    number = attempt_reserve(slot=slot, limit=settings.LOGIN_ATTEMPTS)
    if not number:
        _failure_record(request, person, "too_many_attempts")
        raise get_adapter().validation_error("too_many_login_attempts")
    if person.check_password(password):
        attempts_forget(slot=slot)
        return True
    _failure_record(request, person, "not_accepted")
    if number == settings.LOGIN_ATTEMPTS:
        _failure_record(request, person, "locked", "session.step_up_locked")
    return False


def _failure_record(
    request: HttpRequest, person: Any, code: str, action: str = "session.step_up_failed"
) -> None:
    record_event(
        action=action, origin=origin_of(request), outcome="failed", code=code, object=person_ref(person)
    )
