"""Indexes of the explorer, and what it finds events by beside their columns. No table is rebuilt."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='Known',
            fields=[
                ('pk', models.CompositePrimaryKey('kind', 'connection', 'guid', 'name', blank=True, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=80)),
                ('connection', models.CharField(blank=True, max_length=64)),
                ('guid', models.CharField(blank=True, max_length=128)),
                ('name', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('pk', models.CompositePrimaryKey('term', 'event_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('term', models.CharField(max_length=160)),
                ('event', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='terms', to='audit.event')),
            ],
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['time'], name='audit_by_time'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['actor_name', '-sequence'], name='audit_by_actor'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['actor_role', '-sequence'], name='audit_by_role'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['object_kind', '-sequence'], name='audit_by_kind'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['connection', '-sequence'], name='audit_by_connection'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['outcome', '-sequence'], name='audit_by_outcome'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['address', '-sequence'], name='audit_by_address'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['request_id'], name='audit_by_request'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['gateway_request_id'], name='audit_by_gateway_request'),
        ),
    ]
