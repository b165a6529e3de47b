"""Where sealed values rest: each room registers its places when it starts, so that keys can be changed.

Called by `portal.keys`. A sealed column that no place names fails the tests.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from provisioning import encryption

# Rows of one transaction: a rotation shares the database with people who work.
BATCH = 25


@dataclass(frozen=True, slots=True)
class EncryptedValue:
    """One sealed value: `part` names it within its row, `context` is what it is bound to."""

    part: str
    token: str
    context: str

    @property
    def key_id(self) -> str:
        """Id of the key that sealed it, "" for what the keyring did not write."""
        try:
            return encryption.get_key_id(self.token)
        except encryption.KeyringError:
            return ""

    def opens(self) -> bool:
        """Whether a configured key opens it, in its place."""
        try:
            encryption.unseal(self.token, context=self.context)
        except encryption.KeyringError:
            return False
        return True


class EncryptedField:
    """Columns of a model, each of them a sealed text or "". `columns` says what a row's value is bound to.

    Subclasses keep sealed values in other shapes.
    """

    def __init__(self, name: str, model: type[Model], columns: Mapping[str, Callable[[Any], str]]) -> None:
        self.name, self.model, self.columns = name, model, dict(columns)

    def rows(self) -> QuerySet[Any]:
        """The rows with something sealed in them."""
        return self.model._base_manager.exclude(Q(**dict.fromkeys(self.columns, "")))

    def values(self, row: Any) -> list[EncryptedValue]:
        """What is sealed in `row`."""
        return [
            EncryptedValue(column, getattr(row, column), bound_to(row))
            for column, bound_to in self.columns.items()
            if getattr(row, column)
        ]

    def replace(self, row: Any, tokens: Mapping[str, str]) -> None:
        """Stores other tokens (part → token). The row is locked."""
        self.model._base_manager.filter(pk=row.pk).update(**tokens)

    def discard(self, row: Any, parts: list[str]) -> None:
        """Takes out what nobody can open any more. The row is locked."""
        self.replace(row, dict.fromkeys(parts, ""))


_places: dict[str, EncryptedField] = {}


def register_encrypted_field(place: EncryptedField) -> None:
    """Makes a place known. Called from `ready` of the app whose rows they are."""
    _places[place.name] = place


def registered_fields() -> list[EncryptedField]:
    """Every place of the program."""
    return list(_places.values())


def iterate_encrypted_values() -> Iterator[tuple[EncryptedField, Any, EncryptedValue]]:
    """Every sealed value with its place and row."""
    for place in registered_fields():
        for row in place.rows().order_by("pk"):
            for value in place.values(row):
                yield place, row, value


def process_rows(place: EncryptedField, act: Callable[[EncryptedField, Any], int]) -> Iterator[int]:
    """Does `act` to every row, a few to a transaction; after each of those, what `act` counted."""
    last = None
    while True:
        with transaction.atomic():
            rows = place.rows().order_by("pk").select_for_update()
            lot = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
            counted = sum(act(place, row) for row in lot)
        yield counted
        if len(lot) < BATCH:
            return
        last = lot[-1].pk


def reencrypt_row(place: EncryptedField, row: Any) -> int:
    """Seals what is under another key with the current one; how many values. The row is locked.

    What does not open stays as it is.
    """
    current = encryption.current_key_id()
    tokens = {
        value.part: encryption.seal(
            encryption.unseal(value.token, context=value.context).reveal(), context=value.context
        )
        for value in place.values(row)
        if value.key_id != current and value.opens()
    }
    if tokens:
        place.replace(row, tokens)
    return len(tokens)


def discard_unreadable_values(place: EncryptedField, row: Any) -> int:
    """Takes out the values that no configured key opens; how many. The row is locked."""
    parts = [value.part for value in place.values(row) if not value.opens()]
    if parts:
        place.discard(row, parts)
    return len(parts)
