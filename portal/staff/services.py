"""Manage users: create, change details and role, disable, enable, unlock, sign out. Everything is audited."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.core.field_types import TextField
from portal.core.permissions import describe_permission, within_tenants
from portal.staff.identity import find_namesake, find_user, get_user_ref, signs_in_elsewhere
from portal.staff.login_throttle import forget_failures
from portal.staff.models import PasswordLink, User
from portal.staff.roles import ADMIN, BUILT_IN_ROLES, get_roles
from portal.staff.security_notices import notify_sign_in_change
from portal.staff.sessions import end_all_sessions


class StaffRefused(Exception):  # noqa: N818 - reads as what happened
    """The change of a user is not allowed. The text gives the reason, for the page."""


class ValuesRefused(StaffRefused):
    """The values are not valid. This is not about permissions, so the refusal is not recorded."""


def create_user(
    *,
    by: User | None,
    origin: Origin,
    username: str,
    role: str,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    is_demo: bool = False,
    is_limited: bool = False,
) -> User:
    """Create a user without a password (see make_password_link). `by` None is the program itself.

    A limited user may work nowhere until tenants are chosen (portal.staff.tenant_access).
    Raises StaffRefused for a taken username, an unknown role or a missing permission, and AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        authorise(by, "staff.create")
        kept = {"username": username, "email": email, "is_demo": is_demo, "is_limited": is_limited}
        name = TextField(required=False)
        try:
            user = User(first_name=name.clean(first_name), last_name=name.clean(last_name), **kept)
            user.set_unusable_password()
            user.clean_fields(exclude=["password"])
        except ValidationError as error:
            raise ValuesRefused(" ".join(error.messages)) from error
        # After the check above: a NUL in a query would raise another error.
        check_username_free(username)
        refuse_namesake(user)
        group = _get_role(by, role)
        user.save()
        user.groups.set([group])
        record_event(
            action="staff.created",
            origin=origin,
            object=get_user_ref(user),
            after=kept | {"role": role},
            message=role,
        )
    return user


def change_details(*, by: User, origin: Origin, user: User, **details: str) -> None:
    """Store `first_name`, `last_name`, `email`, and notify a replaced address.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        before = {name: getattr(user, name) for name in details}
        if details == before:
            return
        for name, value in details.items():
            setattr(user, name, value)
        try:
            user.clean_fields(exclude=["password"])
        except ValidationError as error:
            raise StaffRefused(" ".join(error.messages)) from error
        if {"first_name", "last_name"} & {name for name in details if details[name] != before[name]}:
            refuse_namesake(user)
        user.save(update_fields=sorted(details))
        record_event(
            action="staff.details_changed",
            origin=origin,
            object=get_user_ref(user),
            before=before,
            after=dict(details),
        )
        old = before.get("email", "")
        if "email" in details and old != user.email:
            what = f"email address changed to {user.email or 'none'}"
            notify_sign_in_change(user=user, what=what, by=by.called, also_to=old)


def change_role(*, by: User | None, origin: Origin, user: User, role: str, reason: str = "") -> None:
    """Give `user` another role, from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        old = user.role
        if old == role:
            return
        if old == ADMIN:
            require_another_admin(user)
        user.groups.set([_get_role(by, role)])
        _record_role(user, old, role, origin, reason)


def withdraw_role(*, origin: Origin, user: User) -> None:
    """Take the role from a user who can no longer sign in through the provider.

    Raises StaffRefused for the last admin if a password still lets them sign in, and AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        user = User.objects.get(pk=user.pk)
        old = user.role
        if not old:
            return
        if old == ADMIN and user.has_usable_password():
            require_another_admin(user)
        user.groups.clear()
        _record_role(user, old, "", origin)


def disable_user(*, by: User | None, origin: Origin, user: User, reason: str = "") -> None:
    """Disable `user` from the next request on, and end their sessions and links.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        if user.role == ADMIN:
            require_another_admin(user)
        end_all_sessions(origin=origin, user=user)
        PasswordLink.objects.filter(person=user).delete()
        _set_active(user, False, "staff.disabled", origin, reason)


def enable_user(*, by: User | None, origin: Origin, user: User) -> None:
    """Let `user` sign in again. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        _set_active(authorise_change(by, user), True, "staff.enabled", origin)


def unlock_user(*, by: User | None, origin: Origin, user: User) -> None:
    """Let `user` try to sign in again at once. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        user = authorise_change(by, user)
        had_failures = forget_failures(user)
        if had_failures:
            record_event(action="staff.unlocked", origin=origin, object=get_user_ref(user))


def sign_out_user(*, by: User | None, origin: Origin, user: User) -> int:
    """End every session of `user` and return how many. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        user = authorise_change(by, user)
        return end_all_sessions(origin=origin, user=user)


def set_password(*, origin: Origin, user: User, password: str) -> None:
    """Store a new password that has been validated. Raises AuditUnavailable."""
    with transaction.atomic():
        user.set_password(password)
        forget_failures(user)
        user.save(update_fields=["password"])
        record_event(action="staff.password_changed", origin=origin, object=get_user_ref(user))
        if origin.actor_id:  # not a command on the server
            notify_sign_in_change(user=user, what="new password", by=origin.actor_name)


def check_username_free(username: str) -> None:
    """Raise ValuesRefused if the username is taken, in any case of its letters."""
    if known := find_user(username):
        difference = "" if known.username == username else " Upper and lower case are the same here."
        raise ValuesRefused(f"The username “{known.username}” is already taken.{difference}")


def refuse_namesake(user: User) -> None:
    """Raise ValuesRefused if another user has this name: the audit trail shows names."""
    if namesake := find_namesake(user):
        raise ValuesRefused(
            f"“{user.called}” could be mistaken for {namesake.called} (username {namesake.username}). "
            "Add something that tells them apart, such as a middle name."
        )


def authorise(by: User | None, permission: str) -> None:
    """Raise StaffRefused unless `by` holds the permission now, whatever the view checked before."""
    if by is not None and not User.objects.get(pk=by.pk).has_perm(permission):
        raise StaffRefused("Your role does not allow this.")


def authorise_change(by: User | None, user: User) -> User:
    """Return the user as stored now. Raises StaffRefused unless `by` holds all permissions of that user."""
    authorise(by, "staff.update")
    if by is not None and by.pk == user.pk:
        raise StaffRefused("You can’t change your own permissions. Ask another admin.")
    user = User.objects.get(pk=user.pk)
    require_permissions(by, get_roles().get(user.role, frozenset()))
    return user


def require_permissions(by: User | None, rights: frozenset[str]) -> None:
    """Raise StaffRefused if `by` lacks one of the permissions that they grant or that an account holds."""
    if by is None:
        return
    missing = rights - User.objects.get(pk=by.pk).get_all_permissions()
    if missing:
        words = ", ".join(sorted(describe_permission(name) for name in missing))
        raise StaffRefused(f"This involves permissions that you do not have yourself: {words}. Ask an admin.")


def get_permissions(user: User) -> frozenset[str]:
    """Return the permissions of a user, also while they are disabled."""
    held = get_roles().get(user.role, frozenset())
    return within_tenants(held) if user.is_limited else held


def require_another_admin(user: User) -> None:
    """Raise StaffRefused unless another admin remains who can sign in and is not limited.

    That takes a password or an account at the provider: the invited with an open link cannot sign in yet.
    """
    others = User.objects.filter(groups__name=ADMIN, is_active=True, is_limited=False).exclude(pk=user.pk)
    others = others.exclude(is_demo=True) if settings.PRODUCTION else others
    if user.is_active and not any(one.has_usable_password() or signs_in_elsewhere(one) for one in others):
        raise StaffRefused("This is the last active admin who can sign in. Add another admin first.")


def _set_active(user: User, active: bool, action: str, origin: Origin, reason: str = "") -> None:
    if user.is_active == active:
        return
    user.is_active = active
    user.save(update_fields=["is_active"])
    record_event(
        action=action,
        origin=origin,
        object=get_user_ref(user),
        before={"is_active": not active},
        after={"is_active": active},
        reason=reason,
    )


def lock_staff() -> None:
    """Serialise changes of users: two admins who demote each other must not leave none."""
    list(Group.objects.select_for_update().filter(name=ADMIN))


def _record_role(user: User, old: str, new: str, origin: Origin, reason: str = "") -> None:
    record_event(
        action="staff.role_changed",
        origin=origin,
        object=get_user_ref(user),
        before={"role": old},
        after={"role": new},
        message=f"{old or 'none'} → {new or 'none'}",
        reason=reason,
    )


def _get_role(by: User | None, role: str) -> Group:
    """Return the role. Raises StaffRefused if it does not exist or `by` may not give it."""
    try:
        group = Group.objects.get(name=role)
    except ObjectDoesNotExist as error:
        built_in = role in BUILT_IN_ROLES
        words = (
            "The roles are missing from the database. Run manage.py migrate."
            if built_in
            else f"There is no role “{role}”. The roles are: {', '.join(get_roles())}."
        )
        raise StaffRefused(words) from error
    require_permissions(by, get_roles()[role])
    return group
