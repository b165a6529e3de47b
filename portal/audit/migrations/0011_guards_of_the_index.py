"""What events are found by is guarded like the events: emptied unnoticed it would hide them from every list."""

from django.db import migrations

from portal.audit.triggers import guards_install, guards_remove


def renew(apps, schema_editor):
    guards_remove(schema_editor.connection)
    guards_install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_ancestors")]

    operations = [migrations.RunPython(renew, migrations.RunPython.noop)]
