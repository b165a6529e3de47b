"""Find out the outcome of a change by reading the gateway, never by sending again."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes.comparison import Comparison, compare, get_compared_value, is_same, take_snapshot
from portal.changes.errors import InvalidState, ReasonRequired
from portal.changes.execution import update_index
from portal.changes.gates import clean_reason
from portal.changes.models import Change, State
from portal.changes.one_time_secrets import seal_generated_secrets
from portal.changes.permissions import Person, authorise_change
from portal.changes.readback import describe_differences, find_candidates
from portal.changes.records import durable_record, get_old_values, record_change_event, unseal_payload
from portal.core.text import database_safe
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.entities import Entity

# A request may still be on its way for this time after the portal stopped waiting.
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


def check_change(*, user: Person, origin: Origin, change: Change) -> Change:
    """Read the gateway and settle an unknown change if possible; else store the result in its `inquiry`.

    For a create, the entities that its parent did not list before are compared; a certain match is adopted,
    others are left to a person (adopt_candidate, close_change). An update is accepted if all sent values are
    there, and not found if none is and nothing else changed (after 60 s). Raises PermissionDenied,
    InvalidState, AuditWriteError, and ProvisioningError if the gateway cannot be read.
    """
    _authorise_open(user, change)
    if change.is_create:
        candidates = find_candidates(change)
        if not candidates.found and candidates.unreadable:
            return _record_inquiry(change, "unreadable_rows", rows_unread=candidates.unreadable)
        if not candidates.found:
            return _record_absence(change, origin, _NOT_FOUND)
        if candidates.certain:
            return _adopt_entity(change, candidates.certain, origin)
        shown = [asdict(candidate) for candidate, _entity in candidates.found[:_SHOWN_CANDIDATES]]
        return _record_inquiry(change, "several", candidates=shown)
    return _check_update(change, origin)


def adopt_candidate(*, user: Person, origin: Origin, change: Change, guid: str) -> Change:
    """Settle an unknown create as a person decides: this candidate is its entity, or (guid "") none is.

    Other entities cannot be adopted, because their secrets would be shown as newly generated. Raises
    PermissionDenied, InvalidState, AuditWriteError, ProvisioningError.
    """
    _authorise_open(user, change)
    if not change.is_create:
        raise InvalidState("Only a new entity can be looked for.")
    if not guid:
        return _record_absence(change, origin, _NOT_FOUND)
    candidates = find_candidates(change)
    found = [each for each in candidates.found if each[0].guid == guid]
    if not found:
        raise InvalidState("This change cannot have created that entity. Check again.")
    (candidate, entity), *_ = found
    return _adopt_entity(change, entity, origin, certain=candidate.exact and candidates.complete)


def close_change(
    *, user: Person, origin: Origin, change: Change, is_there: bool, reason: str, guid: str = ""
) -> Change:
    """Close an unknown change as a person saw it at the gateway: it is there or not.

    For a create, `guid` may name the candidate. Raises ReasonRequired, and what adopt_candidate raises.
    """
    _authorise_open(user, change)
    reason = clean_reason(reason)
    if not reason:
        raise ReasonRequired("Describe what you saw at the gateway. It is recorded in the audit trail.")
    if is_there and guid and change.is_create:
        return adopt_candidate(user=user, origin=origin, change=change, guid=guid)
    who = origin.actor_name or "Someone"
    seen = "it is there" if is_there else "it is not there"
    words = f"{who} looked at the gateway and closed this change: {seen}. Reason: {reason}"
    values: dict[str, Any] = {"state": State.NOT_FOUND, "explanation": words}
    if is_there or change.state == State.ACCEPTED:
        values = {"state": State.ACCEPTED, "explanation": words, "sealed_payload": ""}
    return _conclude(change, origin, words, values)


def seconds_to_wait(change: Change) -> int:
    """Return the seconds until the absence of a change at the gateway is conclusive; 0 if it is now."""
    sent_at = change.intent_at or change.created_at
    return max(0, round((sent_at + SETTLED_AFTER - timezone.now()).total_seconds()))


def _check_update(change: Change, origin: Origin) -> Change:
    """Compare the values sent by an update with what the gateway shows now."""
    entity = service.read_result(
        change.operation, connection=change.connection, parent=change.parent_guid, guid=change.object_guid
    )
    compared = _compare_changed(change, entity)
    there = [each for each in compared if each.agrees]
    missing = [each for each in compared if each.agrees is False]
    hidden = [each for each in compared if each.agrees is None]
    if not missing and (there or change.state == State.ACCEPTED):
        return _adopt_entity(change, entity, origin, unreadable=[each.field for each in hidden])
    if change.state == State.ACCEPTED:
        found = describe_differences(change, _get_body(change), entity, read_again=True)
        return _record_inquiry(change, "differs", explanation=found.explanation, rows=found.inquiry["rows"])
    touched = False
    for each in missing:
        shown = database_safe(service.mask(get_compared_value(dict(entity.values), each.field)))
        touched = touched or not is_same(get_compared_value(change.before, each.field), shown)
    if missing and not there and not touched:
        return _record_absence(change, origin, _UNCHANGED)
    result = "partly" if there else "changed" if missing else "unreadable"
    return _record_inquiry(change, result, rows=[asdict(each) for each in (*there, *missing, *hidden)])


def _compare_changed(change: Change, entity: Entity) -> list[Comparison]:
    """Compare every property that was to change; an unchanged secret does not agree."""
    body, snapshot = _get_body(change), take_snapshot(entity)
    was = {each.field: each.agrees for each in compare(body, change.before, home=change.parent_guid)}
    found = []
    for each in compare(body, entity.values, home=change.parent_guid):
        if was.get(each.field):
            continue
        # A secret did not change if it has the digest that it had when the form was opened.
        old = get_compared_value(change.base, each.field)
        unchanged = each.agrees is None and old and is_same(old, get_compared_value(snapshot, each.field))
        found.append(Comparison(each.field, each.sent, each.shown, False) if unchanged else each)
    return found


def _get_body(change: Change) -> dict[str, Any]:
    """Return the body as sent if it can still be decrypted, else with its secrets masked."""
    try:
        return unseal_payload(change, change.sealed_payload)
    except KeyringError:
        return change.body


def _record_absence(change: Change, origin: Origin, words: str) -> Change:
    """Settle as not found, but only after a while, because the request may still be on its way."""
    if change.state == State.ACCEPTED:  # the gateway accepted it, which a failed search does not revoke
        return _record_inquiry(change, "no_entity")
    if seconds_to_wait(change) or change.state == State.NOT_FOUND:
        return _record_inquiry(change, "not_yet" if change.state == State.UNKNOWN else "not_found")
    return _conclude(change, origin, words, {"state": State.NOT_FOUND, "explanation": words})


def _adopt_entity(
    change: Change,
    entity: Entity,
    origin: Origin,
    *,
    certain: bool = True,
    unreadable: list[str] | None = None,
) -> Change:
    """Settle the change as accepted with `entity`; its generated secrets are only shown if `certain`."""
    words = _FOUND
    if unreadable:
        words += f" Not readable there, so not compared: {', '.join(unreadable)}."
    values = {
        "state": State.ACCEPTED,
        "explanation": words,
        "sealed_payload": "",
        **(seal_generated_secrets(change, entity) if certain else {}),
    }
    if change.is_create:
        values["object_guid"] = database_safe(entity.guid)[:128]
        values["object_name"] = database_safe(entity.name)[:400]
    settled = _conclude(change, origin, words, values)
    update_index(settled, entity)
    return settled


def _conclude(change: Change, origin: Origin, words: str, values: dict[str, Any]) -> Change:
    """Record the settled outcome with its event, unless the state has changed in between."""
    values = {**values, "finished_at": timezone.now(), "inquiry": {}}
    if values["state"] == State.ACCEPTED:
        values["siblings"] = {}
    with durable_record("its outcome stays open"):
        updated = Change.objects.filter(pk=change.pk, state=change.state).update(**values)
        if updated:
            for name, value in values.items():
                setattr(change, name, value)
            record_change_event(
                "change.reconciled",
                change,
                origin,
                outcome=str(values["state"]),
                message=words,
                before=get_old_values(change),
                after=change.changed_values,
            )
    change.refresh_from_db()
    return change


def _record_inquiry(change: Change, result: str, **details: Any) -> Change:
    """Store the result of a check for the change's page; if there is something to decide, reopen it."""
    inquiry = database_safe({"result": result, "at": timezone.now().isoformat(), **details})
    state = change.state
    if state == State.NOT_FOUND and result != "not_found":
        state = State.UNKNOWN
    Change.objects.filter(pk=change.pk, state=change.state).update(inquiry=inquiry, state=state)
    change.refresh_from_db()
    return change


def _authorise_open(user: Person, change: Change) -> None:
    """Raise PermissionDenied, or InvalidState if the outcome of the change is known."""
    authorise_change(user=user, change=change)
    if not change.is_open:
        raise InvalidState("The outcome of this change is known.")
