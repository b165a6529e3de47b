"""Parse the bytes of an answer, seal its secrets, and accept it or raise the error that it means.

DOMAIN.md of the contract: decide on `errorCode`, and look at `success` and the HTTP status as well.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from provisioning import contract
from provisioning.contract.key_aliases import apply_aliases
from provisioning.gateway.error_codes import ERROR_CODES, STATUS_CAUSES, get_refusal_cause
from provisioning.gateway.errors import UNUSUAL, EntityNotFound, NotAuthorised, OutcomeUnknown, Refused
from provisioning.gateway.secrets import Path, seal_paths, seal_unknown, seal_value

# What PostgreSQL and UTF-8 refuse: NUL and lone surrogates, as JSON escapes. Pairs match as well and survive.
_UNSTORABLE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_LONE = re.compile("[\x00\ud800-\udfff]")
_FIELD = re.compile(r"([A-Za-z][\w.\[\]:-]*): ")
_ROUTING_PATH = re.compile(r" at '([^']+)'\s*\Z")
# Replaces a value that is nested too deeply.
TOO_DEEP = "\ufffd nested too deeply"
_BRACKET_OR_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_OPEN_AND_CLOSE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DEEP = "the answer is nested too deeply"
_LEVELS = 100  # the routing documents, the deepest there are, need a few levels per rule
_LONG = 1024 * 1024
_NO_CODE = (None, "", 0)
# Objects of a connector that take keys the contract does not name; credentials are kept under such keys.
_FREE_FORM = {
    "config": "ConnectorConfig",
    "settings": "ConnectorSettings",
    "addSettings": "ConnectorSettings",
    "removeSettings": "ConnectorSettings",
}

_CONTRADICTORY = "The gateway's response contradicts itself: it reports both success and failure."
_NO_VERDICT = "The gateway's response does not say whether the request succeeded."
_TURNED_DOWN = (
    "The stored API key or password was rejected in a response that does not look like the gateway's. "
    "It may come from a proxy in between. Nothing was changed."
)
UNAUTHORISED = 401

# Bounds on what is parsed.
MAX_ROWS = 100_000
MAX_NODES = 2_500_000
MAX_NODES_SMALL = 100_000


class UnreadableError(Exception):
    """The answer is not a JSON object that can be trusted. The text says why and quotes nothing."""


class TooLargeError(UnreadableError):
    """The answer is larger than allowed. The text names the bound."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An accepted answer: the parsed body with its secrets sealed."""

    body: dict[str, Any]
    http_status: int
    request_id: str
    duration_ms: int


def parse_body(body: bytes, *, strict: bool = False, large: bool = True) -> dict[str, Any]:
    """Return the JSON object in `body`; NaN and infinities read as null, NUL and lone surrogates as U+FFFD.

    `strict`, for answers to writes, refuses a body that states `success` or `errorCode` twice (two verdicts
    are none) and one nested so deeply that recording it would fail. In other answers what is too deep is
    replaced by TOO_DEEP, so that the rest can be read. Raises UnreadableError, TooLargeError.
    """
    # A short body may stand for very many objects, so its values are counted before they are parsed.
    limit = MAX_NODES if large else MAX_NODES_SMALL
    if body.count(b",") + body.count(b"[") + body.count(b"{") > limit:
        raise TooLargeError(f"more than {limit:,} values")
    text = body.decode("utf-8-sig", "replace")
    if not strict and _may_be_deep(body):
        text = _cut_depths(text)
    try:
        value = _load_json(text, strict=strict)
    except RecursionError:
        if strict:
            raise UnreadableError(_DEEP) from None
        try:
            value = _load_json(_cut_depths(text), strict=False)
        except RecursionError:
            raise UnreadableError(_DEEP) from None
    if not isinstance(value, dict):
        raise UnreadableError("the answer is JSON but not an object")
    if strict and count_levels(value, _LEVELS) > _LEVELS:
        raise UnreadableError(_DEEP)
    if any(isinstance(each, list) and len(each) > MAX_ROWS for each in value.values()):
        raise TooLargeError(f"more than {MAX_ROWS:,} rows")
    return dict(_replace_surrogates(value)) if _UNSTORABLE.search(text) or "\x00" in text else value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build one object of a long answer. As a Python function it lets other threads run in between."""
    return dict(pairs)


def seal_body(body: dict[str, Any], paths: Collection[Path]) -> dict[str, Any]:
    """Return `body` with the contract's key names and the values at `paths` sealed; unchanged without paths.

    In a connector's `config` and `settings`, all keys that the contract does not declare count as secret.
    """
    if not paths:
        return body
    return seal_secrets(apply_aliases(body), paths)


def seal_secrets(body: dict[str, Any], paths: Collection[Path]) -> dict[str, Any]:
    """Seal in place the values at `paths` and all undeclared keys of a `config` or `settings`."""
    for holder in {path[:-2] for path in paths if path[-2:-1] == ("config",)}:
        for name, schema in _FREE_FORM.items():
            seal_unknown(body, (*holder, name), contract.schema(schema)["properties"].keys())
    seal_paths(body, paths)
    return body


def seal_undeclared(value: Any, schema: contract.Schema) -> Any:
    """Seal what `schema` does not declare: unknown keys, and texts where it announces an object. Return it.

    For the answers to writes, which are stored: a gateway may echo a request or debugging data anywhere.
    Objects and lists are changed in place. Booleans and numbers of a wrong type stay: they hold no secret.
    """
    alternatives = list(_collect_alternatives(schema))
    if isinstance(value, dict):
        declared: dict[str, contract.Schema] = {}
        for each in alternatives:
            declared |= each.get("properties", {})
        if not declared and any(_allows_type(each, "object") for each in alternatives):
            return value  # a free map, such as the parameters of a routing condition
        for key, child in value.items():
            if key in declared:
                value[key] = seal_undeclared(child, declared[key])
            elif not isinstance(child, bool):
                value[key] = seal_value(child)
        return value
    if isinstance(value, list):
        # One object instead of a list, and a list instead of one object, are published slips.
        items = next((each["items"] for each in alternatives if "items" in each), schema)
        value[:] = [seal_undeclared(child, items) for child in value]
        return value
    if isinstance(value, str) and not any(_allows_type(each, "string") for each in alternatives):
        return seal_value(value)
    return value


def _collect_alternatives(schema: contract.Schema) -> Iterator[contract.Schema]:
    """Yield the schema itself and, at any depth, its alternatives."""
    node = contract.resolve(schema)
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for each in node.get(word, ()):
            yield from _collect_alternatives(each)


def _allows_type(schema: contract.Schema, kind: str) -> bool:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return kind in kinds
    if kinds is None and "enum" in schema:
        return kind == "string" and any(isinstance(each, str) for each in schema["enum"])
    if kinds is None and "properties" in schema:
        return kind == "object"
    # Without a type anything is allowed, unless the alternatives say more: they are looked at as well.
    return kinds == kind if kinds else not {"anyOf", "oneOf", "allOf"} & schema.keys()


def credential_rejected() -> NotAuthorised:
    """Return the error for a 401 without a verdict: the server that sent it has carried out nothing."""
    return NotAuthorised(_TURNED_DOWN, UNUSUAL, http_status=UNAUTHORISED)


def classify_response(
    status: int, body: dict[str, Any], *, result: str, writes: bool, fields: Collection[str]
) -> None:
    """Return if the gateway accepted the call. Raises Refused (or a subclass) or OutcomeUnknown.

    `result` is the key of the answer's content, `fields` the properties that were sent.
    """
    code, success = body.get("errorCode"), body.get("success")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    if code in _NO_CODE or isinstance(code, bool):
        code = None
    elif not isinstance(code, int):
        code = str(code)[:50]
    if status >= 500 or code == 9999:
        words = STATUS_CAUSES.get(status, ERROR_CODES["9999"].cause)
        raise OutcomeUnknown(words, f"HTTP {status}, code {code}", code, gateway_message=_get_message(body))
    implied = "success" not in body and not writes and result in body
    if 200 <= status < 300 and code is None and (success is True or implied):
        return
    if 200 <= status < 300 and code is not None and success is not False:
        raise OutcomeUnknown(_CONTRADICTORY, f"HTTP {status}, no plain “success: false”, code {code}", code)
    if status == UNAUTHORISED and code is None and "success" not in body:
        raise credential_rejected()
    if not (200 <= status < 300 or 400 <= status < 500) or (code is None and success is not False):
        words = STATUS_CAUSES.get(status, _NO_VERDICT)
        raise OutcomeUnknown(words, f"HTTP {status} without a verdict", gateway_message=_get_message(body))
    # One published 401 carries the code 1001 (contract README, 11): the status says it as well.
    code = 1000 if status == UNAUTHORISED else code
    message = _get_message(body)
    # The message ends with a path of a routing document, or begins with the name of a property.
    at_end, at_start = _ROUTING_PATH.search(message), _FIELD.match(message)
    field = at_end[1] if at_end else ""
    if at_start and not at_end and re.split(r"[.\[:]", at_start[1])[0] in fields:
        field = at_start[1]
    kind = NotAuthorised if code == 1000 else EntityNotFound if code == 1007 else Refused
    raise kind(get_refusal_cause(code, status), code=code, field=field, gateway_message=message)


def _get_message(body: dict[str, Any]) -> str:
    message = body.get("errorMessage")
    # The client shortens it after scrubbing, because half a secret would not be recognised.
    return message if isinstance(message, str) else ""


def _load_json(text: str, *, strict: bool) -> Any:
    hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None
    if strict:
        hook = _reject_two_verdicts
    elif len(text) > _LONG:
        hook = _build_object
    try:
        return json.loads(
            text, parse_constant=lambda _: None, parse_float=_parse_finite, object_pairs_hook=hook
        )
    except ValueError:
        raise UnreadableError("the answer is not valid JSON") from None


def _may_be_deep(body: bytes) -> bool:
    """Return False if objects and lists are surely not nested too deeply. A quick test."""
    signs = body.translate(_OPEN_AND_CLOSE, _NO_BRACKETS)
    for _ in range(_LEVELS):
        fewer = signs.replace(b"[]", b"")  # takes away the innermost level
        if len(fewer) == len(signs):
            break
        signs = fewer
    return b"[" in signs


def _cut_depths(text: str) -> str:
    """Replace the values nested more than 100 levels deep in a JSON text by TOO_DEEP."""
    kept, depth, start = [], 0, 0
    for found in _BRACKET_OR_TEXT.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == _LEVELS + 1:
                kept.append(text[start : found.start()])
        elif found[0] in "]}":
            if depth == _LEVELS + 1:
                kept.append(json.dumps(TOO_DEEP))
                start = found.end()
            depth -= 1
    return "".join([*kept, text[start:]]) if depth <= _LEVELS else text


def _reject_two_verdicts(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in {"success", "errorCode"} and key in found:
            raise UnreadableError("the answer states two verdicts")
        found[key] = value
    return found


def _parse_finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def count_levels(value: Any, limit: int) -> int:
    """Return how deep objects and lists are nested in a JSON value, at most `limit` + 1."""
    level, depth = [value], 0
    while level and depth <= limit:
        groups = (node.values() if isinstance(node, dict) else node for node in level)
        level = [child for group in groups for child in group if isinstance(child, dict | list)]
        depth += 1
    return depth


def _replace_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(child) for key, child in value.items()}
    return value
