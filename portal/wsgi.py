"""The portal as a WSGI application, for gunicorn."""

import logging
import os
import re
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from portal import process

process.set_role("web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
_django = get_wsgi_application()
_CHARSET = re.compile(r";\s*charset\*?\d*\*?\s*=[^;]*", re.IGNORECASE)

from portal.core.checks import settings_warnings  # noqa: E402 - models need the line above
from portal.demo.checks import require_no_demo  # noqa: E402
from portal.keys.checks import ensure_keys  # noqa: E402
from portal.staff.mfa import require_known_roles  # noqa: E402

for _text in settings_warnings():
    logging.getLogger(__name__).warning("%s", _text)
require_no_demo()
ensure_keys()
require_known_roles()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django's application, to whom everybody speaks UTF-8.

    Django reads the query in whatever Python codec a request names, and breaks before any middleware.
    """
    environ["CONTENT_TYPE"] = _CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
    answer: Iterable[bytes] = _django(environ, start_response)
    return answer
