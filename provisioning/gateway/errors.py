"""What can go wrong at the gateway, as one tree. Raised by reads; returned as the outcome of writes.

    ProvisioningError
    ├── NotSent            nothing reached the gateway: refused connection, name look-up, TLS, no credential
    ├── Refused            the gateway answered no: `code`, `field`, `gateway_message`
    │   ├── NotAuthorised  401, or code 1000: the stored credential is not accepted
    │   └── EntityNotFound 1007, or not in the parent's list
    └── OutcomeUnknown     sent, but no verdict: time-out, reset, cut off, 5xx, not JSON, redirect
        └── AnswerTooLarge the answer is longer than the caller accepts: reading it again does not help

The text of an error is for people and holds no secret; decisions are made on the class and `code`.
"""

from dataclasses import dataclass
from datetime import datetime

# What `detail` says in these two cases of OutcomeUnknown.
TIMED_OUT = "no complete answer within the deadline"
REDIRECTED = "a redirect"
TOO_LARGE = "the answer is larger than allowed"
# What `detail` says in NotSent when the gateway asked not to be called yet.
ASKED_TO_WAIT = "limited"
# What it says in NotAuthorised, if the body of the 401 was not the gateway's: a proxy may have written it.
UNUSUAL = "HTTP 401, not of the gateway's usual form"


@dataclass
class ProvisioningError(Exception):
    """Base of the tree.

    `explanation` is one sentence for people, `detail` technical and without secrets. `code` is the
    gateway's errorCode (int, or "NOT_ALLOWED", or None), `field` the property the message names ("" if none),
    `http_status` 0 if no answer came, `duration_ms` wall clock of the exchange, `retry_at` before when the
    gateway is not called again because it asked for that (Retry-After), `longer` if it asked for more.
    """

    explanation: str = ""
    detail: str = ""
    code: int | str | None = None
    field: str = ""
    gateway_message: str = ""
    http_status: int = 0
    request_id: str = ""
    duration_ms: int = 0
    retry_at: datetime | None = None
    longer: bool = False

    def __str__(self) -> str:
        return self.explanation

    def __hash__(self) -> int:
        return id(self)


class NotSent(ProvisioningError):  # noqa: N818
    """Nothing was sent: safe to try again. `detail`: the cause if no connection was made (transport)."""


class Refused(ProvisioningError):  # noqa: N818
    """The gateway understood and said no: nothing changed there."""


class NotAuthorised(Refused):
    """The gateway does not accept the stored credential (401, or code 1000)."""


class EntityNotFound(Refused):
    """The entity does not exist, or this API key may not see it (code 1007)."""


class OutcomeUnknown(ProvisioningError):  # noqa: N818
    """The request went out and no verdict came back. A write may have happened."""


class AnswerTooLarge(OutcomeUnknown):
    """The answer is longer than the caller accepts. Reading it again gives the same result."""
