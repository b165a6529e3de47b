"""Read back the result of a change: verify an accepted answer, find the entity that a create made."""

import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from portal.changes.comparison import Comparison, compare
from portal.changes.errors import InvalidState
from portal.changes.models import Change, State
from portal.changes.review import get_label
from portal.core.text import database_safe
from portal.directory.services import find_guids_read_before
from provisioning import service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import ProvisioningError

# Seconds that a create spends on reading its parent's list. Longer lists are taken from the local index.
SNAPSHOT_SECONDS = 3.0
# A row of the local index that is this much older than the request existed before it.
_SURELY_BEFORE = timedelta(minutes=2)
# A shorter name is not considered the beginning of a longer one.
_SHORTEST_BEGINNING = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that may be what a create made.

    `exact`: everything sent that can be read agrees. `similar`: its name or API key resembles what was sent.
    `differs` names the properties that do not agree.
    """

    guid: str
    name: str
    created_at: str
    exact: bool
    similar: bool
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates in the parent's list, most likely first.

    `complete`: the list is known from just before the request, so every candidate appeared after it.
    `unreadable`: how many new rows of the list cannot be read. Each may be what the create made.
    """

    found: list[tuple[Candidate, Entity]]
    complete: bool
    unreadable: int = 0

    @property
    def certain(self) -> Entity | None:
        """The one entity that must be the one created, if there is one."""
        likely = [
            (candidate, entity) for candidate, entity in self.found if candidate.exact or candidate.similar
        ]
        if not self.complete or self.unreadable or len(likely) != 1:
            return None
        (candidate, entity) = likely[0]
        return entity if candidate.exact and candidate.similar else None


def read_siblings(change: Change) -> dict[str, Any]:
    """Return the guids that the parent of a create lists now, for its `siblings` column; {} if unreadable.

    A list too long for this is known from the local index instead (see find_candidates).
    """
    if not change.spec.is_listed:
        return {}
    try:
        guids = service.list_guids(
            connection=change.connection, kind=change.kind, parent=change.target, deadline=SNAPSHOT_SECONDS
        )
    except ProvisioningError:
        return {}
    return {"guids": database_safe(sorted(guids)), "at": timezone.now().isoformat()}


def find_candidates(change: Change) -> Candidates:
    """Read the parent's list and return what may be the create's entity.

    Candidates are new in the list and not made by another change. Without a complete list from before the
    request, only entities similar to the sent values are candidates. Raises ProvisioningError, and
    InvalidState if no list shows what the operation creates.
    """
    if not change.spec.is_listed:
        raise InvalidState("The portal cannot look for this in a list. Check at the gateway yourself.")
    complete = "guids" in change.siblings
    if complete:
        known = set(change.siblings["guids"])
    else:
        before = (change.intent_at or change.created_at) - _SURELY_BEFORE
        rows = find_guids_read_before(connection=change.connection, kind=change.kind, before=before)
        known = set(rows.filter(parent_guid=change.target))
    others = _get_made_by_others(change)
    found = []
    listed = service.list_entities(connection=change.connection, kind=change.kind, parent=change.target)
    for entity in listed:
        if entity.guid in known or entity.guid in others:
            continue
        candidate = _make_candidate(change, entity)
        if candidate.similar or complete:
            found.append((candidate, entity))
    found.sort(key=lambda pair: (not pair[0].exact, not pair[0].similar, pair[0].name))
    # Another open create of the same values could have made the same entity.
    rivals = Change.objects.filter(
        connection=change.connection,
        operation=change.operation,
        target=change.target,
        state__in=(State.UNKNOWN, State.SENDING, State.NOT_FOUND),
    ).exclude(pk=change.pk)
    has_rival = any(rival.body == change.body for rival in rivals[:20])
    read = {entity.guid for entity in listed}
    unreadable = [guid for guid in listed.unreadable_guids if guid not in known | others | read]
    return Candidates(found, complete and not has_rival, len(unreadable))


def existed_before(change: Change, guid: str) -> bool:
    """Return whether an entity was known before the create was sent, so the create cannot have made it."""
    if guid in (change.siblings.get("guids") or ()):
        return True
    sent_at = change.intent_at or change.created_at
    known = find_guids_read_before(connection=change.connection, kind=change.kind, before=sent_at)
    return known.filter(guid=guid).exists() or guid in _get_made_by_others(change)


def _get_made_by_others(change: Change) -> set[str]:
    """Return the guids that other creates of the portal are known to have made."""
    others = Change.objects.filter(
        connection=change.connection, operation=change.operation, target=change.target, state=State.ACCEPTED
    )
    return set(others.exclude(pk=change.pk).exclude(object_guid="").values_list("object_guid", flat=True))


def _make_candidate(change: Change, entity: Entity) -> Candidate:
    compared = compare(change.body, entity.values, home=entity.parent)
    differs = tuple(each.field for each in compared if each.agrees is False)
    readable = any(each.agrees for each in compared)
    created = entity.created_at
    return Candidate(
        guid=database_safe(entity.guid),
        name=database_safe(entity.name),
        created_at=created.isoformat() if created else "",
        exact=readable and not differs,
        similar=_is_similar(change, entity),
        differs=differs,
    )


def _is_similar(change: Change, entity: Entity) -> bool:
    """Return whether name or API key match the sent ones, perhaps cut or spelled in another way."""
    for name in ENTITY_KINDS[change.kind].identifying:
        sent, shown = change.body.get(name), entity.values.get(name)
        if isinstance(sent, str) and isinstance(shown, str):
            shorter, longer = sorted((_fold(sent), _fold(shown)), key=len)
            if shorter and shorter == longer:
                return True
            if len(shorter) >= _SHORTEST_BEGINNING and longer.startswith(shorter):
                return True
    return False


def _fold(text: str) -> str:
    """Return a name in one Unicode form, lower case, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Verified:
    """A verified answer. `entity` is certainly that of the change; `inquiry` is {} if all values agree.

    `explanation` is for the page and the audit trail, "" if there is none.
    """

    entity: Entity | None
    explanation: str = ""
    inquiry: dict[str, Any] = field(default_factory=dict)


def verify_answer(change: Change, entity: Entity | None, payload: Mapping[str, Any]) -> Verified:
    """Compare the entity in an accepted answer with the body, and read it again if they differ."""
    if not change.spec.reader:
        return Verified(entity)
    existed = False
    if entity is not None and change.is_create:
        with suppress(DatabaseError):
            existed = existed_before(change, entity.guid)
    if entity is None or existed:
        return _verify_by_reading(change, payload, answered=entity.guid if entity else "")
    if not find_sent_differences(change, payload, entity):
        return Verified(entity)
    again = _read_entity(change, entity)
    if again is not None and not find_sent_differences(change, payload, again):
        words = "The gateway’s response showed other values. When read again, it showed the values sent."
        return Verified(again, words)
    return describe_differences(change, payload, again or entity, read_again=again is not None)


def find_sent_differences(change: Change, payload: Mapping[str, Any], entity: Entity) -> list[Comparison]:
    """Return the sent properties whose values the entity does not show."""
    compared = compare(payload, entity.values, home=entity.parent or change.parent_guid)
    return [each for each in compared if each.agrees is False]


def describe_differences(
    change: Change, payload: Mapping[str, Any], entity: Entity, *, read_again: bool
) -> Verified:
    """Return the explanation and the rows for values that the gateway shows differently."""
    differences = find_sent_differences(change, payload, entity)
    labels = {row["field"]: row["label"] for row in change.rows}
    words = "; ".join(
        f"{labels.get(each.field) or get_label(each.field)}: "
        f"{_describe_value(each.shown)} instead of {_describe_value(each.sent)}"
        for each in differences[:5]
    )
    if len(differences) > 5:
        words += f"; and {len(differences) - 5} more"
    source = "" if read_again else " in its answer"
    inquiry = {
        "result": "differs",
        "at": timezone.now().isoformat(),
        "rows": [asdict(each) for each in differences],
    }
    return Verified(entity, f"Accepted, but the gateway shows{source}: {words}.", inquiry)


def _describe_value(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"“{text[:_LONGEST_VALUE]}”"


def _verify_by_reading(change: Change, payload: Mapping[str, Any], *, answered: str) -> Verified:
    """Look for the entity in its parent's list: the answer shows none, or one that existed before."""
    kind = change.kind_words
    words = f"The gateway accepted this, but its answer does not show the {kind}."
    if answered:
        words = (
            f"The gateway accepted this, but its answer shows a {kind} that existed before ({answered}), "
            "not a new one."
        )
    if change.is_create:
        return _find_created(change, words)
    entity = _read_entity(change, None)
    if entity is None:
        return Verified(None, f"{words} It could not be read just now.", _make_inquiry("no_entity"))
    if find_sent_differences(change, payload, entity):
        return describe_differences(change, payload, entity, read_again=True)
    return Verified(entity, f"{words} When read again, it showed the values sent.")


def _find_created(change: Change, words: str) -> Verified:
    try:
        candidates = find_candidates(change)
    except (ProvisioningError, InvalidState, DatabaseError):
        return Verified(
            None, f"{words} The portal could not look for it just now.", _make_inquiry("no_entity")
        )
    if candidates.certain:
        return Verified(candidates.certain, f"{words} It was found by reading the gateway.")
    if not candidates.found and candidates.unreadable:
        words += " Its list has rows that the portal cannot read; one of them may be it."
        return Verified(None, words, _make_inquiry("unreadable_rows"))
    if not candidates.found:
        return Verified(
            None, f"{words} Reading the gateway did not find it either.", _make_inquiry("no_entity")
        )
    rows = [asdict(candidate) for candidate, _entity in candidates.found[:20]]
    inquiry = {**_make_inquiry("several"), "candidates": rows}
    return Verified(None, f"{words} Several could be it. Choose the right one.", inquiry)


def _read_entity(change: Change, entity: Entity | None) -> Entity | None:
    """Return the entity as it is now; None if it cannot be read, or the page has no time left for it."""
    try:
        return service.read_result(
            change.operation,
            connection=change.connection,
            parent=change.target if change.is_create else change.parent_guid,
            guid=entity.guid if entity else change.object_guid,
        )
    except ProvisioningError:
        return None


def _make_inquiry(result: str) -> dict[str, Any]:
    return {"result": result, "at": timezone.now().isoformat()}
