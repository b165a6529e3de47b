"""Add the group of a change. Rows from before belong to none, ""; so do those of a process not yet upgraded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("changes", "0004_not_found_siblings_dismissed")]

    operations = [
        migrations.AddField(
            "change", "group_id", models.CharField(blank=True, db_default="", default="", max_length=64)
        ),
        migrations.AddIndex(
            "change", models.Index(fields=["group_id", "-created_at"], name="change_group")
        ),
    ]
