"""What the portal's own PostgreSQL role may do: work with every table, and only ever add to the trail.

The role that owns the tables migrates and purges. An attacker who takes over the portal does not have its
rights.
"""

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

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
        statements.append(_password(connection, role, password))
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
    return statements + [_granted(table, name) for table in tables]


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


def _password(connection: BaseDatabaseWrapper, role: str, password: str) -> sql.Composable:
    pgconn = connection.connection.pgconn
    kept = pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    return sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(kept))


def _granted(table: str, role: sql.Identifier) -> sql.Composable:
    rights = sql.SQL(RIGHTS.get(table, ORDINARY))
    return sql.SQL("GRANT {} ON {} TO {}").format(rights, sql.Identifier(table), role)
