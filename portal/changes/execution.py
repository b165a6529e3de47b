"""The only place from which a write leaves: intent durable first, then one request, then its outcome."""

import logging
from contextlib import suppress
from typing import Any

from django.db import DatabaseError

from portal.audit.recording import Origin
from portal.changes.accepted_answers import Verified, answer_verify
from portal.changes.audit_events import after_of, before_of, change_event
from portal.changes.models import Change, State
from portal.changes.one_time_secrets import generated_seal
from portal.changes.outcome_spool import spool_reserve
from portal.changes.outcomes import outcome_record
from portal.core.text import database_safe
from portal.directory.services import store_entity
from provisioning import service
from provisioning.entities import Entity
from provisioning.gateway.errors import NotSent, OutcomeUnknown, ProvisioningError, Refused
from provisioning.gateway.secrets import mask
from provisioning.service import Accepted, Outcome

_log = logging.getLogger(__name__)


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

    An outcome that cannot be recorded is kept in a file and recorded later (portal.changes.outcomes); the
    change returned tells it all the same, with `is_recorded` False.
    """
    spool_reserve(change.pk)
    outcome = _performed(change, payload)
    entity: Entity | None = None
    if isinstance(outcome, Accepted):
        values, entity = _accepted(change, outcome, payload)
    else:
        values = _not_accepted(outcome)
    change.is_recorded = outcome_record(change, values, origin, _details(outcome, values["explanation"]))
    if not change.is_recorded:
        return change
    if entity is not None:
        change.is_indexed = index_update(change, entity)
    with suppress(DatabaseError):
        change.refresh_from_db()
    return change


def index_update(change: Change, entity: Entity) -> bool:
    """Have the local index follow an own change; return whether it did. Its failing is no error."""
    try:
        stored = store_entity(connection=change.connection, entity=entity, tenant_guid=change.tenant_guid)
    except Exception as error:
        _log.warning("The index did not take change %s: %s", change.pk, type(error).__name__)
        return False
    return stored is not None


def _performed(change: Change, payload: dict[str, Any]) -> Outcome:
    try:
        return service.perform(
            change.operation,
            connection=change.connection,
            target=change.target,
            parent=change.parent_guid,
            payload=payload,
            stored=change.before,
        )
    except Exception as error:
        # Whatever broke, the request may have left. The message may hold parts of the body: log the class.
        _log.error("Sending change %s broke: %s", change.pk, type(error).__name__)
        return OutcomeUnknown("The portal failed while it sent the change.", detail=type(error).__name__)


def _not_accepted(outcome: NotSent | Refused | OutcomeUnknown) -> dict[str, Any]:
    state = State.NOT_SENT if isinstance(outcome, NotSent) else State.UNKNOWN
    if isinstance(outcome, Refused):
        state = State.REFUSED
    # A refused body is kept a few minutes more: its secrets need not be typed again (settling deletes it).
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


def _accepted(
    change: Change, outcome: Accepted, payload: dict[str, Any]
) -> tuple[dict[str, Any], Entity | None]:
    """The column values of an accepted change, and the entity as the gateway shows it, if it does."""
    try:
        verified = answer_verify(change, outcome.entity, payload)
    except Exception as error:  # the gateway has accepted: nothing that fails now may hide it
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
        **generated_seal(change, entity),
    }
    if change.is_create:
        values["object_guid"] = database_safe(entity.guid if entity else "")[:128]
        values["object_name"] = database_safe(entity.name)[:400] if entity else change.object_name
    return values, entity


def _details(outcome: Outcome, explanation: str) -> dict[str, Any]:
    details: dict[str, Any] = {
        "gateway_request_id": outcome.request_id,
        "duration_ms": outcome.duration_ms,
    }
    if isinstance(outcome, ProvisioningError):
        message = f"{outcome.explanation} {outcome.gateway_message}".strip()
        return {**details, "code": str(outcome.code or ""), "message": message}
    return {**details, "answer": mask(outcome.answer), "message": explanation}
