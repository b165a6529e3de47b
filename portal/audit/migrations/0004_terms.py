"""The events written before the explorer become findable: terms and names are derived from them."""

from django.db import migrations

from portal.audit.search_index import get_known_names, get_terms

CHUNK = 500


def derive(apps, schema_editor):
    event_model = apps.get_model("audit", "Event")
    chunk, last = True, 0
    while chunk:
        chunk = list(event_model.objects.filter(sequence__gt=last).order_by("sequence")[:CHUNK])
        if chunk:
            store(apps, chunk)
            last = chunk[-1].sequence


def store(apps, events):
    term, known = apps.get_model("audit", "Term"), apps.get_model("audit", "Known")
    term.objects.bulk_create(
        [term(term=text, event_id=event.sequence) for event in events for text in get_terms(event)],
        ignore_conflicts=True,
    )
    rows = dict.fromkeys(row for event in events for row in get_known_names(event))
    known.objects.bulk_create(
        [known(kind=kind, connection=place, guid=guid, name=name) for kind, place, guid, name in rows],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_explorer")]

    operations = [migrations.RunPython(derive, migrations.RunPython.noop)]
