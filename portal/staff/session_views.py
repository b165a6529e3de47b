"""Pages about one's own sessions: the list with its end buttons, and the sign of life of an open form."""

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
from portal.staff.sessions import SEEN, sessions_end, sessions_of
from portal.staff.user_page import user_of

# What of a User-Agent names the browser and the system it runs on; the first one found counts.
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
    """A User-Agent in short: “Firefox on Windows”. As it is where it names neither."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or agent


class SessionsView(PortalView):
    """/accounts/sessions/ — where one is signed in."""

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list."""
        context = {
            "rows": [(one, browser_words(one.user_agent)) for one in sessions_of(user_of(request))],
            "idle_minutes": settings.SESSION_IDLE_SECONDS // 60,
        }
        return render(request, "usersessions/list.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ends one session (`session`, its number) or all others (`others`); never the one that asks."""
        chosen = [one for one in sessions_of(user_of(request)) if not one.is_current()]
        if "others" not in request.POST:
            chosen = [one for one in chosen if str(one.pk) == request.POST.get("session")]
        with transaction.atomic():
            ended = sessions_end(origin=origin_of(request), person=user_of(request), sessions=chosen)
        messages.success(request, f"{ended} signed out." if ended else "That session had already ended.")
        return redirect("staff:sessions")


class KeepAliveView(PortalView):
    """/accounts/keep-alive/ — for portal.js: the person is still there, and the page gets a fresh token.

    After signing in again in another tab the token of a form is an old one; what was typed stays.
    """

    access = SIGNED_IN
    unenrolled = True

    def get(self, request: HttpRequest) -> HttpResponse:
        """Counts as a click. `user` lets a page stay hidden from a person who did not open it."""
        request.session[SEEN] = int(time.time())  # at once, however recent the last click was
        return JsonResponse(
            {
                "token": get_token(request),
                "seconds": settings.SESSION_IDLE_SECONDS,
                "user": str(user_of(request).pk),
            }
        )
