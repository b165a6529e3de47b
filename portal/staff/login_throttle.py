"""How often somebody may be wrong: a slot is taken in the database before a secret is looked at.

Counting afterwards would let parallel tries through: all of them look before the first one is counted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.audit.canonical import clean_text
from portal.staff.identity import name_folded, person_named
from portal.staff.models import Attempts, User
from provisioning.encryption import fingerprint

# Names that nobody has and addresses share this many rows, so that no flood of them fills the database.
_SHARED_ROWS = 65_536


def attempt_reserve(*, slot: str, limit: int) -> int:
    """The number of this attempt, from 1; 0 if the `limit` is used up.

    Committed when it returns, or with the transaction around it, before the secret is looked at. Counting
    starts again LOGIN_LOCK_SECONDS after the last attempt that was let through.
    """
    now = timezone.now()
    until = now + timedelta(seconds=settings.LOGIN_LOCK_SECONDS)
    rows = Attempts.objects.filter(slot=slot)
    with transaction.atomic():
        Attempts.objects.bulk_create([Attempts(slot=slot, count=0, ends_at=until)], ignore_conflicts=True)
        taken = rows.filter(ends_at__lte=now).update(count=1, ends_at=until)
        if not taken:
            taken = rows.filter(count__lt=limit, ends_at__gt=now).update(count=F("count") + 1, ends_at=until)
        return rows.values_list("count", flat=True).get() if taken else 0


def attempts_used_up(*, slot: str, limit: int) -> bool:
    """Return whether the slot's `limit` is used up. Only reads: a flood of refusals must not write."""
    return Attempts.objects.filter(slot=slot, count__gte=limit, ends_at__gt=timezone.now()).exists()


def attempt_give_back(*, slot: str) -> None:
    """The attempt was no failure: it does not count."""
    Attempts.objects.filter(slot=slot, count__gt=0).update(count=F("count") - 1)


def attempts_forget(*, slot: str) -> None:
    """Counting starts again at once."""
    Attempts.objects.filter(slot=slot).update(count=0)


def person_unlock(person: User) -> bool:
    """Forgets the failures of a person, passwords and codes alike; whether any were counted."""
    return bool(Attempts.objects.filter(slot__in=_slots_of(person), count__gt=0).update(count=0))


@dataclass(frozen=True, slots=True)
class Lock:
    """Why somebody has to wait, in words that follow “after too many”, and until when."""

    why: str
    until: datetime


def locks_of(person: User) -> list[Lock]:
    """What the person has used up all tries of, for now."""
    used_up = Attempts.objects.filter(count__gte=settings.LOGIN_ATTEMPTS, ends_at__gt=timezone.now())
    found = dict(used_up.filter(slot__in=_slots_of(person)).values_list("slot", "ends_at"))
    words = {
        password_slot_of(person): "failed sign-in attempts",
        code_slot_of(person): "wrong second-factor codes",
        own_password_slot_of(person): "wrong passwords when asked to confirm their identity; "
        "this does not lock sign-in",
    }
    return [Lock(why, found[slot]) for slot, why in words.items() if slot in found]


def password_slot_of(person: User) -> str:
    """Where wrong passwords of a person are counted at the sign-in page."""
    return f"person:{person.pk}"


def code_slot_of(person: User) -> str:
    """Where wrong codes of a person are counted: the right password before them must not reset it."""
    return f"code:{person.pk}"


def own_password_slot_of(person: User) -> str:
    """Where wrong passwords are counted of a person who is signed in: out of reach of whoever is not."""
    return f"own:{person.pk}"


def name_slot(username: str) -> str:
    """Where wrong passwords for a typed name are counted, whether or not somebody has the name.

    Spellings in other case count together for an unknown name as they do for a known one: otherwise five
    wrong tries and a sixth would tell the two from each other.
    """
    person = person_named(username)
    return password_slot_of(person) if person else _shared("name", name_folded(username))


def address_slot(address: str) -> str:
    """Where wrong passwords from an address are counted; of IPv6 from its /64 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return _shared("address", str(clean_text(address)))
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv6Address):
        return _shared("address", parsed.exploded[:19])
    return _shared("address", str(parsed))


def _slots_of(person: User) -> list[str]:
    return [password_slot_of(person), code_slot_of(person), own_password_slot_of(person)]


def _shared(kind: str, text: str) -> str:
    return f"{kind}:{int(fingerprint(f'{kind}:{text}'), 16) % _SHARED_ROWS}"
