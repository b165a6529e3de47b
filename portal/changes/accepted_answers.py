"""Compares an accepted answer with what was sent, and looks again where it differs or shows nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from portal.changes.errors import InvalidState
from portal.changes.models import Change
from portal.changes.readback import Comparison, compare
from portal.changes.review_rows import label_of
from portal.changes.siblings import candidates_of, existed_before
from provisioning import service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import ProvisioningError

_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Verified:
    """What an accepted answer is worth. `entity` is certainly the change's own; `inquiry` {} if all agrees.

    `explanation` is for the page and the trail, "" if there is nothing to say.
    """

    entity: Entity | None
    explanation: str = ""
    inquiry: dict[str, Any] = field(default_factory=dict)


def answer_verify(change: Change, entity: Entity | None, payload: Mapping[str, Any]) -> Verified:
    """Compare the entity in an accepted answer with the body."""
    if change.kind not in ENTITY_KINDS:
        return Verified(entity)
    foreign = entity is not None and change.is_create and _existed_before(change, entity.guid)
    if entity is None or foreign:
        return _found_by_reading(change, payload, answered=entity.guid if entity else "")
    if not differences_of(change, payload, entity):
        return Verified(entity)
    again = _read_again(change, entity)
    if again is not None and not differences_of(change, payload, again):
        words = "The gateway’s response showed other values. When read again, it showed the values sent."
        return Verified(again, words)
    return differing(change, payload, again or entity, read_again=again is not None)


def differences_of(change: Change, payload: Mapping[str, Any], entity: Entity) -> list[Comparison]:
    """Return the properties sent that the entity shows in another way."""
    compared = compare(payload, entity.values, home=entity.parent or change.parent_guid)
    return [each for each in compared if each.agrees is False]


def differing(change: Change, payload: Mapping[str, Any], entity: Entity, *, read_again: bool) -> Verified:
    """Say what the gateway shows instead of what was sent."""
    differences = differences_of(change, payload, entity)
    words = "; ".join(_difference_words(change, each) for each in differences[:5])
    if len(differences) > 5:
        words += f"; and {len(differences) - 5} more"
    source = "" if read_again else " in its answer"
    inquiry = {
        "result": "differs",
        "at": timezone.now().isoformat(),
        "rows": [asdict(each) for each in differences],
    }
    return Verified(entity, f"Accepted, but the gateway shows{source}: {words}.", inquiry)


def _difference_words(change: Change, each: Comparison) -> str:
    label = next((row["label"] for row in change.rows if row["field"] == each.field), label_of(each.field))
    return f"{label}: {_shown(each.shown)} instead of {_shown(each.sent)}"


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"“{text[:_LONGEST_VALUE]}”"


def _found_by_reading(change: Change, payload: Mapping[str, Any], *, answered: str) -> Verified:
    """The answer shows no entity, or one that existed before: look for it where it belongs."""
    kind = change.kind_words
    words = f"The gateway accepted this, but its answer does not show the {kind}."
    if answered:
        words = (
            f"The gateway accepted this, but its answer shows a {kind} that existed before ({answered}), "
            "not a new one."
        )
    if change.is_create:
        return _new_one(change, words)
    return _updated_one(change, payload, words)


def _new_one(change: Change, words: str) -> Verified:
    try:
        candidates = candidates_of(change)
    except (ProvisioningError, InvalidState, DatabaseError):
        return Verified(None, f"{words} The portal could not look for it just now.", _inquiry("no_entity"))
    if candidates.certain:
        return Verified(candidates.certain, f"{words} It was found by reading the gateway.")
    if not candidates.found:
        return Verified(None, f"{words} Reading the gateway did not find it either.", _inquiry("no_entity"))
    rows = [asdict(candidate) for candidate, _entity in candidates.found[:20]]
    inquiry = {**_inquiry("several"), "candidates": rows}
    return Verified(None, f"{words} Several could be it. Choose the right one.", inquiry)


def _updated_one(change: Change, payload: Mapping[str, Any], words: str) -> Verified:
    entity = _read_again(change, None)
    if entity is None:
        return Verified(None, f"{words} It could not be read just now.", _inquiry("no_entity"))
    if differences_of(change, payload, entity):
        return differing(change, payload, entity, read_again=True)
    return Verified(entity, f"{words} When read again, it showed the values sent.")


def _read_again(change: Change, entity: Entity | None) -> Entity | None:
    """Return the entity as it is now; None if it cannot be read, or the page has no time left for it."""
    try:
        return service.read_entity(
            connection=change.connection,
            kind=change.kind,
            parent=change.target if change.is_create else change.parent_guid,
            guid=entity.guid if entity else change.object_guid,
        )
    except ProvisioningError:
        return None


def _existed_before(change: Change, guid: str) -> bool:
    try:
        return existed_before(change, guid)
    except DatabaseError:
        return False


def _inquiry(result: str) -> dict[str, Any]:
    return {"result": result, "at": timezone.now().isoformat()}
