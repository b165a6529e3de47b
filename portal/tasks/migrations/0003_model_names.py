"""Plain names for model classes; the tables keep theirs."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("tasks", "0002_waiting_and_periodic")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Run", "TaskRun"),
                migrations.AlterModelTable("TaskRun", "tasks_run"),
            ],
        ),
    ]
