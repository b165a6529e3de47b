"""The catalogue of the 27 routing conditions, with parameter schemas whose open lists are filled in."""

import copy
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from provisioning.contract import schema
from provisioning.sandbox.codes import CARD_LEVELS, COUNTRIES, CURRENCIES

_COUNTRY_PARAMETERS = ("CreditcardBinCountry", "CustomerCountry", "CustomerIpCountry")
# Words of our own for the two conditions whose display name is not published.
_NAMES = {
    "CreditCardTokenType": "Credit card: Token type",
    "DebitPreauthCountOrVolumePerConnector": "Debit/preauthorize count/volume per merchant/connector",
}


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Identifier → entry of listRoutingConstraints, in the contract's order."""
    entries = schema("RoutingCondition")["x-condition-catalogue"]
    return {
        entry["identifier"]: {
            "identifier": entry["identifier"],
            "name": entry["displayName"] or _NAMES[entry["identifier"]],
            "paramsSchema": _parameters(entry["identifier"], entry["params"].rsplit("/", 1)[1]),
        }
        for entry in entries
    }


@cache
def multi_method_subset() -> frozenset[str]:
    """The conditions a multi-method document may use."""
    entries = schema("RoutingCondition")["x-condition-catalogue"]
    return frozenset(entry["identifier"] for entry in entries if entry["multiMethod"])


def find_parameter_problem(identifier: str, parameters: object) -> str:
    """Why the parameters do not fit the condition, without repeating values; empty when they do."""
    for error in _validator(identifier).iter_errors(parameters):
        field = next((str(part) for part in error.absolute_path), "")
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"the value for '{missing[0]}' is missing"
        if error.validator in ("enum", "const", "anyOf"):
            return f"the value for '{field}' is not one of the allowed values"
        if error.validator == "additionalProperties":
            return "there is a parameter the condition does not have"
        return f"the value for '{field}' is wrong" if field else "they must be an object"
    return ""


def _parameters(identifier: str, name: str) -> dict[str, Any]:
    """The contract's parameter schema in draft-07 words, with currencies, countries and levels enumerated."""
    source = copy.deepcopy(schema(name))
    kept = ("type", "required", "additionalProperties", "properties", "description")
    parameters: dict[str, Any] = {key: source[key] for key in kept if key in source}
    properties = parameters["properties"]
    if identifier in _COUNTRY_PARAMETERS:
        properties["countries"]["items"] = {"type": "string", "enum": list(COUNTRIES)}
    if identifier == "CreditcardBinLevel":
        properties["levels"]["items"] = {"type": "string", "enum": list(CARD_LEVELS)}
    if "currency" in properties:
        base = ["Base Amount"] if identifier == "AmountCurrency" else []
        properties["currency"] = {"type": "string", "description": "Currency", "enum": [*base, *CURRENCIES]}
    return parameters


@cache
def _validator(identifier: str) -> Draft7Validator:
    return Draft7Validator(catalogue()[identifier]["paramsSchema"])
