"""`manage.py database_roles`: give the portal's own PostgreSQL role its rights, apart from the tables' owner.

The portal's role may work with every table, and only ever add to the trail. The role that owns the tables
migrates and purges; an attacker who takes over the portal does not have its rights.
"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from portal.audit.base_command import AuditCommand

RIGHTS = {
    "audit_event": "SELECT, INSERT",
    "audit_head": "SELECT, UPDATE",
    "audit_term": "SELECT, INSERT",
    "audit_known": "SELECT, INSERT",
    "django_migrations": "SELECT",
}
ORDINARY = "SELECT, INSERT, UPDATE, DELETE"


class RoleUnsafe(Exception):  # noqa: N818 - reads as what is the case
    """The role for the portal has rights that no statement here can take from it."""


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
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles; on SQLite the file's owner is the owner of all.")
        role = settings.APPLICATION_DATABASE.get("USER", "")
        if not role or role == connection.settings_dict["USER"]:
            raise CommandError(
                "DATABASE_OWNER_URL must name the role that owns the tables, and DATABASE_URL another one."
            )
        if options["print"]:
            with connection.cursor():
                statements = get_role_statements(connection, role=role, password="")
                self.stdout.write(
                    "\n".join(f"{text.as_string(connection.connection)};" for text in statements)
                )
            return
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                password = settings.APPLICATION_DATABASE.get("PASSWORD", "")
                for statement in get_role_statements(connection, role=role, password=password):
                    cursor.execute(statement)
                check_role(connection, role)
        except RoleUnsafe as problem:
            raise CommandError(str(problem)) from None
        except DatabaseFailure as failure:
            raise CommandError(f"The owner's role may not do this: {failure}") from None
        self.stdout.write(f"“{role}” works for the portal and may only add to the audit trail.")


def get_role_statements(connection: BaseDatabaseWrapper, *, role: str, password: str) -> list[sql.Composable]:
    """Return the statements for the owner to execute in one transaction. Repeating them changes nothing.

    They name every table there is, so they are to be repeated after each migration. The password is in them
    as a SCRAM verifier, never as plain text.
    """
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_database(), EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s)", [role]
        )
        database, known = cursor.fetchone()
        tables = sorted(connection.introspection.table_names(cursor))
    statements: list[sql.Composable] = []
    if not known:
        statements.append(sql.SQL("CREATE ROLE {} NOINHERIT").format(name))
    if password:
        encrypted = connection.connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        )
        statements.append(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(encrypted.decode()))
        )
    statements += [
        sql.SQL(text).format(role=name, database=sql.Identifier(database))
        for text in (
            # A temporary table could stand before the real one, a function in place of the guards' own.
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}",
            "REVOKE ALL ON SCHEMA public FROM {role}",
            "GRANT CONNECT ON DATABASE {database} TO {role}",
            "GRANT USAGE ON SCHEMA public TO {role}",
            "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        )
    ]
    for table in tables:
        rights = sql.SQL(RIGHTS.get(table, ORDINARY))
        statements.append(sql.SQL("GRANT {} ON {} TO {}").format(rights, sql.Identifier(table), name))
    return statements


def check_role(connection: BaseDatabaseWrapper, role: str) -> None:
    """Raise RoleUnsafe for a superuser, for the owner itself and for a member of the owner's role."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(%s, relowner, 'MEMBER') FROM pg_class WHERE relname = 'audit_event'", [role]
        )
        if any(row[0] for row in cursor.fetchall()):
            raise RoleUnsafe(
                f"“{role}” is a superuser, owns the audit table, or may act as its owner. Take another role."
            )
