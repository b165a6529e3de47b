"""How a write is decided: create at once, or prepare, review, send. Every room writes through here.

Each function authorises again, fresh from the database, and raises PermissionDenied; RecordMissing means
that the record could not be written and therefore nothing was sent, ConnectionPaused that nobody sends there.
"""

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.audit_events import after_of, before_of, change_event, recorded
from portal.changes.claims import claimed_send, payload_opened
from portal.changes.confirmation import is_production
from portal.changes.drafts import ChangeTarget, FormState, draft_again, draft_create, draft_update
from portal.changes.duplicates import is_same_body, reject_duplicate
from portal.changes.errors import DuplicateChange, InvalidState, ReasonRequired
from portal.changes.execution import change_carry_out, intent_record
from portal.changes.models import Change, State
from portal.changes.one_time_secrets import change_with_secrets, secrets_reveal
from portal.changes.pauses import pause_check
from portal.changes.permissions import Person, authorise, change_authorise, draft_authorise
from portal.changes.reconciliation import change_adopt, change_check, change_close
from portal.changes.siblings import siblings_before
from portal.changes.stale_changes import changes_interrupted_settle, entity_history
from portal.staff.models import User
from provisioning.entities import Entity
from provisioning.operations import get_operation

__all__ = [
    "FormState",
    "change_adopt",
    "change_again",
    "change_cancel",
    "change_check",
    "change_close",
    "change_dismiss",
    "change_prepare",
    "change_repeated",
    "change_send",
    "change_submit",
    "change_with_secrets",
    "changes_interrupted_settle",
    "entity_history",
    "secrets_reveal",
]
_NO_TRACE = FormState()


def change_submit(
    *,
    user: Person,
    origin: Origin,
    operation: str,
    connection: str,
    target: str,
    object_name: str,
    payload: dict[str, Any],
    submission: uuid.UUID,
    parent: str = "",
    parent_name: str = "",
    tenant_guid: str = "",
    reason: str = "",
    trace: FormState = _NO_TRACE,
    again: bool = False,
    replaces: Change | None = None,
) -> Change:
    """Creates an entity: intent, one request, outcome. Returns the Change in its final state.

    In production nothing is sent yet: the Change is returned "prepared", to be reviewed like an update.
    `target` is the parent's guid; `replaces` is explained at change_prepare. The same `submission` never
    sends twice: a repeat returns the first Change, which may still be "sending". The same body under another
    submission is only sent `again` on purpose. Raises AlreadySent, PermissionDenied, RecordMissing, KeyError
    (operation).
    """
    permission = get_operation(operation).permission
    person = authorise(user=user, permission=permission)
    pause_check(connection)
    subject = ChangeTarget(connection, target, "", object_name, parent or target, parent_name, tenant_guid)
    change = draft_create(
        user=person, operation=operation, subject=subject, payload=payload, reason=reason, trace=trace
    )
    draft_authorise(user=person, change=change, payload=payload)
    change.submission = submission
    if is_production(connection):
        return _create_prepared(change, person, payload, origin, again=again, replaces=replaces)
    return _submitted(change, person, payload, origin, again=again)


def change_prepare(
    *,
    user: Person,
    origin: Origin,
    operation: str,
    connection: str,
    entity: Entity,
    payload: dict[str, Any],
    parent_name: str = "",
    tenant_guid: str = "",
    reason: str = "",
    trace: FormState = _NO_TRACE,
    replaces: Change | None = None,
) -> Change:
    """Writes down an update for review; nothing is sent. `entity` is the fresh read it was decided on.

    `replaces` is the change that the person went back from; it is discarded if it is their own, still unsent,
    and of the same form and entity.

    Raises PermissionDenied, RecordMissing, KeyError (operation).
    """
    permission = get_operation(operation).permission
    person = authorise(user=user, permission=permission)
    pause_check(connection)
    subject = ChangeTarget(
        connection, entity.guid, entity.guid, entity.name, entity.parent, parent_name, tenant_guid
    )
    change = draft_update(
        user=person,
        operation=operation,
        subject=subject,
        entity=entity,
        payload=payload,
        reason=reason,
        trace=trace,
    )
    draft_authorise(user=person, change=change, payload=payload)
    return _prepared(change, origin, replaces)


def change_send(
    *,
    user: Person,
    origin: Origin,
    change: Change,
    reason: str = "",
    confirmation: str = "",
    again: bool = False,
) -> Change:
    """Sends a prepared change once, if the entity is still what the person saw, who prepared it.

    Returns it accepted, refused, not sent, unknown, in conflict, back in "prepared" (the gateway could not
    be read), or as it is when it was sent before. Raises PermissionDenied, EntityBusy, ReasonRequired,
    RecordMissing, and AlreadySent for a create that the person sent a moment ago, unless `again`.
    """
    person = _preparer(user, change)
    changes_interrupted_settle()
    change.refresh_from_db()
    if change.state == State.PREPARED:
        pause_check(change.connection)
        claimed_send(
            change=change,
            person=person,
            origin=origin,
            reason=reason,
            confirmation=confirmation,
            again=again,
        )
        if change.is_recorded:
            change.refresh_from_db()
    return change


def change_cancel(*, user: Person, origin: Origin, change: Change) -> Change:
    """Discards one's own prepared change; in another state it is returned as it is. Raises as change_send."""
    _preparer(user, change)
    with recorded():
        _discard(change, origin)
    change.refresh_from_db()
    return change


def change_again(*, user: Person, origin: Origin, change: Change, confirmed: bool = False) -> Change:
    """Tries a change again that was not sent or not found.

    A create is sent, an update, and in production a create, waits for review.

    A create that was not found may still be carried out: it is looked for once more, and only sent again if
    that was `confirmed`; if it turned up, `change` itself is returned. The new change's submission follows
    from the old one, so a double click makes one. Raises NotPossible when the change may have happened or
    its payload is no longer kept, ReasonRequired without confirmation, ProvisioningError if the gateway
    cannot be read.
    """
    person = change_authorise(user=user, change=change)
    submission = uuid.uuid5(change.pk, "again")
    repeated = Change.objects.filter(submission=submission).first()
    if repeated:
        return repeated
    if change.state not in (State.NOT_SENT, State.NOT_FOUND) or not change.sealed_payload:
        raise InvalidState("This change cannot be sent again as it is. Use its form again.")
    pause_check(change.connection)
    payload = payload_opened(change)
    if change.state == State.NOT_FOUND and change.is_create:
        if not confirmed:
            raise ReasonRequired("Tick the box to confirm that two of the same could exist afterwards.")
        change = change_check(user=user, origin=origin, change=change)
        if change.state != State.NOT_FOUND:
            return change
    again = draft_again(change=change, user=person, payload=payload)
    again.submission = submission
    again = (
        _submitted(again, person, payload, origin, again=True)
        if change.is_create and not is_production(change.connection)
        else _prepared(again, origin)
    )
    if again.is_recorded:
        Change.objects.filter(pk=change.pk).update(sealed_payload="")
    return again


def change_repeated(change: Change) -> Change | None:
    """Return the change that was made by sending this one again, if there is one."""
    if change.state not in (State.NOT_SENT, State.NOT_FOUND):
        return None
    return Change.objects.filter(submission=uuid.uuid5(change.pk, "again")).first()


def change_dismiss(*, user: Person, change: Change) -> None:
    """Take one's own refused change off one's home page. Raises PermissionDenied for another's."""
    if change.actor_id != user.pk:
        raise PermissionDenied("only the author takes a change off their home page")
    Change.objects.filter(pk=change.pk, state=State.REFUSED).update(dismissed_at=timezone.now())


def _submitted(
    change: Change, person: User, payload: dict[str, Any], origin: Origin, *, again: bool
) -> Change:
    """Intent → request → outcome for a create; the unique submission decides who sends."""
    first = Change.objects.filter(submission=change.submission).first()
    if first is None:
        change.siblings = siblings_before(change)
        change.state, change.claimed_at, change.intent_at = State.SENDING, timezone.now(), timezone.now()
        first = _inserted(change, payload, origin, None if again else person)
    if first is not None:
        return _repeated(first, person, change, payload)
    return change_carry_out(change=change, payload=payload, origin=origin)


def _create_prepared(
    change: Change,
    person: User,
    payload: dict[str, Any],
    origin: Origin,
    *,
    again: bool,
    replaces: Change | None,
) -> Change:
    """Writes down a create for review; what the same form prepared before is replaced while it is unsent.

    Raises AlreadySent if the person sent the same a moment ago.
    """
    first = Change.objects.filter(submission=change.submission).first()
    if first is not None:
        own = first.actor_id == person.pk and first.operation == change.operation
        if not own or first.state not in (State.PREPARED, State.CANCELLED):
            return _repeated(first, person, change, payload)
        if first.state == State.PREPARED and is_same_body(first, change, payload):
            return first
        change_cancel(user=person, origin=origin, change=first)
        change.submission = uuid.uuid4()
    if not again:
        with recorded():
            reject_duplicate(change, payload, person)
    return _prepared(change, origin, replaces)


def _prepared(change: Change, origin: Origin, replaces: Change | None = None) -> Change:
    """Write down a change for review and, in the same transaction, discard the one that it replaces."""
    with recorded():
        try:
            with transaction.atomic():
                change.save(force_insert=True)
        except IntegrityError:
            return Change.objects.get(submission=change.submission)
        change_event("change.prepared", change, origin, before=before_of(change), after=after_of(change))
        if replaces and _same_form(replaces) == _same_form(change):
            _discard(replaces, origin)
    return change


def _same_form(change: Change) -> tuple[Any, ...]:
    """Return what two changes have in common if the same person typed them into the same form."""
    page = change.form_path.partition("?")[0]
    return change.actor_id, change.operation, change.connection, change.target, page


def _discard(change: Change, origin: Origin) -> None:
    """Discard a change that is still unsent, inside the caller's transaction."""
    waiting = Change.objects.filter(pk=change.pk, state=State.PREPARED)
    if waiting.update(state=State.CANCELLED, finished_at=timezone.now(), sealed_payload=""):
        change_event("change.cancelled", change, origin, outcome=State.CANCELLED.value)


def _inserted(
    change: Change, payload: dict[str, Any], origin: Origin, careful_for: User | None
) -> Change | None:
    """Writes change and intent; None if this caller won, otherwise the Change that was first.

    Raises AlreadySent if `careful_for` sent the same a moment ago.
    """
    with recorded():
        if careful_for:
            reject_duplicate(change, payload, careful_for)
        try:
            with transaction.atomic():
                change.save(force_insert=True)
        except IntegrityError:
            return Change.objects.get(submission=change.submission)
        intent_record(change, origin)
    return None


def _repeated(first: Change, person: User, change: Change, payload: dict[str, Any]) -> Change:
    """Return the change that this submission made before. Raises NotPossible, AlreadySent.

    The same submission with another body is neither a repetition nor a new request: dropping it silently
    would lose what the person typed.
    """
    if first.actor_id != person.pk or first.operation != change.operation:
        raise InvalidState("This form was already sent by someone else. Open it again.")
    if first.body_digest and not is_same_body(first, change, payload):
        raise DuplicateChange(first, same=False)
    return first


def _preparer(user: Person, change: Change) -> User:
    """Only the author may send or discard a change."""
    person = change_authorise(user=user, change=change)
    if change.actor_id != person.pk:
        raise PermissionDenied(f"only {change.actor_name}, who prepared this change, sends or discards it")
    return person
