"""The WSGI application: Django, the faults around it, and a request id on every answer."""

import os
import uuid
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

# Not a default: the gateway never runs with the portal's settings, even where those are exported.
os.environ["DJANGO_SETTINGS_MODULE"] = "provisioning.sandbox.settings"
_django = get_wsgi_application()

from provisioning.sandbox.api import LARGEST_BODY  # noqa: E402 - models need Django to be set up
from provisioning.sandbox.fault_injection import FaultyApplication  # noqa: E402 - as above


def with_request_id(inner: WSGIApplication) -> WSGIApplication:
    """Add an X-Request-Id of our own to every answer, those of faults included."""

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def start_with_id(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            return start(status, [*headers, ("X-Request-Id", str(uuid.uuid4()))], exc_info)

        return inner(environ, start_with_id)

    return application


def with_chunked_bodies(inner: WSGIApplication) -> WSGIApplication:
    """Read a body sent in chunks (RFC 9112, 7.1): Django reads only what Content-Length announces."""

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get(
            "CONTENT_LENGTH"
        ):
            body = environ["wsgi.input"].read(LARGEST_BODY + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return inner(environ, start)

    return application


application = with_request_id(with_chunked_bodies(FaultyApplication(_django)))
