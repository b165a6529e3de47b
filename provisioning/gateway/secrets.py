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
# Hex and parts of base64 of a shorter text occur by chance.
_LONG_ENOUGH = 8
# An escape that JSON does not need: printable ASCII, other than the quote and the backslash.
_NEEDLESS_ESCAPE = re.compile(r"\\u00((?!22|5[cC])[2-7][0-9a-fA-F])")

Path = tuple[str, ...]


class Sealed:
    """Wraps a secret (any JSON value). Only `reveal()` gives it out, and every call of that is a decision."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """Return the unsealed secret."""
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
    """Seal, in place, the values of `body` at `paths` ("*": each item of an array). Return it.

    One object instead of a list, or a list instead of one object, is walked as well; text where an object was
    announced is sealed as a whole.
    """
    for *above, key in paths:
        for holder in _find_holders(body, above):
            if key in holder:
                holder[key] = seal_value(holder[key])
    return body


def seal_unknown(body: Any, path: Path, known: Collection[str]) -> Any:
    """Seal, in place, every value of the objects at `path` whose key is not `known`; returns `body`."""
    for holder in _find_holders(body, path):
        for key in holder.keys() - known:
            holder[key] = seal_value(holder[key])
    return body


def sealed_copy(value: Any) -> Any:
    """Return a copy of a JSON value that shares nothing but the Sealed in it."""
    if isinstance(value, dict):
        return {key: sealed_copy(child) for key, child in value.items()}
    return [sealed_copy(child) for child in value] if isinstance(value, list) else value


class Scrubber:
    """Masks secrets that an answer quotes: raw, base64, hex, and with the escapes of JSON, URLs and HTML.

    `secrets` are JSON values; the texts sealed anywhere in them count if they have `shortest` characters.
    """

    def __init__(self, *secrets: Any, shortest: int = 3) -> None:
        texts = {text for value in secrets for text in sealed_texts(value) if len(text) >= shortest}
        found = {spelling for text in texts for spelling in _list_spellings(text)}
        self._spellings = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._spellings))) if found else None

    def text(self, text: str) -> str:
        """Return `text` with every secret replaced by the mask."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """Return a copy of a JSON value, its texts and keys scrubbed; Sealed values stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(child) for key, child in value.items()}
        return [self.value(child) for child in value] if isinstance(value, list) else value

    def suspects(self, body: bytes) -> bool:
        """Return whether a JSON text may quote a secret. Saves the walk through a long list."""
        text = _NEEDLESS_ESCAPE.sub(lambda found: chr(int(found[1], 16)), body.decode("utf-8", "replace"))
        return any(spelling in text for spelling in self._spellings)


def scrub(text: str, *secrets: Any) -> str:
    """Return `text` without the texts sealed anywhere in `secrets`: a gateway may quote what it refuses."""
    return Scrubber(*secrets).text(text)


def mask(value: Any) -> Any:
    """Return a copy of a JSON value with every Sealed masked, for pages, logs and audit rows."""
    if isinstance(value, Sealed):
        return MASK
    if isinstance(value, dict):
        return {key: mask(child) for key, child in value.items()}
    if isinstance(value, list):
        return [mask(child) for child in value]
    return value


def reveal_all(value: Any) -> Any:
    """Return a copy of a JSON value with every Sealed opened. Only for the request body on its way out."""
    if isinstance(value, Sealed):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal_all(child) for key, child in value.items()}
    if isinstance(value, list):
        return [reveal_all(child) for child in value]
    return value


def seal_value(value: Any) -> Any:
    """Return `value` sealed, unless it is sealed already or empty."""
    return value if value in (None, "", [], {}) or isinstance(value, Sealed) else Sealed(value)


def _find_holders(node: Any, path: Sequence[str]) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        _seal_texts(node, range(len(node)))
        for item in node:
            yield from _find_holders(item, path[1:] if path and path[0] == "*" else path)
    elif isinstance(node, dict) and not path:
        yield node
    elif isinstance(node, dict) and path[0] == "*":
        for item in (node, *node.values()):
            yield from _find_holders(item, path[1:])
    elif isinstance(node, dict) and path[0] in node:
        _seal_texts(node, [path[0]])
        yield from _find_holders(node[path[0]], path[1:])


def _seal_texts(node: Any, keys: Iterable[Any]) -> None:
    for key in keys:
        if isinstance(node[key], str):
            node[key] = seal_value(node[key])


def sealed_texts(value: Any) -> Iterator[str]:
    """Yield the texts that are sealed anywhere in a JSON value, unsealed."""
    if isinstance(value, Sealed):
        yield from clear_texts(value.reveal())
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from sealed_texts(child)


def clear_texts(value: Any) -> Iterator[str]:
    """Yield the texts of a JSON value that are not sealed."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from clear_texts(child)


def _list_spellings(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    escaped = json.dumps(secret)[1:-1]
    upper = re.sub(r"\\u[0-9a-f]{4}", lambda found: rf"\u{found[0][2:].upper()}", escaped)
    yield from (secret, json.dumps(secret, ensure_ascii=False)[1:-1])
    for text in (escaped, upper):
        yield from (text, text.replace("/", r"\/"))
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield from (quoted, re.sub("%..", lambda found: found[0].lower(), quoted), quote(quoted))
    yield from (html.escape(secret), html.escape(secret, quote=False))
    # Without padding: what follows it in the text stays.
    yield from (coded(data).decode().rstrip("=") for coded in (base64.b64encode, base64.urlsafe_b64encode))
    if len(data) < _LONG_ENOUGH:
        return
    yield from (data.hex(), data.hex().upper())
    # Base64 of a longer text that contains the secret, one form for each position modulo 3.
    for before in range(3):
        bits = (before + len(data)) * 8
        for coded in (base64.b64encode, base64.urlsafe_b64encode):
            text = coded(b"\0" * before + data).decode()
            # The characters at either end carry bits of the neighbours as well.
            yield text[-(-before * 8 // 6) : bits // 6]
