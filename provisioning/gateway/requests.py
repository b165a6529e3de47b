"""One request to the gateway as data. Built by `provisioning.service`, sent by `client`."""

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from provisioning.gateway.errors import NotSent
from provisioning.gateway.secrets import Path, reveal_all


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what to send where, and how to read the answer.

    `target` fills the first path parameter, `second` the other one if there is one. `payload` is None for
    reads and may hold sealed values. `secrets` are the answer's secret paths, `result` is the key of its
    content, `fields` are the properties a refusal may name. `large` allows a list's size, `size_cap` sets
    another limit in bytes. `schema` names the answer's schema, `operation` the operation, for the log.
    """

    method: str
    path: str
    target: str = ""
    second: str = ""
    payload: dict[str, Any] | None = field(default=None, repr=False)
    secrets: Collection[Path] = ()
    result: str = ""
    fields: Collection[str] = ()
    large: bool = False
    schema: str = ""
    operation: str = ""
    size_cap: int = 0

    @property
    def writes(self) -> bool:
        """Whether it may change something at the gateway."""
        return self.method != "GET"

    def address(self, base_url: str) -> str:
        """Return the full URL. Raises NotSent if a path parameter cannot be part of a path."""
        path = self.path
        for value in (self.target, self.second):
            head, brace, rest = path.partition("{")
            if not brace:
                break
            bad = not value or len(value) > 200 or any(mark in value for mark in "/\\?#% ")
            if bad or value.strip(".") == "" or not value.isprintable():
                raise NotSent("The identifier cannot be part of an address.")
            path = head + quote(value, safe="") + rest.partition("}")[2]
        return base_url + path

    def body(self) -> bytes | None:
        """Return the request body, sealed values opened. Raises NotSent if it cannot be written as JSON."""
        if self.payload is None:
            return None
        with suppress(ValueError, TypeError, RecursionError):  # NaN, a lone surrogate, not JSON
            return json.dumps(reveal_all(self.payload), ensure_ascii=False, allow_nan=False).encode("utf-8")
        raise NotSent("A value cannot be written as JSON.")
