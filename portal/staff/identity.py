"""A person as the audit trail names them, and that no two people are named alike."""

import unicodedata
from dataclasses import replace

from portal.audit.canonical import clean_text
from portal.audit.recording import ObjectRef, Origin
from portal.core.text import same_reading
from portal.staff.models import User

_LONGEST_NAME = User._meta.get_field("username").max_length or 150


def person_ref(person: User) -> ObjectRef:
    """The person as the object of an audit event."""
    return ObjectRef("person", str(person.pk), person.called)


def person_named(username: str) -> User | None:
    """Return the person with this user name, whatever the case of its letters; None if nobody or several.

    Databases fold ASCII only, or differ in the rest.
    """
    name = str(clean_text(username)).strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        return None
    if exact := User.objects.filter(username=name).first():
        return exact
    found = list(User.objects.filter(username__iexact=name)[:2])
    if not found and not name.isascii():
        found = [one for one in User.objects.all() if name_folded(one.username) == name_folded(name)][:2]
    return found[0] if len(found) == 1 else None


def name_folded(username: str) -> str:
    """Return one spelling for all those of a user name that lead to the same person."""
    return unicodedata.normalize("NFKC", str(clean_text(username))).strip().lower()


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
