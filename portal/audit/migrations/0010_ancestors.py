"""What lies above the parent. Added in place: no database writes a million rows anew, and the guards stay.

Rows from before it hold "", which their hashes leave out.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_folded_names")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE audit_event ADD COLUMN ancestors varchar(300) NOT NULL DEFAULT ''",
            "ALTER TABLE audit_event DROP COLUMN ancestors",
            state_operations=[
                migrations.AddField("event", "ancestors", models.CharField(db_default="", max_length=300))
            ],
        )
    ]
