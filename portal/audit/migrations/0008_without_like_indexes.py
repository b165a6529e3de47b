"""On PostgreSQL a unique text column comes with a second index, for LIKE; nobody asks a hash that way.

Each append paid for the two of them. The unique indexes stay; other databases have nothing to drop.
"""

from django.db import migrations

COLUMNS = ("hash", "previous_hash")


def drop(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for column in COLUMNS:
            cursor.execute(
                "SELECT indexname FROM pg_indexes WHERE schemaname = ANY (current_schemas(false))"
                " AND tablename = 'audit_event' AND indexdef LIKE %s",
                [f"%USING btree ({column} varchar_pattern_ops)"],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP INDEX IF EXISTS {connection.ops.quote_name(name)}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_saved_filters")]

    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
