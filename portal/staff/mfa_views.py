"""Pages of allauth about second factors. Each change is recorded in the same transaction."""

from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn.internal.auth import get_credentials
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.http import urlencode
from django.views.generic import FormView

from portal.audit.recording import origin_of, record_event
from portal.staff.identity import get_user, signs_in_elsewhere
from portal.staff.mfa import WORDS, get_second_factors
from portal.staff.mfa_forms import CodeForm
from portal.staff.pending_login import cancel_invalid_login, restart_login
from portal.staff.security_notices import notify_sign_in_change
from portal.staff.sessions import FACTOR_AGAIN, PASSWORD_AGAIN, is_proof_fresh, record_proof, record_step_up
from provisioning.encryption import KeyringError


class _Recorded:
    """A mixin for form views of allauth: the change and its record, or neither."""

    action, factor, done = "", "", ""
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        """Save and record the change. Raises AuditUnavailable."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            record_event(action=self.action, origin=origin_of(self.request), message=WORDS[self.factor])
            user = get_user(self.request)
            what = f"{WORDS[self.factor]} {self.done}"
            notify_sign_in_change(user=user, what=what, by=user.called)
            if self.action == "second_factor.added":  # the new one was shown, behind a fresh step-up
                record_proof(self.request, PASSWORD_AGAIN)
                record_proof(self.request, FACTOR_AGAIN)
        return response


class CodePage(AuthenticateView):  # type: ignore[misc]
    """The second step of a sign-in: code or passkey."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return to the first step if it is no longer valid, before a code is checked."""
        cancelled = cancel_invalid_login(request)
        if cancelled:
            return restart_login(request)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class AppAddPage(_Recorded, ActivateTOTPView):  # type: ignore[misc]
    """Show the QR code and check the first code."""

    action, factor, done = "second_factor.added", "totp", "added"


class AppRemovePage(_Recorded, DeactivateTOTPView):  # type: ignore[misc]
    """Ask before the app is removed."""

    action, factor, done = "second_factor.removed", "totp", "removed"


class PasskeyAddPage(_Recorded, AddWebAuthnView):  # type: ignore[misc]
    """Let the browser create a passkey."""

    action, factor, done = "second_factor.added", "webauthn", "added"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return to the list if a stored passkey cannot be read: the browser needs all of them."""
        try:
            get_credentials(request.user)
        except (ValidationError, ValueError, TypeError, KeyError):
            messages.error(
                request, "One of your passkeys can no longer be read. Remove it, then add a new one."
            )
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class PasskeyRemovePage(_Recorded, RemoveWebAuthnView):  # type: ignore[misc]
    """Ask before a passkey is removed."""

    action, factor, done = "second_factor.removed", "webauthn", "removed"
    success_url = reverse_lazy("mfa_index")


class RecoveryCodesPage(_Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    """Create new recovery codes; the old ones stop working."""

    action, factor, done = "second_factor.codes_made", "recovery_codes", "made"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the number of unused codes; None if they cannot be decrypted, which new codes repair."""
        try:
            found: dict[str, Any] = super().get_context_data(**kwargs)
        except KeyringError:
            found = super(GenerateRecoveryCodesView, self).get_context_data(**kwargs)
            found["unused_code_count"] = None
        return found


class RecoveryCodesShownPage(ViewRecoveryCodesView):  # type: ignore[misc]
    """Show the codes once."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Redirect to new codes if the codes cannot be decrypted."""
        try:
            shown: HttpResponse = super().get(request, *args, **kwargs)
        except KeyringError:
            return redirect("mfa_generate_recovery_codes")
        return shown


class PasskeyConfirmPage(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Step-up with a passkey."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again with the errors."""
        return self.render_to_response(self.get_context_data(form=form))  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponse:
        """Record that the user confirmed the second factor again."""
        response: HttpResponse = super().form_valid(form)
        record_step_up(self.request)
        record_proof(self.request, FACTOR_AGAIN)
        return response


class SecondFactorConfirmPage(FormView):  # type: ignore[type-arg]
    """Ask for a code before second factors are changed: the password must not be enough."""

    template_name = "mfa/confirm.html"
    form_class = CodeForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """Add the user whose code it is."""
        return super().get_form_kwargs() | {"user": get_user(self.request)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add `next` and `passkey_url`, "" for users without a passkey."""
        wanted, url = self._get_next_page(), ""
        if is_mfa_enabled(get_user(self.request), [Authenticator.Type.WEBAUTHN]):
            url = f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': wanted})}"
        return super().get_context_data(**kwargs) | {"next": wanted, "passkey_url": url}

    def form_valid(self, form: Any) -> HttpResponse:
        """Record the proof and go on to the change."""
        record_event(action="session.stepped_up", origin=origin_of(self.request), message="second factor")
        record_proof(self.request, FACTOR_AGAIN)
        return redirect(self._get_next_page())

    def _get_next_page(self) -> str:
        wanted = (self.request.POST or self.request.GET).get("next", "")
        return wanted if get_adapter().is_safe_url(wanted) else reverse("mfa_index")


def require_proofs(view: Any) -> Any:
    """Ask for password and an existing second factor first, then open the page that was wanted.

    Both are given again for this; the password may be the provider's. Users without a second factor yet have
    only the password to give, which the step-up before this page has asked for.
    """

    @wraps(view)
    def proved(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user, page = get_user(request), ""
        if get_second_factors(user):
            has_password = user.has_usable_password() or signs_in_elsewhere(user)
            if has_password and not is_proof_fresh(request, PASSWORD_AGAIN):
                page = "account_reauthenticate"
            elif not is_proof_fresh(request, FACTOR_AGAIN):
                page = "second_factor_confirm"
        if page:
            return redirect_to_login(request.get_full_path(), reverse(page))
        return view(request, *args, **kwargs)

    return proved
