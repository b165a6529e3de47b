"""Names are searched folded, long texts by all of their words, and what has no guid by its name.

Nothing but what is derived changes: the table of events is only read.
"""

from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Length, Lower

from portal.audit.search_index import get_known_names, get_terms
from portal.core.text import fold as folded

CHUNK = 500
# No shorter texts have more than the 80 words that were found before.
LONG = 240


def fold(apps, schema_editor):
    """By the database as far as it can, the few others one by one."""
    known = apps.get_model("audit", "Known")
    known.objects.update(folded=Lower("name"))
    rows = known.objects.values_list("kind", "connection", "guid", "name", "folded")
    for kind, place, guid, name, lower in list(rows):
        if lower != folded(name):
            row = known.objects.filter(kind=kind, connection=place, guid=guid, name=name)
            row.update(folded=folded(name))


def derive(apps, schema_editor):
    """The terms and names that events lacked so far."""
    event = apps.get_model("audit", "Event")
    texts = ("actor_name", "object_name", "parent_name", "reason", "message")
    length = sum((Length(F(name)) for name in texts[1:]), Length(F(texts[0])))
    nameless = Q(object_guid="") & ~Q(object_name="")
    lacking = event.objects.annotate(length=length).filter(Q(length__gte=LONG) | nameless)
    chunk, last = True, 0
    while chunk:
        chunk = list(lacking.filter(sequence__gt=last).order_by("sequence")[:CHUNK])
        if chunk:
            store(apps, chunk)
            last = chunk[-1].sequence


def store(apps, events):
    """What is there already stays."""
    term, known = apps.get_model("audit", "Term"), apps.get_model("audit", "Known")
    term.objects.bulk_create(
        [term(term=text, event_id=event.sequence) for event in events for text in get_terms(event)],
        ignore_conflicts=True,
        batch_size=5000,
    )
    rows = dict.fromkeys(row for event in events for row in get_known_names(event))
    known.objects.bulk_create(
        [
            known(kind=kind, connection=place, guid=guid, name=name, folded=folded(name))
            for kind, place, guid, name in rows
        ],
        ignore_conflicts=True,
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_without_like_indexes")]

    operations = [
        migrations.AddField("known", "folded", models.TextField(blank=True, default="")),
        migrations.RunPython(fold, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(derive, migrations.RunPython.noop, elidable=False),
    ]
