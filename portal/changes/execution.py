"""Send a change: claim it, look once more, record the intent, send one request, record the outcome.

This is the only module that writes to the gateway. Nothing is sent before the intent is on disk.
"""

import logging
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.errors import ConcurrentChange, EntityDrifted, EntityUnreadable
from portal.changes.gates import Attempt, Stage, run_gates
from portal.changes.models import Change, State
from portal.changes.one_time_secrets import seal_generated_secrets
from portal.changes.outcomes import record_outcome, reserve_spool_space
from portal.changes.readback import Verified, read_siblings, verify_answer
from portal.changes.records import durable_record, get_old_values, record_change_event
from portal.core.text import database_safe
from portal.directory.services import store_entity
from provisioning import service
from provisioning.entities import Entity
from provisioning.gateway.errors import NotSent, OutcomeUnknown, Refused
from provisioning.gateway.secrets import mask
from provisioning.service import Accepted, Outcome

_log = logging.getLogger(__name__)


def claim_change(attempt: Attempt) -> bool:
    """Move a prepared change to "sending"; return False if another request was first.

    A unique constraint allows one change per entity to be in "sending". Raises ConcurrentChange, what the
    gates raise, and AuditWriteError; the change then stays prepared.
    """
    prepared = Change.objects.filter(pk=attempt.change.pk, state=State.PREPARED)
    with durable_record():
        run_gates(Stage.RECORD, attempt)
        try:
            with transaction.atomic():
                claimed = prepared.update(
                    state=State.SENDING,
                    claimed_at=timezone.now(),
                    intent_at=None,
                    reason=attempt.reason,
                    explanation="",
                )
        except IntegrityError as error:
            raise ConcurrentChange(
                "Another change of the same entity is being sent. Your change was not sent. "
                "Wait a moment, then confirm again. You will see what changed in the meantime."
            ) from error
    return bool(claimed)


def look_and_record_intent(attempt: Attempt, origin: Origin) -> bool:
    """Run the last gates of a claimed change and record the intent; return whether it may be sent.

    An entity that changed ends the change in conflict. Whatever else stops it before the intent is recorded,
    the change is prepared again and can be confirmed again. Raises what the gates raise, and AuditWriteError.
    """
    change = attempt.change
    claim = Change.objects.filter(pk=change.pk, state=State.SENDING, intent_at=None)
    intended = False
    try:
        change.refresh_from_db()
        if change.is_create:
            change.siblings = read_siblings(change)
            Change.objects.filter(pk=change.pk).update(siblings=change.siblings)
        run_gates(Stage.LAST_LOOK, attempt)
        with durable_record():
            now = timezone.now()
            still_claimed = claim.update(claimed_at=now, intent_at=now)
            if still_claimed:  # else the change was settled as interrupted during the last look
                record_intent(change, origin)
        intended = bool(still_claimed)
    except EntityDrifted as drift:
        _record_conflict(change, drift, origin)
    except EntityUnreadable as stop:
        Change.objects.filter(pk=change.pk, state=State.SENDING).update(
            state=State.PREPARED,
            claimed_at=None,
            explanation=database_safe(stop.explanation),
            code=stop.code[:64],
        )
    finally:
        if not intended:
            with suppress(DatabaseError):
                claim.update(state=State.PREPARED, claimed_at=None)
    return intended


def record_intent(change: Change, origin: Origin) -> None:
    """Record the event without which nothing is sent.

    Call it inside the `durable_record()` that also sets `intent_at`.
    """
    record_change_event(
        "change.intent",
        change,
        origin,
        before=get_old_values(change),
        after=change.changed_values,
        request=change.request,
    )


def carry_out_change(*, change: Change, payload: dict[str, Any], origin: Origin) -> Change:
    """Send the one request of a change whose intent is on disk, and record the outcome.

    An outcome that cannot be recorded is kept in a file and recorded later (portal.changes.outcomes); the
    returned change carries it nevertheless, with `is_recorded` False.
    """
    reserve_spool_space(change.pk)
    outcome: Outcome
    try:
        outcome = service.perform(
            change.operation,
            connection=change.connection,
            target=change.target,
            parent=change.parent_guid,
            payload=payload,
            stored=change.before,
            url=change.request["url"],
        )
    except Exception as error:
        # The request may have been sent all the same. The message may hold parts of the body: log the class.
        _log.error("Sending change %s broke: %s", change.pk, type(error).__name__)
        outcome = OutcomeUnknown("The portal failed while it sent the change.", detail=type(error).__name__)
    entity: Entity | None = None
    details: dict[str, Any] = {"gateway_request_id": outcome.request_id, "duration_ms": outcome.duration_ms}
    if isinstance(outcome, Accepted):
        values, entity = _get_accepted_values(change, outcome, payload)
        details |= {"answer": mask(outcome.answer), "message": values["explanation"]}
    else:
        values = _get_failed_values(outcome)
        message = f"{outcome.explanation} {outcome.gateway_message}".strip()
        details |= {"code": str(outcome.code or ""), "message": message}
    change.is_recorded = record_outcome(change, values, origin, details)
    if not change.is_recorded:
        return change
    if entity is not None:
        change.is_indexed = update_index(change, entity)
    with suppress(DatabaseError):
        change.refresh_from_db()
    return change


def update_index(change: Change, entity: Entity) -> bool:
    """Store the result of a change in the local index; return False if that failed, which is no error."""
    if not change.spec.is_listed:  # the index holds what lists show
        return True
    try:
        stored = store_entity(connection=change.connection, entity=entity, tenant_guid=change.tenant_guid)
    except Exception as error:
        _log.warning("The index did not take change %s: %s", change.pk, type(error).__name__)
        return False
    return stored is not None


def _record_conflict(change: Change, drift: EntityDrifted, origin: Origin) -> None:
    """End a claimed change in conflict, with its event."""
    with durable_record():
        Change.objects.filter(pk=change.pk, state=State.SENDING).update(
            state=State.CONFLICT,
            meanwhile=drift.rows,
            explanation=drift.explanation,
            finished_at=timezone.now(),
        )
        record_change_event(
            "change.conflict",
            change,
            origin,
            outcome=State.CONFLICT.value,
            before={row["field"]: row["was"] for row in drift.rows},
            after={row["field"]: row["now"] for row in drift.rows},
            message=drift.explanation,
        )


def _get_failed_values(outcome: NotSent | Refused | OutcomeUnknown) -> dict[str, Any]:
    """Return the column values of a change that was not accepted."""
    state = State.NOT_SENT if isinstance(outcome, NotSent) else State.UNKNOWN
    if isinstance(outcome, Refused):
        state = State.REFUSED
    # The body of a refused change is stored a few minutes longer, so that its secrets need not be typed
    # again; portal.changes.outcomes deletes it.
    values: dict[str, Any] = {
        "state": state,
        "explanation": database_safe(outcome.explanation),
        "code": database_safe(str(outcome.code or ""))[:64],
        "field": database_safe(outcome.field)[:255],
        "gateway_message": database_safe(outcome.gateway_message)[:4000],
        "gateway_request_id": database_safe(outcome.request_id)[:255],
        "http_status": outcome.http_status,
        "duration_ms": outcome.duration_ms,
    }
    if state != State.UNKNOWN:
        values["siblings"] = {}
    return values


def _get_accepted_values(
    change: Change, outcome: Accepted, payload: dict[str, Any]
) -> tuple[dict[str, Any], Entity | None]:
    """Return the column values of an accepted change, and its entity if the gateway shows it."""
    try:
        verified = verify_answer(change, outcome.entity, payload)
    except Exception as error:  # the gateway has accepted: a failure from here on must not hide that
        _log.error("The answer to change %s was not compared: %s", change.pk, type(error).__name__)
        verified = Verified(outcome.entity)
    entity = verified.entity
    values: dict[str, Any] = {
        "state": State.ACCEPTED,
        "explanation": database_safe(verified.explanation),
        "inquiry": database_safe(verified.inquiry),
        "gateway_request_id": database_safe(outcome.request_id)[:255],
        "http_status": outcome.http_status,
        "duration_ms": outcome.duration_ms,
        "sealed_payload": "",
        "siblings": change.siblings if verified.inquiry else {},
        **seal_generated_secrets(change, entity),
    }
    if change.is_create:
        values["object_guid"] = database_safe(entity.guid if entity else "")[:128]
        values["object_name"] = database_safe(entity.name)[:400] if entity else change.object_name
    return values, entity
