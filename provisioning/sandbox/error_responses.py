"""The gateway's documented refusals as one exception; `api` turns it into the error envelope."""

from collections.abc import Iterable
from enum import IntEnum

_LONGEST_MESSAGE = 500


class Code(IntEnum):
    """Error codes of the contract: GeneralErrorCode and RoutingErrorCode."""

    UNAUTHORIZED = 1000
    REQUEST_INVALID = 1001
    RULE_BROKEN = 1002
    WRONG_FORMAT = 1003
    INVALID_CHARACTERS = 1004
    MANDATORY_MISSING = 1005
    NOT_APPLICABLE = 1006
    UNKNOWN_ENTITY = 1007
    DOCUMENT_UNUSABLE = 1010
    CONDITION_UNAVAILABLE = 1011
    CONDITION_PARAMETERS = 1012
    CONNECTOR_REFUSED = 1013
    TREE_MALFORMED = 1014
    RULE_TWICE = 1015
    REGULAR_CONNECTOR = 1016
    MULTI_METHOD_CONNECTOR = 1017
    ROUTING_CONNECTOR = 1018
    INTERNAL = 9999


class Refusal(Exception):  # noqa: N818 - the domain word
    """A request the gateway refuses: HTTP status, error code and the message people read."""

    def __init__(self, code: Code | str, message: str, status: int = 422) -> None:
        """`code` is numeric except for createNtEnrollment's NOT_ALLOWED."""
        super().__init__(message)
        self.code = code
        # Messages name fields of the request, which may hold what no answer can carry.
        self.message = message.encode("utf-8", "replace").decode()[:_LONGEST_MESSAGE]
        self.status = status

    @property
    def body(self) -> dict[str, object]:
        """The error envelope of the contract."""
        code = int(self.code) if isinstance(self.code, Code) else self.code
        return {"success": False, "errorCode": code, "errorMessage": self.message}


def field_refusal(code: Code, path: Iterable[object], text: str) -> Refusal:
    """Return a refusal about one field, whose name begins the message: `config.language: wrong format`."""
    field = ".".join(str(part) for part in path)
    return Refusal(code, f"{field}: {text}" if field else text)


def tree_refusal(code: Code, path: str, text: str) -> Refusal:
    """Return a refusal about a part of a routing document, whose path ends the message."""
    return Refusal(code, f"{text} at '{path}'" if path else text)


def unknown_entity(kind: str, guid: str, status: int = 422) -> Refusal:
    """Return one refusal for unknown and for inaccessible entities, so that nothing is given away."""
    return Refusal(Code.UNKNOWN_ENTITY, f"{kind} '{guid}' does not exist", status)
