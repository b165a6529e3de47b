"""The pages of django-allauth that the portal mounts, each with its access; none of the others exist."""

from typing import Any

from allauth.account import views
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import include, path, re_path

from portal.console.access import PUBLIC, SIGNED_IN, allow
from portal.staff.sessions import step_up_taken


class PasswordChangePage(views.PasswordChangeView):  # type: ignore[misc]
    """allauth's page, for people who have a password."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """allauth would offer to set a first password, which here takes a one-time link."""
        if request.user.is_authenticated and not request.user.has_usable_password():
            messages.warning(request, "You have no password. Ask an admin for a one-time link to set one.")
            return redirect("staff:profile")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


class ConfirmPage(views.ReauthenticateView):  # type: ignore[misc]
    """allauth's page that asks for the password again."""

    def form_valid(self, form: Any) -> HttpResponseBase:
        """It was right."""
        response: HttpResponseBase = super().form_valid(form)
        step_up_taken(self.request)
        return response


urlpatterns = [
    path("second-factor/", include("portal.staff.second_factor_urls")),
    path("login/", allow(PUBLIC)(views.login), name="account_login"),
    path("logout/", allow(PUBLIC)(views.logout), name="account_logout"),
    path("confirm/", allow(SIGNED_IN, unenrolled=True)(ConfirmPage.as_view()), name="account_reauthenticate"),
    path("inactive/", allow(PUBLIC)(views.account_inactive), name="account_inactive"),
    path("password/change/", allow(SIGNED_IN)(PasswordChangePage.as_view()), name="account_change_password"),
    re_path(
        r"^password/set/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allow(PUBLIC)(views.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/set/done/",
        allow(PUBLIC)(views.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
]
