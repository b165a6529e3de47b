"""The content of a merchant's page: properties with the form's labels, and what is missing to go live."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from portal.core.choices import country_choices, currency_choices
from portal.directory.models import IndexedEntity, ListSync
from portal.directory.services import get_children, refresh_list_if_stale
from portal.merchants.forms import MerchantEditForm
from portal.merchants.transaction_types import TRANSACTION_TYPES
from provisioning.entities import ENTITY_KINDS

_CHILDREN = ENTITY_KINDS["merchant"].children
_ANY_AGE = 1e9  # seconds: read only what was never read, or is known to be wrong
Facts = list[tuple[str, list[tuple[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Steps:
    """The set-up of a merchant: numbers of users and connectors, None if their list was never read.

    `live` is how many connectors are enabled and not in test mode. The last two count what is disabled.
    """

    users: int | None
    connectors: int | None
    live: int = 0
    users_disabled: int = 0
    connectors_disabled: int = 0

    @property
    def test_only(self) -> bool:
        """Whether there are connectors but none takes real payments."""
        return bool(self.connectors) and not self.live

    @property
    def disabled_words(self) -> str:
        """What is disabled, for example "2 connectors and 1 user"; "" if nothing is."""
        counts = (
            (self.connectors_disabled, "connector"), (self.users_disabled, "user"),
        )  # fmt: skip
        return " and ".join(_format_count(number, what) for number, what in counts if number)

    @property
    def disabled_verb(self) -> str:
        """The verb after `disabled_words`."""
        return "is" if self.users_disabled + self.connectors_disabled == 1 else "are"

    @property
    def open(self) -> bool:
        """Whether something is known to be missing."""
        return self.users == 0 or self.connectors == 0


def merchant_facts(values: Mapping[str, Any]) -> Facts:
    """Return section title → (label, value to show) for all properties, codes with their names."""
    labels = {name: str(field.label or name) for name, field in MerchantEditForm.base_fields.items()}
    facts = [
        (section.title, [(labels[name], _format_value(name, values.get(name))) for name in section.fields])
        for section in MerchantEditForm.sections
    ]
    # Network tokens are read only here: enrolment is another operation.
    words = {"enabled": "Enabled", "not_enabled": "Not enabled"}
    state, trids = values.get("networkTokenizationEnabled"), values.get("trids")
    tokens = [("Network tokenization", words.get(str(state), state))]
    if isinstance(trids, Mapping):
        tokens += [(f"Requestor id {scheme}", value) for scheme, value in trids.items()]
    return [*facts, ("Network tokens", tokens)]


def next_steps(entry: IndexedEntity, *, look: bool) -> Steps:
    """Count the children in the index. With `look`, first read lists never read or known to be wrong."""
    place = {"connection": entry.connection, "kind__in": _CHILDREN, "parent_guid": entry.guid}
    right = ListSync.objects.filter(**place, refreshed_at__isnull=False)
    loaded = set(right.values_list("kind", flat=True))
    if look:
        due = set(_CHILDREN) - set(right.filter(outdated=False).values_list("kind", flat=True))
        for kind in due:
            state = refresh_list_if_stale(
                connection=entry.connection, kind=kind, parent=entry.guid, max_age=_ANY_AGE
            )
            loaded |= {kind} if state.loaded else set()
            if state.away:
                break
    rows = (
        get_children(entry)
        .values("kind")
        .annotate(
            number=Count("pk"),
            off=Count("pk", filter=Q(disabled=True)),
            tested=Count("pk", filter=Q(disabled=False, fields__config__testMode=True)),
            meta=Count("pk", filter=Q(disabled=False, fields__isMetaConnector=True)),
        )
    )
    known = {row["kind"]: row for row in rows}
    nothing = {"number": 0, "off": 0, "tested": 0, "meta": 0}
    users, connectors = known.get("merchant_user", nothing), known.get("connector", nothing)
    return Steps(
        users=users["number"] if "merchant_user" in loaded else None,
        connectors=connectors["number"] if "connector" in loaded else None,
        live=connectors["number"] - connectors["off"] - connectors["tested"] - connectors["meta"],
        users_disabled=users["off"],
        connectors_disabled=connectors["off"],
    )


def describe_children(steps: Steps) -> str:
    """Return words such as "2 connectors and 1 user"; what was not read is called unknown."""
    parts = ((steps.connectors, "connector"), (steps.users, "user"))
    return " and ".join(
        f"an unknown number of {what}s (not read yet)" if number is None else _format_count(number, what)
        for number, what in parts
    )


def _format_count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _format_value(name: str, value: Any) -> Any:
    if name == "country":
        return dict(country_choices()).get(str(value), value)
    if name == "defaultCurrency":
        return dict(currency_choices()).get(str(value), value)
    if name == "disabledTransactionTypes" and isinstance(value, list):
        return [TRANSACTION_TYPES.get(each, (each, ""))[0] for each in value]
    return bool(value) if name in ("disabled", "archived", "isPciEnabled") else value
