"""Pages about one's own sessions: the list, and the request that keeps an open form alive."""

import time

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render

from portal.audit.recording import origin_of
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.staff.sessions import SEEN, end_sessions, get_sessions
from portal.staff.user_page import get_user

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


class SessionsView(PortalView):
    """/accounts/sessions/: where the user is signed in."""

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list."""
        context = {
            "rows": [(one, browser_words(one.user_agent)) for one in get_sessions(get_user(request))],
            "idle_minutes": settings.SESSION_IDLE_SECONDS // 60,
        }
        return render(request, "usersessions/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End one session (`session`, its number) or all others (`others`), never the current one."""
        chosen = [one for one in get_sessions(get_user(request)) if not one.is_current()]
        if "others" not in request.POST:
            chosen = [one for one in chosen if str(one.pk) == request.POST.get("session")]
        with transaction.atomic():
            ended = end_sessions(origin=origin_of(request), person=get_user(request), sessions=chosen)
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
