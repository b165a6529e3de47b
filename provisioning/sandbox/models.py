"""What the embedded gateway keeps: entities as JSON text, API keys, unsent mails, armed faults."""

from typing import ClassVar

from django.db import models


class Record(models.Model):
    """One entity. `document` is the JSON text the API answers with, so that lists only join stored text.

    `private` is JSON that no answer contains: password hashes, abilities, stored routing rules.
    `unique_name` carries what must be unique within a kind (a user's login name, a connector's API key).
    """

    guid = models.CharField(max_length=40, primary_key=True)
    kind = models.CharField(max_length=12)
    parent = models.CharField(max_length=40, blank=True)
    position = models.PositiveIntegerField()
    unique_name = models.CharField(max_length=255, null=True)  # noqa: DJ001 - NULLs do not collide, "" would
    document = models.TextField()
    private = models.TextField(default="{}")

    objects: ClassVar[models.Manager["Record"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["parent", "kind", "position"], name="record_children")]
        constraints = [models.UniqueConstraint(fields=["kind", "unique_name"], name="record_unique_name")]


class ApiKey(models.Model):
    """An API key, bound to a service, to addresses and to the tenant whose data it reaches."""

    guid = models.CharField(max_length=40, unique=True)
    key = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100, blank=True)
    salt = models.CharField(max_length=32)
    password_hash = models.CharField(max_length=64)
    service = models.CharField(max_length=40)
    addresses = models.CharField(max_length=1000)
    tenant = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)
    reset_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["ApiKey"]] = models.Manager()


class Mail(models.Model):
    """A mail the platform would have sent. Kept to be looked at on the outbox page, never sent."""

    created_at = models.DateTimeField(auto_now_add=True)
    recipient = models.CharField(max_length=320)
    user_guid = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    body = models.TextField()

    objects: ClassVar[models.Manager["Mail"]] = models.Manager()


class ArmedFault(models.Model):
    """A fault waiting for the next `remaining` requests, of one operation or (when empty) of any."""

    kind = models.CharField(max_length=20)
    amount = models.FloatField(null=True)
    operation = models.CharField(max_length=40, blank=True)
    remaining = models.PositiveIntegerField()

    objects: ClassVar[models.Manager["ArmedFault"]] = models.Manager()
