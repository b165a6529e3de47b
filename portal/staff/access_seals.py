"""Access seals: a direct edit of roles, tenants, status, passwords or second factors is detected.

The portal seals these rows with the audit key whenever it changes them itself. A part whose seal did not fit
before is left as it is, so that a later change by the portal vouches for nothing that was done to the rows.
"""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Max, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.utils import timezone

from portal.audit.keys import compute_digest, get_audit_keys, get_current_key_id
from portal.audit.models import AccessSeal, Event
from portal.audit.recording import ObjectRef
from portal.audit.verification.chain import COMPARISONS
from portal.core.health import WARNINGS, HealthCheckError
from portal.core.permissions import PERMISSIONS
from portal.staff.models import PasswordLink, TenantScope, User
from portal.staff.roles import BUILT_IN_ROLES, get_built_in_roles

Parts = dict[str, str]
_USER_FIELDS = {
    "status": ("username", "email", "is_active", "is_superuser", "is_staff", "is_demo", "is_limited"),
    "password": ("password",),
}
_SEALED_FIELDS = {field for fields in _USER_FIELDS.values() for field in fields}
# Parts of a user's seal in other tables: the table, its column with the user, and the sealed columns.
_RELATED: tuple[tuple[str, Any, str, tuple[str, ...]], ...] = (
    ("role", User.groups.through, "user_id", ("group__name",)),
    (
        "rights",
        User.user_permissions.through,
        "user_id",
        ("permission__content_type__app_label", "permission__codename"),
    ),
    ("tenants", TenantScope, "user_id", ("connection", "tenant_guid")),
    ("factors", Authenticator, "user_id", ("pk", "type", "data")),
    ("links", PasswordLink, "person_id", ("digest", "expires_at")),
    ("accounts", SocialAccount, "user_id", ("provider", "uid")),
)
WORDS = {
    "status": "status, username or email address",
    "password": "password",
    "role": "role",
    "rights": "permissions",
    "tenants": "tenant access",
    "factors": "second factors",
    "links": "one-time link",
    "accounts": "account at the sign-in provider",
}
# After these events the rows were written, so that an older seal belongs to an older copy.
_WRITTEN_BY = (
    "staff.role_changed", "staff.reach_changed", "staff.disabled", "staff.enabled", "staff.password_changed",
    "staff.password_link_made", "staff.password_link_withdrawn", "staff.second_factor_reset",
)  # fmt: skip
_ROUNDING = timedelta(minutes=5)
# Written by the migration, and by nothing else: nobody without the key can ask for another sealing.
PENDING = "pending"
# The number of users that are named. More are counted.
NAMED = 5
# The parts that fitted their seal when a change of this thread began, by subject.
_intact = threading.local()


def connect_signals() -> None:
    """Seal whatever the portal writes, and compare at verification and in the ready-check."""
    for model in (User, Group, TenantScope, PasswordLink, Authenticator, SocialAccount):
        for signal in (pre_save, pre_delete):
            signal.connect(_before, sender=model, dispatch_uid=f"access_seals.{model.__name__}")
        for signal in (post_save, post_delete):
            signal.connect(_after, sender=model, dispatch_uid=f"access_seals.{model.__name__}")
    for through in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_members_changed, sender=through, dispatch_uid=f"access_seals.{through.__name__}")
    COMPARISONS.register("access seals", describe_disagreements)
    WARNINGS.register("access rights", check_seals)


@contextmanager
def sealing(user: User) -> Iterator[None]:
    """Seal what the block writes, for bulk writes that send no signal."""
    _remember_intact(_get_subject(user))
    yield
    _update_seal(_get_subject(user))


def describe_disagreements() -> str:
    """Describe whose stored permissions or sign-in data were not written by the portal, or return ""."""
    found = find_disagreements()
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return (
        f"Changed directly in the database: {'; '.join(found[:NAMED])}{more}. Find out who did it, "
        "correct it in the portal, and accept what is right with manage.py access_seal."
    )


def check_seals() -> None:
    """Raise HealthCheckError if rights or sign-in data were changed in the database."""
    if words := describe_disagreements():
        raise HealthCheckError(words)


def find_disagreements() -> list[str]:
    """Describe each user and each role whose rows differ from what the portal sealed."""
    parts, seals = _compute_parts(), AccessSeal.objects.in_bulk()
    names = {f"person:{pk}": f"“{name}”" for pk, name in User.objects.values_list("pk", "username")}
    names |= {f"role:{pk}": f"role “{name}”" for pk, name in Group.objects.values_list("pk", "name")}
    # When the trail last says that each user's rows were written.
    events = Event.objects.filter(action__in=_WRITTEN_BY, object_kind="person").order_by()
    times = events.values("object_guid").annotate(last=Max("time")).values_list("object_guid", "last")
    written = {f"person:{guid}": last for guid, last in times}
    found = []
    for subject in sorted({*parts, *seals}):
        name, seal = names.get(subject, subject), seals.get(subject)
        if subject not in parts:
            found.append(f"{name} was deleted")
        elif seal is None or not _is_genuine(seal):
            found.append(f"{name} was added" if seal is None else f"{name}: the seal was altered")
        elif wrong := _find_differences(seal, parts[subject]):
            found.append(f"{name}: {', '.join(wrong)}")
        elif (last := written.get(subject)) and seal.sealed_at + _ROUNDING < last <= timezone.now():
            found.append(f"{name}: an older copy was restored")
    # Built-in roles have no seal: the code says which permissions they have.
    held: dict[str, set[str]] = {role: set() for role in BUILT_IN_ROLES}
    columns = ("name", "permissions__content_type__app_label", "permissions__codename")
    for role, app, codename in Group.objects.filter(name__in=BUILT_IN_ROLES).values_list(*columns):
        held[role] |= {f"{app}.{codename}"} if codename else set()
    intended = get_built_in_roles()
    altered = [role for role, rights in held.items() if rights & frozenset(PERMISSIONS) != intended[role]]
    return found + [f"role “{role}”: permissions" for role in altered]


def seal_all() -> None:
    """Seal everything as it is, once: after the upgrade that brought the seals."""
    for subject, parts in _compute_parts().items():
        _store_seal(subject, parts)


def seal_after_upgrade(**_: Any) -> None:
    """Seal everything if the migration that made the table found users. Called after every migrate."""
    pending = AccessSeal.objects.filter(pk=PENDING).first()
    if pending and _is_genuine(pending):
        seal_all()
    AccessSeal.objects.filter(pk=PENDING).delete()


def accept_rows(user: User) -> list[str]:
    """Seal a user's rows as they are; return which parts were not written by the portal."""
    subject = _get_subject(user)
    seal, parts = AccessSeal.objects.filter(pk=subject).first(), _compute_parts([subject])[subject]
    _store_seal(subject, parts)
    return _find_differences(seal, parts)


def accept_deletion(subject: str) -> ObjectRef | None:
    """Remove the seal of a row that was deleted in the database. Return what it was, None for anything else.

    `subject` is spelled as find_disagreements() lists it: "person:12".
    """
    seal = AccessSeal.objects.filter(pk=subject).exclude(pk=PENDING).first()
    if seal is None or subject in _compute_parts([subject]):
        return None
    seal.delete()
    kind, _, number = subject.partition(":")
    events = Event.objects.filter(object_kind=kind, object_guid=number).order_by("-sequence")
    return ObjectRef(kind, number, events.values_list("object_name", flat=True).first() or subject)


def _before(sender: type[Model], instance: Any, **signal: Any) -> None:
    if not _is_skipped(sender, signal):
        _remember_intact(_get_subject(instance))


def _after(sender: type[Model], instance: Any, **signal: Any) -> None:
    if _is_skipped(sender, signal):
        return
    if "created" not in signal and isinstance(instance, User | Group):
        AccessSeal.objects.filter(pk=_get_subject(instance)).delete()
    else:
        _update_seal(
            _get_subject(instance), new=bool(signal.get("created")) and isinstance(instance, User | Group)
        )


def _members_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **signal: Any
) -> None:
    """Handle changed roles of users and permissions of roles, from either side."""
    subjects = [_get_subject(instance)] if isinstance(instance, User | Group) else []
    if reverse:
        kind = "person" if sender is User.groups.through else "role"
        subjects = [f"{kind}:{pk}" for pk in pk_set or ()]
    for subject in subjects:
        if action.startswith("pre_"):
            _remember_intact(subject)
        else:
            _update_seal(subject)


def _is_skipped(sender: type[Model], signal: dict[str, Any]) -> bool:
    fields = signal.get("update_fields")
    if fields is None:
        return bool(signal.get("raw"))
    if sender is User:
        return not _SEALED_FIELDS & set(fields)
    return sender is Authenticator and set(fields) == {"last_used_at"}


def _get_subject(instance: Any) -> str:
    if isinstance(instance, Group):
        return f"role:{instance.pk}"
    owner = {User: "pk", PasswordLink: "person_id"}.get(type(instance), "user_id")
    return f"person:{getattr(instance, owner)}"


def _remember_intact(subject: str) -> None:
    """Remember which parts fit their seal before a change. New objects have no number yet."""
    if subject.endswith(":None"):
        return
    seal = AccessSeal.objects.filter(pk=subject).first()
    parts = _compute_parts([subject]).get(subject, {})
    known = seal.parts if seal and _is_genuine(seal) else {}
    _get_remembered()[subject] = {part for part, digest in parts.items() if known.get(part) == digest}


def _update_seal(subject: str, *, new: bool = False) -> None:
    """Seal the parts that fitted before a change as they are after it."""
    with transaction.atomic():
        seal = AccessSeal.objects.select_for_update().filter(pk=subject).first()
        parts = _compute_parts([subject]).get(subject)
        if parts is None:
            return
        known = seal.parts if seal and _is_genuine(seal) else {}
        intact = set(parts) if new and seal is None else _get_remembered().get(subject, set())
        if intact:
            _store_seal(subject, known | {part: digest for part, digest in parts.items() if part in intact})


def _find_differences(seal: AccessSeal | None, parts: Parts) -> list[str]:
    """Name the parts that are not as they were sealed."""
    known = seal.parts if seal and _is_genuine(seal) else {}
    return [WORDS[part] for part, digest in parts.items() if known.get(part) != digest]


def _get_remembered() -> dict[str, set[str]]:
    if not hasattr(_intact, "subjects"):
        _intact.subjects = {}
    found: dict[str, set[str]] = _intact.subjects
    return found


def _store_seal(subject: str, parts: Parts) -> None:
    key_id, now = get_current_key_id(), timezone.now()
    seal = compute_digest(key_id, _seal_text(subject, parts, now.isoformat()))
    values = {"parts": parts, "sealed_at": now, "key_id": key_id, "seal": seal}
    AccessSeal.objects.update_or_create(subject=subject, defaults=values)


def _is_genuine(seal: AccessSeal) -> bool:
    text = _seal_text(seal.subject, seal.parts, seal.sealed_at.isoformat())
    return seal.key_id in get_audit_keys() and compute_digest(seal.key_id, text) == seal.seal


def _seal_text(subject: str, parts: Parts, moment: str) -> str:
    return "access:" + json.dumps([subject, parts, moment], sort_keys=True)


def _compute_parts(subjects: list[str] | None = None) -> dict[str, Parts]:
    """Return the digest of each part of users and roles as stored now; of all without `subjects`."""
    asked = defaultdict(list)
    for subject in subjects or ():
        kind, _, number = subject.partition(":")
        asked[kind].append(number)
    users = User.objects.all() if subjects is None else User.objects.filter(pk__in=asked["person"])
    roles = Group.objects.exclude(name__in=BUILT_IN_ROLES)
    roles = roles if subjects is None else roles.filter(pk__in=asked["role"])
    found: dict[str, dict[str, list[Any]]] = {}
    for row in users.order_by().values("pk", *_SEALED_FIELDS):
        own = {part: [str(row[field]) for field in fields] for part, fields in _USER_FIELDS.items()}
        found[f"person:{row['pk']}"] = own | {part: [] for part, *_ in _RELATED}
    for part, model, owner, columns in _RELATED if found else ():
        rows = model._default_manager.order_by()
        rows = rows if subjects is None else rows.filter(**{f"{owner}__in": asked["person"]})
        for number, *values in rows.values_list(owner, *columns):
            # Secrets of authenticators are left out: they are encrypted and bound to their user.
            encrypted = part == "factors" and values[1] != Authenticator.Type.WEBAUTHN
            if f"person:{number}" in found:
                found[f"person:{number}"][part].append(values[:2] if encrypted else values)
    rights = ("pk", "name", "permissions__content_type__app_label", "permissions__codename")
    for pk, name, app, codename in roles.order_by().values_list(*rights):
        held = found.setdefault(f"role:{pk}", {"status": [name], "rights": []})
        held["rights"] += [f"{app}.{codename}"] if codename else []
    digests: dict[str, Parts] = defaultdict(dict)
    for subject, parts in found.items():
        for part, values in parts.items():
            texts = sorted(json.dumps(value, sort_keys=True, default=str) for value in values)
            content = json.dumps([subject, part, texts])
            digests[subject][part] = hashlib.sha256(content.encode()).hexdigest()
    return dict(digests)
