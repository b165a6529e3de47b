"""`manage.py second_factor_reset --username ada --reason "…"`: where no second admin could consent."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.audit.recording import get_system_origin
from portal.core.command_input import read_reason
from portal.staff.identity import find_user
from portal.staff.mfa import get_second_factors
from portal.staff.mfa_resets import remove_second_factors


class Command(BaseCommand):
    """Remove every second factor of a user. Recorded."""

    help = "Removes every second factor of a user and ends their sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options. The reason is required: only it tells the audit trail who asked."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove them. Raises CommandError if there are none."""
        reason = read_reason(options["reason"])
        user = find_user(options["username"])
        if user is None:
            raise CommandError("There is no user with this username.")
        if not get_second_factors(user):
            raise CommandError("This user has no second factor.")
        if not reason:
            raise CommandError("Give a reason. It is recorded in the audit trail.")
        removed = remove_second_factors(
            origin=get_system_origin("second_factor_reset"), user=user, reason=reason
        )
        self.stdout.write(f"Removed: {', '.join(removed)}.")
