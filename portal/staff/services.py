"""What an admin does with people: add, change the role, disable, enable, make a link. All audited."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.http import int_to_base36

from portal.audit.services import Origin, event_record
from portal.staff.attempts import person_unlock
from portal.staff.models import User
from portal.staff.people import person_ref
from portal.staff.roles import ADMIN, ROLES
from portal.staff.second_factor import second_factors_of
from portal.staff.sessions import sessions_end, sessions_of


class StaffRefused(Exception):  # noqa: N818 - reads as what happened
    """The change of a person is not allowed; the text says why, for people."""


def staff_create(
    *,
    by: User | None,
    origin: Origin,
    username: str,
    role: str,
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    is_demo: bool = False,
) -> User:
    """Adds a person without a password (see password_link_make). `by` None is the program itself.

    Raises StaffRefused for a taken user name, an unknown role or someone without the right; AuditUnavailable.
    """
    with transaction.atomic():
        _staff_lock()
        _authorise(by, "staff.create")
        person = User(
            username=username, first_name=first_name, last_name=last_name, email=email, is_demo=is_demo
        )
        person.set_unusable_password()
        _names_check(person)
        person.save()
        person.groups.set([_group(role)])
        event_record(
            action="staff.created",
            origin=origin,
            object=person_ref(person),
            after={"username": username, "role": role, "email": email, "is_demo": is_demo},
            message=role,
        )
    return person


def role_change(*, by: User | None, origin: Origin, person: User, role: str) -> None:
    """Gives `person` another role, from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        _staff_lock()
        person = _changeable(by, person)
        old = person.role
        if old == role:
            return
        if old == ADMIN:
            _another_admin_stays(person)
        person.groups.set([_group(role)])
        event_record(
            action="staff.role_changed",
            origin=origin,
            object=person_ref(person),
            before={"role": old},
            after={"role": role},
            message=f"{old or 'none'} → {role}",
        )


def staff_disable(*, by: User | None, origin: Origin, person: User) -> None:
    """Shuts `person` out from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        _staff_lock()
        person = _changeable(by, person)
        if person.role == ADMIN:
            _another_admin_stays(person)
        _active_set(person, False, "staff.disabled", origin)


def staff_enable(*, by: User | None, origin: Origin, person: User) -> None:
    """Lets `person` in again. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        _staff_lock()
        _active_set(_changeable(by, person), True, "staff.enabled", origin)


def staff_unlock(*, by: User | None, origin: Origin, person: User) -> None:
    """Lets `person` try to sign in again at once. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        person = _changeable(by, person)
        if person_unlock(person):
            event_record(action="staff.unlocked", origin=origin, object=person_ref(person))


def second_factor_reset(*, by: User | None, origin: Origin, person: User) -> None:
    """Removes every second factor of `person` and ends their sessions.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        person = _changeable(by, person)
        removed = second_factors_of(person)
        Authenticator.objects.filter(user=person).delete()
        event_record(
            action="staff.second_factor_reset",
            origin=origin,
            object=person_ref(person),
            before={"second_factors": removed},
        )
        sessions_end(origin=origin, person=person, sessions=sessions_of(person))


def password_link_make(*, by: User | None, origin: Origin, person: User) -> str:
    """The path of a page on which `person` sets a password: works once, for PASSWORD_RESET_TIMEOUT seconds.

    The old password, open sessions and earlier links stop working. Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        _staff_lock()
        person = _changeable(by, person)
        person.set_unusable_password()
        person.save(update_fields=["password"])
        event_record(action="staff.password_link_made", origin=origin, object=person_ref(person))
    key = default_token_generator.make_token(person)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": int_to_base36(person.pk), "key": key})


def password_set(*, origin: Origin, person: User, password: str) -> None:
    """Stores a new password that was validated before. Raises AuditUnavailable."""
    with transaction.atomic():
        person.set_password(password)
        person_unlock(person)
        person.save(update_fields=["password"])
        event_record(action="staff.password_changed", origin=origin, object=person_ref(person))


def _names_check(person: User) -> None:
    try:
        person.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise StaffRefused(" ".join(error.messages)) from error
    # After the check above: a NUL in a query is an error of its own.
    if User.objects.filter(username__iexact=person.username).exists():
        raise StaffRefused("A person with this user name exists already.")


def _authorise(by: User | None, permission: str) -> None:
    """Asks again, with fresh eyes: the door may be forgotten, and the role may have changed since."""
    if by is not None and not User.objects.get(pk=by.pk).has_perm(permission):
        raise StaffRefused("Your role does not allow this.")


def _changeable(by: User | None, person: User) -> User:
    """The person as stored now, if `by` may change them."""
    _authorise(by, "staff.update")
    if by is not None and by.pk == person.pk:
        raise StaffRefused("Nobody changes their own rights. Ask another admin.")
    return User.objects.get(pk=person.pk)


def _another_admin_stays(person: User) -> None:
    others = User.objects.filter(groups__name=ADMIN, is_active=True).exclude(pk=person.pk)
    if person.is_active and not others.exists():
        raise StaffRefused("This is the last active admin. Make another one first.")


def _active_set(person: User, active: bool, action: str, origin: Origin) -> None:
    if person.is_active == active:
        return
    person.is_active = active
    person.save(update_fields=["is_active"])
    event_record(
        action=action,
        origin=origin,
        object=person_ref(person),
        before={"is_active": not active},
        after={"is_active": active},
    )


def _staff_lock() -> None:
    """Changes of staff queue: two admins who demote each other at once must not leave none."""
    list(Group.objects.select_for_update().filter(name=ADMIN))


def _group(role: str) -> Group:
    if role not in ROLES:
        raise StaffRefused("There is no such role.")
    try:
        return Group.objects.get(name=role)
    except ObjectDoesNotExist as error:
        raise StaffRefused("The roles are missing from the database: run migrate.") from error
