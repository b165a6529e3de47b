"""Why a step of a change did not happen; each carries words for the person. Nothing was sent in any of them.

ChangeStopped
├── EntityBusy       another change of the same entity is being sent right now
├── ReasonRequired   a dangerous change without a reason
├── RecordMissing    the database or the audit trail cannot be written
├── ConnectionPaused the connection is read-only for now
├── NotPossible      the change is not in a state in which this can be done
├── AlreadySent      the same person sent the same new entity a moment ago
└── SecretsGone      the generated secrets were shown, expired, or belong to somebody else
"""

from typing import Any


class ChangeStopped(Exception):  # noqa: N818 - it is an answer, not a fault
    """Base of the tree. `explanation` says what happened and what to do, `status` is the HTTP status."""

    status = 409
    title = "Nothing was sent"

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


class ConcurrentChange(ChangeStopped):
    """One write per entity at a time."""

    title = "Another change is being sent"


class ReasonRequired(ChangeStopped):
    """A dangerous change says why, and in production names what it touches."""

    status = 422


class AuditWriteError(ChangeStopped):
    """No change reaches the gateway without a record."""

    status = 503


class ConnectionPaused(ChangeStopped):
    """A paused connection is read-only: no change of it is made, prepared or sent."""

    status = 503
    title = "The connection is paused"


class InvalidState(ChangeStopped):
    """Wrong state for this step."""


class DuplicateChange(ChangeStopped):
    """A second one of the same is only made on purpose. `twin` is the Change that was sent.

    `same` is False where the form was sent before with other values.
    """

    title = "You sent exactly this a moment ago"

    def __init__(self, twin: Any, *, same: bool = True) -> None:
        explanation = "Nothing was sent this time, because it would have created a second one."
        if not same:
            explanation = "Nothing was sent this time, because this form was already sent with other values."
        super().__init__(explanation)
        self.twin, self.same = twin, same


class SecretsGone(ChangeStopped):
    """Shown once, to one person, for a few minutes."""

    status = 410
    title = "These secrets cannot be shown"
