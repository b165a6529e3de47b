"""The head of the chain and the database's guards: from here on the trail only grows."""

from django.db import migrations

from portal.audit.triggers import install_triggers, remove_triggers


def begin(apps, schema_editor):
    apps.get_model("audit", "Head").objects.create(pk=1)
    install_triggers(schema_editor.connection)


def end(apps, schema_editor):
    remove_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(begin, end)]
