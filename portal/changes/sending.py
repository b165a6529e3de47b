"""The only place from which a write leaves: intent durable first, then one request, then its outcome."""

import logging
from typing import Any

from django.utils import timezone

from portal.audit.services import Origin
from portal.changes.errors import RecordMissing
from portal.changes.events import change_event, recorded
from portal.changes.generated import generated_seal
from portal.changes.models import Change, State
from portal.changes.payloads import storable
from portal.directory.services import entry_store
from provisioning import service
from provisioning.gateway.errors import NotSent, OutcomeUnknown, ProvisioningError, Refused
from provisioning.gateway.secrets import mask
from provisioning.service import Accepted, Outcome

_log = logging.getLogger(__name__)
# A verdict may arrive after the change was settled as interrupted; the verdict is the truth.
_AWAITING = (State.SENDING, State.UNKNOWN)


def intent_record(change: Change, origin: Origin) -> None:
    """The event without which nothing is sent. Call it inside `recorded()`, which also sets `intent_at`."""
    change_event(
        "change.intent",
        change,
        origin,
        before=before_of(change),
        after=after_of(change),
        request=change.request,
    )


def change_carry_out(*, change: Change, payload: dict[str, Any], origin: Origin) -> Change:
    """Sends the one request of a change whose intent is on disk, and records what came of it.

    If the outcome cannot be recorded the change stays "sending" and is settled as unknown later.
    """
    outcome = _performed(change, payload)
    for _attempt in range(2):
        try:
            _outcome_record(change, outcome, origin)
            break
        except RecordMissing:
            _log.exception("The outcome of change %s could not be recorded.", change.pk)
    _index_update(change, outcome)
    change.refresh_from_db()
    return change


def before_of(change: Change) -> dict[str, Any]:
    """The old values of what is to become different: beside `after_of`, nothing else seems to vanish."""
    return {
        row["field"]: row["old"]
        for row in change.rows
        if row["old"] is not None and not row["secret"] and not row["unchanged"]
    }


def after_of(change: Change) -> dict[str, Any]:
    """What is to become different, without what is sent along unchanged; secrets masked."""
    return change.changed_values


def _performed(change: Change, payload: dict[str, Any]) -> Outcome:
    try:
        return service.perform(
            change.operation,
            connection=change.connection,
            target=change.target,
            parent=change.parent_guid,
            payload=payload,
        )
    except Exception as error:
        # Whatever broke, the request may have left. The message may hold parts of the body: log the class.
        _log.error("Sending change %s broke: %s", change.pk, type(error).__name__)
        return OutcomeUnknown("The portal failed while it sent the change.", detail=type(error).__name__)


def _outcome_record(change: Change, outcome: Outcome, origin: Origin) -> None:
    values = {**_verdict(change, outcome), "finished_at": timezone.now()}
    with recorded():
        fresh = Change.objects.select_for_update().get(pk=change.pk)
        if fresh.state in _AWAITING:
            Change.objects.filter(pk=change.pk).update(**values)
        for name, value in values.items():
            setattr(change, name, value)
        change_event(
            f"change.{values['state']}",
            change,
            origin,
            outcome=str(values["state"]),
            before=before_of(change),
            after=after_of(change),
            **_details(outcome),
        )


def _verdict(change: Change, outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Accepted):
        return _accepted(change, outcome)
    state = State.NOT_SENT if isinstance(outcome, NotSent) else State.UNKNOWN
    if isinstance(outcome, Refused):
        state = State.REFUSED
    # A refused body is kept a few minutes more: its secrets need not be typed again (settling deletes it).
    return {
        "state": state,
        "explanation": storable(outcome.explanation),
        "code": storable(str(outcome.code or ""))[:64],
        "field": storable(outcome.field)[:255],
        "gateway_message": storable(outcome.gateway_message)[:4000],
        "gateway_request_id": storable(outcome.request_id)[:255],
        "http_status": outcome.http_status,
        "duration_ms": outcome.duration_ms,
    }


def _accepted(change: Change, outcome: Accepted) -> dict[str, Any]:
    entity = outcome.entity
    return {
        "state": State.ACCEPTED,
        "object_guid": change.object_guid or storable(entity.guid if entity else "")[:128],
        "object_name": storable(entity.name)[:400] if entity else change.object_name,
        "explanation": "",
        "gateway_request_id": storable(outcome.request_id)[:255],
        "http_status": outcome.http_status,
        "duration_ms": outcome.duration_ms,
        "sealed_payload": "",
        **generated_seal(change, entity),
    }


def _details(outcome: Outcome) -> dict[str, Any]:
    details: dict[str, Any] = {
        "gateway_request_id": outcome.request_id,
        "duration_ms": outcome.duration_ms,
    }
    if isinstance(outcome, ProvisioningError):
        message = f"{outcome.explanation} {outcome.gateway_message}".strip()
        return {**details, "code": str(outcome.code or ""), "message": message}
    return {**details, "answer": mask(outcome.answer)}


def _index_update(change: Change, outcome: Outcome) -> None:
    """The local index follows an own change; its failing must not turn a success into an error."""
    if not isinstance(outcome, Accepted) or outcome.entity is None:
        return
    try:
        entry_store(connection=change.connection, entity=outcome.entity, tenant_guid=change.tenant_guid)
    except Exception as error:
        _log.warning("The index did not take change %s: %s", change.pk, type(error).__name__)
