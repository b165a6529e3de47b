"""Sealed: a secret that no template, log, traceback, JSON dump or pickle can show by accident."""

import base64
import hmac
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

MASK = "••••••"

Path = tuple[str, ...]


class Sealed:
    """Wraps a secret (any JSON value). Only `reveal()` gives it out, and every call of that is a decision."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """The secret in clear."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sealed):
            return NotImplemented
        return hmac.compare_digest(repr(self._value).encode(), repr(other._value).encode())

    def __bool__(self) -> bool:
        return bool(self._value)

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A sealed secret is not pickled.")


def seal_paths(body: Any, paths: Iterable[Path]) -> Any:
    """Seals, in place, the values of `body` at `paths` ("*" stands for every item of an array); returns it.

    One object instead of a list, or a list instead of one object, is walked as well; text where an object was
    announced is sealed as a whole.
    """
    for *above, key in paths:
        for holder in _holders(body, above):
            if key in holder:
                holder[key] = _sealed(holder[key])
    return body


def seal_unknown(body: Any, path: Path, known: Collection[str]) -> Any:
    """Seals, in place, every value of the objects at `path` whose key is not `known`; returns `body`."""
    for holder in _holders(body, path):
        for key in holder.keys() - known:
            holder[key] = _sealed(holder[key])
    return body


def sealed_copy(value: Any) -> Any:
    """A copy of a JSON value that shares nothing but the Sealed in it."""
    if isinstance(value, dict):
        return {key: sealed_copy(child) for key, child in value.items()}
    return [sealed_copy(child) for child in value] if isinstance(value, list) else value


def scrub(text: str, *secrets: Any) -> str:
    """`text` without the texts sealed anywhere in `secrets`: a gateway may quote what it refuses.

    Base64 and the escapes of JSON, URLs and HTML count as the secret too.
    """
    found = {
        spelling for value in secrets for secret in _secret_texts(value) for spelling in _spellings(secret)
    }
    for spelling in sorted(found, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return text


def mask(value: Any) -> Any:
    """A copy of a JSON value with every Sealed replaced by the mask: safe for pages, logs and audit rows."""
    if isinstance(value, Sealed):
        return MASK
    if isinstance(value, dict):
        return {key: mask(child) for key, child in value.items()}
    if isinstance(value, list):
        return [mask(child) for child in value]
    return value


def reveal_all(value: Any) -> Any:
    """A copy of a JSON value with every Sealed opened: for the request body on its way out, nowhere else."""
    if isinstance(value, Sealed):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal_all(child) for key, child in value.items()}
    if isinstance(value, list):
        return [reveal_all(child) for child in value]
    return value


def _sealed(value: Any) -> Any:
    return value if value in (None, "", [], {}) or isinstance(value, Sealed) else Sealed(value)


def _holders(node: Any, path: Sequence[str]) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        _seal_texts(node, range(len(node)))
        for item in node:
            yield from _holders(item, path[1:] if path and path[0] == "*" else path)
    elif isinstance(node, dict) and not path:
        yield node
    elif isinstance(node, dict) and path[0] == "*":
        for item in (node, *node.values()):
            yield from _holders(item, path[1:])
    elif isinstance(node, dict) and path[0] in node:
        _seal_texts(node, [path[0]])
        yield from _holders(node[path[0]], path[1:])


def _seal_texts(node: Any, keys: Iterable[Any]) -> None:
    for key in keys:
        if isinstance(node[key], str):
            node[key] = _sealed(node[key])


def _secret_texts(value: Any) -> Iterator[str]:
    if isinstance(value, Sealed):
        yield from _texts(value.reveal())
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _secret_texts(child)


def _spellings(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, escaped.replace("/", r"\/"), json.dumps(secret, ensure_ascii=False)[1:-1])
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (quoted, re.sub("%..", lambda found: found[0].lower(), quoted))
    yield from (html.escape(secret), html.escape(secret, quote=False))
    # Without padding: what follows it in the text stays.
    yield from (coded(data).decode().rstrip("=") for coded in (base64.b64encode, base64.urlsafe_b64encode))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) > 2:
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)
