"""Renew the guards, which now refuse INSERT OR REPLACE into the index, and drop words in a former spelling.

Verification compares the index with the events, and words from before accents were folded belong to none.
"""

from django.db import migrations

from portal.audit.triggers import install_triggers, remove_triggers
from portal.core.text import fold

CHUNK = 500


def renew(apps, schema_editor):
    remove_triggers(schema_editor.connection)
    term = apps.get_model("audit", "Term")
    words = term.objects.filter(term__startswith="w:").values_list("term", flat=True).distinct().order_by()
    stale = [word for word in words.iterator(chunk_size=5000) if word != f"w:{fold(word[2:])}"]
    for begin in range(0, len(stale), CHUNK):
        term.objects.filter(term__in=stale[begin : begin + CHUNK]).delete()
    install_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0014_fold_accents")]

    operations = [migrations.RunPython(renew, migrations.RunPython.noop)]
