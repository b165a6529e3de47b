"""The checks that run before a change is stored or sent: one object each, in `GATES`.

A gate passes by returning. It refuses, or asks for something such as a reason, by raising ChangeStopped; then
nothing is sent. To add a check, write a class with `stage` and `check` and add it to `GATES`.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Protocol

from django.utils import timezone

from portal.changes.comparison import find_differences, take_snapshot
from portal.changes.errors import (
    ConnectionPaused,
    DuplicateChange,
    EntityDrifted,
    EntityUnreadable,
    InvalidState,
    ReasonRequired,
)
from portal.changes.models import Change, State
from portal.changes.records import get_body_digests
from portal.core import text as core_text
from portal.core.text import database_safe
from portal.staff.models import User
from provisioning import service
from provisioning.credentials.models import Connection
from provisioning.danger import Danger
from provisioning.gateway.errors import EntityNotFound, NotSent, ProvisioningError

# Time to go back from the page of a new entity to its form. A later repetition counts as intended.
DUPLICATE_WINDOW = timedelta(minutes=10)
# In every other state the change certainly created nothing.
_MAY_HAVE_CREATED = (State.ACCEPTED, State.SENDING, State.UNKNOWN, State.NOT_FOUND)


class Stage(Enum):
    """When a gate runs."""

    # Before a change is stored, and again before it is sent. The change may not have its values yet.
    START = auto()
    # When the author confirms a prepared change.
    CONFIRMATION = auto()
    # In the transaction that writes the change or claims it for sending, so without a call to the gateway.
    RECORD = auto()
    # After the change was claimed, right before the intent is recorded.
    LAST_LOOK = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a gate may look at. `payload` has its secrets sealed; `reason` is clean."""

    change: Change
    person: User
    payload: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    confirmation: str = ""
    allow_duplicate: bool = False


class Gate(Protocol):
    """A check that a change must pass before a stage."""

    stage: Stage

    def check(self, attempt: Attempt) -> None:
        """Return if the attempt may go on. Raise ChangeStopped otherwise."""


def run_gates(stage: Stage, attempt: Attempt) -> None:
    """Run the gates of a stage in their order. Raises the ChangeStopped of the first that does not pass."""
    for gate in GATES:
        if gate.stage is stage:
            gate.check(attempt)


class PauseGate:
    """A paused connection is read-only."""

    stage = Stage.START

    def check(self, attempt: Attempt) -> None:
        """Raise ConnectionPaused if the connection takes no changes for now."""
        paused = Connection.objects.filter(slug=attempt.change.connection, is_paused=True)
        name = paused.values_list("name", flat=True).first()
        if name is not None:
            raise ConnectionPaused(
                f"“{name}” is paused: it is read-only, and nobody can send changes. "
                "Nothing was sent. Try again when it is resumed."
            )


class ConfirmationGate:
    """A dangerous change needs a reason, and in production the entity's name."""

    stage = Stage.CONFIRMATION

    def check(self, attempt: Attempt) -> None:
        """Raise ReasonRequired unless reason and typed words are what the change asks for."""
        required = get_confirmation(attempt.change)
        if required.reason_required and not attempt.reason:
            raise ReasonRequired(
                f"Please give a reason: this change {required.dangers[0].consequence}. "
                "It is recorded in the audit trail."
            )
        if required.words and _fold_spaces(attempt.confirmation) != required.words:
            raise ReasonRequired(f"This is production: please type the name “{required.words}” to confirm.")


class AddressGate:
    """A change goes to the address that its author saw when it was prepared."""

    stage = Stage.RECORD

    def check(self, attempt: Attempt) -> None:
        """Raise InvalidState if the connection would send the prepared request to another address."""
        change = attempt.change
        try:
            present = service.preview_request(
                change.operation, connection=change.connection, target=change.target, payload={}
            )
        except NotSent:
            return  # Sending it gives the same answer, and records it.
        if change.request.get("url") != database_safe(present["url"]):
            raise InvalidState(
                "The address of this connection has changed since this change was prepared. "
                "Prepare the change again from its form."
            )


class DuplicateGate:
    """The same person does not create the same entity twice by accident."""

    stage = Stage.RECORD

    def check(self, attempt: Attempt) -> None:
        """Raise DuplicateChange if the same body was sent a moment ago under another submission.

        The digests of all configured keys are compared, because the keys may have changed since then. The
        lock makes the creates of one person queue until the transaction ends.
        """
        change = attempt.change
        if not change.is_create or attempt.allow_duplicate:
            return
        User.objects.select_for_update().get(pk=attempt.person.pk)
        duplicates = Change.objects.filter(
            actor_id=attempt.person.pk,
            body_digest__in=get_body_digests(change, attempt.payload),
            state__in=_MAY_HAVE_CREATED,
            created_at__gt=timezone.now() - DUPLICATE_WINDOW,
        )
        duplicate = duplicates.exclude(submission=change.submission).first()
        if duplicate:
            raise DuplicateChange(duplicate)


class DriftGate:
    """The entity is still as its author saw it when the change was prepared."""

    stage = Stage.LAST_LOOK

    def check(self, attempt: Attempt) -> None:
        """Raise EntityDrifted if the entity changed or is gone, EntityUnreadable if it cannot be read."""
        change = attempt.change
        if not change.base:
            return
        try:
            entity = service.read_result(
                change.operation,
                connection=change.connection,
                parent=change.parent_guid,
                guid=change.object_guid,
            )
        except EntityNotFound as error:
            raise EntityDrifted("The gateway no longer lists it.") from error
        except ProvisioningError as error:
            raise EntityUnreadable(
                f"The current values could not be read before sending. {error.explanation}",
                code=str(error.code or ""),
            ) from error
        differences = find_differences(change.base, take_snapshot(entity))
        if differences:
            raise EntityDrifted(
                "Someone changed it at the gateway after you opened the form.",
                database_safe([difference.as_row() for difference in differences]),
            )


GATES: list[Gate] = [PauseGate(), ConfirmationGate(), AddressGate(), DuplicateGate(), DriftGate()]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What sending a change requires. `words` have to be typed; "" if nothing has to be typed."""

    dangers: list[Danger]
    reason_required: bool
    words: str


def get_confirmation(change: Change) -> Confirmation:
    """Return what sending this change requires, by what its connection is now.

    A sandbox requires a reason where payments would stop or start; production requires a reason and the
    entity's name for everything dangerous.
    """
    dangers = change.dangers
    production = bool(dangers) and is_production(change.connection)
    required = production or any(danger.reason_everywhere for danger in dangers)
    words = _fold_spaces(change.object_name or change.object_guid or change.connection) if production else ""
    return Confirmation(dangers, required, words)


def is_production(connection: str) -> bool:
    """Return whether real payments are taken through the connection of this slug."""
    return Connection.objects.filter(slug=connection, kind=Connection.Kind.PRODUCTION).exists()


def clean_reason(text: str) -> str:
    """Return a reason as it is recorded. Raises ReasonRequired for one that cannot be recorded."""
    try:
        return core_text.clean_reason(text)
    except ValueError as error:
        raise ReasonRequired(str(error)) from None


def _fold_spaces(text: str) -> str:
    """Return the text with single spaces, as a page shows it and as it is copied from there."""
    return " ".join(text.split())
