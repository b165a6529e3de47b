"""The limit on wrong passwords and codes: an attempt is reserved in the database before a secret is checked.

Counting afterwards would let parallel attempts through: all of them would be checked before the first one is
counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from portal.audit.canonical import clean_text
from portal.audit.recording import ObjectRef, origin_of, record_event
from portal.staff.identity import find_user, fold_name
from portal.staff.models import Attempts, User
from provisioning.encryption import fingerprint

# Unknown names and addresses share this many rows, so that a flood of them does not fill the database.
_SHARED_ROWS = 65_536
# Refusals of an address over its limit that are recorded: a flood must not fill the audit trail.
_RECORDED = 20


@dataclass(slots=True)
class SecretAttempt:
    """An attempt that was reserved. Set `accepted` if the secret is right."""

    accepted: bool = False


@contextmanager
def limit_attempts(
    request: HttpRequest, *, slot: str, target: ObjectRef, failed: str, locked: str, address: str = ""
) -> Iterator[SecretAttempt]:
    """Reserve an attempt of a slot, and of an address if given, before the block checks a secret.

    An accepted attempt resets the slot. Any other stays counted, also after an exception, and is recorded
    about `target` as the event `failed`, the last one of the limit as `locked` as well.
    Raises ValidationError, recorded, if the limit is used up, and AuditUnavailable.
    """

    def record(action: str, code: str) -> None:
        record_event(action=action, origin=origin_of(request), outcome="failed", code=code, object=target)

    number, is_flood = 0, False
    address_limit = settings.LOGIN_ADDRESS_ATTEMPTS
    if address:  # only read at first: a flood of refusals must not write
        is_flood = are_attempts_used_up(slot=address, limit=address_limit + _RECORDED)
    if not is_flood:
        with transaction.atomic():
            count = reserve_attempt(slot=address, limit=address_limit + _RECORDED) if address else 0
            is_flood = bool(address) and not count
            if not is_flood and count <= address_limit:
                number = reserve_attempt(slot=slot, limit=settings.LOGIN_ATTEMPTS)
    if not number:
        if not is_flood:
            record(failed, "too_many_attempts")
        raise get_adapter().validation_error("too_many_login_attempts")

    attempt = SecretAttempt()
    yield attempt
    if attempt.accepted:
        with transaction.atomic():
            Attempts.objects.filter(slot=slot).update(count=0)
            Attempts.objects.filter(slot=address, count__gt=0).update(count=F("count") - 1)
    else:
        record(failed, "not_accepted")
        if number == settings.LOGIN_ATTEMPTS:
            record(locked, "locked")


def reserve_attempt(*, slot: str, limit: int) -> int:
    """Count an attempt and return its number, from 1, or 0 if the limit is used up.

    Committed when it returns, or with the transaction around it. Counting starts again LOGIN_LOCK_SECONDS
    after the last attempt that was let through.
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


def are_attempts_used_up(*, slot: str, limit: int) -> bool:
    """Return whether the slot's `limit` is used up. Only reads: a flood of refusals must not write."""
    return Attempts.objects.filter(slot=slot, count__gte=limit, ends_at__gt=timezone.now()).exists()


def forget_failures(user: User) -> bool:
    """Reset all slots of a user; return whether any failures were counted."""
    return bool(Attempts.objects.filter(slot__in=_get_slots(user), count__gt=0).update(count=0))


@dataclass(frozen=True, slots=True)
class Lock:
    """Why a user has to wait, in words that follow “after too many”, and until when."""

    why: str
    until: datetime


def get_locks(user: User) -> list[Lock]:
    """Return the limits that a user has used up."""
    used_up = Attempts.objects.filter(count__gte=settings.LOGIN_ATTEMPTS, ends_at__gt=timezone.now())
    found = dict(used_up.filter(slot__in=_get_slots(user)).values_list("slot", "ends_at"))
    words = {
        password_slot(user): "failed sign-in attempts",
        code_slot(user): "wrong second-factor codes",
        own_password_slot(user): "wrong passwords when asked to confirm their identity; "
        "this does not lock sign-in",
    }
    return [Lock(why, found[slot]) for slot, why in words.items() if slot in found]


def password_slot(user: User) -> str:
    """Return the slot for a user's wrong passwords at the sign-in page."""
    return f"person:{user.pk}"


def code_slot(user: User) -> str:
    """Return the slot for a user's wrong codes: the right password before them must not reset it."""
    return f"code:{user.pk}"


def own_password_slot(user: User) -> str:
    """Return the slot for wrong passwords of a signed-in user, out of reach of the sign-in page."""
    return f"own:{user.pk}"


def name_slot(username: str) -> str:
    """Return the slot for wrong passwords for a typed name, whether or not a user has it.

    Spellings in other case share a slot for an unknown name as they do for a known one. Otherwise five wrong
    attempts and a sixth would tell the two apart.
    """
    user = find_user(username)
    return password_slot(user) if user else _shared_slot("name", fold_name(username))


def address_slot(address: str) -> str:
    """Return the slot for wrong passwords from an address; for IPv6, from its /64 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return _shared_slot("address", str(clean_text(address)))
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv6Address):
        return _shared_slot("address", parsed.exploded[:19])
    return _shared_slot("address", str(parsed))


def _get_slots(user: User) -> list[str]:
    return [password_slot(user), code_slot(user), own_password_slot(user)]


def _shared_slot(kind: str, text: str) -> str:
    return f"{kind}:{int(fingerprint(f'{kind}:{text}'), 16) % _SHARED_ROWS}"
