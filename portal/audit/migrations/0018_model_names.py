"""Plain names for model classes; the tables keep theirs."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("audit", "0017_access_seals")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Head", "ChainHead"),
                migrations.AlterModelTable("ChainHead", "audit_head"),
                migrations.RenameModel("Known", "KnownName"),
                migrations.AlterModelTable("KnownName", "audit_known"),
            ],
        ),
    ]
