"""Checks a body against the contract and maps every violation to a documented code, field first."""

import re
from collections.abc import Iterator
from typing import Any

from provisioning.contract import validator
from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.character_rules import check_characters
from provisioning.sandbox.error_responses import Code, Refusal, field_refusal
from provisioning.sandbox.values import check_values

# A jsonschema ValidationError. Its attributes are typed as "perhaps unset", which they never are here.
_Violation = Any

# An answer names one violation only: the more basic one first, then in the order of the body.
_ORDER = (
    Code.REQUEST_INVALID,
    Code.MANDATORY_MISSING,
    Code.NOT_APPLICABLE,
    Code.INVALID_CHARACTERS,
    Code.WRONG_FORMAT,
    Code.RULE_BROKEN,
)
_KEYWORDS = {
    "required": Code.MANDATORY_MISSING,
    "not": Code.NOT_APPLICABLE,
    "format": Code.WRONG_FORMAT,
    "pattern": Code.WRONG_FORMAT,
    "type": Code.REQUEST_INVALID,
    "additionalProperties": Code.REQUEST_INVALID,
    "minProperties": Code.REQUEST_INVALID,
    "anyOf": Code.REQUEST_INVALID,
    "oneOf": Code.REQUEST_INVALID,
}
# Patterns that only name permitted (or forbidden) characters: breaking them is "invalid characters".
_CHARACTER_CLASS = re.compile(r"^\^\[.*\]\*\$$")


def validate_body(schema_name: str, body: JsonObject) -> None:
    """Raise the Refusal of the most basic violation: contract, characters, then value rules."""
    found = [refusal for error in validator(schema_name).iter_errors(body) for refusal in _refusals(error)]
    found += check_characters(body)
    if not found:
        found = check_values(body)
    if found:
        raise min(found, key=_rank)


def _rank(refusal: Refusal) -> int:
    return _ORDER.index(refusal.code) if refusal.code in _ORDER else len(_ORDER)


def _refusals(error: _Violation) -> Iterator[Refusal]:
    """One violation of the schema as refusals; choices (oneOf, anyOf) report the branch that was meant."""
    keyword = str(error.validator)
    if keyword in ("anyOf", "oneOf"):
        yield from _meant(error)
    elif keyword == "additionalProperties" and error.validator_value is False:
        for name in sorted(set(error.instance) - set(error.schema.get("properties", {}))):
            yield field_refusal(Code.REQUEST_INVALID, [*error.absolute_path, name], "unknown field")
    elif keyword == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        for name in missing:
            yield field_refusal(
                Code.MANDATORY_MISSING, [*error.absolute_path, name], "mandatory, but missing"
            )
    elif keyword == "not":
        field = error.validator_value["required"][-1]
        yield field_refusal(Code.NOT_APPLICABLE, [field], "one kind of meta-connector, not both")
    else:
        yield _refusal(error, keyword)


def _meant(error: _Violation) -> Iterator[Refusal]:
    branches: dict[Any, list[_Violation]] = {}
    for cause in error.context or []:
        branches.setdefault(cause.relative_schema_path[0], []).append(cause)
    here = error.absolute_path
    fitting = [
        causes
        for causes in branches.values()
        if not any(cause.validator == "type" and cause.absolute_path == here for cause in causes)
    ]
    if not fitting:
        yield field_refusal(Code.REQUEST_INVALID, here, "wrong type")
    for cause in fitting[0] if fitting else []:
        yield from _refusals(cause)


def _refusal(error: _Violation, keyword: str) -> Refusal:
    code = _KEYWORDS.get(keyword, Code.RULE_BROKEN)
    if keyword == "pattern" and _CHARACTER_CLASS.match(str(error.validator_value)):
        code = Code.INVALID_CHARACTERS
    return field_refusal(code, error.absolute_path, _text(error, keyword, code))


def _text(error: _Violation, keyword: str, code: Code) -> str:
    """Our own words: jsonschema's message would repeat the value, which may be a secret."""
    if keyword == "type":
        kinds = error.validator_value
        return f"must be {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
    texts = {
        "enum": "not one of the predefined values",
        "const": f"must be {error.validator_value}",
        "minLength": f"at least {error.validator_value} characters",
        "maxLength": f"at most {error.validator_value} characters",
        "minimum": f"at least {error.validator_value}",
        "maximum": f"at most {error.validator_value}",
        "maxItems": f"at most {error.validator_value} entries",
        "uniqueItems": "the same value twice",
        "minProperties": "nothing to change",
    }
    fallback = {Code.WRONG_FORMAT: "wrong format", Code.INVALID_CHARACTERS: "Invalid characters"}
    return texts.get(keyword) or fallback.get(code, "breaks a rule")
