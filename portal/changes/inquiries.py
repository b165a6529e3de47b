"""Finds out what became of a change with an unknown outcome: by reading, never by sending again."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.audit.services import Origin
from portal.changes.authority import Person, change_authorise
from portal.changes.errors import NotPossible
from portal.changes.events import change_event, recorded
from portal.changes.generated import generated_seal
from portal.changes.models import Change, State
from portal.changes.payloads import storable
from portal.changes.sending import after_of, before_of
from portal.changes.snapshots import leaves, same
from portal.directory.services import entry_store
from provisioning import service
from provisioning.entities import Entity
from provisioning.gateway.secrets import MASK, Sealed

# A request may still be on its way for a while after we stopped waiting.
SETTLED_AFTER = timedelta(seconds=60)
# Two clocks: the gateway's createdAt may lie a little before our intent.
_CLOCKS_DIFFER = timedelta(seconds=90)
_LISTS: dict[str, Callable[[Change], list[Any]]] = {
    "merchant": lambda change: service.merchant_list(connection=change.connection, tenant_guid=change.target),
    "merchant_user": lambda change: service.merchant_user_list(
        connection=change.connection, merchant_guid=change.target
    ),
    "connector": lambda change: service.connector_list(
        connection=change.connection, merchant_guid=change.target
    ),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that may be what a create made. `exact`: every readable property that was sent agrees."""

    guid: str
    name: str
    created_at: str
    exact: bool


def change_check(*, user: Person, origin: Origin, change: Change) -> Change:
    """Reads the gateway and settles an unknown change if that tells; else its `inquiry` says what was found.

    Create: nothing like it → not carried out (after 60 s); one exact match → adopted; otherwise a person
    chooses (change_adopt). Update: all sent values there → accepted; none (after 60 s) → not carried out.
    Raises PermissionDenied, NotPossible, RecordMissing and ProvisioningError when the gateway cannot be read.
    """
    _authorised(user, change)
    return _create_checked(change, origin) if change.is_create else _update_checked(change, origin)


def change_adopt(*, user: Person, origin: Origin, change: Change, guid: str) -> Change:
    """A person's word on an unknown create: this candidate is it, or (guid "") none of them is.

    No other entity can be adopted: its secrets would be offered as newly generated. Raises PermissionDenied,
    NotPossible, RecordMissing, ProvisioningError.
    """
    _authorised(user, change)
    if not change.is_create:
        raise NotPossible("Only a new entity can be looked for.")
    if not guid:
        return _absent(change, origin)
    found = [each for each in _candidates(change) if each[0].guid == guid]
    if not found:
        raise NotPossible("This entity is none that the change can have made. Please check again.")
    (candidate, entity), *_ = found
    return _adopted(change, entity, origin, certain=candidate.exact)


def seconds_to_wait(change: Change) -> int:
    """Seconds until the absence of a change at the gateway means that it did not happen; 0 if it does now."""
    sent_at = change.intent_at or change.created_at
    return max(0, round((sent_at + SETTLED_AFTER - timezone.now()).total_seconds()))


def _create_checked(change: Change, origin: Origin) -> Change:
    found = _candidates(change)
    exact = [candidate for candidate, _entity in found if candidate.exact]
    if not found:
        return _absent(change, origin)
    if len(found) == len(exact) == 1:
        return _adopted(change, found[0][1], origin)
    return _noted(change, "several", [asdict(candidate) for candidate, _entity in found])


def _candidates(change: Change) -> list[tuple[Candidate, Entity]]:
    """Entities of the sent name (or api key) that no other change made, young enough to be ours."""
    adopted = set(
        Change.objects.filter(
            connection=change.connection, state=State.ACCEPTED, operation=change.operation
        ).values_list("object_guid", flat=True)
    )
    since = (change.intent_at or change.created_at) - _CLOCKS_DIFFER
    found = []
    for entity in _listed(change):
        young = entity.created_at is None or entity.created_at >= since
        if entity.guid not in adopted and young and _alike(change, entity):
            moment = entity.created_at.isoformat() if entity.created_at else ""
            exact = bool(moment) and _agrees(change, entity)
            found.append((Candidate(entity.guid, storable(entity.name), moment, exact), entity))
    return found


def _listed(change: Change) -> list[Entity]:
    if change.kind not in _LISTS:
        raise NotPossible("The gateway has no list in which this could be found. Please look there.")
    return _LISTS[change.kind](change)


def _alike(change: Change, entity: Entity) -> bool:
    identifying = (entity.name_property, "apiKey")
    return any(
        name in change.body and same(change.body[name], entity.values.get(name)) for name in identifying
    )


def _agrees(change: Change, entity: Entity) -> bool:
    there = storable(dict(leaves(entity.values)))
    return all(same(value, there[name]) for name, value in _readable(change).items() if name in there)


def _update_checked(change: Change, origin: Origin) -> Change:
    entity = service.entity_read(
        connection=change.connection, kind=change.kind, parent=change.parent_guid, guid=change.object_guid
    )
    there, before = storable(dict(leaves(entity.values))), dict(leaves(change.before))
    changed = {name: new for name, new in _readable(change).items() if not same(new, before.get(name))}
    applied = [name for name, new in changed.items() if same(new, there.get(name))]
    if changed and len(applied) == len(changed):
        return _adopted(change, entity, origin)
    if changed and not applied and all(same(before.get(name), there.get(name)) for name in changed):
        return _absent(change, origin)
    return _noted(change, "partly" if applied else "unreadable", [])


def _readable(change: Change) -> dict[str, Any]:
    """What was sent and can be read back: no secrets, nothing that only tells the gateway to do something."""
    unreadable = ("add", "remove", "resetPassword", "sendInitialPassword", "multiMerchantAccess")
    return {
        name: value
        for name, value in leaves(change.body)
        if value != MASK and not isinstance(value, Sealed) and not name.startswith(unreadable)
    }


def _absent(change: Change, origin: Origin) -> Change:
    """Not there. Only after a while that proves that it will not come."""
    if seconds_to_wait(change):
        return _noted(change, "not_yet", [])
    words = "Checked at the gateway: the change did not take effect there."
    return _concluded(change, origin, words, {"state": State.NOT_SENT, "explanation": words})


def _adopted(change: Change, entity: Entity, origin: Origin, *, certain: bool = True) -> Change:
    """Settles the change as having made `entity`, whose generated secrets are shown only if `certain`."""
    words = "Checked at the gateway: the change took effect there."
    values = {
        "state": State.ACCEPTED,
        "object_guid": storable(entity.guid)[:128],
        "object_name": storable(entity.name)[:400],
        "explanation": words,
        "sealed_payload": "",
        **(generated_seal(change, entity) if certain else {}),
    }
    settled = _concluded(change, origin, words, values)
    entry_store(connection=change.connection, entity=entity, tenant_guid=change.tenant_guid)
    return settled


def _concluded(change: Change, origin: Origin, words: str, values: dict[str, Any]) -> Change:
    values = {**values, "finished_at": timezone.now(), "inquiry": {}}
    with recorded():
        if Change.objects.filter(pk=change.pk, state=State.UNKNOWN).update(**values):
            for name, value in values.items():
                setattr(change, name, value)
            change_event(
                "change.reconciled",
                change,
                origin,
                outcome=str(values["state"]),
                message=words,
                before=before_of(change),
                after=after_of(change),
            )
    change.refresh_from_db()
    return change


def _noted(change: Change, result: str, candidates: list[dict[str, Any]]) -> Change:
    inquiry = {"result": result, "at": timezone.now().isoformat(), "candidates": candidates[:20]}
    Change.objects.filter(pk=change.pk, state=State.UNKNOWN).update(inquiry=inquiry)
    change.refresh_from_db()
    return change


def _authorised(user: Person, change: Change) -> None:
    change_authorise(user=user, change=change)
    if change.state != State.UNKNOWN:
        raise NotPossible("The outcome of this change is known.")
