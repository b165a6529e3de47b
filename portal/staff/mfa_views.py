"""allauth's pages of the second factor, each change recorded in the transaction that makes it."""

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
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.http import urlencode
from django.views.generic import FormView

from portal.audit.recording import origin_of, record_event
from portal.staff.idp_mfa import signs_in_elsewhere
from portal.staff.mfa import WORDS, second_factors_of
from portal.staff.mfa_forms import CodeForm
from portal.staff.pending_login import begin_again, first_step_over
from portal.staff.security_notices import sign_in_change_tell
from portal.staff.sessions import FACTOR_AGAIN, PASSWORD_AGAIN, proof_is_fresh, proof_noted, step_up_taken
from portal.staff.user_page import user_of
from provisioning.encryption import KeyringError


class _Recorded:
    """Mixed into a form view of allauth: both the change and its record, or neither."""

    action, factor, done = "", "", ""
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        """Raises AuditUnavailable."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            record_event(action=self.action, origin=origin_of(self.request), message=WORDS[self.factor])
            person = user_of(self.request)
            what = f"{WORDS[self.factor]} {self.done}"
            sign_in_change_tell(person=person, what=what, by=person.called)
            if self.action == "second_factor.added":  # the new one was shown, behind a fresh step-up
                proof_noted(self.request, PASSWORD_AGAIN)
                proof_noted(self.request, FACTOR_AGAIN)
        return response


class CodePage(AuthenticateView):  # type: ignore[misc]
    """The second step of a sign-in: a code, or a passkey."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Back to the first step where that does not hold any more; no code is looked at then."""
        if first_step_over(request):
            return begin_again(request)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class AppAddPage(_Recorded, ActivateTOTPView):  # type: ignore[misc]
    """Shows the QR code, takes the first code."""

    action, factor, done = "second_factor.added", "totp", "added"


class AppRemovePage(_Recorded, DeactivateTOTPView):  # type: ignore[misc]
    """Asks before removing the app."""

    action, factor, done = "second_factor.removed", "totp", "removed"


class PasskeyAddPage(_Recorded, AddWebAuthnView):  # type: ignore[misc]
    """Lets the browser make a passkey."""

    action, factor, done = "second_factor.added", "webauthn", "added"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Back to the list where a stored passkey cannot be read: the browser has to be told of them all."""
        try:
            get_credentials(request.user)
        except (ValidationError, ValueError, TypeError, KeyError):
            messages.error(
                request, "One of your passkeys can no longer be read. Remove it, then add a new one."
            )
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class PasskeyRemovePage(_Recorded, RemoveWebAuthnView):  # type: ignore[misc]
    """Asks before removing a passkey."""

    action, factor, done = "second_factor.removed", "webauthn", "removed"
    success_url = reverse_lazy("mfa_index")


class RecoveryCodesPage(_Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    """Makes new recovery codes; the old ones stop working."""

    action, factor, done = "second_factor.codes_made", "recovery_codes", "made"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the number of unused codes; None if the old ones do not open, which new ones mend."""
        try:
            found: dict[str, Any] = super().get_context_data(**kwargs)
        except KeyringError:
            found = super(GenerateRecoveryCodesView, self).get_context_data(**kwargs)
            found["unused_code_count"] = None
        return found


class RecoveryCodesShownPage(ViewRecoveryCodesView):  # type: ignore[misc]
    """The codes, once."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Codes that do not open are no use: on to new ones."""
        try:
            shown: HttpResponse = super().get(request, *args, **kwargs)
        except KeyringError:
            return redirect("mfa_generate_recovery_codes")
        return shown


class PasskeyConfirmPage(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Step-up with a passkey."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page again, with what is wrong."""
        return self.render_to_response(self.get_context_data(form=form))  # type: ignore[no-any-return]

    def form_valid(self, form: Any) -> HttpResponse:
        """It was right."""
        response: HttpResponse = super().form_valid(form)
        step_up_taken(self.request)
        proof_noted(self.request, FACTOR_AGAIN)
        return response


class FactorConfirmPage(FormView):  # type: ignore[type-arg]
    """A code again, before second factors are changed: the password alone must not replace them."""

    template_name = "mfa/confirm.html"
    form_class = CodeForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the person whose code it is."""
        return super().get_form_kwargs() | {"user": user_of(self.request)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Adds `next` and `passkey_url`, "" for who has no passkey."""
        wanted, url = self._wanted(), ""
        if is_mfa_enabled(user_of(self.request), [Authenticator.Type.WEBAUTHN]):
            url = f"{reverse('mfa_reauthenticate_webauthn')}?{urlencode({'next': wanted})}"
        return super().get_context_data(**kwargs) | {"next": wanted, "passkey_url": url}

    def form_valid(self, form: Any) -> HttpResponse:
        """It was right: on to the change."""
        record_event(action="session.stepped_up", origin=origin_of(self.request), message="second factor")
        proof_noted(self.request, FACTOR_AGAIN)
        return redirect(self._wanted())

    def _wanted(self) -> str:
        wanted = (self.request.POST or self.request.GET).get("next", "")
        return wanted if get_adapter().is_safe_url(wanted) else reverse("mfa_index")


def proof_missing(request: HttpRequest) -> str:
    """Return the page that asks for what a change of second factors still takes, "" if nothing is missing.

    That is the password, or the provider's, and one of the factors, both given again for this. Who has no
    factor yet has only the password to give, which the step-up before this page has asked for.
    """
    person = user_of(request)
    if not second_factors_of(person):
        return ""
    has_password = person.has_usable_password() or signs_in_elsewhere(person)
    if has_password and not proof_is_fresh(request, PASSWORD_AGAIN):
        return reverse("account_reauthenticate")
    return "" if proof_is_fresh(request, FACTOR_AGAIN) else reverse("second_factor_confirm")
