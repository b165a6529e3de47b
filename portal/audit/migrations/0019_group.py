"""Add the group of an event, in place: a trail with a million rows is not rewritten and the triggers stay.

Rows from before this migration hold "", which their hashes leave out.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0018_model_names")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE audit_event ADD COLUMN group_id varchar(64) NOT NULL DEFAULT ''",
            "ALTER TABLE audit_event DROP COLUMN group_id",
            state_operations=[
                migrations.AddField("event", "group_id", models.CharField(db_default="", max_length=64))
            ],
        ),
        migrations.AddIndex(
            "event", models.Index(fields=["group_id", "-sequence"], name="audit_by_group")
        ),
    ]
