"""What the gateway's error codes mean and what to do about them. Decisions are made on the code only.

Source: schemas GeneralErrorCode and RoutingErrorCode of the contract.
"""

from typing import NamedTuple

from provisioning.gateway.errors import ProvisioningError, Refused


class Explanation(NamedTuple):
    """`meaning` and `advice` for people, one sentence each."""

    meaning: str
    advice: str


_FIELD = "Correct the field and send it again. Your input is still here."
_ROUTING = "Open the routing again, correct it and send it again."
EXPLANATIONS: dict[str, Explanation] = {
    "1000": Explanation(
        "The gateway does not accept the stored credential of this connection.",
        "You did nothing wrong. Ask an admin to reset the credential under Connections.",
    ),
    "1001": Explanation(
        "The gateway rejected the request as invalid.",
        "Compare the form with the gateway’s message and send it again. Your input is still here.",
    ),
    "1002": Explanation("The gateway rejected this value.", _FIELD),
    "1003": Explanation("A value has the wrong format.", _FIELD),
    "1004": Explanation("A value contains characters the gateway does not allow.", _FIELD),
    "1005": Explanation(
        "A mandatory value is missing.", "Fill in the field the gateway names and send it again."
    ),
    "1006": Explanation(
        "A value does not apply in this situation.", "Leave the field empty and send it again."
    ),
    "1007": Explanation(
        "The gateway does not know this entity, or this connection’s API key has no access to it.",
        "Go back to the list and refresh it. The entity may have been moved or removed.",
    ),
    "1010": Explanation("The gateway cannot use the routing document.", _ROUTING),
    "1011": Explanation("A condition is outside the tenant’s catalogue.", _ROUTING),
    "1012": Explanation("A condition has wrong parameters.", _ROUTING),
    "1013": Explanation(
        "A connector cannot be used as a target: it is unknown, disabled or belongs to another merchant.",
        _ROUTING,
    ),
    "1014": Explanation("The routing tree is malformed.", _ROUTING),
    "1015": Explanation("A rule ID occurs twice.", _ROUTING),
    "1016": Explanation("This is a regular connector, which has no routing.", _ROUTING),
    "1017": Explanation("This meta-connector lets the customer choose the method.", _ROUTING),
    "1018": Explanation("This meta-connector routes by rules.", _ROUTING),
    "9999": Explanation(
        "The gateway had an internal error.",
        "Do not send it again before you have checked whether it took effect.",
    ),
    "NOT_ALLOWED": Explanation(
        "The gateway does not allow this for the merchant.", "Ask the gateway’s operator to enable it."
    ),
}
_OF_VALUES = frozenset({"1001", "1002", "1003", "1004", "1005", "1006"})
# Advice that holds for a read as well.
_ADVICE_FOR_READS = ("1000", "1007", "NOT_ALLOWED")
_OTHER = Explanation(
    "The gateway refused this for a reason the portal does not know.",
    "Read the gateway’s message. If it does not help, pass it on to the operator with the request ID.",
)


def meaning_of(code: str) -> str:
    """What the code means; "" without a code."""
    return EXPLANATIONS.get(code, _OTHER).meaning if code else ""


def advice_for(code: str) -> str:
    """What to do about it; "" without a code."""
    return EXPLANATIONS.get(code, _OTHER).advice if code else ""


def is_correctable(*, code: str, field: str, http_status: int) -> bool:
    """Return whether something that was typed is what the gateway refused."""
    if http_status in (401, 403, 409, 429) or code == "1000":
        return False
    return bool(field) or code in _OF_VALUES or code.startswith("101")


def refusal_words(*, code: str, gateway_message: str, explanation: str) -> str:
    """The message for a form field: our explanation, then the gateway's code and own words."""
    ours = meaning_of(code) or explanation
    source = f" (code {code})" if code else ""
    theirs = f"The gateway’s message{source}: “{gateway_message}”" if gateway_message else ""
    return " ".join(part for part in (ours, advice_for(code), theirs) if part)


def read_advice(error: ProvisioningError) -> str:
    """What to do about a read that failed. Advice about sending something again would mislead there."""
    if not isinstance(error, Refused):
        return ""
    if str(error.code) in _ADVICE_FOR_READS:
        return advice_for(str(error.code))
    return "If it happens again, give the gateway’s message and the request ID to its operator."


def read_failure_words(error: ProvisioningError) -> str:
    """Why a read failed, and what to do, in one text."""
    message = f"The gateway’s message: “{error.gateway_message}”" if error.gateway_message else ""
    return " ".join(filter(None, (error.explanation, read_advice(error), message)))
