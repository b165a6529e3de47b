"""The triggers that make SQLite and PostgreSQL refuse changes to recorded events.

A migration installs them; tests remove them to act as an attacker.
"""

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

EVENT, HEAD = "audit_event", "audit_head"
# The search index is not part of the chain, but events missing in it are missing in lists and exports.
INDEX_KEYS = {
    "audit_term": "term = NEW.term AND event_id = NEW.event_id",
    "audit_known": """kind = NEW.kind AND connection = NEW.connection AND guid = NEW.guid
        AND name = NEW.name""",
}
INDEX = tuple(INDEX_KEYS)

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
    # REPLACE also pushes out the row with the same rowid, which these tables have beside their key.
    **{
        f"{table}_no_replace": f"""BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table}
        WHERE ({key}) OR (NEW.rowid > 0 AND rowid = NEW.rowid)) BEGIN {{abort}} END"""  # noqa: S608 - our own names
        for table, key in INDEX_KEYS.items()
    },
    **{f"{table}_no_update": f"BEFORE UPDATE ON {table} BEGIN {{abort}} END" for table in INDEX},
    **{f"{table}_no_delete": f"BEFORE DELETE ON {table} BEGIN {{abort}} END" for table in INDEX},
}
_ABORT = "SELECT RAISE(ABORT, 'The audit trail is append-only.');"

_BODY = """
    BEGIN RAISE EXCEPTION 'The audit trail is append-only.'; END """
_FUNCTION = f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$"
_POSTGRESQL = {
    "audit_event_no_change": (EVENT, "BEFORE DELETE OR UPDATE ON {table} FOR EACH ROW"),
    "audit_event_no_truncate": (EVENT, "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
    "audit_head_no_delete": (HEAD, "BEFORE DELETE ON {table} FOR EACH ROW"),
    "audit_head_no_truncate": (HEAD, "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
    "audit_head_forward": (
        HEAD,
        """BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.sequence <> OLD.sequence + 1
        OR NEW.count <> OLD.count + 1)""",
    ),
    **{
        f"{table}_no_change": (table, "BEFORE DELETE OR UPDATE ON {table} FOR EACH STATEMENT")
        for table in INDEX
    },
    **{f"{table}_no_truncate": (table, "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT") for table in INDEX},
}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Install the triggers on the tables that exist; migrations do this before all of them do.

    Raises ImproperlyConfigured for a database without guards of ours.
    """
    if connection.vendor not in ("sqlite", "postgresql"):
        raise ImproperlyConfigured(f"No guards for {connection.vendor}.")
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if connection.vendor == "sqlite":
            for name in _SQLITE:
                # A trigger's name begins with that of its table.
                if name.startswith(tuple(table for table in (EVENT, HEAD, *INDEX) if table in tables)):
                    cursor.execute(_sqlite_statement(name))
            return
        cursor.execute(_FUNCTION)
        for name, (table, _) in _POSTGRESQL.items():
            if table in tables:
                cursor.execute(_postgresql_statement(name))
                # ALWAYS: not even session_replication_role = replica gets past it.
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Remove the triggers, which only the owner of the tables can do on PostgreSQL."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if connection.vendor == "sqlite":
            for name in _SQLITE:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            return
        for name, (table, _) in _POSTGRESQL.items():
            if table in tables:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


def find_missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of triggers that are missing or were altered."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            there = dict(cursor.fetchall())
            return [name for name in _SQLITE if there.get(name) != _sqlite_statement(name)]
        # In force for everybody, with the very conditions and the very function that we install.
        cursor.execute(
            """SELECT tgname, pg_get_triggerdef(pg_trigger.oid, true) FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_language ON pg_language.oid = prolang
            WHERE tgrelid IN (to_regclass('audit_event'), to_regclass('audit_head'),
            to_regclass('audit_term'), to_regclass('audit_known')) AND tgenabled = 'A'
            AND lanname = 'plpgsql' AND prosrc = %s""",
            [_BODY],
        )
        found = dict(cursor.fetchall())
    return [
        name
        for name in _POSTGRESQL
        if _normalize_sql(found.get(name, "")) != _normalize_sql(_postgresql_statement(name))
    ]


def _normalize_sql(statement: str) -> str:
    """Return a statement without case, blanks and brackets, which PostgreSQL rewrites."""
    return "".join(statement.lower().translate(str.maketrans("", "", "()")).split())


def _postgresql_statement(name: str) -> str:
    table, event = _POSTGRESQL[name]
    return f"CREATE TRIGGER {name} {event.format(table=table)} EXECUTE FUNCTION audit_refuse()"


def _sqlite_statement(name: str) -> str:
    return f"CREATE TRIGGER {name} {_SQLITE[name].format(abort=_ABORT)}"
