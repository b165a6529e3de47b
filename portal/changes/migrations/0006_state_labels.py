"""Call a prepared change unsent: a draft is a form that was not submitted. The rows stay as they are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("changes", "0005_group")]

    operations = [
        migrations.AlterField(
            "change",
            "state",
            models.CharField(
                choices=[
                    ("prepared", "Unsent – waiting for review"),
                    ("sending", "Being sent"),
                    ("accepted", "Accepted"),
                    ("refused", "Refused"),
                    ("not_sent", "Not sent"),
                    ("unknown", "Outcome unknown"),
                    ("not_found", "Not found"),
                    ("conflict", "Conflict – not sent"),
                    ("cancelled", "Discarded"),
                ],
                max_length=16,
            ),
        )
    ]
