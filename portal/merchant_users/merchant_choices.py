"""The merchants that a user can be given access to, from the index."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from portal.directory.models import IndexedEntity
from portal.directory.services import visible_entities
from portal.merchant_users.field_types import MerchantsField
from portal.merchant_users.forms import MerchantUserForm
from portal.staff.models import User
from portal.staff.tenant_access import get_tenant_access

# A longer list of choices does not help, so more merchants are entered by name or GUID.
OFFERED = 200


def offer_merchants(
    form: MerchantUserForm, *, user: User | AnonymousUser, connection: str, tenant: str, home: str
) -> None:
    """Offer the tenant's merchants, and those already chosen, but not the home merchant.

    A portal user who is limited to some tenants cannot see, add or remove other merchants.
    """
    field = form.fields["multiMerchantAccess"]
    if isinstance(field, MerchantsField):
        seen = visible_entities(user=user, connection=connection, kind="merchant")
        field.known_alone = not get_tenant_access(user).everywhere
        if field.known_alone:
            # Unknown merchants stay as they are: an update sends only what was added and removed.
            held = form.initial.get("multiMerchantAccess") or []
            known = set(seen.filter(guid__in=held).values_list("guid", flat=True))
            form.initial = {**form.initial, "multiMerchantAccess": [guid for guid in held if guid in known]}
        chosen = form["multiMerchantAccess"].value() or []
        siblings = seen.filter(tenant_guid=tenant, archived=False).order_by("sort_key")
        offered = dict(siblings.values_list("guid", "name")[:OFFERED])
        offered |= dict(seen.filter(guid__in=set(chosen) - set(offered)).values_list("guid", "name"))
        choices = [(guid, f"{name} ({guid})") for guid, name in offered.items() if guid != home]
        field.offer(choices, lambda name: find_merchants_by_name(seen, name))


def find_merchants_by_name(seen: QuerySet[IndexedEntity], name: str) -> list[str]:
    """Return the GUIDs of merchants with exactly this GUID or name (in any case), at most three."""
    return list(seen.filter(Q(guid=name) | Q(name__iexact=name)).values_list("guid", flat=True)[:3])
