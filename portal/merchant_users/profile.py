"""What a merchant user's page says: facts, access by merchant name, permissions in plain words, API flags."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from portal.directory.children import names_of
from portal.merchant_users.forms import API_FLAGS, MerchantUserEditForm
from portal.merchant_users.permissions import grouped, unknown_to_the_api
from provisioning.entities import instant

# The published 2050-01-01 00:00:00 looks like "no expiry" (inferred).
NEVER = 2050


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant the user can see. `home` is the one the user belongs to."""

    guid: str
    name: str
    home: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """The values of one user, ready for the page. `home` is the guid of the user's merchant."""

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
        return instant(self.values.get("validUntil"))

    @property
    def expired(self) -> bool:
        """Whether the validity is over."""
        return self.valid_until is not None and self.valid_until < timezone.now()

    @property
    def password_until(self) -> datetime | None:
        """The end of the password's validity; None if it does not end."""
        found = instant(self.values.get("passwordValidUntil"))
        return None if found is None or found.year >= NEVER else found

    @property
    def places(self) -> list[Place]:
        """The merchants the user can see, home first; a name the answer lacks comes from the index."""
        links = {
            link["guid"]: link.get("name")
            for link in self.values.get("merchantAccess") or []
            if "guid" in link
        }
        known = names_of(self.connection, [guid for guid, name in links.items() if not name] + [self.home])
        found = {self.home: known.get(self.home, self.home)} if self.home else {}
        found |= {guid: name or known.get(guid, guid) for guid, name in links.items()}
        return [Place(guid, name, guid == self.home) for guid, name in found.items()]

    @property
    def permissions(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Granted permissions by area with plain descriptions, those unknown to the API aside."""
        held = self.values.get("permissions") or []
        return grouped([name for name in held if name not in unknown_to_the_api(held)])

    @property
    def kept(self) -> list[str]:
        """Granted permissions that the API does not name."""
        return unknown_to_the_api(self.values.get("permissions") or [])

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
