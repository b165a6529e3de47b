"""The people who work with the portal."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A member of staff. The role is the one group they are in; `is_active` off means disabled at once.

    `is_demo` marks people made by the demo: production does not let them in.
    """

    is_demo = models.BooleanField(default=False)
    timezone = models.CharField(max_length=64, default="UTC")

    class Meta(AbstractUser.Meta):
        """Sorted as people look for each other."""

        ordering = ["username"]

    @property
    def role(self) -> str:
        """Name of the person's role, "" without one."""
        group = self.groups.order_by("pk").first()
        return group.name if group else ""
