"""A person as the audit trail names them, and that no two people are named alike."""

from dataclasses import replace

from portal.audit.services import ObjectRef, Origin
from portal.console.text import same_reading
from portal.staff.models import User


def person_ref(person: User) -> ObjectRef:
    """The person as the object of an audit event."""
    return ObjectRef("person", str(person.pk), person.called)


def origin_as(origin: Origin, person: User) -> Origin:
    """The same origin with this person acting: they proved who they are and are not signed in yet."""
    return replace(origin, actor_id=person.pk, actor_name=person.called, actor_role=person.role)


def namesake_of(person: User) -> User | None:
    """Somebody else whom a reader could take for `person`: called alike, or as the other signs in."""
    names = _names(person)
    return next((other for other in User.objects.exclude(pk=person.pk) if names & _names(other)), None)


def _names(person: User) -> set[str]:
    """The person's names as they read."""
    return {same_reading(text) for text in (person.called, person.username)}
