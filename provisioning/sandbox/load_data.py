"""Generated tenants and merchants for size; their GUIDs are stable, so a second run adds nothing."""

import hashlib
from typing import Any

from provisioning.sandbox.models import Record
from provisioning.sandbox.records import MERCHANT, TENANT, dump_json
from provisioning.sandbox.seed import OWN_TENANT, ensure_tenant

_PLACES = (
    ("Vienna", "AT", "EUR", "Europe/Vienna"),
    ("Berlin", "DE", "EUR", "Europe/Berlin"),
    ("London", "GB", "GBP", "Europe/London"),
    ("New York", "US", "USD", "America/New_York"),
    ("Tokyo", "JP", "JPY", "Asia/Tokyo"),
    ("Zürich", "CH", "CHF", "Europe/Zurich"),
)
_TRADES = ("Books", "Bikes", "Coffee", "Garden", "Music", "Shoes", "Toys", "Travel", "Wine", "Tools")
_WORDS = (
    "Amber",
    "Birch",
    "Cedar",
    "Dune",
    "Ember",
    "Fjord",
    "Grove",
    "Heath",
    "Island",
    "Jade",
    "Krill",
    "Lark",
)


def seed_load_data(*, tenants: int, merchants: int, single: bool) -> list[str]:
    """Make sure the generated tenants and merchants exist. Return the GUIDs of the tenants.

    Merchants are dealt out in turn, or all put into the first tenant; without tenants into the own one.
    """
    guids = [_derive_guid("TE", TENANT, index) for index in range(tenants)]
    for index, guid in enumerate(guids):
        ensure_tenant(guid, OWN_TENANT, f"Generated Tenant {index + 1:03d}")
    owners = (guids or [OWN_TENANT])[: 1 if single else None]
    records = []
    for index in range(merchants):
        document = _describe_merchant(index)
        # Far behind the positions of merchants created by hand.
        position = 1_000_000 + index
        records.append(
            Record(
                guid=document["guid"],
                kind=MERCHANT,
                parent=owners[index % len(owners)],
                position=position,
                document=dump_json(document),
            )
        )
    Record.objects.bulk_create(records, batch_size=500, ignore_conflicts=True)
    return guids


def _describe_merchant(index: int) -> dict[str, Any]:
    """Return the document of a generated merchant."""
    city, country, currency, timezone = _PLACES[index % len(_PLACES)]
    word, trade = _WORDS[index % len(_WORDS)], _TRADES[index // len(_WORDS) % len(_TRADES)]
    host = f"shop{index:05d}.example.com"
    return {
        "guid": _derive_guid("ME", MERCHANT, index),
        "name": f"{word} {trade} {index + 1:05d}",
        "address": f"Main Street {index % 200 + 1}",
        "administrativeEmail": f"office@{host}",
        "archived": index % 50 == 49,
        "city": city,
        "country": country,
        "createdAt": f"2024-{index % 12 + 1:02d}-{index % 28 + 1:02d}T{index % 24:02d}:00:00+00:00",
        "defaultCurrency": currency,
        "disabled": index % 25 == 24,
        "disabledTransactionTypes": [],
        "externalId": f"gen-{index + 1:05d}",
        "homepage": f"https://{host}",
        "isPciEnabled": False,
        "networkTokenizationEnabled": "not_enabled",
        "technicalEmail": f"tech@{host}",
        "timezone": timezone,
        "zipCode": f"{index % 9000 + 1000}",
    }


def _derive_guid(prefix: str, kind: str, index: int) -> str:
    digits = hashlib.sha256(f"{kind}:{index}".encode()).hexdigest()[:24]
    return "-".join([prefix, *(digits[start : start + 4] for start in range(0, 24, 4))])
