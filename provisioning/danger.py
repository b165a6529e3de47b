"""Which writes are dangerous: the one rule that forms, reviews and the daily review share.

A write is dangerous if it can stop payments or start real ones. The rule reads the operation and the
properties that become different (dotted name → new value), which an audit event stores in `after`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.operations import OPERATIONS

ANY: Any = object()


@dataclass(frozen=True, slots=True)
class Danger:
    """One dangerous thing that a write of `operations` can do.

    It applies if one of `fields` becomes `value`; without fields the operation itself is dangerous, except
    where the property `unless` is sent as true. `consequence` completes "This change …". `reason_everywhere`:
    a sandbox asks for a reason as well.
    """

    name: str
    consequence: str
    operations: frozenset[str]
    fields: frozenset[str] = frozenset()
    value: Any = ANY
    unless: str = ""
    reason_everywhere: bool = False

    def applies(self, operation: str, changes: Mapping[str, Any]) -> bool:
        """Return whether a write of these properties does this."""
        if operation not in self.operations or (self.unless and changes.get(self.unless) is True):
            return False
        return not self.fields or any(
            name in changes and (self.value is ANY or changes[name] is self.value) for name in self.fields
        )


_CONNECTOR = frozenset({"connector.update"})
_SWITCHABLE = frozenset({"merchant.update", "merchant_user.update", "connector.update"})
_PAYERS = frozenset({"merchant.update", "connector.update"})
_CREDENTIALS = frozenset(
    {"apiKey", "publicIntegrationKey", "sharedSecret", "adapter", "method", "provider", "terminals"}
    | {f"config.{name}" for name in ("username", "password", "apiSecret", "extraData", "vault")}
)

DANGERS = (
    Danger(
        "operation",
        "decides where payments go",
        frozenset(name for name, operation in OPERATIONS.items() if operation.dangerous),
        reason_everywhere=True,
    ),
    Danger(
        "disable",
        "can stop payments",
        _SWITCHABLE,
        frozenset({"disabled"}),
        value=True,
        reason_everywhere=True,
    ),
    Danger("enable", "can start real payments", _SWITCHABLE, frozenset({"disabled"}), value=False),
    Danger(
        "archive",
        "can stop payments",
        _SWITCHABLE,
        frozenset({"archived"}),
        reason_everywhere=True,
    ),
    Danger(
        "go live",
        "takes the connector live",
        _CONNECTOR,
        frozenset({"config.testMode"}),
        value=False,
        reason_everywhere=True,
    ),
    Danger("leave live", "stops real payments", _CONNECTOR, frozenset({"config.testMode"}), value=True),
    Danger("credentials", "stops payments at once if a value is wrong", _CONNECTOR, _CREDENTIALS),
    Danger(
        "transaction types",
        "stops or allows types of transactions",
        _PAYERS,
        frozenset({"disabledTransactionTypes"}),
    ),
    Danger(
        "password",
        "locks out anyone who uses the old password",
        frozenset({"merchant_user.update"}),
        frozenset({"password"}),
    ),
    Danger(
        "create live",
        "creates a live connector, which takes real payments",
        frozenset({"connector.create"}),
        unless="config.testMode",
    ),
)


def find_dangers(operation: str, changes: Mapping[str, Any]) -> list[Danger]:
    """Return what is dangerous about a write; [] if nothing is.

    `changes` holds only what becomes different; of a create everything that is sent.
    """
    return [danger for danger in DANGERS if danger.applies(operation, changes)]
