"""Finds out what became of a change with an unknown outcome: by reading, never by sending again."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.accepted_answers import differing
from portal.changes.audit_events import after_of, before_of, change_event, recorded
from portal.changes.confirmation import clean_reason
from portal.changes.encrypted_payloads import payload_unseal
from portal.changes.errors import InvalidState, ReasonRequired
from portal.changes.execution import index_update
from portal.changes.models import Change, State
from portal.changes.one_time_secrets import generated_seal
from portal.changes.permissions import Person, change_authorise
from portal.changes.readback import Comparison, compare, value_of
from portal.changes.siblings import candidates_of
from portal.changes.snapshots import same, snapshot_of
from portal.core.text import database_safe
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.entities import Entity

# A request may still be on its way for a while after we stopped waiting.
SETTLED_AFTER = timedelta(seconds=60)
_SHOWN_CANDIDATES = 20
_NOT_FOUND = (
    "Checked at the gateway: not found. The gateway may still process the request later, so check again "
    "before you send it again."
)
_UNCHANGED = (
    "Checked at the gateway: it still shows the previous values. The gateway may still process the request "
    "later, so check again before you send it again."
)
_FOUND = "Checked at the gateway: the change took effect."


def change_check(*, user: Person, origin: Origin, change: Change) -> Change:
    """Reads the gateway and settles an unknown change if that tells; else its `inquiry` says what was found.

    Create: what the parent did not list before is compared; one unmistakable match is adopted, others are
    for a person (change_adopt, change_close). Update: all sent values there → accepted; none, and nothing
    else either (after 60 s) → not found. Raises PermissionDenied, NotPossible, RecordMissing and
    ProvisioningError when the gateway cannot be read.
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
        raise InvalidState("Only a new entity can be looked for.")
    if not guid:
        return _absent(change, origin, _NOT_FOUND)
    candidates = candidates_of(change)
    found = [each for each in candidates.found if each[0].guid == guid]
    if not found:
        raise InvalidState("This change cannot have created that entity. Check again.")
    (candidate, entity), *_ = found
    return _adopted(change, entity, origin, certain=candidate.exact and candidates.complete)


def change_close(
    *, user: Person, origin: Origin, change: Change, is_there: bool, reason: str, guid: str = ""
) -> Change:
    """Close an unknown change by a person's word: they looked at the gateway, and it is or is not there.

    Of a create, `guid` may name the candidate that it is. Raises ReasonRequired besides what change_adopt
    raises.
    """
    _authorised(user, change)
    reason = clean_reason(reason)
    if not reason:
        raise ReasonRequired("Describe what you saw at the gateway. It is recorded in the audit trail.")
    if is_there and guid and change.is_create:
        return change_adopt(user=user, origin=origin, change=change, guid=guid)
    who = origin.actor_name or "Someone"
    seen = "it is there" if is_there else "it is not there"
    words = f"{who} looked at the gateway and closed this change: {seen}. Reason: {reason}"
    values: dict[str, Any] = {"state": State.NOT_FOUND, "explanation": words}
    if is_there or change.state == State.ACCEPTED:
        values = {"state": State.ACCEPTED, "explanation": words, "sealed_payload": ""}
    return _concluded(change, origin, words, values)


def seconds_to_wait(change: Change) -> int:
    """Seconds until the absence of a change at the gateway is worth a statement; 0 if it is now."""
    sent_at = change.intent_at or change.created_at
    return max(0, round((sent_at + SETTLED_AFTER - timezone.now()).total_seconds()))


def _create_checked(change: Change, origin: Origin) -> Change:
    candidates = candidates_of(change)
    if not candidates.found:
        return _absent(change, origin, _NOT_FOUND)
    certain = candidates.certain
    if certain:
        return _adopted(change, certain, origin)
    shown = [asdict(candidate) for candidate, _entity in candidates.found[:_SHOWN_CANDIDATES]]
    return _inquired(change, "several", candidates=shown)


def _update_checked(change: Change, origin: Origin) -> Change:
    entity = service.read_entity(
        connection=change.connection, kind=change.kind, parent=change.parent_guid, guid=change.object_guid
    )
    compared = _changed_properties(change, entity)
    there = [each for each in compared if each.agrees]
    missing = [each for each in compared if each.agrees is False]
    hidden = [each for each in compared if each.agrees is None]
    if not missing and (there or change.state == State.ACCEPTED):
        return _adopted(change, entity, origin, unreadable=[each.field for each in hidden])
    if change.state == State.ACCEPTED:
        found = differing(change, _body_of(change), entity, read_again=True)
        return _inquired(change, "differs", explanation=found.explanation, rows=found.inquiry["rows"])
    touched = any(
        not same(value_of(change.before, each.field), storable_value(entity, each.field)) for each in missing
    )
    if missing and not there and not touched:
        return _absent(change, origin, _UNCHANGED)
    result = "partly" if there else "changed" if missing else "unreadable"
    return _inquired(change, result, rows=[asdict(each) for each in (*there, *missing, *hidden)])


def _changed_properties(change: Change, entity: Entity) -> list[Comparison]:
    """Compare every property that was to become different; a secret that is still the old one did not."""
    body = _body_of(change)
    was = {each.field: each.agrees for each in compare(body, change.before, home=change.parent_guid)}
    found = []
    for each in compare(body, entity.values, home=change.parent_guid):
        if was.get(each.field):
            continue
        still_old = each.agrees is None and _is_old_secret(change, entity, each.field)
        found.append(Comparison(each.field, each.sent, each.shown, False) if still_old else each)
    return found


def _is_old_secret(change: Change, entity: Entity, field: str) -> bool:
    """Return whether a secret has the digest it had when the form was opened."""
    old = value_of(change.base, field)
    return bool(old) and same(old, value_of(snapshot_of(entity), field))


def storable_value(entity: Entity, field: str) -> Any:
    """Return the shown value of a compared field, masked as the values before are."""
    return database_safe(service.mask(value_of(dict(entity.values), field)))


def _body_of(change: Change) -> dict[str, Any]:
    """Return the body as sent if it can still be opened, else with its secrets masked."""
    try:
        return payload_unseal(change, change.sealed_payload)
    except KeyringError:
        return change.body


def _absent(change: Change, origin: Origin, words: str) -> Change:
    """Settle as not found, but only after a while: the request may be on its way."""
    if change.state == State.ACCEPTED:  # the gateway said yes: its not being found takes nothing back
        return _inquired(change, "no_entity")
    if seconds_to_wait(change) or change.state == State.NOT_FOUND:
        return _inquired(change, "not_yet" if change.state == State.UNKNOWN else "not_found")
    return _concluded(change, origin, words, {"state": State.NOT_FOUND, "explanation": words})


def _adopted(
    change: Change,
    entity: Entity,
    origin: Origin,
    *,
    certain: bool = True,
    unreadable: list[str] | None = None,
) -> Change:
    """Settles the change as having made `entity`, whose generated secrets are shown only if `certain`."""
    words = _FOUND
    if unreadable:
        words += f" Not readable there, so not compared: {', '.join(unreadable)}."
    values = {
        "state": State.ACCEPTED,
        "explanation": words,
        "sealed_payload": "",
        **(generated_seal(change, entity) if certain else {}),
    }
    if change.is_create:
        values["object_guid"] = database_safe(entity.guid)[:128]
        values["object_name"] = database_safe(entity.name)[:400]
    settled = _concluded(change, origin, words, values)
    index_update(settled, entity)
    return settled


def _concluded(change: Change, origin: Origin, words: str, values: dict[str, Any]) -> Change:
    values = {**values, "finished_at": timezone.now(), "inquiry": {}}
    if values["state"] == State.ACCEPTED:
        values["siblings"] = {}
    with recorded():
        if Change.objects.filter(pk=change.pk, state=change.state).update(**values):
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


def _inquired(change: Change, result: str, **details: Any) -> Change:
    """Keep what a look found, for the change's page; something to decide makes it open again."""
    inquiry = database_safe({"result": result, "at": timezone.now().isoformat(), **details})
    state = change.state
    if state == State.NOT_FOUND and result != "not_found":
        state = State.UNKNOWN
    Change.objects.filter(pk=change.pk, state=change.state).update(inquiry=inquiry, state=state)
    change.refresh_from_db()
    return change


def _authorised(user: Person, change: Change) -> None:
    change_authorise(user=user, change=change)
    if not change.is_open:
        raise InvalidState("The outcome of this change is known.")
