"""A person as the audit trail names them."""

from dataclasses import replace

from portal.audit.services import ObjectRef, Origin
from portal.staff.models import User


def person_ref(person: User) -> ObjectRef:
    """The person as the object of an audit event."""
    return ObjectRef("person", str(person.pk), person.called)


def origin_as(origin: Origin, person: User) -> Origin:
    """The same origin with this person acting: they proved who they are and are not signed in yet."""
    return replace(origin, actor_id=person.pk, actor_name=person.called, actor_role=person.role)
