"""Sealed: a secret that no template, log, traceback, JSON dump or pickle can show by accident."""

import hmac
from collections.abc import Iterable
from typing import Any, NoReturn

MASK = "••••••"


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


def seal_paths(body: Any, paths: Iterable[tuple[str, ...]]) -> Any:
    """Seals, in place, the values of `body` at `paths` ("*" stands for every item of an array); returns it."""
    for path in paths:
        _seal(body, path)
    return body


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


def _seal(node: Any, path: tuple[str, ...]) -> None:
    head, rest = path[0], path[1:]
    if head == "*":
        for item in node if isinstance(node, list) and rest else ():
            _seal(item, rest)
    elif isinstance(node, dict) and head in node and not isinstance(node[head], Sealed):
        if rest:
            _seal(node[head], rest)
        elif node[head] not in (None, "", [], {}):
            node[head] = Sealed(node[head])
