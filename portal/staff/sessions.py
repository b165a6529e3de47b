"""How long someone is signed in: marks in the session, checked by the server at each request.

`began_at` and `seen_at` bound a session; `proved_at` is when the user last gave their password or passkey.
The pages are one's own list of sessions, and the request that keeps an open form alive.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import timedelta
from importlib import import_module
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html

from portal.audit.recording import Origin, origin_of, record_event, session_digest
from portal.core.bidi import isolate
from portal.core.database import lock_timeout
from portal.core.tables import Column, Table, TemplateColumn, TimeColumn
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.staff.identity import get_user, get_user_ref
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
    """Django's, but a session that cannot be saved never replaces the answer to what was done.

    An answer to a page's script never deletes or repeats a cookie of the session or of form tokens: it may
    arrive after the user has signed in again in another tab, and would replace the new cookies with old ones.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session. A failure is logged, and shown only where the answer depends on the session.

        Signing in depends on it: the browser must not be told of a session that does not exist.
        """
        try:
            saving = getattr(request.session, "modified", False)
            with lock_timeout(_SAVE_WAIT) if saving else nullcontext():
                saved: HttpResponse = super().process_response(request, response)
            for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
                cookie = saved.cookies.get(name)
                is_old = cookie is not None and cookie.value in ("", request.COOKIES.get(name))
                if is_old and not is_navigation(request):
                    del saved.cookies[name]
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


def is_navigation(request: HttpRequest) -> bool:
    """Return whether the browser opens a page with the answer, instead of giving it to a script."""
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


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
        given = [
            int(record["at"])
            for record in get_authentication_records(request, user)
            if record["method"] == "password" or record.get("type") == Authenticator.Type.WEBAUTHN
        ]
        proved = max(given, default=0) or now
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


def get_sessions(user: User) -> list[UserSession]:
    """Return the open sessions of a user, newest first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: session.created_at, reverse=True)


def end_sessions(*, origin: Origin, user: User, sessions: Iterable[UserSession]) -> int:
    """End these sessions and return how many. Raises AuditUnavailable before the first one ends."""
    ending = list(sessions)
    for session in ending:
        record_event(
            action="session.ended",
            origin=origin,
            object=get_user_ref(user),
            after={"session": session_digest(session.session_key)},
        )
        session.end()
    return len(ending)


def end_all_sessions(*, origin: Origin, user: User) -> int:
    """End every session of a user, also one that is just beginning; return how many were listed.

    Raises AuditUnavailable.
    """
    with transaction.atomic():
        ended = end_sessions(origin=origin, user=user, sessions=get_sessions(user))
        User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    return ended


# Names of browsers and systems in a User-Agent; the first one found counts.
_BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def browser_words(agent: str) -> str:
    """Return a User-Agent in short: “Firefox on Windows”; unchanged if it names neither."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or agent


COLUMNS = (
    TimeColumn(label="Signed in", value=lambda session: session.created_at, is_label_repeated=True),
    Column(label="IP address", value=lambda session: session.ip),
    Column(
        label="Browser",
        value=lambda session: format_html(
            '<span title="{}">{}</span>',
            session.user_agent,
            isolate(browser_words(session.user_agent) or "unknown"),
        ),
    ),
    TemplateColumn(label="Actions", template="usersessions/partials/actions.html", is_label_hidden=True),
)


class SessionsView(PortalView):
    """/accounts/sessions/: where the user is signed in."""

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the table of open sessions."""
        context = {
            "table": Table(
                request,
                COLUMNS,
                get_sessions(get_user(request)),
                label="Where you’re signed in",
                css="card-table",
            ),
            "idle_minutes": settings.SESSION_IDLE_SECONDS // 60,
        }
        return render(request, "usersessions/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End one session (`session`, its number) or all others (`others`), never the current one."""
        chosen = [one for one in get_sessions(get_user(request)) if not one.is_current()]
        if "others" not in request.POST:
            chosen = [one for one in chosen if str(one.pk) == request.POST.get("session")]
        with transaction.atomic():
            ended = end_sessions(origin=origin_of(request), user=get_user(request), sessions=chosen)
        messages.success(request, f"{ended} signed out." if ended else "That session had already ended.")
        return redirect("staff:sessions")


class KeepAliveView(PortalView):
    """/accounts/keep-alive/: for portal.js, while the user is active; returns a fresh form token.

    After signing in again in another tab the token of a form is an old one; what was typed stays.
    """

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Count as activity. `user` lets a page stay hidden from another user."""
        request.session[SEEN] = int(time.time())  # at once, however recent the last click was
        return JsonResponse(
            {
                "token": get_token(request),
                "seconds": settings.SESSION_IDLE_SECONDS,
                "user": str(get_user(request).pk),
            }
        )
