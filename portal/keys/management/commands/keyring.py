"""manage.py keyring status|rotate|discard: what the encryption keys seal, and how one follows another."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit.recording import AuditUnavailable, get_system_origin
from portal.core.command_input import read_reason
from portal.keys.background import start_rotation
from portal.keys.key_presence import (
    describe_holders,
    find_holders_lacking_key,
    find_holders_sealing,
    get_active_holders,
)
from portal.keys.services import (
    KeyNotEverywhere,
    KeyUsage,
    NumberDiffers,
    discard_undecryptable,
    ensure_key_everywhere,
    get_key_usage,
    rotate_keyring,
)
from portal.tasks.services import TaskNotPossible
from provisioning.encryption import KeyringError, key_ids

ORIGIN = get_system_origin("manage.py keyring")


class Command(BaseCommand):
    """Shows and changes what stored values are sealed with. docs/keys.md has the whole procedure."""

    help = (
        "status: how many stored values each key encrypts, which values cannot be decrypted and which "
        "keys can be removed. rotate: re-encrypts everything with the first key of PORTAL_ENCRYPTION_KEYS, "
        "while people work. discard: removes values that no key can decrypt, after the loss of a key."
    )
    # The check at start refuses what these commands are there to mend.
    requires_system_checks: list[str] = []

    _said = 0

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the three actions."""
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("status", help="counts, changes nothing; exit code 1 if a value cannot be decrypted")
        rotate = acts.add_parser("rotate", help="can be stopped and repeated at any time")
        rotate.add_argument(
            "--background", action="store_true", help="run in a background worker; /tasks/ shows the progress"
        )
        rotate.add_argument(
            "--force",
            metavar="REASON",
            default="",
            help="even if a server lacks the key; the reason is recorded",
        )
        discard = acts.add_parser(
            "discard", help="afterwards, reset credentials and set up second factors again"
        )
        discard.add_argument("--values", type=int, required=True, help="how many, as shown by status")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run an action. Raises CommandError for unusable keys, unreadable values or a broken trail."""
        try:
            getattr(self, f"_{options['act']}")(options)
        except KeyNotEverywhere as error:
            raise CommandError(f'{error} Use --force "REASON" to continue anyway.') from None
        except (KeyringError, AuditUnavailable, NumberDiffers, TaskNotPossible) as error:
            raise CommandError(str(error)) from None

    def _status(self, options: dict[str, Any]) -> None:
        usage = get_key_usage()
        keys = [*usage.keys, *usage.unknown]
        names = [*keys, *([""] if usage.sealed_with("") else [])]
        width = max(len(place) for place in usage.counts)
        wide = [max(len(name), 8) for name in names]
        heads = [name or "unreadable" for name in names]
        self.stdout.write(" " * width + _cells(heads, wide))
        for place, counter in usage.counts.items():
            self.stdout.write(place.ljust(width) + _cells([str(counter[name]) for name in names], wide))
        self._advise(usage)
        lacking = find_holders_lacking_key()
        able = [holder for holder in get_active_holders() if holder not in lacking]
        titles = {"Can decrypt values of this server": able, f"Lacks key “{key_ids()[0]}”": lacking}
        for title, holders in titles.items():
            if holders:
                self.stdout.write(f"{title}: {describe_holders(holders)}.")
        if usage.closed:
            raise CommandError(
                f"{len(usage.closed)} values cannot be decrypted: their key is missing or wrong, or they "
                "were altered. See docs/keys.md."
            )

    def _rotate(self, options: dict[str, Any]) -> None:
        despite = read_reason(options["force"])
        if options["background"]:
            if not despite:
                ensure_key_everywhere()
            start_rotation(origin=ORIGIN, despite=despite)
            self.stdout.write("A background worker does this. /tasks/ shows the progress.")
            return
        done = rotate_keyring(origin=ORIGIN, progress=self._progress, despite=despite)
        self.stdout.write(f"{done} values were re-encrypted.")
        self._status(options)

    def _discard(self, options: dict[str, Any]) -> None:
        taken = discard_undecryptable(origin=ORIGIN, expected=options["values"])
        self.stdout.write(f"{taken} values that no key can decrypt were removed.")

    def _progress(self, place: str, done: int) -> None:
        if done != self._said:
            self.stdout.write(f"  {done} … {place}")
        self._said = done

    def _advise(self, usage: KeyUsage) -> None:
        self.stdout.write(f"New values are encrypted with “{usage.keys[0]}”.")
        for place, pk, part, key_id in usage.closed:
            self.stdout.write(f"Cannot be decrypted: {place}, row {pk}, {part} (key “{key_id or '?'}”).")
        for key_id in usage.unknown:
            self.stdout.write(f"Key “{key_id}” is not configured. Add it again, after the first key.")
        if usage.waiting:
            self.stdout.write(
                f"{usage.waiting} values are still encrypted with older keys. Run manage.py keyring rotate."
            )
        for key_id in usage.unused:
            self.stdout.write(f"Key “{key_id}” encrypts no stored values{_removable(key_id, usage.keys[0])}")


def _removable(key_id: str, first: str) -> str:
    """Describe whether a key can be removed: running servers may still encrypt with it."""
    if sealing := find_holders_sealing(key_id):
        return (
            f", but new values are still encrypted with it on {describe_holders(sealing)}. "
            f"Put “{first}” first there, restart and rotate again."
        )
    return ". You can remove it from PORTAL_ENCRYPTION_KEYS."


def _cells(texts: list[str], widths: list[int]) -> str:
    return "".join(f"  {text:>{width}}" for text, width in zip(texts, widths, strict=True))
