"""The pages of django-allauth that the portal uses, each with its access. No others are mounted."""

from typing import Any

from allauth.account import views
from allauth.mfa.base.views import index
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views.decorators.http import require_http_methods

from portal.core.trusted_proxies import get_address
from portal.core.view_access import PUBLIC, SIGNED_IN, allow
from portal.staff import mfa_views
from portal.staff.forms import OwnPasswordForm
from portal.staff.identity import signs_in_elsewhere
from portal.staff.login_queue import LOGIN_QUEUE, TooBusy
from portal.staff.login_throttle import address_slot, are_attempts_used_up
from portal.staff.pending_login import cancel_invalid_login
from portal.staff.sessions import ENDED_COOKIE, PASSWORD_AGAIN, WHY_ENDED, record_proof, record_step_up


class SignInPage(views.LoginView):  # type: ignore[misc]
    """The sign-in page of allauth, with a link to the OpenID provider if there is one."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """End a pending sign-in that cannot go on, before allauth continues it."""
        cancel_invalid_login(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the password when it is this request's turn; answer 503 where no place is free.

        An address over its limit is refused before the queue, so that it takes no places.
        """
        address = address_slot(get_address(request))
        if are_attempts_used_up(slot=address, limit=settings.LOGIN_ADDRESS_ATTEMPTS):
            refused: HttpResponseBase = super().post(request, *args, **kwargs)
            return refused
        try:
            with LOGIN_QUEUE.wait_for_turn(address):
                response: HttpResponseBase = super().post(request, *args, **kwargs)
                return response
        except TooBusy:
            busy = render(request, "staff/sign_in_busy.html", status=503)
            busy["Retry-After"] = "5"
            return busy

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `provider`, its name or "", and `wanted`, the page to return to."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        provider = settings.OIDC_NAME if settings.OIDC_SERVER_URL else ""
        ended = WHY_ENDED.get(self.request.COOKIES.get(ENDED_COOKIE, ""), "")
        return context | {"provider": provider, "wanted": self.get_next_url() or "", "ended": ended}


class SignOutPage(views.LogoutView):  # type: ignore[misc]
    """The sign-out page of allauth. The browser clears its cached pages, also for the Back button."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Sign out. Cookies and storage stay: other applications may share the domain."""
        response: HttpResponseBase = super().post(*args, **kwargs)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response


class PasswordChangePage(views.PasswordChangeView):  # type: ignore[misc]
    """The password page of allauth, for users with a password."""

    form_class = OwnPasswordForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse users without a password: the first password takes a one-time link."""
        if request.user.is_authenticated and not request.user.has_usable_password():
            why = "You have no password. Ask an admin for a one-time link to set one."
            if signs_in_elsewhere(request.user):
                why = f"You have no password here: you sign in through {settings.OIDC_NAME}."
            messages.warning(request, why)
            return redirect("staff:profile")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


class ConfirmPage(views.ReauthenticateView):  # type: ignore[misc]
    """The page of allauth that asks for the password again."""

    def form_valid(self, form: Any) -> HttpResponseBase:
        """Record that the user confirmed the password again."""
        response: HttpResponseBase = super().form_valid(form)
        record_step_up(self.request)
        record_proof(self.request, PASSWORD_AGAIN)
        return response


_forms = require_http_methods(["GET", "HEAD", "POST"])  # Django's form views would take PUT and DELETE, too


def _enrolling(view: Any) -> Any:
    """Open a page also to users who still have to set up a second factor."""
    return allow(SIGNED_IN, step_up=True, unenrolled=True)(_forms(mfa_views.require_proofs(view)))


def _owning(view: Any) -> Any:
    """Open a page to users who have a second factor if they must."""
    return allow(SIGNED_IN, step_up=True)(_forms(mfa_views.require_proofs(view)))


# The names are those that allauth looks up.
_mfa_urls = [
    path("", allow(SIGNED_IN, unenrolled=True)(index), name="mfa_index"),
    path("code/", allow(PUBLIC)(_forms(mfa_views.CodePage.as_view())), name="mfa_authenticate"),
    path(
        "confirm/",
        allow(SIGNED_IN)(_forms(mfa_views.SecondFactorConfirmPage.as_view())),
        name="second_factor_confirm",
    ),
    path("app/", _enrolling(mfa_views.AppAddPage.as_view()), name="mfa_activate_totp"),
    path("app/remove/", _owning(mfa_views.AppRemovePage.as_view()), name="mfa_deactivate_totp"),
    path("recovery/", _enrolling(mfa_views.RecoveryCodesShownPage.as_view()), name="mfa_view_recovery_codes"),
    path("recovery/new/", _owning(mfa_views.RecoveryCodesPage.as_view()), name="mfa_generate_recovery_codes"),
    path("passkeys/add/", _enrolling(mfa_views.PasskeyAddPage.as_view()), name="mfa_add_webauthn"),
    path(
        "passkeys/<int:pk>/remove/",
        _owning(mfa_views.PasskeyRemovePage.as_view()),
        name="mfa_remove_webauthn",
    ),
    path(
        "passkeys/confirm/",
        allow(SIGNED_IN, unenrolled=True)(_forms(mfa_views.PasskeyConfirmPage.as_view())),
        name="mfa_reauthenticate_webauthn",
    ),
]
urlpatterns = [
    path("second-factor/", include(_mfa_urls)),
    path("login/", allow(PUBLIC)(SignInPage.as_view()), name="account_login"),
    path("logout/", allow(PUBLIC)(SignOutPage.as_view()), name="account_logout"),
    path("confirm/", allow(SIGNED_IN, unenrolled=True)(ConfirmPage.as_view()), name="account_reauthenticate"),
    path("inactive/", allow(PUBLIC)(views.account_inactive), name="account_inactive"),
    path("password/change/", allow(SIGNED_IN)(PasswordChangePage.as_view()), name="account_change_password"),
]
