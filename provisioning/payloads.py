"""Request bodies before they go out: checked against the contract, secrets sealed. Called by `service`."""

from collections.abc import Mapping
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import best_match

from provisioning import contract
from provisioning.gateway.errors import NotSent
from provisioning.gateway.responses import seal_secrets
from provisioning.gateway.secrets import MASK, reveal_all, sealed_copy
from provisioning.operations import Operation

Payload = Mapping[str, Any]

_ABOUT_ONE_VALUE = frozenset({"enum", "const", "pattern", "format", "maxLength", "minLength", "type"})
_RULES = {
    "enum": "is not one of the allowed values",
    "const": "is not the only allowed value",
    "type": "has the wrong type",
    "pattern": "has the wrong format",
    "format": "has the wrong format",
    "minProperties": "is empty: there is nothing to send",
}


def seal_payload(operation: Operation, payload: Payload) -> dict[str, Any]:
    """Return a copy of `payload` in which every secret is sealed, whether it came sealed or not."""
    return seal_secrets(sealed_copy(dict(payload)), operation.request_secrets)


def validate_payload(operation: Operation, payload: Payload, *, stored: Payload | None = None) -> None:
    """Raise NotSent, naming field and rule but never the value, if the contract does not allow it.

    Values that the gateway itself has shown (`stored`, the entity) may be sent back although the contract
    does not know them: the gateway may be newer than the contract.
    """
    name = operation.spec.request_schema
    if name is None:
        raise NotSent("This operation takes no request body. Nothing was sent.")
    try:
        errors = contract.validator(name).iter_errors(reveal_all(dict(payload)))
        problem = best_match(error for error in errors if not _is_stored(error, stored or {}))
    except RecursionError:
        raise NotSent("The request is nested too deeply. Nothing was sent.") from None
    if problem is None:
        return
    path = [str(part) for part in problem.absolute_path]
    rule: Any = problem.validator
    instance: Any = problem.instance
    limit: Any = problem.validator_value
    said = _RULES.get(str(rule), "does not fit the gateway's contract")
    if rule == "required" and isinstance(limit, list):
        path.append(next(key for key in limit if key not in instance))
        said = "is missing"
    elif rule == "additionalProperties" and isinstance(problem.schema, dict):
        path.append(min(str(key) for key in instance if key not in problem.schema.get("properties", {})))
        said = "is not part of the gateway's contract"
    elif isinstance(limit, int | float):
        said = _RULES.get(str(rule), f"breaks the rule {rule} {limit}")
    field = ".".join(path)
    raise NotSent(f"“{field or 'The request'}” {said}. Nothing was sent.", f"{name}: {said}", field=field)


def get_payload_fields(operation: Operation) -> frozenset[str]:
    """Return the properties of a request of this operation: what a refusal's message may name."""
    name = operation.spec.request_schema
    return frozenset(contract.schema(name).get("properties", {})) if name else frozenset()


def _is_stored(error: ValidationError, stored: Payload) -> bool:
    """Tell whether the contract objects only to values that the gateway has stored in the same place."""
    if error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.relative_schema_path[0], []).append(inner)
        return any(all(_is_stored(inner, stored) for inner in branch) for branch in branches.values())
    path = list(error.absolute_path)
    instance: Any = error.instance
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = error.schema.get("properties", {})
        further = {key: value for key, value in instance.items() if key not in known}
        # An object of a list may have moved to another row.
        holder = _get_at(stored, path[:-1])
        places = holder if isinstance(holder, list) else [_get_at(stored, path)]
        # Of what was sealed, only its mask is left to compare.
        return any(
            isinstance(place, Mapping)
            and all(key in place and place[key] in (value, MASK) for key, value in further.items())
            for place in places
        )
    if error.validator not in _ABOUT_ONE_VALUE or not path:
        return False
    place, last = _get_at(stored, path[:-1]), path[-1]
    if isinstance(place, list):
        return instance in place
    return isinstance(place, Mapping) and last in place and bool(place[last] == instance)


def _get_at(values: Any, path: list[Any]) -> Any:
    """Return the value at a path through objects; None if there is none."""
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
