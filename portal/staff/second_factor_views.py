"""allauth's pages of the second factor, each change recorded in the transaction that makes it."""

from typing import Any

from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from portal.audit.services import event_record, origin_of
from portal.staff.second_factor import WORDS
from portal.staff.sessions import step_up_taken


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


class AppAddPage(_Recorded, ActivateTOTPView):  # type: ignore[misc]
    """Shows the QR code, takes the first code."""

    action, factor = "second_factor.added", "totp"


class AppRemovePage(_Recorded, DeactivateTOTPView):  # type: ignore[misc]
    """Asks before removing the app."""

    action, factor = "second_factor.removed", "totp"


class PasskeyAddPage(_Recorded, AddWebAuthnView):  # type: ignore[misc]
    """Lets the browser make a passkey."""

    action, factor = "second_factor.added", "webauthn"


class PasskeyRemovePage(_Recorded, RemoveWebAuthnView):  # type: ignore[misc]
    """Asks before removing a passkey."""

    action, factor = "second_factor.removed", "webauthn"
    success_url = reverse_lazy("mfa_index")


class RecoveryCodesPage(_Recorded, GenerateRecoveryCodesView):  # type: ignore[misc]
    """Makes new recovery codes; the old ones stop working."""

    action, factor = "second_factor.codes_made", "recovery_codes"


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
