"""The authentication backend: permissions come only from the role."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group

from portal.core.permissions import PERMISSIONS, within_tenants
from portal.staff.identity import find_user


class StaffBackend(ModelBackend):
    """Passwords and permissions of users, without superusers and personal permissions."""

    def authenticate(
        self, request: Any, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """Find the user in any case of the typed letters."""
        user = find_user(username or "")
        return super().authenticate(request, user.username if user else username, password, **kwargs)

    def user_can_authenticate(self, user: Any) -> bool:
        """Return whether the user is enabled and, in production, not a demo user. Checked at each request."""
        return bool(user and user.is_active and not (settings.PRODUCTION and user.is_demo))

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the permissions of the role; none for a disabled user or a single object."""
        if obj is not None or user_obj.is_anonymous or not self.user_can_authenticate(user_obj):
            return set()
        return self.get_group_permissions(user_obj)

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return the role's registered permissions, read once per user object; the role's name comes along.

        A user with access to some tenants only holds none that concern the whole portal.
        """
        if not hasattr(user_obj, "_role_permissions"):
            columns = ("name", "permissions__content_type__app_label", "permissions__codename")
            rows = list(Group.objects.filter(user=user_obj).order_by("pk").values_list(*columns))
            user_obj._role_name = rows[0][0] if rows else ""
            held = {f"{area}.{codename}" for _, area, codename in rows} & frozenset(PERMISSIONS)
            user_obj._role_permissions = set(within_tenants(held)) if user_obj.is_limited else held
        permissions: set[str] = user_obj._role_permissions
        return permissions

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return nothing: there are no personal permissions."""
        return set()

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Return whether the user's role holds `perm`."""
        return perm in self.get_all_permissions(user_obj, obj)
