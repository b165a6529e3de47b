"""Entities are found and sorted without regard to accents: folds the stored rows again."""

from django.db import migrations

from portal.core.text import fold

CHUNK = 500


def fold_rows(apps, schema_editor):
    """Update the rows that are folded otherwise now; the next refresh of a list does the rest."""
    entry = apps.get_model("directory", "Entry")
    changed = []
    for row in entry.objects.defer("fields").iterator(chunk_size=CHUNK):
        search, sort_key = fold(row.search), fold(row.name)[:120]
        if (search, sort_key) != (row.search, row.sort_key):
            row.search, row.sort_key = search, sort_key
            changed.append(row)
    entry.objects.bulk_update(changed, ["search", "sort_key"], batch_size=CHUNK)


class Migration(migrations.Migration):
    dependencies = [("directory", "0001_initial")]

    operations = [migrations.RunPython(fold_rows, migrations.RunPython.noop)]
