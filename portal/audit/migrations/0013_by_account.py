"""Events of one account: names change, and several people bear alike ones."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0012_zone_of_saved_filters")]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["actor_id", "-sequence"], name="audit_by_account"),
        )
    ]
