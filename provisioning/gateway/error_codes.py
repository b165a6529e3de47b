"""The gateway's error codes in one table: the cause for the audit trail, meaning and advice for pages.

Source: schemas GeneralErrorCode and RoutingErrorCode of the contract. Decisions are made on the code, never
on the gateway's message.
"""

from typing import NamedTuple

from provisioning.gateway.errors import ProvisioningError, Refused


class ErrorCode(NamedTuple):
    """What one code says.

    `cause` is stored with the change and in the audit trail. Pages show `meaning` and `advice`.
    """

    cause: str
    meaning: str
    advice: str


_CORRECT_FIELD = "Correct the field and send it again. Your input is still here."
_CORRECT_ROUTING = "Open the routing again, correct it and send it again."
ERROR_CODES: dict[str, ErrorCode] = {
    "1000": ErrorCode(
        "The gateway does not accept the stored API key or password. Nothing was changed.",
        "The gateway does not accept the stored credential of this connection.",
        "You did nothing wrong. Ask an admin to reset the credential under Connections.",
    ),
    "1001": ErrorCode(
        "The gateway calls the request invalid. Nothing was changed.",
        "The gateway rejected the request as invalid.",
        "Compare the form with the gateway’s message and send it again. Your input is still here.",
    ),
    "1002": ErrorCode(
        "The gateway refused a value that breaks one of its rules. Nothing was changed.",
        "The gateway rejected this value.",
        _CORRECT_FIELD,
    ),
    "1003": ErrorCode(
        "The gateway refused a value because of its format. Nothing was changed.",
        "A value has the wrong format.",
        _CORRECT_FIELD,
    ),
    "1004": ErrorCode(
        "The gateway refused a value because of characters it does not allow. Nothing was changed.",
        "A value contains characters the gateway does not allow.",
        _CORRECT_FIELD,
    ),
    "1005": ErrorCode(
        "A mandatory value is missing. Nothing was changed.",
        "A mandatory value is missing.",
        "Fill in the field the gateway names and send it again.",
    ),
    "1006": ErrorCode(
        "The gateway does not accept one of the values in this situation. Nothing was changed.",
        "A value does not apply in this situation.",
        "Leave the field empty and send it again.",
    ),
    "1007": ErrorCode(
        "The gateway does not know this entity, or this API key has no access to it.",
        "The gateway does not know this entity, or this connection’s API key has no access to it.",
        "Go back to the list and refresh it. The entity may have been moved or removed.",
    ),
    "1010": ErrorCode(
        "The gateway cannot use the routing document. Nothing was changed.",
        "The gateway cannot use the routing document.",
        _CORRECT_ROUTING,
    ),
    "1011": ErrorCode(
        "The routing uses a condition this tenant does not have. Nothing was changed.",
        "A condition is outside the tenant’s catalogue.",
        _CORRECT_ROUTING,
    ),
    "1012": ErrorCode(
        "The parameters of a routing condition are wrong. Nothing was changed.",
        "A condition has wrong parameters.",
        _CORRECT_ROUTING,
    ),
    "1013": ErrorCode(
        "The routing names a connector that cannot be used there. Nothing was changed.",
        "A connector cannot be used as a target: it is unknown, disabled or belongs to another merchant.",
        _CORRECT_ROUTING,
    ),
    "1014": ErrorCode(
        "The routing tree is malformed. Nothing was changed.",
        "The routing tree is malformed.",
        _CORRECT_ROUTING,
    ),
    "1015": ErrorCode(
        "A routing rule occurs twice. Nothing was changed.", "A rule ID occurs twice.", _CORRECT_ROUTING
    ),
    "1016": ErrorCode(
        "This is a regular connector: it has no routing.",
        "This is a regular connector, which has no routing.",
        _CORRECT_ROUTING,
    ),
    "1017": ErrorCode(
        "This is a multi-method meta-connector: it has no routing document of the other kind.",
        "This meta-connector lets the customer choose the method.",
        _CORRECT_ROUTING,
    ),
    "1018": ErrorCode(
        "This is a routing meta-connector: it has no multi-method document.",
        "This meta-connector routes by rules.",
        _CORRECT_ROUTING,
    ),
    "9999": ErrorCode(
        "The gateway reported an internal error.",
        "The gateway had an internal error.",
        "Do not send it again before you have checked whether it took effect.",
    ),
    "NOT_ALLOWED": ErrorCode(
        "The tenant is not enabled for network tokenization. Nothing was changed.",
        "The gateway does not allow this for the merchant.",
        "Ask the gateway’s operator to enable it.",
    ),
}
_UNKNOWN_CODE = ErrorCode(
    "The gateway refused the request. Nothing was changed.",
    "The gateway refused this for a reason the portal does not know.",
    "Read the gateway’s message. If it does not help, pass it on to the operator with the request ID.",
)
# The cause that an HTTP status states by itself, whatever the body holds.
STATUS_CAUSES = {
    403: "The gateway, or a proxy in front of it, does not allow this request (HTTP 403).",
    404: "The gateway has nothing at this address (HTTP 404).",
    409: "The request conflicts with the current state of the entity at the gateway (HTTP 409).",
    413: "The request is too large for the gateway (HTTP 413).",
    429: "The gateway's rate limit has been reached (HTTP 429).",
    502: "A proxy in front of the gateway got no usable response from it (HTTP 502).",
    503: "The gateway is temporarily unavailable (HTTP 503).",
    504: "A proxy in front of the gateway timed out waiting for its response (HTTP 504).",
}
# Codes about values that someone typed; the routing codes (101x) are such codes as well.
_VALUE_CODES = frozenset({"1001", "1002", "1003", "1004", "1005", "1006"})
# Codes whose advice also applies when a read failed.
_READ_CODES = ("1000", "1007", "NOT_ALLOWED")


def get_refusal_cause(code: int | str | None, http_status: int) -> str:
    """Return why the gateway refused a request: by its code, else by the HTTP status."""
    if str(code) in ERROR_CODES:
        return ERROR_CODES[str(code)].cause
    if http_status in STATUS_CAUSES:
        return f"{STATUS_CAUSES[http_status]} Nothing was changed."
    return _UNKNOWN_CODE.cause


def get_meaning(code: str) -> str:
    """Return what the code means; "" without a code."""
    return ERROR_CODES.get(code, _UNKNOWN_CODE).meaning if code else ""


def get_advice(code: str) -> str:
    """Return what to do about the code; "" without a code."""
    return ERROR_CODES.get(code, _UNKNOWN_CODE).advice if code else ""


def is_correctable(*, code: str, field: str, http_status: int) -> bool:
    """Return whether the gateway refused something that was typed."""
    if http_status in (401, 403, 409, 429) or code == "1000":
        return False
    return bool(field) or code in _VALUE_CODES or code.startswith("101")


def describe_refusal(*, code: str, gateway_message: str, explanation: str) -> str:
    """Return the message for a form field: the meaning and the advice, then the gateway's code and words."""
    source = f" (code {code})" if code else ""
    gateway_words = f"The gateway’s message{source}: “{gateway_message}”" if gateway_message else ""
    parts = (get_meaning(code) or explanation, get_advice(code), gateway_words)
    return " ".join(part for part in parts if part)


def get_read_advice(error: ProvisioningError) -> str:
    """Return what to do about a failed read. Advice about sending something again would mislead there."""
    if not isinstance(error, Refused):
        return ""
    if str(error.code) in _READ_CODES:
        return get_advice(str(error.code))
    return "If it happens again, give the gateway’s message and the request ID to its operator."


def get_read_cause(error: ProvisioningError) -> str:
    """Return why a read failed, without what became of a write: a read is often about another request."""
    return error.explanation.removesuffix(" Nothing was sent.").removesuffix(" Nothing was changed.")


def describe_read_failure(error: ProvisioningError) -> str:
    """Return why a read failed and what to do, as one text."""
    message = f"The gateway’s message: “{error.gateway_message}”" if error.gateway_message else ""
    return " ".join(filter(None, (get_read_cause(error), get_read_advice(error), message)))
