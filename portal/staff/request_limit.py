"""Limit the requests of each signed-in user, so that a runaway script does not slow down others."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

_USERS_KEPT = 10_000
# Seconds' worth of requests that may come at once: a page with its autosave and several tabs.
_BURST_SECONDS = 10


class RequestBudget:
    """A token bucket for each user, in the memory of one server process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, user: object, per_minute: int, now: float) -> float:
        """Take one request from a user's budget; return 0, or the seconds until one is left again."""
        rate = per_minute / 60
        with self._lock:
            left, since = self._left.pop(user, (rate * _BURST_SECONDS, now))
            left = min(rate * _BURST_SECONDS, left + (now - since) * rate)
            allowed = left >= 1
            self._left[user] = (left - 1 if allowed else left, now)
            while len(self._left) > _USERS_KEPT:
                self._left.popitem(last=False)
        return 0 if allowed else (1 - left) / rate


_budget = RequestBudget()


class RequestLimitMiddleware:
    """Answer 429 with Retry-After once a user asks more than PERSON_REQUESTS_PER_MINUTE of this process."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or refuse it before any view, query or record."""
        per_minute: int = settings.PERSON_REQUESTS_PER_MINUTE
        if not per_minute or not request.user.is_authenticated:
            return self.get_response(request)
        wait = _budget.seconds_to_wait(request.user.pk, per_minute, time.monotonic())
        if not wait:
            return self.get_response(request)
        response = render(request, "429_person.html", status=429)
        response["Retry-After"] = str(int(wait) + 1)
        return response
