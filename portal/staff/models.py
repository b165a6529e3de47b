"""The users of the portal, their one-time links, failed attempts and tenant access."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_backends
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

if TYPE_CHECKING:
    from portal.staff.tenant_access import TenantAccess


class User(AbstractUser):
    """A user of the portal. The role is their only group; without `is_active` they are disabled at once.

    `is_demo` marks users made by the demo: production does not let them in. `totp_step` is the half minute
    of the last code that was accepted: neither it nor an earlier one opens anything again. Sessions belong to
    one `session_epoch`: counting it up ends all of them, listed or not. `is_limited` users reach only what
    their TenantScope rows name.
    """

    is_demo = models.BooleanField(default=False)
    timezone = models.CharField(max_length=64, default="UTC")
    totp_step = models.BigIntegerField(default=0)
    session_epoch = models.PositiveIntegerField(default=0)
    is_limited = models.BooleanField(default=False)

    class Meta(AbstractUser.Meta):
        """Sort users by username by default."""

        ordering = ["username"]

    @property
    def role(self) -> str:
        """The name of the role, "" without one; as old as the permissions if those were read before."""
        known: str | None = getattr(self, "_role_name", None)
        if known is not None:
            return known
        group = self.groups.order_by("pk").first()
        return group.name if group else ""

    @property
    def called(self) -> str:
        """The name on pages and in the audit trail: the full name, or the username without one."""
        return self.get_full_name() or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what Django compares at each request: password and session epoch."""
        value = f"{self.password}:{self.session_epoch}"
        return salted_hmac("portal.staff.session", value, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def tenant_access(self) -> "TenantAccess":
        """Where the user may work."""
        from portal.staff.tenant_access import read_tenant_access  # which needs the models

        return read_tenant_access(self)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Return whether the role holds `perm`. Superusers are not an exception, unlike in Django."""
        return any(backend.has_perm(self, perm, obj) for backend in get_backends())

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Return whether the role holds all permissions."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Return whether the role holds any permission of that area."""
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions())


class Attempts(models.Model):
    """The number of wrong secrets tried for one slot, and when it is reset (portal.staff.login_throttle)."""

    slot = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        """No order: rows are not listed."""

        db_table = "staff_attempts"


class PasswordLink(models.Model):
    """An open one-time link (portal.staff.password_links); `mailed_to` is "" if an admin passes it on."""

    person = models.OneToOneField(User, on_delete=models.CASCADE, related_name="password_link")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    mailed_to = models.EmailField(blank=True)

    class Meta:
        """No order: rows are not listed."""

        db_table = "staff_password_link"

    @property
    def is_open(self) -> bool:
        """Whether it has not expired."""
        return self.expires_at > timezone.now()


class SecondFactorReset(models.Model):
    """A request of an admin that another admin has to approve (portal.staff.mfa_resets)."""

    person = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor_reset")
    asked_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=500)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        """Sort by the time of the request, oldest first."""

        db_table = "staff_second_factor_reset"
        ordering = ["asked_at"]


class TenantScope(models.Model):
    """A tenant that a limited user may see, or (guid "") all tenants of a connection.

    `tenant_name` is the name when it was given, for pages and reviews.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tenant_scopes")
    connection = models.CharField(max_length=64)
    tenant_guid = models.CharField(max_length=100, blank=True, default="")
    tenant_name = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        """Allow each connection and tenant once per user."""

        ordering = ["connection", "tenant_name", "tenant_guid"]
        constraints = [
            models.UniqueConstraint(fields=["user", "connection", "tenant_guid"], name="tenant_scope_once")
        ]

    def __str__(self) -> str:
        return f"{self.connection}: {self.tenant_name or self.tenant_guid or 'all tenants'}"
