"""Takes a prepared change for sending: one sender per change, one write per entity, a last look before."""

from contextlib import suppress
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.audit_events import change_event, recorded
from portal.changes.confirmation import clean_reason, confirmation_check
from portal.changes.duplicates import reject_duplicate
from portal.changes.encrypted_payloads import payload_unseal
from portal.changes.errors import ConcurrentChange, InvalidState
from portal.changes.execution import change_carry_out, intent_record
from portal.changes.models import Change, State
from portal.changes.siblings import siblings_before
from portal.changes.snapshots import Difference, differences, snapshot_of
from portal.core.text import database_safe
from portal.staff.models import User
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.gateway.errors import EntityNotFound, ProvisioningError


def claimed_send(
    *, change: Change, person: User, origin: Origin, reason: str, confirmation: str, again: bool = False
) -> None:
    """Claims the change, reads the entity once more and sends. Does nothing if somebody else claimed it.

    Raises AlreadySent (unless `again`), EntityBusy, ReasonRequired, NotPossible, RecordMissing; the change is
    then prepared again.
    """
    reason = clean_reason(reason) or change.reason
    confirmation_check(change, reason=reason, confirmation=confirmation)
    payload = payload_opened(change)
    if not _claimed(change, reason, payload, None if again else person):
        return
    leaves = False
    try:
        change.refresh_from_db()
        if change.is_create:
            change.siblings = siblings_before(change)
            Change.objects.filter(pk=change.pk).update(siblings=change.siblings)
        leaves = _unchanged(change, origin) and _intended(change, origin)
    finally:
        if not leaves:
            _released(change)
    if leaves:
        change_carry_out(change=change, payload=payload, origin=origin)


def payload_opened(change: Change) -> dict[str, Any]:
    """The body kept with a change, before an intent to send it is written. Raises NotPossible."""
    try:
        return payload_unseal(change, change.sealed_payload)
    except KeyringError as error:
        raise InvalidState(
            f"The stored values of this change cannot be decrypted, so nothing was sent. {error} "
            "Use the form to make the change again."
        ) from error


def _claimed(change: Change, reason: str, payload: dict[str, Any], careful_for: User | None) -> bool:
    """prepared → sending, by exactly one caller; the unique constraint keeps writes per entity apart.

    Raises AlreadySent if `careful_for` created the same a moment ago.
    """
    waiting = Change.objects.filter(pk=change.pk, state=State.PREPARED)
    with recorded():
        if change.is_create and careful_for:
            reject_duplicate(change, payload, careful_for)
        try:
            with transaction.atomic():
                return bool(
                    waiting.update(
                        state=State.SENDING,
                        claimed_at=timezone.now(),
                        intent_at=None,
                        reason=reason,
                        explanation="",
                    )
                )
        except IntegrityError as error:
            raise ConcurrentChange(
                "Another change of the same entity is being sent. Your change was not sent. "
                "Wait a moment, then confirm again. You will see what changed in the meantime."
            ) from error


def _unchanged(change: Change, origin: Origin) -> bool:
    """Compares the entity with what the person saw; records a conflict or why it could not be read."""
    if not change.base:
        return True
    try:
        entity = service.read_entity(
            connection=change.connection, kind=change.kind, parent=change.parent_guid, guid=change.object_guid
        )
    except EntityNotFound:
        _stopped(change, [], "The gateway no longer lists it.", origin)
        return False
    except ProvisioningError as error:
        _held(change, error)
        return False
    meanwhile = differences(change.base, snapshot_of(entity))
    if meanwhile:
        _stopped(change, meanwhile, "Someone changed it at the gateway after you opened the form.", origin)
    return not meanwhile


def _stopped(change: Change, meanwhile: list[Difference], explanation: str, origin: Origin) -> None:
    rows = database_safe([difference.as_row() for difference in meanwhile])
    with recorded():
        Change.objects.filter(pk=change.pk, state=State.SENDING).update(
            state=State.CONFLICT,
            meanwhile=rows,
            explanation=explanation,
            finished_at=timezone.now(),
        )
        change_event(
            "change.conflict",
            change,
            origin,
            outcome=State.CONFLICT.value,
            before={row["field"]: row["was"] for row in rows},
            after={row["field"]: row["now"] for row in rows},
            message=explanation,
        )


def _held(change: Change, error: ProvisioningError) -> None:
    """Back to prepared, saying why: a change is sent only after a look at what it changes."""
    words = f"The current values could not be read before sending. {error.explanation}"
    Change.objects.filter(pk=change.pk, state=State.SENDING).update(
        state=State.PREPARED,
        claimed_at=None,
        explanation=database_safe(words),
        code=str(error.code or "")[:64],
    )


def _intended(change: Change, origin: Origin) -> bool:
    """The durable intent; False if the change was settled as interrupted while it was looked at."""
    with recorded():
        now = timezone.now()
        ours = Change.objects.filter(pk=change.pk, state=State.SENDING, intent_at=None)
        if not ours.update(claimed_at=now, intent_at=now):
            return False
        intent_record(change, origin)
    return True


def _released(change: Change) -> None:
    """Whatever stopped us before the intent, the change can be confirmed again."""
    with suppress(DatabaseError):
        Change.objects.filter(pk=change.pk, state=State.SENDING, intent_at=None).update(
            state=State.PREPARED, claimed_at=None
        )
