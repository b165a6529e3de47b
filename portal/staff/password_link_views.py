"""One-time links: an admin creates, mails or withdraws one; the user opens it and sets a password."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.recording import origin_of
from portal.core.view_access import PUBLIC
from portal.core.views import PortalView
from portal.staff.identity import origin_as
from portal.staff.models import PasswordLink, User
from portal.staff.password_forms import PasswordSetForm
from portal.staff.password_links import (
    find_link,
    get_link_terms,
    hash_link_key,
    mail_link,
    mail_link_notice,
    make_password_link,
    may_mail,
    use_link,
    withdraw_password_link,
)
from portal.staff.services import StaffRefused
from portal.staff.sessions import get_sessions
from portal.staff.user_page import finish_step, get_user, render_refused

_OPENED = "password_link"


class PasswordLinkView(PortalView):
    """/staff/<id>/link/: a new one-time link; the old password stops working."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation and show what will end."""
        person = get_object_or_404(User, pk=pk)
        context = {
            "person": person,
            "link": PasswordLink.objects.filter(person=person).first(),
            "sessions": len(get_sessions(person)),
            "may_mail": may_mail(person),
            **get_link_terms(),
        }
        return render(request, "staff/link_confirm.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the link once, or mail it."""
        person = get_object_or_404(User, pk=pk)
        try:
            by_mail = "mail" in request.POST
            answer = deliver_link(request, person, by_mail=by_mail)
        except StaffRefused as refusal:
            return render_refused(request, person, refusal)
        if not by_mail:
            mail_link_notice(by=get_user(request), person=person)
        return answer


class LinkWithdrawView(PortalView):
    """/staff/<id>/link/withdraw/: the open link stops working."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw the link."""
        person = get_object_or_404(User, pk=pk)
        return finish_step(
            request, person, withdraw_password_link, "The link was withdrawn. It no longer works."
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
        link = _opened(request)
        return self._page(request, link, PasswordSetForm(user=link.person) if link else None)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set the password and redirect to the sign-in page."""
        link = _opened(request)
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


def deliver_link(request: HttpRequest, person: User, *, by_mail: bool) -> HttpResponse:
    """Create a link and mail or show it, without storing it in session or log. Raises StaffRefused.

    Who is limited to places that nobody has chosen yet leads to the page where that is done.
    """
    path = make_password_link(by=get_user(request), origin=origin_of(request), person=person)
    link = request.build_absolute_uri(path)
    if by_mail and mail_link(by=get_user(request), origin=origin_of(request), person=person, link=link):
        messages.success(request, f"A one-time link was emailed to {person.email}.")
        return redirect("reach" if _is_nowhere(request, person) else "staff:page", pk=person.pk)
    context = {"mail_failed": by_mail, "choose_places": _is_nowhere(request, person), **get_link_terms()}
    return render(request, "staff/link.html", {"person": person, "link": link, **context})


def _is_nowhere(request: HttpRequest, person: User) -> bool:
    """Return whether the user may work nowhere yet and the reader may change that."""
    limited = person.is_limited and not person.tenant_scopes.exists()
    return limited and get_user(request).has_perm("staff.update")


def _opened(request: HttpRequest) -> PasswordLink | None:
    return find_link(request.session.get(_OPENED, ""))
