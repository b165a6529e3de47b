"""`manage.py staff_create --username ada --role Admin [--passphrase-stdin]`: a first admin."""

import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from portal.audit.recording import get_system_origin
from portal.staff.password_links import make_password_link
from portal.staff.services import StaffRefused, create_user, set_password


class Command(BaseCommand):
    """Create a user from the server's console."""

    help = "Adds a user. Without --passphrase-stdin prints the path of a one-time link to set a password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options. The passphrase is not among them: all users of the machine see arguments."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--role", required=True, help="For example Admin.")
        for name in ("first-name", "last-name", "email"):
            parser.add_argument(f"--{name}", default="")
        parser.add_argument(
            "--passphrase-stdin", action="store_true", help="Read the passphrase from standard input."
        )
        parser.add_argument(
            "--demo", action="store_true", help="A demo user, who cannot sign in to a production portal."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the user. Raises CommandError if it is not possible."""
        origin = get_system_origin("staff_create")
        names = {name: options[name] for name in ("username", "role", "first_name", "last_name", "email")}
        try:
            with transaction.atomic():
                user = create_user(by=None, origin=origin, is_demo=options["demo"], **names)
                if options["passphrase_stdin"]:
                    passphrase = sys.stdin.readline().rstrip("\r\n")
                    validate_password(passphrase, user)
                    set_password(origin=origin, user=user, password=passphrase)
                    return
                self.stdout.write(make_password_link(by=None, origin=origin, user=user))
        except (StaffRefused, ValidationError) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from error
