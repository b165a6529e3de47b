"""What a merchant user's page says: facts, access by merchant name, permissions in plain words, API flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from portal.directory.list_views import get_merchant_names
from portal.merchant_users.forms import API_FLAGS, MerchantUserEditForm
from portal.merchant_users.permissions import find_unknown_permissions, group_permissions
from portal.staff.models import User
from portal.staff.tenant_access import get_tenant_access
from provisioning.entities import parse_datetime

# The published 2050-01-01 00:00:00 looks like "no expiry" (inferred).
NEVER = 2050


@dataclass(frozen=True, slots=True)
class MerchantRef:
    """A merchant the user can see. `home` is the one the user belongs to."""

    guid: str
    name: str
    home: bool


@dataclass(frozen=True)
class Profile:
    """The values of one user, ready for the page of `reader`. `home` is the guid of the user's merchant."""

    reader: User | AnonymousUser
    connection: str
    home: str
    values: Mapping[str, Any]

    @property
    def web(self) -> bool:
        """A person, not a machine."""
        return self.values.get("type") != "api"

    @property
    def full_name(self) -> str:
        """First and last name, as far as known."""
        return " ".join(filter(None, (self.values.get("firstName"), self.values.get("lastName"))))

    @property
    def valid_until(self) -> datetime | None:
        """The end of validity; None if there is none."""
        return parse_datetime(self.values.get("validUntil"))

    @property
    def expired(self) -> bool:
        """Whether the validity is over."""
        return self.valid_until is not None and self.valid_until < timezone.now()

    @property
    def password_until(self) -> datetime | None:
        """The end of the password's validity; None if it does not end."""
        found = parse_datetime(self.values.get("passwordValidUntil"))
        return None if found is None or found.year >= NEVER else found

    @property
    def places(self) -> list[MerchantRef]:
        """The merchants the user can see, home first; a name the answer lacks comes from the index.

        Without those that the reader may not know of, see `places_hidden`.
        """
        found = {self.home: self._names.get(self.home, self.home)} if self.home else {}
        found |= {guid: name or self._names.get(guid, guid) for guid, name in self._links.items()}
        everything = get_tenant_access(self.reader).everywhere
        return [
            MerchantRef(guid, name, guid == self.home)
            for guid, name in found.items()
            if everything or guid in self._names
        ]

    @property
    def places_hidden(self) -> int:
        """The number of merchants that the reader must not see."""
        return len({*self._links, self.home} - {""}) - len(self.places)

    @cached_property
    def _links(self) -> dict[str, str | None]:
        links = self.values.get("merchantAccess") or []
        return {link["guid"]: link.get("name") for link in links if "guid" in link}

    @cached_property
    def _names(self) -> dict[str, str]:
        return get_merchant_names(self.reader, self.connection, [*self._links, self.home])

    @property
    def permissions(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Granted permissions by area with plain descriptions, those unknown to the API aside."""
        held = self.values.get("permissions") or []
        return group_permissions([name for name in held if name not in find_unknown_permissions(held)])

    @property
    def kept(self) -> list[str]:
        """Granted permissions that the API does not name."""
        return find_unknown_permissions(self.values.get("permissions") or [])

    @property
    def flags(self) -> list[tuple[str, bool]]:
        """API flags with their labels; one the portal does not know under its own name."""
        stored = dict(self.values.get("apiUserSettings") or {})
        known = {
            name.removeprefix(API_FLAGS): str(field.label)
            for name, field in MerchantUserEditForm.nested.items()
            if name.startswith(API_FLAGS)
        }
        return [(known.get(name, name), bool(stored.get(name))) for name in dict.fromkeys([*known, *stored])]
