"""Give each opened form its own draft, and an accepted form the address to which it led."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('form_drafts', '0002_closed_form'),
    ]

    operations = [
        migrations.AddField(
            model_name='formdraft',
            name='form',
            field=models.CharField(default='', max_length=32),
        ),
        migrations.AddField(
            model_name='closedform',
            name='led_to',
            field=models.CharField(default='', max_length=1000),
        ),
        migrations.RemoveConstraint(
            model_name='formdraft',
            name='form_draft_one_per_form',
        ),
        migrations.AddConstraint(
            model_name='formdraft',
            constraint=models.UniqueConstraint(fields=('user', 'path', 'form'), name='form_draft_one_per_opened_form'),
        ),
    ]
