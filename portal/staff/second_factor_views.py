"""allauth's pages of the second factor, each change recorded in the transaction that makes it."""

from typing import Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal.auth import get_credentials
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy

from portal.audit.services import event_record, origin_of
from portal.staff.first_step import begin_again, first_step_over
from portal.staff.second_factor import WORDS
from portal.staff.sessions import step_up_taken
from provisioning.keyring import KeyringError


class _Recorded:
    """Mixed into a form view of allauth: both the change and its record, or neither."""

    action, factor = "", ""
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        """Raises AuditUnavailable."""
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            event_record(action=self.action, origin=origin_of(self.request), message=WORDS[self.factor])
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

    action, factor = "second_factor.added", "totp"


class AppRemovePage(_Recorded, DeactivateTOTPView):  # type: ignore[misc]
    """Asks before removing the app."""

    action, factor = "second_factor.removed", "totp"


class PasskeyAddPage(_Recorded, AddWebAuthnView):  # type: ignore[misc]
    """Lets the browser make a passkey."""

    action, factor = "second_factor.added", "webauthn"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Back to the list where a stored passkey cannot be read: the browser has to be told of them all."""
        try:
            get_credentials(request.user)
        except (ValidationError, ValueError, TypeError, KeyError):
            messages.error(
                request, "One of your passkeys cannot be read any more. Remove it, then add a new one."
            )
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class PasskeyRemovePage(_Recorded, RemoveWebAuthnView):  # type: ignore[misc]
    """Asks before removing a passkey."""

    action, factor = "second_factor.removed", "webauthn"
    success_url = reverse_lazy("mfa_index")


class RecoveryCodesPage(_Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    """Makes new recovery codes; the old ones stop working."""

    action, factor = "second_factor.codes_made", "recovery_codes"

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
        return response
