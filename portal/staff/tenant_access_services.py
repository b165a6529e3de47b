"""What an admin does about where a person works: everywhere, or in some tenants alone. Audited."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.staff.access_seals import sealing
from portal.staff.identity import person_ref
from portal.staff.models import TenantScope, User
from portal.staff.roles import ADMIN
from portal.staff.services import ValuesRefused, another_admin_stays, changeable, staff_lock

EVERYWHERE_WORDS = "everywhere"


@dataclass(frozen=True, slots=True)
class TenantRef:
    """A tenant of a connection with its name of now; without a guid all of the connection."""

    connection: str
    tenant_guid: str = ""
    tenant_name: str = ""


def reach_change(
    *, by: User | None, origin: Origin, person: User, places: Collection[TenantRef] | None, reason: str = ""
) -> None:
    """Limits `person` to these places, or to nothing (None), from the next request on.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        if places is not None and not places:
            raise ValuesRefused("Choose at least one tenant, or give access to all tenants.")
        if places is not None and person.role == ADMIN:
            another_admin_stays(person)
        before = places_words(person)
        _places_set(person, places)
        after = places_words(person)
        if after != before:
            record_event(
                action="staff.reach_changed",
                origin=origin,
                object=person_ref(person),
                before={"tenants": before},
                after={"tenants": after},
                message=EVERYWHERE_WORDS if places is None else f"{len(after)} allowed",
                reason=reason,
            )


def places_words(person: User, *, short: bool = False) -> list[str]:
    """Where the person works, a line for each place; `short` leaves out guids where there is a name."""
    if not person.is_limited:
        return [EVERYWHERE_WORDS]
    return [_words(scope, short) for scope in person.tenant_scopes.all()] or ["nowhere"]


def _words(scope: TenantScope, short: bool) -> str:
    if not scope.tenant_guid:
        return f"{scope.connection}: all tenants"
    named = scope.tenant_name or scope.tenant_guid
    return f"{scope.connection}: {named}" if short else f"{scope.connection}: {named} ({scope.tenant_guid})"


def _places_set(person: User, places: Collection[TenantRef] | None) -> None:
    with sealing(person):
        person.tenant_scopes.all().delete()
        person.is_limited = places is not None
        person.save(update_fields=["is_limited"])
        TenantScope.objects.bulk_create(
            TenantScope(
                user=person,
                connection=place.connection,
                tenant_guid=place.tenant_guid,
                tenant_name=place.tenant_name,
            )
            for place in dict.fromkeys(places or ())
        )
