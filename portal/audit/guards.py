"""The database's own refusal to change what was recorded, for SQLite and PostgreSQL.

Installed by a migration; tests take them off to play the attacker.
"""

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

EVENT, HEAD = "audit_event", "audit_head"

# SQLite: INSERT OR REPLACE deletes the old row and fires no delete trigger (unless recursive_triggers is on):
# a second row with the same key is refused before. NEW.sequence is -1 there when the database chooses it.
_SQLITE = {
    "audit_event_no_update": f"BEFORE UPDATE ON {EVENT} BEGIN {{abort}} END",
    "audit_event_no_delete": f"BEFORE DELETE ON {EVENT} BEGIN {{abort}} END",
    "audit_event_no_replace": """BEFORE INSERT ON audit_event WHEN EXISTS (SELECT 1 FROM audit_event
        WHERE sequence = NEW.sequence OR hash = NEW.hash OR previous_hash = NEW.previous_hash)
        BEGIN {abort} END""",
    "audit_head_no_delete": f"BEFORE DELETE ON {HEAD} BEGIN {{abort}} END",
    "audit_head_no_replace": """BEFORE INSERT ON audit_head WHEN EXISTS (SELECT 1 FROM audit_head)
        BEGIN {abort} END""",
    "audit_head_forward": f"""BEFORE UPDATE ON {HEAD} WHEN NEW.id IS NOT OLD.id OR NEW.sequence IS NOT
        OLD.sequence + 1 OR NEW.count IS NOT OLD.count + 1 BEGIN {{abort}} END""",
}
_ABORT = "SELECT RAISE(ABORT, 'The audit trail is append-only.');"

_FUNCTION = """CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'The audit trail is append-only.'; END $$"""
_POSTGRESQL = {
    "audit_event_no_change": (EVENT, "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"),
    "audit_event_no_truncate": (EVENT, "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
    "audit_head_no_delete": (HEAD, "BEFORE DELETE ON {table} FOR EACH ROW"),
    "audit_head_no_truncate": (HEAD, "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
    "audit_head_forward": (
        HEAD,
        """BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1
        OR NEW.count <> OLD.count + 1)""",
    ),
}


def guards_install(connection: BaseDatabaseWrapper) -> None:
    """Puts the guards on. Raises ImproperlyConfigured for a database without guards of ours."""
    with connection.cursor() as cursor:
        for statement in _install_statements(connection.vendor):
            cursor.execute(statement)


def guards_remove(connection: BaseDatabaseWrapper) -> None:
    """Takes the guards off, as somebody with the owner's rights could."""
    with connection.cursor() as cursor:
        for statement in _remove_statements(connection.vendor):
            cursor.execute(statement)


def _install_statements(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [f"CREATE TRIGGER {name} {body.format(abort=_ABORT)}" for name, body in _SQLITE.items()]
    if vendor != "postgresql":
        raise ImproperlyConfigured(f"No guards for {vendor}.")
    statements = [_FUNCTION]
    for name, (table, event) in _POSTGRESQL.items():
        statements.append(
            f"CREATE TRIGGER {name} {event.format(table=table)} EXECUTE FUNCTION audit_refuse()"
        )
        # ALWAYS: not even session_replication_role = replica gets past it.
        statements.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    return statements


def _remove_statements(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE]
    return [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name, (table, _) in _POSTGRESQL.items()]
