"""A person as the audit trail names them."""

from portal.audit.services import ObjectRef
from portal.staff.models import User


def person_ref(person: User) -> ObjectRef:
    """The person as the object of an audit event."""
    return ObjectRef("person", str(person.pk), person.called)
