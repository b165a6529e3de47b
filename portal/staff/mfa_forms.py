"""Forms about second factors: wrong codes count like wrong passwords, invalid passkey data is refused."""

import json
import logging
from contextlib import AbstractContextManager
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.exceptions import ValidationError

from portal.audit.recording import origin_of, record_event
from portal.core.field_types import TextField
from portal.staff.identity import get_user_ref
from portal.staff.login_throttle import SecretAttempt, code_slot, limit_attempts
from portal.staff.mfa import unlock_secrets, use_code, use_totp_step
from portal.staff.models import User
from provisioning.encryption import KeyringError

logger = logging.getLogger(__name__)
_NEW_SECRET = "second_factor.new"  # noqa: S105 - where it is kept, sealed
_DOES_NOT_OPEN = (
    "The portal cannot decrypt its copy of your second factor, so it cannot check the code. Your app is "
    "fine. Ask an admin to remove your second factor, then set up a new one."
)
# A passkey sends a handful of objects. Their long parts are base64, without brackets.
_MAX_NESTED = 100
_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "maxlength": 32}


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """The second step of a sign-in: a code from the app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            max_length=32,
            label="Code",
            help_text="From your authenticator app, or a recovery code.",
            widget=forms.TextInput(attrs=_CODE),
        )

    def clean_code(self) -> str:
        """Use the code up. Raises ValidationError for a wrong or used one, or after too many of those."""
        code: str = self.cleaned_data["code"]
        with _limit_codes(self.user) as attempt:
            try:
                authenticator = use_code(self.user, code)
            except KeyringError as error:
                logger.error("The second factor of user %s does not open: %s", self.user.pk, error)
                record_event(
                    action="second_factor.failed",
                    origin=origin_of(context.request),
                    outcome="failed",
                    code="does_not_open",
                    object=get_user_ref(self.user),
                )
                raise ValidationError(_DOES_NOT_OPEN) from None
            attempt.accepted = authenticator is not None
        if authenticator is None:
            raise get_adapter().validation_error("incorrect_code")
        self.authenticator = authenticator
        return code


class AppForm(forms.Form):
    """Set up an authenticator app with the secret on the page, which the session keeps encrypted."""

    code = forms.CharField(
        max_length=32,
        label="Code from the app",
        widget=forms.TextInput(attrs={name: value for name, value in _CODE.items() if name != "autofocus"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        session, adapter = context.request.session, get_adapter()
        self.secret = ""
        with unlock_secrets(user):
            try:
                if self.is_bound and session.get(_NEW_SECRET):
                    self.secret = str(adapter.decrypt(session[_NEW_SECRET]))
            except KeyringError:
                pass  # the keys have changed: the user scans a new one
            if not self.secret:
                self.secret = generate_totp_secret()
                session[_NEW_SECRET] = adapter.encrypt(self.secret)

    def clean_code(self) -> str:
        """Use the code up. Raises ValidationError if it is wrong, or after too many wrong ones."""
        code: str = self.cleaned_data["code"]
        with _limit_codes(self.user) as attempt:
            attempt.accepted = use_totp_step(self.user, self.secret, code)
        if not attempt.accepted:
            raise get_adapter().validation_error("incorrect_code")
        context.request.session.pop(_NEW_SECRET, None)
        return code


class _AnswerDecoder(json.JSONDecoder):
    """A JSON decoder that raises JSONDecodeError for all invalid input, also for very deep or long JSON."""

    def decode(self, s: str, *args: Any) -> Any:
        """Raise JSONDecodeError if it is invalid."""
        if s.count("[") + s.count("{") > _MAX_NESTED:
            raise json.JSONDecodeError("Too deep", "", 0)
        try:
            return super().decode(s, *args)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


def _answer_field() -> forms.JSONField:
    return forms.JSONField(widget=forms.HiddenInput, decoder=_AnswerDecoder)


class _KeyAnswer:
    """A mixin that treats every error in passkey data as a wrong answer."""

    def clean_credential(self) -> Any:
        """Clean as in allauth, with one message for every error."""
        try:
            return super().clean_credential()  # type: ignore[misc]
        except ValidationError:
            raise
        except Exception as error:
            raise get_adapter().validation_error("incorrect_code") from error


class PasskeyForm(_KeyAnswer, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey at sign-in, after the password."""

    credential = _answer_field()


class PasskeyAgainForm(_KeyAnswer, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey for step-up."""

    credential = _answer_field()


class PasskeyAddForm(AddWebAuthnForm):  # type: ignore[misc]
    """Register a new passkey for the user."""

    credential = _answer_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = TextField(
            max_length=60,
            required=False,
            label="Name",
            help_text="To help you recognise it later, for example “work laptop”.",
        )

    def clean(self) -> Any:
        """Clean as in allauth, with one message for every error."""
        try:
            return super().clean()
        except ValidationError:
            raise
        except Exception as error:
            raise get_adapter().validation_error("incorrect_code") from error


def _limit_codes(user: User) -> AbstractContextManager[SecretAttempt]:
    return limit_attempts(
        context.request,
        slot=code_slot(user),
        target=get_user_ref(user),
        failed="second_factor.failed",
        locked="session.sign_in_locked",
    )
