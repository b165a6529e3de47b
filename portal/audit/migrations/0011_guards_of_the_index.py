"""What events are found by is guarded like the events: emptied unnoticed it would hide them from every list."""

from django.db import migrations

from portal.audit.triggers import install_triggers, remove_triggers


def renew(apps, schema_editor):
    remove_triggers(schema_editor.connection)
    install_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_ancestors")]

    operations = [migrations.RunPython(renew, migrations.RunPython.noop)]
