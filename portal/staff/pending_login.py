"""A sign-in between its two steps: what was proved first holds as long as a session begun by it would.

Whatever ends somebody's sessions (another password, sign out everywhere, disabling) ends this, too.
"""

from allauth.account.internal.stagekit import clear_login, unstash_login
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from portal.audit.recording import origin_of, record_event
from portal.staff.identity import person_ref
from portal.staff.mfa import FACTORS
from portal.staff.models import User

OVER = "first_step_over"
_MARK = "first_step"


def first_step_note(request: HttpRequest, person: User) -> None:
    """The password was right, or the provider said who it is: as of the password and the sessions of now."""
    request.session[_MARK] = person.get_session_auth_hash()


def first_step_holds(request: HttpRequest, person: User) -> bool:
    """Whether nothing has ended it since; `person` as stored now."""
    return constant_time_compare(request.session.get(_MARK, ""), person.get_session_auth_hash())


def first_step_forget(request: HttpRequest) -> None:
    """The sign-in is complete, or begins again."""
    request.session.pop(_MARK, None)


def first_step_over(request: HttpRequest) -> bool:
    """Whether a sign-in waits here that cannot go on: forgotten then, and recorded.

    It was ended, or there is no second factor to ask for any more. Raises AuditUnavailable.
    """
    login = None if request.user.is_authenticated else unstash_login(request, peek=True)
    person = login.user if login else None
    if person is None or (first_step_holds(request, person) and is_mfa_enabled(person, FACTORS)):
        return False
    record_event(
        action="session.sign_in_failed",
        origin=origin_of(request),
        outcome="failed",
        code=OVER,
        object=person_ref(person),
    )
    clear_login(request)
    first_step_forget(request)
    return True


def begin_again(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, which says why."""
    messages.warning(request, "Your account was changed while you were signing in. Sign in again.")
    return redirect("account_login")
