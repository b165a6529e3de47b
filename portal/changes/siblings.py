"""What a parent listed before a create was sent, and which entities can therefore be what it made."""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.changes.errors import InvalidState
from portal.changes.models import Change, State
from portal.changes.readback import compare
from portal.core.text import database_safe
from portal.directory.services import find_guids_read_before
from provisioning import service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import ProvisioningError

# Seconds that a create waits to learn what its parent lists. Longer lists are taken from the local index.
SNAPSHOT_SECONDS = 3.0
# A row of the local index written this long before the send was read from a list before the send.
_SURELY_BEFORE = timedelta(minutes=2)
# Shorter names are not taken for the beginning of a longer one.
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
    """What a look at the parent's list found, likeliest first.

    `complete`: the list is known as it was just before the send, so every candidate appeared after that.
    """

    found: list[tuple[Candidate, Entity]]
    complete: bool

    @property
    def certain(self) -> Entity | None:
        """Return the one entity that cannot be anything else than what was made, if there is one."""
        likely = [
            (candidate, entity) for candidate, entity in self.found if candidate.exact or candidate.similar
        ]
        if not self.complete or len(likely) != 1:
            return None
        (candidate, entity) = likely[0]
        return entity if candidate.exact and candidate.similar else None


def siblings_before(change: Change) -> dict[str, Any]:
    """Return the guids that the parent of a create lists now, for its `siblings` column; {} if unreadable.

    A list too long for this is known from the local index instead (see candidates_of).
    """
    if change.kind not in ENTITY_KINDS:
        return {}
    try:
        guids = service.list_guids(
            connection=change.connection, kind=change.kind, parent=change.target, deadline=SNAPSHOT_SECONDS
        )
    except ProvisioningError:
        return {}
    return {"guids": database_safe(sorted(guids)), "at": timezone.now().isoformat()}


def candidates_of(change: Change) -> Candidates:
    """Read the parent's list and return what may be the create's entity.

    That is what is new there and was made by no other change. Without a complete list from before the send
    only what resembles the sent values is a candidate. Raises ProvisioningError, NotPossible for a kind that
    no list holds.
    """
    if change.kind not in ENTITY_KINDS:
        raise InvalidState("The portal cannot look for this in a list. Check at the gateway yourself.")
    known, complete = _known_before(change)
    others = _made_by_others(change)
    found = []
    listed = service.list_entities(connection=change.connection, kind=change.kind, parent=change.target)
    for entity in listed:
        if entity.guid in known or entity.guid in others:
            continue
        candidate = _candidate(change, entity)
        if candidate.similar or complete:
            found.append((candidate, entity))
    found.sort(key=lambda pair: (not pair[0].exact, not pair[0].similar, pair[0].name))
    return Candidates(found, complete and not _rivals(change))


def existed_before(change: Change, guid: str) -> bool:
    """Return whether an entity was known before the create was sent, so that it cannot be what it made."""
    if guid in (change.siblings.get("guids") or ()):
        return True
    sent_at = change.intent_at or change.created_at
    known = find_guids_read_before(connection=change.connection, kind=change.kind, before=sent_at)
    return known.filter(guid=guid).exists() or guid in _made_by_others(change)


def _known_before(change: Change) -> tuple[set[str], bool]:
    if "guids" in change.siblings:
        return set(change.siblings["guids"]), True
    sent_at = change.intent_at or change.created_at
    known = find_guids_read_before(
        connection=change.connection, kind=change.kind, before=sent_at - _SURELY_BEFORE
    )
    return set(known.filter(parent_guid=change.target)), False


def _made_by_others(change: Change) -> set[str]:
    """Return the guids that other creates of the portal are known to have made."""
    others = Change.objects.filter(
        connection=change.connection, operation=change.operation, target=change.target, state=State.ACCEPTED
    )
    return set(others.exclude(pk=change.pk).exclude(object_guid="").values_list("object_guid", flat=True))


def _rivals(change: Change) -> bool:
    """Return whether another create of the same values is open, which could have made the same entity."""
    open_ones = Change.objects.filter(
        connection=change.connection,
        operation=change.operation,
        target=change.target,
        state__in=(State.UNKNOWN, State.SENDING, State.NOT_FOUND),
    )
    return any(other.body == change.body for other in open_ones.exclude(pk=change.pk)[:20])


def _candidate(change: Change, entity: Entity) -> Candidate:
    compared = compare(change.body, entity.values, home=entity.parent)
    differs = tuple(each.field for each in compared if each.agrees is False)
    readable = any(each.agrees for each in compared)
    created = entity.created_at
    return Candidate(
        guid=database_safe(entity.guid),
        name=database_safe(entity.name),
        created_at=created.isoformat() if created else "",
        exact=readable and not differs,
        similar=_resembles(change, entity),
        differs=differs,
    )


def _resembles(change: Change, entity: Entity) -> bool:
    """Return whether name or API key are the sent ones, perhaps cut, folded or spelled in another way."""
    names = ENTITY_KINDS[change.kind].identifying
    return any(_alike(change.body.get(name), entity.values.get(name)) for name in names)


def _alike(sent: Any, shown: Any) -> bool:
    if not isinstance(sent, str) or not isinstance(shown, str):
        return False
    one, other = _folded(sent), _folded(shown)
    if not one or not other:
        return False
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= _SHORTEST_BEGINNING and longer.startswith(shorter))


def _folded(text: str) -> str:
    """Return a name without case and accents of its spelling, blanks folded."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
