"""The people who work with the portal."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_backends
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
        """Name of the person's role, "" without one; as old as the rights if those were asked for before."""
        known: str | None = getattr(self, "_role_name", None)
        if known is not None:
            return known
        group = self.groups.order_by("pk").first()
        return group.name if group else ""

    @property
    def called(self) -> str:
        """How pages and the audit trail call the person: their name, or the user name without one."""
        return self.get_full_name() or self.username

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether the role holds `perm`. Django's own says yes to every superuser; not here."""
        return any(backend.has_perm(self, perm, obj) for backend in get_backends())

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Whether the role holds all of them."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the role holds any right of that room."""
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions())
