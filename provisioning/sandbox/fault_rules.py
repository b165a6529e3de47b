"""Which faults there are, how they are asked for, and which one the next request gets."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q

from provisioning.contract import contract_operations
from provisioning.sandbox.models import ArmedFault

# Kind → what the caller meets, and the meaning and default of its number (None: takes no number).
KINDS: dict[str, tuple[str, float | None]] = {
    "latency": ("the answer comes late, by this many seconds", 2),
    "401": ("refused with 401 and code 1000; nothing is carried out", None),
    "422": ("refused with 422 and code 1001; nothing is carried out", None),
    "403": ("an HTML page with status 403, as from a firewall; nothing is carried out", None),
    "429": ("too many requests, 429 with Retry-After of this many seconds; nothing is carried out", 30),
    "500": ("internal error, 500 and code 9999; nothing is carried out", None),
    "503": ("an HTML page with status 503 and Retry-After of this many seconds; nothing is carried out", 30),
    "200-refused": ("refused with status 200, success false and code 1002; nothing is carried out", None),
    "contradiction": ("refused with 422, success true and code 1002; nothing is carried out", None),
    "future": ("carried out; the answer holds values and properties newer than the contract", None),
    "misspelt": ("carried out; the answer spells properties as the published examples do", None),
    "reset": ("the connection is reset (TCP RST) before anything is carried out", None),
    "hang": ("no answer; the connection closes after this many seconds", 60),
    "truncated": ("carried out, but only half of the announced body arrives", None),
    "html": ("an HTML error page with status 502; nothing is carried out", None),
    "drip": ("carried out, but the body arrives byte by byte over this many seconds", 30),
    "huge": ("a body of this many MiB; nothing is carried out", 80),
    "redirect": ("302 to another address; nothing is carried out", None),
    "garbage": ("status 200 with a body that is not JSON; nothing is carried out", None),
    "commit-then-drop": ("carried out, then the connection closes without an answer", None),
}
LARGEST_NUMBER = 600.0
MAX_REQUESTS = 10_000


class UnknownFault(ValueError):  # noqa: N818 - the domain word
    """The requested fault or operation is unknown, or an amount is out of bounds; the message says which."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to commit; `amount` is in seconds, for `huge` in MiB."""

    kind: str
    amount: float


def parse_fault(text: str) -> Fault:
    """Read `<kind>[=<number>]`. Raises UnknownFault."""
    kind, equals, number = text.strip().partition("=")
    if kind not in KINDS:
        raise UnknownFault(f"Unknown fault. Choose one of: {', '.join(KINDS)}.")
    default = KINDS[kind][1]
    if not equals:
        return Fault(kind, default or 0)
    try:
        amount = float(number)
    except ValueError:
        raise UnknownFault("The number behind = is not a number.") from None
    if default is None or not 0 <= amount <= LARGEST_NUMBER:
        raise UnknownFault(f"The fault takes no number, or one from 0 to {LARGEST_NUMBER:.0f}.")
    return Fault(kind, amount)


def arm_fault(*, fault: Fault, requests: int = 1, operation: str = "") -> ArmedFault:
    """Arm a fault for the next requests, of one operation or of any. Raises UnknownFault."""
    if operation and operation not in contract_operations():
        raise UnknownFault(f"'{operation[:60]}' is not an operation.")
    if not 1 <= requests <= MAX_REQUESTS:
        raise UnknownFault(f"Arm a fault for 1 to {MAX_REQUESTS} requests.")
    return ArmedFault.objects.create(
        kind=fault.kind, amount=fault.amount, operation=operation, remaining=requests
    )


def take_fault(operation: str) -> Fault | None:
    """Take the armed fault for a request of this operation and count it down; None if nothing is armed."""
    if not ArmedFault.objects.exists():
        return None
    with transaction.atomic():
        armed = ArmedFault.objects.filter(Q(operation="") | Q(operation=operation)).order_by("pk").first()
        if armed is None:
            return None
        armed.remaining -= 1
        if armed.remaining:
            armed.save()
        else:
            armed.delete()
    return Fault(armed.kind, armed.amount or 0)


def disarm_faults() -> None:
    """Delete all armed faults."""
    ArmedFault.objects.all().delete()
