"""What a merchant's page says: its properties under the form's labels, and what is missing to go live."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.console.choices import country_choices, currency_choices
from portal.directory.models import Entry, Scope
from portal.directory.services import entry_children, scope_ensure
from portal.merchants.fields import TRANSACTION_TYPES
from portal.merchants.forms import MerchantEditForm

_CHILDREN = ("merchant_user", "connector")
Facts = list[tuple[str, list[tuple[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Steps:
    """How far a merchant is: how many users and connectors are known, None if nobody looked yet."""

    users: int | None
    connectors: int | None

    @property
    def open(self) -> bool:
        """Whether something is known to be missing."""
        return self.users == 0 or self.connectors == 0


def merchant_facts(values: Mapping[str, Any]) -> Facts:
    """Section title → (label, value to show) of every property; codes with their names."""
    labels = {name: str(field.label or name) for name, field in MerchantEditForm.base_fields.items()}
    facts = [
        (section.title, [(labels[name], _shown(name, values.get(name))) for name in section.fields])
        for section in MerchantEditForm.sections
    ]
    return [*facts, ("Network tokens", _tokens(values))]


def next_steps(entry: Entry, *, look: bool) -> Steps:
    """Counts from the index; a list that was never read is read first if `look`."""
    place = {"connection": entry.connection, "kind__in": _CHILDREN, "parent_guid": entry.guid}
    loaded = set(Scope.objects.filter(**place, refreshed_at__isnull=False).values_list("kind", flat=True))
    if look:
        loaded |= {kind for kind in _CHILDREN if kind not in loaded and _read(entry, kind)}
    known = Counter(entry_children(entry).values_list("kind", flat=True))
    users, connectors = (known[kind] if kind in loaded or known[kind] else None for kind in _CHILDREN)
    return Steps(users, connectors)


def _read(entry: Entry, kind: str) -> bool:
    return scope_ensure(connection=entry.connection, kind=kind, parent=entry.guid).loaded


def _shown(name: str, value: Any) -> Any:
    if name == "country":
        return dict(country_choices()).get(str(value), value)
    if name == "defaultCurrency":
        return dict(currency_choices()).get(str(value), value)
    if name == "disabledTransactionTypes" and isinstance(value, list):
        return [TRANSACTION_TYPES.get(each, (each, ""))[0] for each in value]
    return bool(value) if name in ("disabled", "archived", "isPciEnabled") else value


def _tokens(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Read only: enrolment is another operation."""
    words = {"enabled": "Enabled", "not_enabled": "Not enabled"}
    state = values.get("networkTokenizationEnabled")
    trids = values.get("trids")
    ids = (
        [(f"Requestor id {scheme}", value) for scheme, value in trids.items()]
        if isinstance(trids, Mapping)
        else []
    )
    return [("Network tokenization", words.get(str(state), state)), *ids]
