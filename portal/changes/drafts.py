"""Builds the Change row of a decision before it is written: what is to be sent, masked, sealed, compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.changes.duplicates import body_digest
from portal.changes.encrypted_payloads import payload_seal
from portal.changes.models import Change, State
from portal.changes.review_rows import rows_of
from portal.changes.snapshots import snapshot_of
from portal.core.text import database_safe
from portal.staff.models import User
from provisioning import service
from provisioning.entities import Entity
from provisioning.gateway.secrets import mask
from provisioning.operations import get_operation


@dataclass(frozen=True, slots=True)
class FormState:
    """Where a change was typed, so that a person can go back to it: the form's path, the typed data
    (name → list of strings, no secrets) and the labels of its fields."""

    path: str = ""
    typed: Mapping[str, list[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeTarget:
    """What a change concerns. `guid` is "" for a create, whose `target` is the parent."""

    connection: str
    target: str
    guid: str = ""
    name: str = ""
    parent_guid: str = ""
    parent_name: str = ""
    tenant_guid: str = ""


def draft_create(
    *,
    user: User,
    operation: str,
    subject: ChangeTarget,
    payload: dict[str, Any],
    reason: str,
    trace: FormState,
) -> Change:
    """An unsaved Change of a new entity. Raises KeyError for an unknown operation."""
    change = _draft(user, operation, subject, payload, reason=reason, trace=trace)
    change.rows = database_safe(rows_of({}, change.body, trace.labels, create=True))
    change.dangerous = bool(change.dangers)
    change.body_digest = body_digest(change, payload)
    return change


def draft_update(
    *,
    user: User,
    operation: str,
    subject: ChangeTarget,
    entity: Entity | None,
    payload: dict[str, Any],
    reason: str,
    trace: FormState,
) -> Change:
    """An unsaved Change of an entity as it was just read. Raises KeyError for an unknown operation."""
    change = _draft(user, operation, subject, payload, reason=reason, trace=trace)
    before = mask(dict(entity.values)) if entity else {}
    change.before = database_safe(before)
    change.base = snapshot_of(entity) if entity else {}
    change.rows = database_safe(rows_of(before, change.body, trace.labels))
    change.dangerous = bool(change.dangers)
    return change


def draft_again(*, change: Change, user: User, payload: dict[str, Any]) -> Change:
    """An unsaved copy of a change that was not carried out, to be decided anew by `user`."""
    copied = (
        "connection",
        "target",
        "object_guid",
        "object_name",
        "parent_guid",
        "parent_name",
        "tenant_guid",
    )
    fields = (
        *copied,
        "operation",
        "request",
        "before",
        "base",
        "rows",
        "typed",
        "form_path",
        "dangerous",
        "reason",
        "body_digest",
    )
    again = Change(state=State.PREPARED, actor=user, actor_name=_name_of(user))
    for name in fields:
        setattr(again, name, getattr(change, name))
    again.sealed_payload = payload_seal(again, payload)
    return again


def _draft(
    user: User,
    operation: str,
    subject: ChangeTarget,
    payload: dict[str, Any],
    *,
    reason: str,
    trace: FormState,
) -> Change:
    get_operation(operation)
    change = Change(
        state=State.PREPARED,
        operation=operation,
        connection=subject.connection,
        target=subject.target,
        object_guid=subject.guid,
        object_name=database_safe(subject.name)[:400],
        parent_guid=subject.parent_guid,
        parent_name=database_safe(subject.parent_name)[:400],
        tenant_guid=subject.tenant_guid,
        actor=user,
        actor_name=_name_of(user),
        reason=database_safe(reason).strip()[:2000],
        typed=database_safe(dict(trace.typed)),
        form_path=trace.path[:1000],
    )
    change.request = database_safe(
        service.preview_request(
            operation, connection=subject.connection, target=subject.target, payload=payload
        )
    )
    change.sealed_payload = payload_seal(change, payload)
    return change


def _name_of(user: User) -> str:
    return user.get_full_name() or user.get_username()
