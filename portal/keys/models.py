"""Which process holds which encryption keys. Only portal.keys.key_presence writes it."""

from django.db import models
from django.utils import timezone


class Holder(models.Model):
    """A process of the portal. `marks` tell its keys without being able to seal, the sealing one first."""

    name = models.CharField(max_length=128, primary_key=True)
    host = models.CharField(max_length=64)
    work = models.CharField(max_length=32)
    marks = models.JSONField(default=list)
    # Id of its data folder: exports and anchors lie there, so all processes need the same one.
    folder = models.CharField(max_length=32, blank=True, default="", db_default="")
    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.work} on {self.host}"
