"""One-time links: an admin makes, mails or withdraws one; whoever opens it sets a password."""

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
    link_digest,
    link_mail,
    link_notice_mail,
    link_of,
    link_terms,
    link_use,
    may_mail,
    password_link_make,
    password_link_withdraw,
)
from portal.staff.services import StaffRefused
from portal.staff.sessions import sessions_of
from portal.staff.user_page import person_refused, step_done, user_of

_OPENED = "password_link"


class PasswordLinkView(PortalView):
    """/staff/<id>/link/ — a new one-time link; the old password stops working."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What it would end, to be confirmed."""
        person = get_object_or_404(User, pk=pk)
        context = {
            "person": person,
            "link": PasswordLink.objects.filter(person=person).first(),
            "sessions": len(sessions_of(person)),
            "may_mail": may_mail(person),
            **link_terms(),
        }
        return render(request, "staff/link_confirm.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows the link, this one time, or mails it."""
        person = get_object_or_404(User, pk=pk)
        try:
            by_mail = "mail" in request.POST
            answer = link_delivered(request, person, by_mail=by_mail)
        except StaffRefused as refusal:
            return person_refused(request, person, refusal)
        if not by_mail:
            link_notice_mail(by=user_of(request), person=person)
        return answer


class LinkWithdrawView(PortalView):
    """/staff/<id>/link/withdraw/ — the open link stops working."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraws it."""
        person = get_object_or_404(User, pk=pk)
        return step_done(
            request, person, password_link_withdraw, "The link was withdrawn. It no longer works."
        )


class LinkOpenView(PortalView):
    """/accounts/password/set/<key>/ — remembers the link by its digest, and leaves that address."""

    access = PUBLIC

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """To the form, whose address nobody needs to keep secret."""
        digest = link_digest(key)
        if link_of(digest):
            request.session[_OPENED] = digest
        else:  # nobody's guess gets a session of its own
            request.session.pop(_OPENED, None)
        return redirect("staff:password_set")


class PasswordSetView(PortalView):
    """/accounts/password/set/ — behind a one-time link: choose a password."""

    access = PUBLIC

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form, or why there is none."""
        link = _opened(request)
        return self._page(request, link, PasswordSetForm(user=link.person) if link else None)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sets the password and goes to the sign-in page."""
        link = _opened(request)
        if link is None:
            return self._page(request, None, None)
        form = PasswordSetForm(request.POST, user=link.person)
        if not form.is_valid():
            return self._page(request, link, form)
        try:
            origin = origin_as(origin_of(request), link.person)
            link_use(origin=origin, link=link, password=form.cleaned_data["password1"])
        except StaffRefused:
            return self._page(request, None, None)
        if request.user.is_authenticated:  # somebody else was signed in here
            get_adapter().logout(request)
        request.session.pop(_OPENED, None)
        messages.success(request, f"Your password is set. Sign in as {link.person.username}.")
        return redirect("account_login")

    def _page(self, request: HttpRequest, link: PasswordLink | None, form: Any) -> HttpResponse:
        if link is None:
            request.session.pop(_OPENED, None)
        context = {"form": form, "person": link.person if link else None}
        return render(request, "staff/password_set.html", context)


def link_delivered(request: HttpRequest, person: User, *, by_mail: bool) -> HttpResponse:
    """Makes a link, and mails it or shows it: neither session nor log may keep it. Raises StaffRefused.

    Who is limited to places that nobody has chosen yet leads to the page where that is done.
    """
    path = password_link_make(by=user_of(request), origin=origin_of(request), person=person)
    link = request.build_absolute_uri(path)
    if by_mail and link_mail(by=user_of(request), origin=origin_of(request), person=person, link=link):
        messages.success(request, f"A one-time link was emailed to {person.email}.")
        return redirect("reach" if _is_nowhere(request, person) else "staff:page", pk=person.pk)
    context = {"mail_failed": by_mail, "choose_places": _is_nowhere(request, person), **link_terms()}
    return render(request, "staff/link.html", {"person": person, "link": link, **context})


def _is_nowhere(request: HttpRequest, person: User) -> bool:
    """Whether the person reaches nothing yet, and the reader may say where."""
    limited = person.is_limited and not person.tenant_scopes.exists()
    return limited and user_of(request).has_perm("staff.update")


def _opened(request: HttpRequest) -> PasswordLink | None:
    return link_of(request.session.get(_OPENED, ""))
