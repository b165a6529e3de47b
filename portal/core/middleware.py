"""Middleware for every request: a request id, time limits, the time zone, headers, and refused requests."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone

from portal.core.datetimes import get_time_zone
from portal.core.errors import body_refused
from portal.core.logs import current_request_id
from provisioning.service import get_gateway_seconds, reset_gateway_time, time_limit

# Seconds from the start of a request within which all its calls to the gateway must be over.
GATEWAY_TIME_OF_A_PAGE = 20.0

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("portal.requests")

# Pages need none of these browser features. Copy buttons need the clipboard.
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
    """Give each request an id (`request.request_id`), shown on error pages and sent as X-Request-Id."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Make a new id, as one from outside could be made to collide. Log the response without the query."""
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        mark = current_request_id.set(request.request_id)  # type: ignore[attr-defined]
        began = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
            # The path without the query: searches and one-time tokens stay out of logs.
            logger.info(
                "request",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "milliseconds": round((time.monotonic() - began) * 1000, 1),
                },
            )
        finally:
            current_request_id.reset(mark)
        return response


class ServerTimingMiddleware:
    """Limit how long a page waits for the gateway, and report the times in milliseconds."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set Server-Timing, which browsers show beside the request and `make bench` reads."""
        reset_gateway_time()
        began = time.perf_counter()
        with time_limit(GATEWAY_TIME_OF_A_PAGE):
            response = self.get_response(request)
        total, gateway = time.perf_counter() - began, get_gateway_seconds()
        response["Server-Timing"] = f"total;dur={total * 1000:.1f}, gateway;dur={gateway * 1000:.1f}"
        return response


class TimezoneMiddleware:
    """Use the user's time zone for everything that is shown or typed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the time zone, after authentication. Anonymous users get UTC."""
        with timezone.override(get_time_zone(getattr(request.user, "timezone", ""))):
            return self.get_response(request)


class HeadersMiddleware:
    """Set headers that Django has no setting for, on static files too."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Deny browser features to the page, and embedding to other sites."""
        response = self.get_response(request)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


_LENGTH = re.compile(r"[0-9]{0,18}")


class SoundRequestMiddleware:
    """Refuse requests that no browser sends or no database can store, before anything reads them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Raise BadRequest for a NUL in the path or an invalid length; remove cookies with a NUL.

        A body that is too long (413) or has no length (411) is refused before it is read.
        """
        if "\x00" in request.path:
            raise BadRequest("a NUL in the path")
        length = request.META.get("CONTENT_LENGTH") or ""
        if not _LENGTH.fullmatch(length):
            raise BadRequest("the length is not a number")  # Django would read it as one
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return body_refused(request, 411)
        if int(length or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return body_refused(request, 413)
        # Cookies are quoted with octal escapes: this NUL passed the server.
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if "\x00" not in value}
        return self.get_response(request)


class NoStoreMiddleware:
    """Forbid caches to keep pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set Cache-Control on everything except static files, which WhiteNoise serves earlier."""
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


class RefuseFiles(FileUploadHandler):
    """Refuse every file part before its content is read, so that nothing is written to disk.

    CSRF protection parses forms before anyone has signed in; Django's own handlers would store the files of
    strangers in the temporary folder.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise MultiPartParserError, which becomes a 400 page."""
        raise MultiPartParserError("a file, which no form of the portal takes")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Drop the chunk of an uploaded file."""
        return None

    def file_complete(self, file_size: int) -> None:
        """Return None, so that the request has no file."""
