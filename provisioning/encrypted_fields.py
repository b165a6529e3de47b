"""Registry of the columns that hold encrypted values, so that encryption keys can be rotated.

Each app registers its columns at start; `portal.keys` processes them. A test fails for an unregistered
column.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from provisioning import encryption
from provisioning.registry import Registry

# Rows per transaction. It is small, so that a rotation does not block other writers for long.
BATCH = 25


@dataclass(frozen=True, slots=True)
class EncryptedValue:
    """One encrypted value. `part` names it within its row; `context` is what it is bound to."""

    part: str
    token: str
    context: str

    @property
    def key_id(self) -> str:
        """The ID of the key that encrypted it; "" if the value was not written by the keyring."""
        try:
            return encryption.get_key_id(self.token)
        except encryption.KeyringError:
            return ""

    def opens(self) -> bool:
        """Return whether a configured key decrypts it with this context."""
        try:
            encryption.unseal(self.token, context=self.context)
        except encryption.KeyringError:
            return False
        return True


class EncryptedField:
    """Columns of a model that hold an encrypted text or "". `columns` maps them to the context of a value.

    Subclasses handle encrypted values in other forms.
    """

    def __init__(self, model: type[Model], columns: Mapping[str, Callable[[Any], str]]) -> None:
        self.model, self.columns = model, dict(columns)

    def rows(self) -> QuerySet[Any]:
        """Return the rows that hold encrypted values."""
        return self.model._base_manager.exclude(Q(**dict.fromkeys(self.columns, "")))

    def values(self, row: Any) -> list[EncryptedValue]:
        """Return the encrypted values of `row`."""
        return [
            EncryptedValue(column, getattr(row, column), bound_to(row))
            for column, bound_to in self.columns.items()
            if getattr(row, column)
        ]

    def replace(self, row: Any, tokens: Mapping[str, str]) -> None:
        """Store other tokens (part → token). The row is locked."""
        self.model._base_manager.filter(pk=row.pk).update(**tokens)

    def discard(self, row: Any, parts: list[str]) -> None:
        """Remove values that no key decrypts. The row is locked."""
        self.replace(row, dict.fromkeys(parts, ""))


# Registered in `ready` of the app that has the model, under the words for what the columns hold.
ENCRYPTED_FIELDS: Registry[EncryptedField] = Registry("encrypted fields")


def iterate_encrypted_values() -> Iterator[tuple[str, Any, EncryptedValue]]:
    """Yield each encrypted value with the name of its columns and its row."""
    for name, field in ENCRYPTED_FIELDS.items():
        for row in field.rows().order_by("pk"):
            for value in field.values(row):
                yield name, row, value


def process_rows(field: EncryptedField, act: Callable[[EncryptedField, Any], int]) -> Iterator[int]:
    """Call `act` for each row, a few rows per transaction. Yield after each what `act` counted."""
    last = None
    while True:
        with transaction.atomic():
            rows = field.rows().order_by("pk").select_for_update()
            batch = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
            counted = sum(act(field, row) for row in batch)
        yield counted
        if len(batch) < BATCH:
            return
        last = batch[-1].pk


def reencrypt_row(field: EncryptedField, row: Any) -> int:
    """Encrypt values of other keys with the current key. Return how many. The row is locked.

    Values that no key decrypts stay as they are.
    """
    current = encryption.current_key_id()
    tokens = {
        value.part: encryption.seal(
            encryption.unseal(value.token, context=value.context).reveal(), context=value.context
        )
        for value in field.values(row)
        if value.key_id != current and value.opens()
    }
    if tokens:
        field.replace(row, tokens)
    return len(tokens)


def discard_unreadable_values(field: EncryptedField, row: Any) -> int:
    """Remove the values that no configured key decrypts. Return how many. The row is locked."""
    parts = [value.part for value in field.values(row) if not value.opens()]
    if parts:
        field.discard(row, parts)
    return len(parts)
