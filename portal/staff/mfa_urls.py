"""URLs of second factors, at /accounts/second-factor/, with the names that allauth looks up."""

from functools import wraps
from typing import Any

from allauth.mfa.base.views import index
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.urls import path
from django.views.decorators.http import require_http_methods

from portal.core.view_access import PUBLIC, SIGNED_IN, allow
from portal.staff import mfa_views as pages

_forms = require_http_methods(["GET", "HEAD", "POST"])  # Django's form views would take PUT and DELETE, too


def _proved(view: Any) -> Any:
    """Ask for password and an existing factor first, then open the page that was wanted."""

    @wraps(view)
    def proved(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if page := pages.proof_missing(request):
            return redirect_to_login(request.get_full_path(), page)
        return view(request, *args, **kwargs)

    return proved


def _enrolling(view: Any) -> Any:
    return allow(SIGNED_IN, step_up=True, unenrolled=True)(_forms(_proved(view)))


def _owning(view: Any) -> Any:
    return allow(SIGNED_IN, step_up=True)(_forms(_proved(view)))


urlpatterns = [
    path("", allow(SIGNED_IN, unenrolled=True)(index), name="mfa_index"),
    path("code/", allow(PUBLIC)(_forms(pages.CodePage.as_view())), name="mfa_authenticate"),
    path(
        "confirm/",
        allow(SIGNED_IN)(_forms(pages.FactorConfirmPage.as_view())),
        name="second_factor_confirm",
    ),
    path("app/", _enrolling(pages.AppAddPage.as_view()), name="mfa_activate_totp"),
    path("app/remove/", _owning(pages.AppRemovePage.as_view()), name="mfa_deactivate_totp"),
    path("recovery/", _enrolling(pages.RecoveryCodesShownPage.as_view()), name="mfa_view_recovery_codes"),
    path("recovery/new/", _owning(pages.RecoveryCodesPage.as_view()), name="mfa_generate_recovery_codes"),
    path("passkeys/add/", _enrolling(pages.PasskeyAddPage.as_view()), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", _owning(pages.PasskeyRemovePage.as_view()), name="mfa_remove_webauthn"),
    path(
        "passkeys/confirm/",
        allow(SIGNED_IN, unenrolled=True)(_forms(pages.PasskeyConfirmPage.as_view())),
        name="mfa_reauthenticate_webauthn",
    ),
]
