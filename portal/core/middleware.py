"""What every request passes: an id that logs and audit rows share, and headers that every answer carries."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.core.datetimes import zone_named
from portal.core.errors import body_refused
from portal.core.logs import current_request_id
from provisioning.service import get_gateway_seconds, reset_gateway_time, time_limit

# Seconds from the start of a request within which all its calls to the gateway must be over.
GATEWAY_TIME_OF_A_PAGE = 20.0

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("portal.requests")

# None of what a browser could offer to a page is needed, but the clipboard for copy buttons.
_UNUSED = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS_POLICY = ", ".join([*(f"{name}=()" for name in _UNUSED), "clipboard-write=(self)"])


class RequestIdMiddleware:
    """Gives each request an id (`request.request_id`), shown on error pages and sent as X-Request-Id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """A fresh id each time: one from outside could be made to collide. Logs the answer, without query."""
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        mark = current_request_id.set(request.request_id)  # type: ignore[attr-defined]
        began = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
            _log(request, response, began)
        finally:
            current_request_id.reset(mark)
        return response


class ServerTimingMiddleware:
    """Limits how long a page waits for the gateway, and tells in milliseconds how long it took and waited."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sets Server-Timing, which browsers show beside the request and `make bench` reads."""
        reset_gateway_time()
        began = time.perf_counter()
        with time_limit(GATEWAY_TIME_OF_A_PAGE):
            response = self.get_response(request)
        total, gateway = time.perf_counter() - began, get_gateway_seconds()
        response["Server-Timing"] = f"total;dur={total * 1000:.1f}, gateway;dur={gateway * 1000:.1f}"
        return response


class TimezoneMiddleware:
    """Whatever is shown or typed while a request is answered is in the person's own time zone."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Stands after the authentication; nobody's zone is UTC."""
        with timezone.override(zone_named(getattr(request.user, "timezone", ""))):
            return self.get_response(request)


class HeadersMiddleware:
    """Headers that Django has no setting for, on static files too."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The page gets no device of the browser, and no other site may embed what it answers."""
        response = self.get_response(request)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


_LENGTH = re.compile(r"[0-9]{0,18}")


class SoundRequestMiddleware:
    """Stops what no browser sends and no database takes, before anything looks at it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Raises BadRequest for a NUL in the path or an odd length; leaves out a cookie with a NUL.

        Refuses, before a byte of it is read, a body that is too long (413) or does not say its length (411).
        """
        if "\x00" in request.path:
            raise BadRequest("a NUL in the path")
        length = request.META.get("CONTENT_LENGTH") or ""
        if not _LENGTH.fullmatch(length):
            raise BadRequest("a length that is no number")  # Django would read it as one
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return body_refused(request, 411)
        if int(length or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return body_refused(request, 413)
        # Cookies are quoted with octal escapes: this NUL passed the server.
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if "\x00" not in value}
        return self.get_response(request)


class NoStoreMiddleware:
    """Forbids every cache to keep what a signed-in person sees."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sets Cache-Control on everything but static files, which WhiteNoise answers before."""
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


def _log(request: HttpRequest, response: HttpResponse, began: float) -> None:
    # Path, not query: searches and one-time tokens stay out of logs.
    logger.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round((time.monotonic() - began) * 1000, 1),
        },
    )
