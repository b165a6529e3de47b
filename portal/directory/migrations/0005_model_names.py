"""Plain names for model classes; the tables keep theirs."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("directory", "0004_unreadable_rows")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Entry", "IndexedEntity"),
                migrations.AlterModelTable("IndexedEntity", "directory_entry"),
                migrations.RenameModel("Scope", "ListSync"),
                migrations.AlterModelTable("ListSync", "directory_scope"),
            ],
        ),
    ]
