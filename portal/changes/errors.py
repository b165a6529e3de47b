"""Why a step of a change was stopped. Each error carries the words for the page; this step sent nothing.

The change itself may have been sent earlier, so a title says "Nothing was sent" only before the first send.

ChangeStopped
├── ConcurrentChange  another change of the same entity is being sent right now
├── ReasonRequired    a dangerous change without a reason
├── AuditWriteError   the database or the audit trail cannot be written
├── ConnectionPaused  the connection is read-only for now
├── InvalidState      the change is not in a state in which this can be done
├── DuplicateChange   the same person sent the same new entity a moment ago
├── EntityDrifted     the entity changed since the change was prepared
├── EntityUnreadable  the entity could not be read before sending
└── SecretsGone       the generated secrets were shown, expired, or belong to someone else
"""

from typing import Any


class ChangeStopped(Exception):  # noqa: N818 - it is an answer, not a fault
    """Base of the tree. `explanation` says what happened and what to do, `status` is the HTTP status."""

    status = 409
    title = "This is not possible now"

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


class ConcurrentChange(ChangeStopped):
    """Only one change of an entity is sent at a time."""

    title = "Another change is being sent"


class ReasonRequired(ChangeStopped):
    """A dangerous change needs a reason, and in production the name of the entity."""

    status = 422
    title = "Nothing was sent"


class AuditWriteError(ChangeStopped):
    """The step could not be recorded, so it was not done."""

    status = 503
    title = "The portal cannot record this right now"


class ConnectionPaused(ChangeStopped):
    """A paused connection is read-only: no change is created, prepared or sent."""

    status = 503
    title = "The connection is paused"


class InvalidState(ChangeStopped):
    """The change is in the wrong state for this step."""


class EntityDrifted(ChangeStopped):
    """The change ends in conflict. `rows` are the differences, masked, as in `Change.meanwhile`."""

    def __init__(self, explanation: str, rows: list[dict[str, Any]] | None = None) -> None:
        super().__init__(explanation)
        self.rows = rows or []


class EntityUnreadable(ChangeStopped):
    """The change waits for its author again. `code` is the gateway's error code, or ""."""

    def __init__(self, explanation: str, *, code: str = "") -> None:
        super().__init__(explanation)
        self.code = code


class DuplicateChange(ChangeStopped):
    """A second entity with the same values is only created on purpose. `duplicate` is the Change sent before.

    `same` is False if the form was sent before with other values.
    """

    title = "You sent exactly this a moment ago"

    def __init__(self, duplicate: Any, *, same: bool = True) -> None:
        explanation = "Nothing was sent this time, because it would have created a second one."
        if not same:
            explanation = "Nothing was sent this time, because this form was already sent with other values."
        super().__init__(explanation)
        self.duplicate, self.same = duplicate, same


class SecretsGone(ChangeStopped):
    """Generated secrets are shown once, to one person, for a few minutes."""

    status = 410
    title = "These secrets cannot be shown"
