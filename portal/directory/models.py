"""The local index: one row per gateway entity, one row per list that was read. It holds no secrets."""

from collections.abc import Mapping
from typing import Any

from django.db import models


def status_named(*, disabled: bool, archived: bool, fields: Mapping[str, Any]) -> str:
    """Return the status for the badge; "unreadable" if the values it depends on could not be read."""
    if any(problem.startswith(("disabled:", "archived:")) for problem in fields.get("unreadable", ())):
        return "unreadable"
    return "archived" if archived else "disabled" if disabled else "active"


class IndexedEntity(models.Model):
    """One entity as last read. `fields` holds its properties without secrets, under the contract's names.

    `search` and `sort_key` are case-folded in Python, so that both databases find and order alike. `digest`
    tells a refresh whether anything changed. `seen_at` is when this row was last written.
    """

    connection = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    guid = models.CharField(max_length=100)
    parent_guid = models.CharField(max_length=100, blank=True, default="")
    tenant_guid = models.CharField(max_length=100, blank=True, default="")
    disabled = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    country = models.CharField(max_length=8, blank=True, default="")
    currency = models.CharField(max_length=8, blank=True, default="")
    sort_key = models.CharField(max_length=120, blank=True, default="")
    name = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(null=True)
    digest = models.CharField(max_length=32, blank=True, default="")
    seen_at = models.DateTimeField()
    search = models.TextField(blank=True, default="")
    fields = models.JSONField(default=dict)

    class Meta:
        """Indexes for lists of all entities of a kind and of one parent's children, both sorted by name."""

        db_table = "directory_entry"
        constraints = [models.UniqueConstraint(fields=["connection", "kind", "guid"], name="entry_once")]
        indexes = [
            models.Index(fields=["connection", "kind", "archived", "sort_key"], name="entry_by_name"),
            models.Index(
                fields=["connection", "kind", "parent_guid", "archived", "sort_key"], name="entry_of_parent"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.guid

    @property
    def status(self) -> str:
        """The status for the badge: archived, disabled, active or unreadable."""
        return status_named(disabled=self.disabled, archived=self.archived, fields=self.fields)


class ListSync(models.Model):
    """One list of the gateway: the tenants, a tenant's merchants, a merchant's users or connectors.

    `failed_at` is the last failed try, `away_since` the first of a row of them. `claimed_at` is set while one
    worker reads the list; `facets` holds the countries and currencies that occur. `rows` is how many the
    gateway listed the last time. `outdated`: a change made in the portal has made the rows wrong, so the
    list has to be read again. `unreadable` says for each row that could not be read why.
    """

    class Size(models.TextChoices):
        """Whether pages read the list, only a background worker does, or it cannot be read."""

        ORDINARY = "", "ordinary"
        LARGE = "large", "read by a background worker"
        TOO_LARGE = "too_large", "larger than the portal reads"

    connection = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    parent_guid = models.CharField(max_length=100, blank=True, default="")
    refreshed_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    away_since = models.DateTimeField(null=True)
    failure = models.TextField(blank=True, default="")
    claimed_at = models.DateTimeField(null=True)
    facets = models.JSONField(default=dict)
    rows = models.PositiveIntegerField(null=True)
    size = models.CharField(max_length=16, blank=True, default=Size.ORDINARY, choices=Size.choices)
    outdated = models.BooleanField(default=False)
    unreadable = models.JSONField(default=list)

    class Meta:
        """A list exists once."""

        db_table = "directory_scope"
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "parent_guid"], name="scope_once")
        ]

    def __str__(self) -> str:
        return f"{self.connection}: {self.kind} of {self.parent_guid or 'everything'}"
