"""Record audit events: every event is appended to the chain here."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import transaction
from django.http import HttpRequest

from portal.audit import event_types
from portal.audit.anchors import write_anchor_after
from portal.audit.canonical import HASHED_FIELDS, clean_text, json_text, row_text
from portal.audit.chain_head import EndAltered, compute_head_seal, get_last_time
from portal.audit.keys import compute_digest, get_current_key_id
from portal.audit.models import ChainHead, Event
from portal.audit.search_index import write_index
from portal.core.trusted_proxies import get_address

logger = logging.getLogger(__name__)


class LastFailure:
    """When this process last failed to record an event (time.monotonic). Readiness is then checked again."""

    at = float("-inf")


class UnknownAction(Exception):  # noqa: N818 - reads as what happened
    """The action is not in portal.audit.event_types: a programming error."""


class AuditUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The event could not be written, so the action must not happen: no record, no change."""


@dataclass(frozen=True)
class Origin:
    """The user and the source of a request, stored as text. `session` is a digest, never the session key."""

    actor_id: int | None
    actor_name: str
    actor_role: str
    session: str
    address: str
    request_id: str


@dataclass(frozen=True)
class ObjectRef:
    """The object of an event, with its names at that time. `ancestors` are the guids above the parent."""

    kind: str
    guid: str
    name: str
    parent_guid: str = ""
    parent_name: str = ""
    ancestors: tuple[str, ...] = ()


def origin_of(request: HttpRequest) -> Origin:
    """Return the user of a request as an origin; without a name if no one is signed in."""
    user: Any = getattr(request, "user", None)
    known = user is not None and user.is_authenticated
    return Origin(
        actor_id=user.pk if known else None,
        actor_name=(user.get_full_name() or user.get_username()) if known else "",
        actor_role=getattr(user, "role", "") if known else "",
        session=session_digest(getattr(getattr(request, "session", None), "session_key", None)),
        address=get_address(request),
        request_id=getattr(request, "request_id", ""),
    )


def get_system_origin(name: str) -> Origin:
    """Return the origin of the portal's own actions, by the name of the task."""
    return Origin(None, name, "system", "", "", "")


def session_digest(session_key: str | None) -> str:
    """Return a digest that identifies a session but cannot be used to take it over."""
    return compute_digest(get_current_key_id(), f"session:{session_key}")[:16] if session_key else ""


def record_event(
    *,
    action: str,
    origin: Origin,
    outcome: str = "",
    connection: str = "",
    object: ObjectRef | None = None,
    operation: str = "",
    change_id: str = "",
    group: str = "",
    reason: str = "",
    code: str = "",
    gateway_request_id: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    request: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    message: str = "",
    duration_ms: int | None = None,
) -> Event:
    """Append an event to the chain and return it. Uses the open transaction, if there is one.

    Without an outcome it has that of its action (portal.audit.event_types). `group` is
    the id of the group of changes that the event belongs to, "" for none.
    Sealed values are masked, and characters that a database refuses are replaced. Raises UnknownAction, and
    AuditUnavailable if the row cannot be written: the action must then not happen.
    """
    if action not in event_types.EVENT_TYPES:
        raise UnknownAction(action)
    values = _origin_values(origin) | _object_values(object) | {
        "action": action, "outcome": outcome or event_types.outcome_of(action), "connection": connection,
        "operation": operation, "change_id": change_id or "", "group_id": group,
        "reason": reason, "code": "" if code is None else code,
        "gateway_request_id": gateway_request_id, "before": json_text(before), "after": json_text(after),
        "request": json_text(request), "answer": json_text(answer), "message": message,
        "duration_ms": duration_ms,
    }  # fmt: skip
    # Cut and clean each value to fit its column: a text from outside must not prevent the record.
    for name, value in values.items():
        if value is None or isinstance(value, int):
            values[name] = value if name in ("actor_id", "duration_ms") else str(value)
            continue
        # A name is not limited by its column, but it must fit the index of PostgreSQL.
        longest = 400 if name == "actor_name" else getattr(Event._meta.get_field(name), "max_length", None)
        values[name] = clean_text(value)[:longest]
    return _append_event(values)


def _origin_values(origin: Origin) -> dict[str, Any]:
    return {
        "actor_id": origin.actor_id,
        "actor_name": origin.actor_name,
        "actor_role": origin.actor_role,
        "session": origin.session,
        "address": origin.address,
        "request_id": origin.request_id,
    }


def _object_values(about: ObjectRef | None) -> dict[str, Any]:
    ref = about or ObjectRef("", "", "")
    return {
        "object_kind": ref.kind,
        "object_guid": ref.guid,
        "object_name": ref.name,
        "parent_guid": ref.parent_guid,
        "parent_name": ref.parent_name,
        "ancestors": " ".join(ref.ancestors),
    }


def check_recording() -> None:
    """Record an event and roll it back. Raises AuditUnavailable if events cannot be recorded."""
    origin, about = get_system_origin("health"), ObjectRef("page", "-", "-", "-", "-")
    values = dict.fromkeys(HASHED_FIELDS, "") | _origin_values(origin) | _object_values(about)
    _append_event(values | {"action": "audit.verified", "message": "-", "duration_ms": 0}, stays=False)


def _append_event(values: dict[str, Any], *, stays: bool = True) -> Event:
    """Link the row to the last one. The lock on the head makes writers queue, else the chain would fork."""
    try:
        with transaction.atomic():
            head = ChainHead.objects.select_for_update().get(pk=1)
            before = get_last_time(head)
            now, key_id, count = datetime.now(UTC), get_current_key_id(), head.count + 1
            row = values | {
                "sequence": head.sequence + 1,
                # Never before the last row's time, even if the clock was set back: a span of time is a span
                # of rows.
                "time": max(now, before) if before else now,
                "key_id": key_id,
                "previous_hash": head.hash,
            }
            row["hash"] = compute_digest(key_id, row_text([row[name] for name in HASHED_FIELDS]))
            event = Event.objects.create(**row)
            write_index([event])
            ChainHead.objects.filter(pk=1).update(
                sequence=event.sequence,
                count=count,
                hash=event.hash,
                key_id=key_id,
                seal=compute_head_seal(key_id, event.sequence, count, event.hash),
                updated_at=event.time,
            )
            transaction.on_commit(lambda: write_anchor_after(event), robust=True)
            if not stays:
                transaction.set_rollback(True)
    except EndAltered as trouble:
        LastFailure.at = time.monotonic()
        logger.critical("the audit trail was tampered with: %s; nothing is recorded or sent", trouble)
        raise AuditUnavailable(
            f"The audit trail was tampered with: {trouble}. Nothing was done. The portal makes no "
            "changes until an operator has looked into this. See docs/audit.md."
        ) from None
    except (DatabaseFailure, ChainHead.DoesNotExist) as error:
        LastFailure.at = time.monotonic()
        raise AuditUnavailable("The audit trail cannot be written, so nothing was done.") from error
    return event
