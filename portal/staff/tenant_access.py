"""Tenant access: a user may work everywhere, or in some tenants of some connections. Changes are audited."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from portal.audit.recording import Origin, record_event
from portal.staff.access_seals import sealing
from portal.staff.identity import get_user_ref
from portal.staff.models import TenantScope, User
from portal.staff.roles import ADMIN
from portal.staff.services import ValuesRefused, authorise_change, lock_staff, require_another_admin

# The reason in the audit trail when a user asks for something outside of their tenants.
OUTSIDE_TENANT_ACCESS = "tried to open something outside the account’s tenants"
EVERYWHERE_WORDS = "everywhere"


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """Tenants by connection; None for all tenants of a connection. `places` None is everywhere."""

    places: Mapping[str, frozenset[str] | None] | None

    @property
    def everywhere(self) -> bool:
        """Whether the user is not limited."""
        return self.places is None

    def has_connection(self, slug: str) -> bool:
        """Return whether the user may see anything of the connection."""
        return self.places is None or slug in self.places

    def conditions(self, of_tenants: Callable[[Collection[str]], Q]) -> Q:
        """Return the condition for rows with a column `connection` that the user may see.

        `of_tenants` returns the condition for rows of some tenants. A row whose tenant is unknown is seen
        only by users with access to all of its connection.
        """
        if self.places is None:
            return Q()
        found = Q(pk__in=[])
        for slug, tenants in self.places.items():
            here = Q(connection=slug)
            found |= here if tenants is None else here & of_tenants(tenants)
        return found


EVERYWHERE = TenantAccess(None)
NOWHERE = TenantAccess({})


@dataclass(frozen=True, slots=True)
class TenantRef:
    """A tenant of a connection with its current name; without a GUID all tenants of the connection."""

    connection: str
    tenant_guid: str = ""
    tenant_name: str = ""


def get_tenant_access(user: Any) -> TenantAccess:
    """Return where a user may work, read once per request; nowhere for an anonymous user."""
    access: TenantAccess = getattr(user, "tenant_access", NOWHERE)
    return access


def read_tenant_access(user: User) -> TenantAccess:
    """Read where a user may work. A limited user without any rows may work nowhere."""
    if not user.is_limited:
        return EVERYWHERE
    places: dict[str, frozenset[str] | None] = {}
    for scope in user.tenant_scopes.all():
        known = places.get(scope.connection, frozenset())
        whole = known is None or not scope.tenant_guid
        places[scope.connection] = None if whole else (known or frozenset()) | {scope.tenant_guid}
    return TenantAccess(places)


def change_tenant_access(
    *, by: User | None, origin: Origin, user: User, places: Collection[TenantRef] | None, reason: str = ""
) -> None:
    """Limit a user to these tenants, or give access to all (None), from the next request on.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        if places is not None and not places:
            raise ValuesRefused("Choose at least one tenant, or give access to all tenants.")
        if places is not None and user.role == ADMIN:
            require_another_admin(user)
        before = describe_tenant_access(user)
        with sealing(user):
            user.tenant_scopes.all().delete()
            user.is_limited = places is not None
            user.save(update_fields=["is_limited"])
            TenantScope.objects.bulk_create(
                TenantScope(
                    user=user,
                    connection=place.connection,
                    tenant_guid=place.tenant_guid,
                    tenant_name=place.tenant_name,
                )
                for place in dict.fromkeys(places or ())
            )
        after = describe_tenant_access(user)
        if after != before:
            record_event(
                action="staff.reach_changed",
                origin=origin,
                object=get_user_ref(user),
                before={"tenants": before},
                after={"tenants": after},
                message=EVERYWHERE_WORDS if places is None else f"{len(after)} allowed",
                reason=reason,
            )


def describe_tenant_access(user: User, *, short: bool = False) -> list[str]:
    """Return one line for each tenant or connection. `short` omits GUIDs of tenants with a name."""
    if not user.is_limited:
        return [EVERYWHERE_WORDS]
    lines = []
    for scope in user.tenant_scopes.all():
        tenant = scope.tenant_name or scope.tenant_guid or "all tenants"
        guid = "" if short or not scope.tenant_guid else f" ({scope.tenant_guid})"
        lines.append(f"{scope.connection}: {tenant}{guid}")
    return lines or ["nowhere"]
