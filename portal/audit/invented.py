"""What portal.audit.seeding writes: the work of a support team, invented, the same for the same seed."""

import random
import uuid
from collections.abc import Iterator
from typing import Any

from portal.audit.canonical import json_text

RARE = "zanzibar"
# Both are common and never meet in one event: each belongs to its own half of the time.
EARLY, LATE = "migration", "relaunch"
_SHOPS, _TENANTS = 5000, 40
_FIRST = (
    "Ana", "Ben", "Clara", "David", "Elif", "Filip", "Greta", "Hugo", "Ines", "Jonas",
    "Katya", "Luca", "Mira", "Noor", "Otto", "Petra", "Quinn", "Rosa", "Stefan", "Tara",
)  # fmt: skip
_LAST = ("Adler", "Brandt", "Costa", "Dimitrov", "Eriksen", "Fischer")
_PLACES = (
    "Northern", "Example", "Alpine", "Harbour", "Golden", "Silver", "Green", "Urban", "Central", "Royal",
)  # fmt: skip
_TRADES = ("Bakery", "Books", "Travel", "Fashion", "Garden", "Music", "Sports", "Toys", "Pharmacy", "Coffee")
_REASONS = ("risk review", "asked by the merchant", "quarterly review", "contract ended", "limits raised", "")
_OUTCOMES = ("accepted",) * 32 + ("refused", "refused", "refused", "not_sent", "unknown")
_FIELDS = ("description", "disabled", "currency", "settings.webhook", "settings.limit", "name", "timezone")
_KINDS = ("merchant",) * 6 + ("connector",) * 3 + ("merchant_user",)


def people() -> list[tuple[int, str, str]]:
    """(id, name, role) of everybody: mostly agents, some managers, few admins."""
    names = [f"{first} {last}" for last in _LAST for first in _FIRST]
    return [(number, name, _role(number)) for number, name in enumerate(names, 1)]


def shop_guid(number: int) -> str:
    """The guid of an invented merchant; those with small numbers are changed most often."""
    return f"ME-SEED-{number:04}"


def events_invented(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """The values of `count` events in the order of time, without what the chain adds."""
    staff, done = people(), 0
    while done < count:
        # A few do most of the work.
        who = _origin(chance, staff[int(len(staff) * chance.random() ** 2)])
        for event in _happening(chance, done / count)[: count - done]:
            yield who | event
            done += 1


def _role(number: int) -> str:
    if number % 40 == 0:
        return "Admin"
    return "Manager" if number % 8 == 0 else "Support agent"


def _origin(chance: random.Random, person: tuple[int, str, str]) -> dict[str, Any]:
    number, name, role = person
    return {
        "actor_id": number, "actor_name": name, "actor_role": role, "session": f"{number:016x}",
        "address": f"192.0.2.{number}", "request_id": uuid.UUID(int=chance.getrandbits(128)).hex,
    }  # fmt: skip


def _happening(chance: random.Random, moment: float) -> list[dict[str, Any]]:
    """A change with its intent and its outcome, or now and then a sign-in, a sign-out or a denial."""
    kind = chance.random()
    if kind < 0.1:
        return [{"action": "session.signed_in", "outcome": "success"}]
    if kind < 0.15:
        return [{"action": "session.signed_out", "outcome": "success"}]
    if kind < 0.17:
        denied = {"outcome": "denied", "message": "/staff/ needs staff.view", "object_kind": "page"}
        return [{"action": "access.denied"} | denied]
    return _change(chance, moment)


def _change(chance: random.Random, moment: float) -> list[dict[str, Any]]:
    shop, outcome = int(_SHOPS * chance.random() ** 2), chance.choice(_OUTCOMES)
    old, new = _values(chance)
    what = _object(chance, shop, moment) | {
        "connection": "sandbox", "change_id": str(uuid.UUID(int=chance.getrandbits(128))),
        "reason": _reason(chance, moment), "before": json_text(old), "after": json_text(new),
    }  # fmt: skip
    what["request"] = what["after"]
    answer = {
        "action": f"change.{outcome}", "outcome": outcome, "duration_ms": chance.randrange(20, 900),
        "answer": json_text({"success": outcome == "accepted"}),
        "code": "1002" if outcome == "refused" else "",
    }  # fmt: skip
    return [what | {"action": "change.intent"}, what | answer]


def _object(chance: random.Random, shop: int, moment: float) -> dict[str, Any]:
    """A shop, or one of its connectors or users. Every seventh shop gets another name half-way."""
    place = _PLACES[(shop + (moment > 0.5 and shop % 7 == 0)) % len(_PLACES)]
    guid, name = shop_guid(shop), f"{place} {_TRADES[shop // 10 % len(_TRADES)]} {shop}"
    kind, tenant = chance.choice(_KINDS), shop % _TENANTS
    about = {"object_kind": kind, "operation": f"{kind}.update"}
    if kind == "merchant":
        parent = {"parent_guid": f"TE-SEED-{tenant:02}", "parent_name": f"Tenant {tenant}"}
        return about | parent | {"object_guid": guid, "object_name": name}
    child = {"object_guid": f"{guid}-{kind[:1].upper()}", "object_name": f"{name} {kind.replace('_', ' ')}"}
    above = {"parent_guid": guid, "parent_name": name, "ancestors": f"TE-SEED-{tenant:02}"}
    return about | child | above


def _reason(chance: random.Random, moment: float) -> str:
    if chance.random() < 0.0002:
        return f"seen in {RARE}"
    words = chance.choice(_REASONS)
    if chance.random() < 0.3:
        words = f"{words} {EARLY if moment < 0.5 else LATE}".strip()
    return f"{words}, ticket {chance.randrange(100_000, 1_000_000)}" if chance.random() < 0.1 else words


def _values(chance: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    touched = chance.sample(_FIELDS, chance.choice((1, 1, 2, 3)))
    old, new = ({name: f"value {chance.randrange(1000)}" for name in touched} for _ in range(2))
    return old, new
