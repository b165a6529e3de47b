"""Request bodies as JSON: size, depth, content type. What is in them is checked by `violations`."""

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest

from provisioning.sandbox.error_responses import Code, Refusal

JsonObject = dict[str, Any]

LARGEST_BODY = 1024 * 1024
_DEEPEST = 120


def read_body(request: HttpRequest, unusable: Code = Code.REQUEST_INVALID) -> JsonObject:
    """The JSON object of a request. Raises Refusal `unusable` (1001, for routing documents 1010)."""
    if request.content_type not in ("application/json", ""):
        raise Refusal(unusable, "Request invalid: the content type must be application/json")
    raw = request.read(LARGEST_BODY + 1)
    if len(raw) > LARGEST_BODY:
        raise Refusal(unusable, "Request invalid: the body is larger than 1 MiB")
    try:
        parsed = json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Refusal(unusable, "Request invalid: the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Refusal(unusable, "Request invalid: the body is not a JSON object")
    if _depth(parsed) > _DEEPEST:
        raise Refusal(unusable, f"Request invalid: nested deeper than {_DEEPEST} levels")
    return parsed


def _depth(value: object, level: int = 1) -> int:
    if level > _DEEPEST:
        return level
    if isinstance(value, dict):
        return max((_depth(child, level + 1) for child in value.values()), default=level)
    if isinstance(value, list):
        return max((_depth(child, level + 1) for child in value), default=level)
    return level


def _finite(text: str) -> float:
    """1e999 is JSON to read, but infinity is none to answer with."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
