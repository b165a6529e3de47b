"""How long someone is signed in: marks in the session, checked by the server at each request.

`began_at` and `seen_at` bound a session; `proved_at` is when the person last gave their password or passkey.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from importlib import import_module
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from portal.audit.recording import Origin, origin_of, record_event, session_digest
from portal.core.database import lock_timeout
from portal.staff.identity import person_ref
from portal.staff.models import User

logger = logging.getLogger(__name__)

BEGAN, SEEN, PROVED = "began_at", "seen_at", "proved_at"
# Marks of the proofs that a change of second factors takes: given for it, not left over from sign-in.
PASSWORD_AGAIN, FACTOR_AGAIN = "password_again_at", "factor_again_at"
# Tells the sign-in page why it was shown. A cookie, because a session is not made for those who have none.
ENDED_COOKIE = "__Host-portal-ended" if settings.PRODUCTION else "portal-ended"
WHY_ENDED = {
    "idle": "You were signed out because you were inactive for too long.",
    "limit": "You were signed out because your session reached its maximum length.",
    "ended": "You were signed out. Your session ended, or you or an admin ended it.",
}
# When someone proved who they are at the OpenID provider, noted on the way to a session.
PROVED_ELSEWHERE = "proved_elsewhere_at"
# What portal.js sends with requests that nobody clicked for: they are no sign that someone is there.
POLLED = "X-Portal-Poll"
# A page writes the session at most this often, in seconds: reading must not queue behind writing.
_SEEN_STEP = 30
# A page waits at most this long, in seconds, for a locked database to save its session.
_SAVE_WAIT = 2


class SessionSavingMiddleware(SessionMiddleware):
    """Django's, but a session that cannot be saved never replaces the answer to what was done."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session. A failure is logged, and shown only where the answer depends on the session.

        Signing in depends on it: the browser must not be told of a session that does not exist.
        """
        try:
            with _lock_timeout_if_saving(request):
                saved: HttpResponse = super().process_response(request, response)
            return saved
        except Exception as error:
            logger.warning("could not save the session: %s", type(error).__name__)
            if request.session.session_key != request.COOKIES.get(settings.SESSION_COOKIE_NAME):
                raise
        patch_vary_headers(response, ("Cookie",))
        return response


class SessionLimitsMiddleware:
    """End a session that was idle or open for too long, before anything reads its user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """End sessions that are idle or too old, and those that did not begin at this portal."""
        if request.user.is_authenticated:
            if is_session_over(request):
                was_idle = time.time() - request.session.get(SEEN, 0) >= settings.SESSION_IDLE_SECONDS
                expire_session(request)
                return _say_why(self.get_response(request), "idle" if was_idle else "limit")
            if POLLED not in request.headers and time.time() - request.session[SEEN] >= _SEEN_STEP:
                request.session[SEEN] = int(time.time())
        elif settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.is_empty():
            return _say_why(self.get_response(request), "ended")
        return self.get_response(request)


def _say_why(response: HttpResponse, why: str) -> HttpResponse:
    """Have the sign-in page say why the session is over, if that is where the answer leads."""
    if response.headers.get("Location", "").startswith(resolve_url(settings.LOGIN_URL)):
        secure = settings.PRODUCTION
        response.set_cookie(ENDED_COOKIE, why, max_age=60, httponly=True, samesite="Lax", secure=secure)
    return response


def _lock_timeout_if_saving(request: HttpRequest) -> AbstractContextManager[None]:
    """Limit the wait for a locked database while the session is saved."""
    return lock_timeout(_SAVE_WAIT) if getattr(request.session, "modified", False) else nullcontext()


def is_session_over(request: HttpRequest) -> bool:
    """Return whether it was idle for SESSION_IDLE_SECONDS or began SESSION_COOKIE_AGE seconds ago."""
    now = time.time()
    began, seen = request.session.get(BEGAN, 0), request.session.get(SEEN, 0)
    return bool(
        now - seen >= settings.SESSION_IDLE_SECONDS
        or now - began >= settings.SESSION_COOKIE_AGE
        or began > now + 60  # a clock that was set back must not make a session eternal
    )


def expire_session(request: HttpRequest) -> None:
    """Sign the user out and record it."""
    record_event(action="session.expired", origin=origin_of(request))
    UserSession.objects.filter(session_key=request.session.session_key).delete()
    logout(request)


def start_session(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Mark a new session with its times. Receives django.contrib.auth's user_logged_in.

    The password may be older than the session, as a code follows minutes later. A code does not count as
    step-up.
    """
    now = int(time.time())
    # 0 from a provider that does not say when it asked: this counts as never.
    proved = request.session.pop(PROVED_ELSEWHERE, None)
    if proved is None:
        proved = _proved_on_the_way(request, user) or now
    request.session.update({BEGAN: now, SEEN: now, PROVED: proved})


def record_step_up(request: HttpRequest) -> None:
    """Record a step-up and give the session a new id."""
    record_event(action="session.stepped_up", origin=origin_of(request), outcome="success")
    before = request.session.session_key
    request.session[PROVED] = int(time.time())
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def record_proof(request: HttpRequest, mark: str) -> None:
    """Mark that the user has just confirmed their password or second factor."""
    request.session[mark] = int(time.time())


def is_proof_fresh(request: HttpRequest, mark: str) -> bool:
    """Return whether that was less than STEP_UP_MAX_AGE seconds ago."""
    age = time.time() - request.session.get(mark, 0)
    return bool(-60 <= age < settings.STEP_UP_MAX_AGE)


def is_step_up_fresh(request: HttpRequest) -> bool:
    """Return whether password or passkey were given within STEP_UP_MAX_AGE seconds; signing in counts."""
    return is_proof_fresh(request, PROVED)


def delete_expired_sessions() -> None:
    """Delete expired sessions. Workers call it regularly (portal.tasks.periodic)."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    over = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE + 60)
    UserSession.objects.filter(created_at__lt=over).delete()


def get_sessions(person: User) -> list[UserSession]:
    """Return the open sessions of a user, newest first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(person)
    return sorted(found, key=lambda session: session.created_at, reverse=True)


def end_sessions(*, origin: Origin, person: User, sessions: Iterable[UserSession]) -> int:
    """End these sessions and return how many. Raises AuditUnavailable before the first one ends."""
    ending = list(sessions)
    for session in ending:
        record_event(
            action="session.ended",
            origin=origin,
            object=person_ref(person),
            after={"session": session_digest(session.session_key)},
        )
        session.end()
    return len(ending)


def end_all_sessions(*, origin: Origin, person: User) -> int:
    """End every session of a user, also one that is just beginning; return how many were listed.

    Raises AuditUnavailable.
    """
    with transaction.atomic():
        ended = end_sessions(origin=origin, person=person, sessions=get_sessions(person))
        User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)
    return ended


def _proved_on_the_way(request: HttpRequest, person: User) -> int:
    """Return when the user gave password or passkey in this sign-in, by allauth's records; 0 if never."""
    given = [
        record["at"]
        for record in get_authentication_records(request, person)
        if record["method"] == "password" or record.get("type") == Authenticator.Type.WEBAUTHN
    ]
    return int(max(given, default=0))
