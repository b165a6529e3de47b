"""Masks what an answer holds beside the contract: a gateway may echo a request or debugging data anywhere.

Called by `client` for the answers to writes, which are stored.
"""

from collections.abc import Iterator
from typing import Any

from provisioning import contract
from provisioning.gateway.secrets import Sealed


def seal_undeclared(value: Any, schema: contract.Schema) -> Any:
    """Seal what `schema` does not declare: unknown keys, and texts where it announces an object. Return it.

    Objects and lists are changed in place. Booleans and numbers of a wrong type stay: they hold no secret.
    """
    alternatives = list(_alternatives(schema))
    if isinstance(value, dict):
        declared: dict[str, contract.Schema] = {}
        for each in alternatives:
            declared |= each.get("properties", {})
        if not declared and any(_allows(each, "object") for each in alternatives):
            return value  # a free map, such as the parameters of a routing condition
        for key, child in value.items():
            value[key] = seal_undeclared(child, declared[key]) if key in declared else _sealed(child)
        return value
    if isinstance(value, list):
        # One object instead of a list, and a list instead of one object, are published slips.
        items = next((each["items"] for each in alternatives if "items" in each), schema)
        value[:] = [seal_undeclared(child, items) for child in value]
        return value
    if isinstance(value, str) and not any(_allows(each, "string") for each in alternatives):
        return _sealed(value)
    return value


def _alternatives(schema: contract.Schema) -> Iterator[contract.Schema]:
    node = contract.resolve(schema)
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for each in node.get(word, ()):
            yield from _alternatives(each)


def _allows(schema: contract.Schema, kind: str) -> bool:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return kind in kinds
    if kinds is None and "enum" in schema:
        return kind == "string" and any(isinstance(each, str) for each in schema["enum"])
    if kinds is None and "properties" in schema:
        return kind == "object"
    # Without a type anything is allowed, unless the alternatives say more: they are looked at as well.
    return kinds == kind if kinds else not {"anyOf", "oneOf", "allOf"} & schema.keys()


def _sealed(value: Any) -> Any:
    return value if value in (None, "", [], {}) or isinstance(value, bool | Sealed) else Sealed(value)
