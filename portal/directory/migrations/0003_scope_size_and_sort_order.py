"""Record the size of lists, and sort by code point on both databases."""

from typing import Any

from django.db import migrations, models


def collate_sort_key(apps: Any, schema_editor: Any) -> None:
    """Compare sort keys by code point on PostgreSQL, as SQLite does, whatever the locale of the server."""
    if schema_editor.connection.vendor == "postgresql":
        table = schema_editor.quote_name(apps.get_model("directory", "Entry")._meta.db_table)
        schema_editor.execute(f'ALTER TABLE {table} ALTER COLUMN sort_key TYPE varchar(120) COLLATE "C"')


class Migration(migrations.Migration):
    dependencies = [("directory", "0002_fold_accents")]

    operations = [
        migrations.AddField("scope", "rows", models.PositiveIntegerField(null=True)),
        migrations.AddField(
            "scope",
            "size",
            models.CharField(
                blank=True,
                choices=[
                    ("", "ordinary"),
                    ("large", "read by a background worker"),
                    ("too_large", "larger than the portal reads"),
                ],
                default="",
                max_length=16,
            ),
        ),
        migrations.AddField("scope", "outdated", models.BooleanField(default=False)),
        migrations.RunPython(collate_sort_key, migrations.RunPython.noop),
    ]
