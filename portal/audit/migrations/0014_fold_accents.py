"""Names and words are also found without their accents: folds stored names again and adds the missing words.

Only what is derived from the events changes; the table of events is read.
"""

from django.db import migrations

from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.search_index import get_terms
from portal.core.text import fold

CHUNK = 1000
TEXTS = ("actor_name", "object_name", "parent_name", "reason", "message")


def fold_names(apps, schema_editor):
    """Update the search form of every name that is folded otherwise now."""
    known = apps.get_model("audit", "Known")
    rows = known.objects.values_list("kind", "connection", "guid", "name", "folded")
    stale = [row for row in rows.iterator(chunk_size=CHUNK) if row[4] != fold(row[3])]
    for kind, place, guid, name, _ in stale:
        row = known.objects.filter(kind=kind, connection=place, guid=guid, name=name)
        row.update(folded=fold(name))


def add_words(apps, schema_editor):
    """Add the words of events with letters beyond ASCII; all others are folded as before."""
    event, term = apps.get_model("audit", "Event"), apps.get_model("audit", "Term")
    last = 0
    while chunk := list(event.objects.filter(sequence__gt=last).order_by("sequence")[:CHUNK]):
        last = chunk[-1].sequence
        beyond = [row for row in chunk if not all(getattr(row, name).isascii() for name in TEXTS)]
        term.objects.bulk_create(
            [term(term=text, event_id=row.sequence) for row in beyond for text in sorted(get_terms(row))],
            ignore_conflicts=True,
            batch_size=5000,
        )


def apply(apps, schema_editor):
    remove_triggers(schema_editor.connection)
    fold_names(apps, schema_editor)
    add_words(apps, schema_editor)
    install_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0013_by_account")]

    operations = [migrations.RunPython(apply, migrations.RunPython.noop)]
