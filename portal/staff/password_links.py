"""One-time links for setting a password: stored as a digest, one per user, deleted after use.

An invitation is the first such link of a user. An admin creates, mails or withdraws one, or the console
command creates it; the user opens it and sets a password.
"""

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from portal.audit.recording import Origin, origin_of, record_event
from portal.core.view_access import PUBLIC
from portal.core.views import PortalView
from portal.staff.backends import StaffBackend
from portal.staff.forms import PasswordSetForm
from portal.staff.identity import get_user, get_user_ref, origin_as, signs_in_elsewhere
from portal.staff.models import PasswordLink, User
from portal.staff.roles import ADMIN
from portal.staff.services import (
    StaffRefused,
    authorise_change,
    lock_staff,
    require_another_admin,
    set_password,
)
from portal.staff.sessions import get_sessions
from portal.staff.user_page import finish_step, render_refused

logger = logging.getLogger(__name__)


def make_password_link(*, by: User | None, origin: Origin, user: User) -> str:
    """Create a link and return its path. It works once, for ONE_TIME_LINK_HOURS.

    The old password, open sessions and earlier links stop working. Raises StaffRefused, AuditUnavailable.
    """
    key = secrets.token_urlsafe(32)
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        if not user.is_active:
            raise StaffRefused("This user is disabled, so a link would not work. Enable them first.")
        if signs_in_elsewhere(user):
            raise StaffRefused(
                f"This user signs in through {settings.OIDC_NAME} and doesn’t need a password here."
            )
        if by is not None and user.role == ADMIN and user.has_usable_password():
            # The link may be withdrawn or expire. The console may do it: it is the last way in.
            require_another_admin(user)
        user.set_unusable_password()
        user.save(update_fields=["password"])
        PasswordLink.objects.update_or_create(
            person=user,
            defaults={
                "digest": hash_link_key(key),
                "made_at": timezone.now(),
                "expires_at": timezone.now() + timedelta(hours=settings.ONE_TIME_LINK_HOURS),
                "mailed_to": "",
            },
        )
        record_event(action="staff.password_link_made", origin=origin, object=get_user_ref(user))
    return reverse("staff:link_open", kwargs={"key": key})


def mail_link(*, by: User, origin: Origin, user: User, link: str) -> bool:
    """Mail a new link to the user's address; return whether the mail server accepted it.

    Raises StaffRefused where no mail is set up or the user has no address, AuditUnavailable.
    """
    if not may_mail(user):
        raise StaffRefused("The link can’t be emailed. Pass it on yourself.")
    text = render_to_string(
        "staff/link_mail.txt", {"person": user, "by": by, "link": link, **get_link_terms()}
    )
    sent = _send_mail(user, "Your access to the Provisioning Portal", text)
    with transaction.atomic():
        PasswordLink.objects.filter(person=user).update(mailed_to=user.email if sent else "")
        outcome = "success" if sent else "failed"
        record_event(
            action="staff.password_link_mailed", origin=origin, object=get_user_ref(user), outcome=outcome
        )
    return sent


def mail_link_notice(*, by: User, user: User) -> None:
    """Notify the user by mail of a link that an admin passes on."""
    if may_mail(user):
        text = render_to_string("staff/link_notice.txt", {"person": user, "by": by})
        _send_mail(user, "A new password for the Provisioning Portal", text)


def may_mail(user: User) -> bool:
    """Return whether mail is set up and the user has an address."""
    return bool(settings.MAIL_ON and user.email)


def get_link_terms() -> dict[str, int]:
    """Return the facts about links for pages and mails."""
    return {"hours": settings.ONE_TIME_LINK_HOURS}


def withdraw_password_link(*, by: User | None, origin: Origin, user: User) -> None:
    """Delete the open link of `user`. Raises StaffRefused if there is none, AuditUnavailable."""
    with transaction.atomic():
        lock_staff()
        user = authorise_change(by, user)
        deleted, _ = PasswordLink.objects.filter(person=user).delete()
        if not deleted:
            raise StaffRefused("There is no open link. It has already been used or withdrawn.")
        record_event(action="staff.password_link_withdrawn", origin=origin, object=get_user_ref(user))


def find_link(digest: str) -> PasswordLink | None:
    """Return the link with that digest if it is not expired and its user may sign in."""
    rows = PasswordLink.objects.select_related("person")
    link = rows.filter(digest=digest, expires_at__gt=timezone.now()).first()
    return link if link and StaffBackend().user_can_authenticate(link.person) else None


def use_link(*, origin: Origin, link: PasswordLink, password: str) -> None:
    """Set a password that has been validated and delete the link. The first of parallel uses wins.

    Raises StaffRefused if it does not work any more, AuditUnavailable.
    """
    with transaction.atomic():
        lock_staff()
        current = find_link(link.digest)
        deleted, _ = PasswordLink.objects.filter(digest=link.digest).delete()
        if current is None or not deleted:
            raise StaffRefused("This link no longer works. Ask an admin for a new one.")
        set_password(origin=origin, user=current.person, password=password)


def _send_mail(user: User, subject: str, text: str) -> bool:
    try:
        send_mail(subject, text, None, [user.email])
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("A mail about a one-time link could not be sent.")
        return False
    return True


def hash_link_key(key: str) -> str:
    """Return the stored form of a key. It has too many bits to guess, so a fast hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


_OPENED = "password_link"


class PasswordLinkView(PortalView):
    """/staff/<id>/link/: a new one-time link; the old password stops working."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation and show what will end."""
        user = get_object_or_404(User, pk=pk)
        context = {
            "person": user,
            "link": PasswordLink.objects.filter(person=user).first(),
            "sessions": len(get_sessions(user)),
            "may_mail": may_mail(user),
            **get_link_terms(),
        }
        return render(request, "staff/link_confirm.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the link once, or mail it."""
        user = get_object_or_404(User, pk=pk)
        try:
            by_mail = "mail" in request.POST
            answer = deliver_link(request, user, by_mail=by_mail)
        except StaffRefused as refusal:
            return render_refused(request, user, refusal)
        if not by_mail:
            mail_link_notice(by=get_user(request), user=user)
        return answer


class LinkWithdrawView(PortalView):
    """/staff/<id>/link/withdraw/: the open link stops working."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw the open password link of the user."""
        user = get_object_or_404(User, pk=pk)
        return finish_step(
            request, user, withdraw_password_link, "The link was withdrawn. It no longer works."
        )


class LinkOpenView(PortalView):
    """/accounts/password/set/<key>/: remember the digest of the link and leave this address."""

    access = PUBLIC

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Redirect to the form, whose address is not secret."""
        digest = hash_link_key(key)
        if find_link(digest):
            request.session[_OPENED] = digest
        else:  # nobody's guess gets a session of its own
            request.session.pop(_OPENED, None)
        return redirect("staff:password_set")


class PasswordSetView(PortalView):
    """/accounts/password/set/: choose a password, after a one-time link."""

    access = PUBLIC

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or why the link does not work."""
        link = _get_opened_link(request)
        return self._page(request, link, PasswordSetForm(user=link.person) if link else None)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the password and redirect to the sign-in page."""
        link = _get_opened_link(request)
        if link is None:
            return self._page(request, None, None)
        form = PasswordSetForm(request.POST, user=link.person)
        if not form.is_valid():
            return self._page(request, link, form)
        try:
            origin = origin_as(origin_of(request), link.person)
            use_link(origin=origin, link=link, password=form.cleaned_data["password1"])
        except StaffRefused:
            return self._page(request, None, None)
        if request.user.is_authenticated:  # someone else was signed in here
            get_adapter().logout(request)
        request.session.pop(_OPENED, None)
        messages.success(request, f"Your password is set. Sign in as {link.person.username}.")
        return redirect("account_login")

    def _page(self, request: HttpRequest, link: PasswordLink | None, form: Any) -> HttpResponse:
        if link is None:
            request.session.pop(_OPENED, None)
        context = {"form": form, "person": link.person if link else None}
        return render(request, "staff/password_set.html", context)


def deliver_link(request: HttpRequest, user: User, *, by_mail: bool) -> HttpResponse:
    """Create a link and mail or show it, without storing it in session or log. Raises StaffRefused.

    Who is limited to places that nobody has chosen yet leads to the page where that is done.
    """
    path = make_password_link(by=get_user(request), origin=origin_of(request), user=user)
    link = request.build_absolute_uri(path)
    sent = False
    if by_mail:
        sent = mail_link(by=get_user(request), origin=origin_of(request), user=user, link=link)
    if sent:
        messages.success(request, f"A one-time link was emailed to {user.email}.")
        return redirect("reach" if _is_nowhere(request, user) else "staff:page", pk=user.pk)
    context = {"mail_failed": by_mail, "choose_places": _is_nowhere(request, user), **get_link_terms()}
    return render(request, "staff/link.html", {"person": user, "link": link, **context})


def _is_nowhere(request: HttpRequest, user: User) -> bool:
    """Return whether the user may work nowhere yet and the reader may change that."""
    limited = user.is_limited and not user.tenant_scopes.exists()
    return limited and get_user(request).has_perm("staff.update")


def _get_opened_link(request: HttpRequest) -> PasswordLink | None:
    return find_link(request.session.get(_OPENED, ""))
