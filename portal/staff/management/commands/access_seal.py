"""`manage.py access_seal`: lists rights changed past the portal, and accepts those of one user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from portal.audit.base_command import AuditCommand
from portal.audit.recording import get_system_origin, record_event
from portal.core.command_input import read_reason
from portal.staff.access_seals import accept_deletion, accept_rows, find_disagreements
from portal.staff.identity import get_user_ref
from portal.staff.models import User


class Command(AuditCommand):
    """Says whose stored rights or sign-in data the portal did not write."""

    help = (
        "Lists users and roles whose rights or sign-in data were changed directly in the database. "
        "Exit 1 if there are any. --accept confirms the stored values of one user and records that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whom to accept, and why."""
        parser.add_argument(
            "--accept",
            metavar="USERNAME",
            help="accept what is stored about this user, or the deletion that is listed as person:NUMBER",
        )
        parser.add_argument("--reason", default="", help="the reason; required with --accept, and recorded")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise CommandError while a row does not fit its seal, and for an unknown user."""
        username = options["accept"]
        if not username:
            if found := find_disagreements():
                raise CommandError("\n".join(["Changed directly in the database:", *found]))
            self.stdout.write("All permissions and sign-in data match what the portal stored.")
            return
        reason = read_reason(options["reason"])
        if not reason:
            raise CommandError("Give a reason with --reason. It is recorded.")
        with transaction.atomic():
            user = User.objects.filter(username=username).first()
            subject = get_user_ref(user) if user else accept_deletion(username)
            if subject is None:
                raise CommandError(
                    "There is no user with this username. "
                    "For a deleted user or role, enter what the list shows, such as person:12."
                )
            parts = "row deleted in the database"
            if user:
                parts = ", ".join(accept_rows(user)) or "nothing was changed"
            record_event(
                action="staff.rights_accepted",
                origin=get_system_origin("manage.py access_seal"),
                object=subject,
                reason=reason,
                message=parts,
            )
        self.stdout.write(f"Accepted for {username}: {parts}.")
