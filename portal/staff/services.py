"""What an admin does with people: add, change the role, disable, enable, sign out. All audited."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction

from portal.audit.recording import Origin, record_event
from portal.core.permissions import describe_permission, within_tenants
from portal.staff.identity import namesake_of, person_named, person_ref
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.login_throttle import person_unlock
from portal.staff.models import PasswordLink, User
from portal.staff.roles import ADMIN, BUILT_IN_ROLES, get_roles
from portal.staff.security_notices import sign_in_change_tell
from portal.staff.sessions import sessions_end_all


class StaffRefused(Exception):  # noqa: N818 - reads as what happened
    """The change of a person is not allowed; the text says why, for people."""


class ValuesRefused(StaffRefused):
    """What was typed cannot be so. No rule about rights said no, so nothing of it goes on record."""


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
    is_limited: bool = False,
) -> User:
    """Adds a person without a password (see password_link_make). `by` None is the program itself.

    A limited one reaches nothing before somebody chooses places (portal.staff.tenant_access_services).

    Raises StaffRefused for a taken user name, an unknown role or someone without the right; AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        authorise(by, "staff.create")
        kept = {"username": username, "email": email, "is_demo": is_demo, "is_limited": is_limited}
        person = User(first_name=first_name, last_name=last_name, **kept)
        person.set_unusable_password()
        _names_check(person)
        group = _group(by, role)
        person.save()
        person.groups.set([group])
        record_event(
            action="staff.created",
            origin=origin,
            object=person_ref(person),
            after=kept | {"role": role},
            message=role,
        )
    return person


def role_change(*, by: User | None, origin: Origin, person: User, role: str, reason: str = "") -> None:
    """Gives `person` another role, from the next request on. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        old = person.role
        if old == role:
            return
        if old == ADMIN:
            another_admin_stays(person)
        person.groups.set([_group(by, role)])
        _role_record(person, old, role, origin, reason)


def role_withdraw(*, origin: Origin, person: User) -> None:
    """Takes the role from somebody who cannot come in with it any more: the last admin, too, would be none.

    Unless a password would still let that one in. Raises StaffRefused then, AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        person = User.objects.get(pk=person.pk)
        old = person.role
        if not old:
            return
        if old == ADMIN and person.has_usable_password():
            another_admin_stays(person)
        person.groups.clear()
        _role_record(person, old, "", origin)


def staff_disable(*, by: User | None, origin: Origin, person: User, reason: str = "") -> None:
    """Shuts `person` out from the next request on; sessions and links end.

    Raises StaffRefused, AuditUnavailable.
    """
    with transaction.atomic():
        staff_lock()
        person = changeable(by, person)
        if person.role == ADMIN:
            another_admin_stays(person)
        sessions_end_all(origin=origin, person=person)
        PasswordLink.objects.filter(person=person).delete()
        _active_set(person, False, "staff.disabled", origin, reason)


def staff_enable(*, by: User | None, origin: Origin, person: User) -> None:
    """Lets `person` in again. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        staff_lock()
        _active_set(changeable(by, person), True, "staff.enabled", origin)


def staff_unlock(*, by: User | None, origin: Origin, person: User) -> None:
    """Lets `person` try to sign in again at once. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        person = changeable(by, person)
        if person_unlock(person):
            record_event(action="staff.unlocked", origin=origin, object=person_ref(person))


def staff_sign_out(*, by: User | None, origin: Origin, person: User) -> int:
    """Ends every session of `person`; how many. Raises StaffRefused, AuditUnavailable."""
    with transaction.atomic():
        person = changeable(by, person)
        return sessions_end_all(origin=origin, person=person)


def password_set(*, origin: Origin, person: User, password: str) -> None:
    """Stores a new password that was validated before. Raises AuditUnavailable."""
    with transaction.atomic():
        person.set_password(password)
        person_unlock(person)
        person.save(update_fields=["password"])
        record_event(action="staff.password_changed", origin=origin, object=person_ref(person))
        if origin.actor_id:  # not a command on the server
            sign_in_change_tell(person=person, what="new password", by=origin.actor_name)


def _names_check(person: User) -> None:
    try:
        person.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise ValuesRefused(" ".join(error.messages)) from error
    # After the check above: a NUL in a query is an error of its own.
    username_free_check(person.username)
    namesake_refuse(person)


def username_free_check(username: str) -> None:
    """Raise ValuesRefused if somebody has this user name, in whatever case."""
    if known := person_named(username):
        difference = "" if known.username == username else " Upper and lower case are the same here."
        raise ValuesRefused(f"The username “{known.username}” is already taken.{difference}")


def namesake_refuse(person: User) -> None:
    """The audit trail names people: raises StaffRefused for a name that somebody else has, in either form."""
    if namesake := namesake_of(person):
        raise ValuesRefused(
            f"“{person.called}” could be mistaken for {namesake.called} (username {namesake.username}). "
            "Add something that tells them apart, such as a middle name."
        )


def authorise(by: User | None, permission: str) -> None:
    """Asks again, with fresh eyes: the door may be forgotten, and the role may have changed since."""
    if by is not None and not User.objects.get(pk=by.pk).has_perm(permission):
        raise StaffRefused("Your role does not allow this.")


def changeable(by: User | None, person: User) -> User:
    """The person as stored now, if `by` may change them, who may all that the person may."""
    authorise(by, "staff.update")
    if by is not None and by.pk == person.pk:
        raise StaffRefused("You can’t change your own permissions. Ask another admin.")
    person = User.objects.get(pk=person.pk)
    rights_ensure(by, get_roles().get(person.role, frozenset()))
    return person


def rights_ensure(by: User | None, rights: frozenset[str]) -> None:
    """Nobody gives rights that they lack, nor takes over an account that has them. Raises StaffRefused."""
    if by is None:
        return
    missing = rights - User.objects.get(pk=by.pk).get_all_permissions()
    if missing:
        words = ", ".join(sorted(describe_permission(name) for name in missing))
        raise StaffRefused(f"This involves permissions that you do not have yourself: {words}. Ask an admin.")


def rights_of(person: User) -> frozenset[str]:
    """What the person may, or could if they were not disabled."""
    held = get_roles().get(person.role, frozenset())
    return within_tenants(held) if person.is_limited else held


def another_admin_stays(person: User) -> None:
    """Raises StaffRefused if nobody else could undo it: an admin who can sign in and is not limited."""
    others = User.objects.filter(groups__name=ADMIN, is_active=True, is_limited=False).exclude(pk=person.pk)
    others = others.exclude(is_demo=True) if settings.PRODUCTION else others
    if person.is_active and not any(_has_a_way_in(other) for other in others):
        raise StaffRefused("This is the last active admin who can sign in. Add another admin first.")


def _has_a_way_in(person: User) -> bool:
    """A password or an account at the provider: somebody invited who never came is nobody to rely on."""
    return person.has_usable_password() or signs_in_elsewhere(person)


def _active_set(person: User, active: bool, action: str, origin: Origin, reason: str = "") -> None:
    if person.is_active == active:
        return
    person.is_active = active
    person.save(update_fields=["is_active"])
    record_event(
        action=action,
        origin=origin,
        object=person_ref(person),
        before={"is_active": not active},
        after={"is_active": active},
        reason=reason,
    )


def staff_lock() -> None:
    """Changes of staff queue: two admins who demote each other at once must not leave none."""
    list(Group.objects.select_for_update().filter(name=ADMIN))


def _role_record(person: User, old: str, new: str, origin: Origin, reason: str = "") -> None:
    record_event(
        action="staff.role_changed",
        origin=origin,
        object=person_ref(person),
        before={"role": old},
        after={"role": new},
        message=f"{old or 'none'} → {new or 'none'}",
        reason=reason,
    )


def _group(by: User | None, role: str) -> Group:
    """The role's row, if `by` may give it. Raises StaffRefused."""
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
    rights_ensure(by, get_roles()[role])
    return group
