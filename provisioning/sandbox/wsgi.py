"""The WSGI application: Django, the faults around it, and a request id on every answer."""

import os
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "provisioning.sandbox.settings")
_django = get_wsgi_application()

from provisioning.sandbox.faulty import FaultyApplication  # noqa: E402 - models need Django to be set up


def with_request_id(inner: WSGIApplication) -> WSGIApplication:
    """Adds an X-Request-Id of our own to every answer, those of faults included."""

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def start_with_id(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            return start(status, [*headers, ("X-Request-Id", str(uuid.uuid4()))], exc_info)

        return inner(environ, start_with_id)

    return application


application = with_request_id(FaultyApplication(_django))
