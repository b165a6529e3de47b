"""Where a person may work: everywhere, or in some tenants of some connections. Every room asks here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

# Why somebody was refused, for the record: whoever refuses, at the door or at the counter.
BEYOND = "tried to open something outside the account’s tenants"


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """`places` is connection → its tenants, None for a whole connection; `places` None is everywhere."""

    places: Mapping[str, frozenset[str] | None] | None

    @property
    def everywhere(self) -> bool:
        """Whether nothing is out of reach."""
        return self.places is None

    def has_connection(self, slug: str) -> bool:
        """Whether anything of the connection can be reached."""
        return self.places is None or slug in self.places

    def conditions(self, of_tenants: Callable[[Collection[str]], Q]) -> Q:
        """Narrows rows with a column `connection`; `of_tenants` says which belong to some tenants.

        A row whose tenant is not known belongs to none: only those see it who reach its whole connection.
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


def reach_of(person: Any) -> TenantAccess:
    """How far the person reaches, read once per request; nowhere for somebody who is not signed in."""
    reach: TenantAccess = getattr(person, "reach", NOWHERE)
    return reach
