"""manage.py keyring status|rotate|discard: what the encryption keys seal, and how one follows another."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit.services import AuditUnavailable, origin_system
from portal.keys.services import (
    NumberDiffers,
    Standing,
    keyring_discard,
    keyring_rotate,
    keyring_standing,
)
from provisioning.keyring import KeyringError

ORIGIN = origin_system("manage.py keyring")


class Command(BaseCommand):
    """Shows and changes what stored values are sealed with. docs/keys.md has the whole procedure."""

    help = (
        "status: which key seals how many stored values, which ones do not open, which key can be removed. "
        "rotate: seals everything with the first key of PORTAL_ENCRYPTION_KEYS, while people work. "
        "discard: takes out what no key opens, after the loss of a key."
    )
    # The check at start refuses what these commands are there to mend.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """One of three acts."""
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("status", help="counts, changes nothing; exit code 1 if a value does not open")
        acts.add_parser("rotate", help="can be stopped and repeated at any time")
        discard = acts.add_parser("discard", help="credentials are then reset, second factors set up again")
        discard.add_argument("--values", type=int, required=True, help="how many, as status says")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for unusable keys, for values that do not open and for a trail out of order."""
        try:
            getattr(self, f"_{options['act']}")(options)
        except (KeyringError, AuditUnavailable, NumberDiffers) as error:
            raise CommandError(str(error)) from None

    def _status(self, options: dict[str, Any]) -> None:
        standing = keyring_standing()
        self._table(standing)
        self._advice(standing)
        if standing.closed:
            raise CommandError(
                f"{len(standing.closed)} values do not open: their key is missing or wrong, or they were "
                "altered. docs/keys.md says what to do."
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        done = keyring_rotate(origin=ORIGIN, progress=self._progress)
        self.stdout.write(f"{done} values were sealed anew.")
        self._status(options)

    def _discard(self, options: dict[str, Any]) -> None:
        taken = keyring_discard(origin=ORIGIN, expected=options["values"])
        self.stdout.write(f"{taken} values that no key opens were taken out.")

    def _progress(self, place: str, done: int) -> None:
        self.stdout.write(f"  {done} … {place}")

    def _table(self, standing: Standing) -> None:
        keys = [*standing.keys, *standing.unknown]
        names = [*keys, *([""] if standing.sealed_with("") else [])]
        width = max(len(place) for place in standing.counts)
        wide = [max(len(name), 8) for name in names]
        heads = [name or "unreadable" for name in names]
        self.stdout.write(" " * width + _cells(heads, wide))
        for place, counter in standing.counts.items():
            self.stdout.write(place.ljust(width) + _cells([str(counter[name]) for name in names], wide))

    def _advice(self, standing: Standing) -> None:
        self.stdout.write(f"New values are sealed with “{standing.keys[0]}”.")
        for place, pk, part, key_id in standing.closed:
            self.stdout.write(f"Does not open: {place}, row {pk}, {part} (key “{key_id or '?'}”).")
        for key_id in standing.unknown:
            self.stdout.write(f"Key “{key_id}” is not configured: put it back, behind the first one.")
        if standing.waiting:
            self.stdout.write(
                f"{standing.waiting} values are still under older keys: manage.py keyring rotate."
            )
        for key_id in standing.unused:
            self.stdout.write(f"Key “{key_id}” seals nothing: it can be removed from PORTAL_ENCRYPTION_KEYS.")


def _cells(texts: list[str], widths: list[int]) -> str:
    return "".join(f"  {text:>{width}}" for text, width in zip(texts, widths, strict=True))
