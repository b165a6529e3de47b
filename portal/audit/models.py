"""The audit table, the head of its chain and the tables derived from it. Only portal.audit writes them."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.audit import event_types

GENESIS = "0" * 64


class Event(models.Model):
    """One recorded event. The database refuses to change or delete a row.

    Users and objects are stored with their names at that time. `ancestors` holds the guids above the parent,
    separated by spaces. `request`, `answer`, `before` and `after` are canonical JSON text without secrets, ""
    for none: the hash covers text, which no database reformats.
    """

    sequence = models.BigAutoField(primary_key=True)
    time = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.TextField(blank=True)
    actor_role = models.CharField(max_length=64, blank=True)
    session = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    connection = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64)
    operation = models.CharField(max_length=64, blank=True)
    object_kind = models.CharField(max_length=64, blank=True)
    object_guid = models.CharField(max_length=128, blank=True)
    object_name = models.TextField(blank=True)
    parent_guid = models.CharField(max_length=128, blank=True)
    parent_name = models.TextField(blank=True)
    change_id = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    outcome = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=64, blank=True)
    gateway_request_id = models.CharField(max_length=128, blank=True)
    request = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    message = models.TextField(blank=True)
    duration_ms = models.BigIntegerField(null=True)
    key_id = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, unique=True)
    # The database has the default, so that adding the column rewrote no rows.
    ancestors = models.CharField(max_length=300, db_default="")
    # The onboarding case, import or bulk action that the event belongs to.
    group_id = models.CharField(max_length=64, db_default="")
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        """Newest first, as people read it."""

        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["connection", "object_guid", "-sequence"], name="audit_by_object"),
            models.Index(fields=["parent_guid", "-sequence"], name="audit_by_parent"),
            models.Index(fields=["change_id"], name="audit_by_change"),
            models.Index(fields=["action", "-sequence"], name="audit_by_action"),
            models.Index(fields=["time", "outcome"], name="audit_by_time"),
            models.Index(fields=["actor_name", "-sequence"], name="audit_by_actor"),
            models.Index(fields=["actor_id", "-sequence"], name="audit_by_account"),
            models.Index(fields=["actor_role", "-sequence"], name="audit_by_role"),
            models.Index(fields=["object_kind", "-sequence"], name="audit_by_kind"),
            models.Index(fields=["connection", "-sequence"], name="audit_by_connection"),
            models.Index(fields=["outcome", "-sequence"], name="audit_by_outcome"),
            models.Index(fields=["address", "-sequence"], name="audit_by_address"),
            models.Index(fields=["group_id", "-sequence"], name="audit_by_group"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["gateway_request_id"], name="audit_by_gateway_request"),
        ]

    @property
    def sentence(self) -> str:
        """Return what happened as a sentence."""
        return event_types.describe_event(self)

    @property
    def sentence_html(self) -> str:
        """Return the sentence as HTML, with text from outside isolated."""
        return event_types.describe_event_html(self)

    @property
    def request_data(self) -> Any:
        """Return the request as it was sent, with secrets masked; None if there was none."""
        return _load_json(self.request)

    @property
    def answer_data(self) -> Any:
        """Return the gateway's answer, with secrets masked; None if there was none."""
        return _load_json(self.answer)

    @property
    def before_data(self) -> Any:
        """Return the values before, with secrets masked; None if unknown."""
        return _load_json(self.before)

    @property
    def after_data(self) -> Any:
        """Return the values after, with secrets masked; None if unknown."""
        return _load_json(self.after)


class ChainHead(models.Model):
    """The end of the chain, in one row. Writers lock it, and it proves that the end was not cut off."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)
    count = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)
    key_id = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """There is one head."""

        db_table = "audit_head"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head")]


class Term(models.Model):
    """A search term of an event (portal.audit.search_index), derived from it and not part of the chain."""

    pk = models.CompositePrimaryKey("term", "event_id")
    term = models.CharField(max_length=160)
    event = models.ForeignKey(
        Event, on_delete=models.DO_NOTHING, related_name="terms", db_constraint=False, db_index=False
    )


class KnownName(models.Model):
    """A name that occurs in the trail, stored once: a present or former name of an object, user or field."""

    pk = models.CompositePrimaryKey("kind", "connection", "guid", "name")
    kind = models.CharField(max_length=80)
    connection = models.CharField(max_length=64, blank=True)
    guid = models.CharField(max_length=128, blank=True)
    name = models.CharField(max_length=200, blank=True)
    # As it is searched (portal.audit.search_index): databases fold case each in their own way.
    folded = models.TextField(blank=True, default="")

    class Meta:
        """The table keeps its first name."""

        db_table = "audit_known"


class DenialCount(models.Model):
    """The number of denials of a kind for a user (portal.audit.denials); `origin` and `page` are the last."""

    slot = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    connection = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=64, blank=True)
    page = models.TextField()
    words = models.TextField()
    origin = models.JSONField()

    class Meta:
        """Few and short-lived: no order."""

        db_table = "audit_denial_count"


class AccessSeal(models.Model):
    """The portal's seal on the rights and sign-in data of one person or role (portal.staff.access_seals)."""

    subject = models.CharField(max_length=64, primary_key=True)
    parts = models.JSONField()
    sealed_at = models.DateTimeField()
    key_id = models.CharField(max_length=64)
    seal = models.CharField(max_length=64)

    class Meta:
        """One for each person and each role made here: no order."""

        db_table = "audit_access_seal"


class Delivery(models.Model):
    """The progress of a receiver (portal.audit.forwarding), and the lease of the worker that sends to it."""

    receiver = models.CharField(max_length=220, primary_key=True)
    sequence = models.BigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    retry_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=64, blank=True)
    held_until = models.DateTimeField(null=True)


class SavedFilter(models.Model):
    """A named filter of the audit list, of its owner and, with a `role`, of everyone with that role."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters"
    )
    name = models.CharField(max_length=80)
    query = models.TextField()
    role = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """A person gives a name once."""

        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="audit_filter_name")]
        indexes = [models.Index(fields=["role"], name="audit_filter_role")]

    def __str__(self) -> str:
        return self.name


def _load_json(text: str) -> Any:
    return json.loads(text) if text else None
