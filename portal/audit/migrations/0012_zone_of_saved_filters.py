"""Filters saved so far get the zone of their owner: their days were meant in it, and now say so."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.db import migrations

TIMES = {"when", "from", "to"}


def zone_add(apps: Any, schema_editor: Any) -> None:
    """To those that ask for a time."""
    for saved in apps.get_model("audit", "SavedFilter").objects.select_related("owner"):
        asked = dict(parse_qsl(saved.query))
        if TIMES & asked.keys() and "zone" not in asked:
            saved.query = urlencode(asked | {"zone": saved.owner.timezone or "UTC"})
            saved.save(update_fields=["query"])


class Migration(migrations.Migration):
    """Going back leaves the zone where it is; it is no filter there."""

    dependencies = [
        ("audit", "0011_guards_of_the_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [migrations.RunPython(zone_add, migrations.RunPython.noop)]
