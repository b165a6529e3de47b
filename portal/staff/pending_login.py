"""A sign-in between its two steps: the first step is valid as long as a session begun by it would be.

Whatever ends someone's sessions (another password, sign out everywhere, disabling) ends this, too.
"""

from allauth.account.internal.stagekit import clear_login, unstash_login
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from portal.audit.recording import origin_of, record_event
from portal.staff.identity import get_user_ref
from portal.staff.mfa import FACTORS
from portal.staff.models import User

OVER = "first_step_over"
_MARK = "first_step"


def start_pending_login(request: HttpRequest, user: User) -> None:
    """Mark that the first step was passed, with the current password and sessions of the user."""
    request.session[_MARK] = user.get_session_auth_hash()


def is_pending_login_valid(request: HttpRequest, user: User) -> bool:
    """Return whether the sign-in may go on. `user` is as stored now."""
    return constant_time_compare(request.session.get(_MARK, ""), user.get_session_auth_hash())


def end_pending_login(request: HttpRequest) -> None:
    """Remove the mark: the sign-in is complete or starts again."""
    request.session.pop(_MARK, None)


def cancel_invalid_login(request: HttpRequest) -> bool:
    """End and record a pending sign-in that cannot go on; return whether there was one.

    Its user was changed, or no longer has a second factor. Raises AuditUnavailable.
    """
    login = None if request.user.is_authenticated else unstash_login(request, peek=True)
    user = login.user if login else None
    if user is None or (is_pending_login_valid(request, user) and is_mfa_enabled(user, FACTORS)):
        return False
    record_event(
        action="session.sign_in_failed",
        origin=origin_of(request),
        outcome="failed",
        code=OVER,
        object=get_user_ref(user),
    )
    clear_login(request)
    end_pending_login(request)
    return True


def restart_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page with the reason."""
    messages.warning(request, "Your account was changed while you were signing in. Sign in again.")
    return redirect("account_login")
