"""`manage.py database_roles`: the portal's own PostgreSQL role, apart from the one that owns the tables."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure
from django.db import connection, transaction

from portal.audit.base_command import AuditCommand
from portal.audit.database_roles import RoleUnsafe, check_role, get_role_statements


class Command(AuditCommand):
    """Makes the role of DATABASE_URL and gives it what the portal needs and no more."""

    help = (
        "Gives the role in DATABASE_URL what the portal needs: it may add to the audit trail, not change it. "
        "Runs as the role in DATABASE_OWNER_URL, after each migrate."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option to execute the statements."""
        parser.add_argument("--print", action="store_true", help="print the statements, passwords aside")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print or execute the statements. Raises CommandError without two suitable roles."""
        role, password = self._application()
        if options["print"]:
            with connection.cursor():
                statements = get_role_statements(connection, role=role, password="")
                self.stdout.write(
                    "\n".join(f"{text.as_string(connection.connection)};" for text in statements)
                )
            return
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in get_role_statements(connection, role=role, password=password):
                    cursor.execute(statement)
                check_role(connection, role)
        except RoleUnsafe as problem:
            raise CommandError(str(problem)) from None
        except DatabaseFailure as failure:
            raise CommandError(f"The owner's role may not do this: {failure}") from None
        self.stdout.write(f"“{role}” works for the portal and may only add to the audit trail.")

    def _application(self) -> tuple[str, str]:
        application = settings.APPLICATION_DATABASE
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles; on SQLite the file's owner is the owner of all.")
        role = application.get("USER", "")
        if not role or role == connection.settings_dict["USER"]:
            raise CommandError(
                "DATABASE_OWNER_URL must name the role that owns the tables, and DATABASE_URL another one."
            )
        return role, application.get("PASSWORD", "")
