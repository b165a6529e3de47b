"""Which merchants a user's access can be given to: what the index knows, by name."""

from collections.abc import Iterable

from django.db.models import Q

from portal.directory.children import names_of
from portal.directory.models import Entry
from portal.merchant_users.fields import MerchantsField
from portal.merchant_users.forms import MerchantUserForm

# Beyond this many, a list to choose from helps nobody: names and guids can be typed.
OFFERED = 200


def merchants_offer(form: MerchantUserForm, *, connection: str, tenant: str, home: str) -> None:
    """Offers the tenant's merchants, and those already chosen, but not the home merchant."""
    field = form.fields["multiMerchantAccess"]
    if isinstance(field, MerchantsField):
        chosen = form["multiMerchantAccess"].value() or []
        field.offer(
            _choices(connection, tenant, home, chosen), lambda name: merchants_named(connection, name)
        )


def merchants_named(connection: str, name: str) -> list[str]:
    """Guids of the merchants with exactly this guid or name, whatever the case; three at most."""
    merchants = Entry.objects.filter(
        Q(guid=name) | Q(name__iexact=name), connection=connection, kind="merchant"
    )
    return list(merchants.values_list("guid", flat=True)[:3])


def _choices(connection: str, tenant: str, home: str, chosen: Iterable[str]) -> list[tuple[str, str]]:
    siblings = Entry.objects.filter(
        connection=connection, kind="merchant", tenant_guid=tenant, archived=False
    )
    offered = dict(siblings.order_by("sort_key").values_list("guid", "name")[:OFFERED])
    offered |= names_of(connection, set(chosen) - set(offered))
    return [(guid, f"{name} ({guid})") for guid, name in offered.items() if guid != home]
