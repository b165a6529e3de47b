"""Logs as JSON lines with the request id; of an exception its kind and place, never its text.

An exception's text may repeat what a person typed (`int('…')`, a database's DETAIL line), so it stays out.
"""

import errno
import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# Which request the current thread works on; set by RequestIdMiddleware, empty in commands.
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")
# What code may add to a line with `extra=`; anything else a record carries is left out.
EXTRAS = (
    "method", "path", "status", "milliseconds", "operation", "connection", "change_id", "code", "run", "kind",
    "state", "version", "outcome", "http_status", "duration_ms", "gateway_request_id",
)  # fmt: skip

# The address of a one-time link to set a password is as good as the password.
_ONE_TIME_KEY = re.compile(r"(/password/set/)[^/\s\"]+", re.IGNORECASE)


class JsonFormatter(logging.Formatter):
    """One line of JSON per record; line breaks in what is logged cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON text, without secrets."""
        # Libraries quote exceptions, requests and addresses in their messages: those are cut out.
        library = record.name.split(".")[0]
        text = str(record.msg) if library == "rq" else record.getMessage()
        if library in ("rq", "gunicorn"):
            text = (text.splitlines() or [""])[0]
        if library == "gunicorn":
            text = re.sub(r"\?\S*", "", re.sub(r"^(Invalid request from ip=\S+): .*", r"\1", text))
        # Django logs refusals after the middleware: the record itself knows their request.
        request = getattr(record, "request", None)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": text,
            "request_id": current_request_id.get() or str(getattr(request, "request_id", "")),
        }
        line.update({name: getattr(record, name) for name in EXTRAS if hasattr(record, name)})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = exception_chain(record.exc_info[1])
        return mask_keys(json.dumps(line, ensure_ascii=True, default=str))


def mask_keys(text: str) -> str:
    """Return the text without keys of one-time links, for whatever keeps an address."""
    return _ONE_TIME_KEY.sub(r"\1***", text)


def exception_chain(error: BaseException | None) -> list[dict[str, Any]]:
    """Return the exception and its causes: kinds and places (file:line function), no messages or values."""
    chain: list[dict[str, Any]] = []
    while error is not None and len(chain) < 10:
        places = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
        link: dict[str, Any] = {
            "kind": f"{type(error).__module__}.{type(error).__qualname__}",
            "places": [f"{place.filename}:{place.lineno} {place.name}" for place in places],
        }
        if code := error_code(error):
            link["code"] = code
        chain.append(link)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def error_code(error: BaseException) -> str:
    """Return the error code of the system or database: ENOSPC, 57P01, SQLITE_BUSY."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "")
    return str(getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or "")
