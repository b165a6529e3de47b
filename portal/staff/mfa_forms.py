"""Forms of the second factor: wrong codes count like wrong passwords, broken answers of keys are refused."""

import json
import logging
from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from portal.audit.recording import origin_of, record_event
from portal.core.field_types import TextField
from portal.staff.identity import person_ref
from portal.staff.login_throttle import attempt_reserve, attempts_forget, code_slot_of
from portal.staff.mfa import code_take, secrets_of, totp_step_take
from portal.staff.models import User
from provisioning.encryption import KeyringError

logger = logging.getLogger(__name__)
_NEW_SECRET = "second_factor.new"  # noqa: S105 - where it is kept, sealed
_DOES_NOT_OPEN = (
    "The portal cannot decrypt its copy of your second factor, so it cannot check the code. Your app is "
    "fine. Ask an admin to remove your second factor, then set up a new one."
)
# The answer of a key is a handful of objects, and its long parts are base64, without brackets.
_MOST_NESTED = 100
_CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "maxlength": 32}


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """At sign-in: a code from the app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            max_length=32,
            label="Code",
            help_text="From your authenticator app, or a recovery code.",
            widget=forms.TextInput(attrs=_CODE),
        )

    def clean_code(self) -> str:
        """The code, used up. Raises ValidationError for a wrong or used one, or after too many of those."""
        code: str = self.cleaned_data["code"]
        number = _attempt(self.user)
        authenticator = self._taken(code)
        if authenticator is None:
            raise _failed(self.user, number)
        attempts_forget(slot=code_slot_of(self.user))
        self.authenticator = authenticator
        return code

    def _taken(self, code: str) -> Authenticator | None:
        try:
            return code_take(self.user, code)
        except KeyringError as error:
            logger.error("The second factor of person %s does not open: %s", self.user.pk, error)
            _record(self.user, "second_factor.failed", "does_not_open")
            raise ValidationError(_DOES_NOT_OPEN) from None


class AppForm(forms.Form):
    """Setting up an authenticator app: it shows the code that belongs to the secret on the page."""

    code = forms.CharField(
        max_length=32,
        label="Code from the app",
        widget=forms.TextInput(attrs={name: value for name, value in _CODE.items() if name != "autofocus"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.secret = self._secret()

    def clean_code(self) -> str:
        """The code, used up. Raises ValidationError."""
        code: str = self.cleaned_data["code"]
        number = _attempt(self.user)
        if not totp_step_take(self.user, self.secret, code):
            raise _failed(self.user, number)
        attempts_forget(slot=code_slot_of(self.user))
        context.request.session.pop(_NEW_SECRET, None)
        return code

    def _secret(self) -> str:
        """The one on the page that was sent, otherwise a new one; sealed: sessions lie in the database."""
        session, adapter = context.request.session, get_adapter()
        with secrets_of(self.user):
            try:
                if self.is_bound and session.get(_NEW_SECRET):
                    return str(adapter.decrypt(session[_NEW_SECRET]))
            except KeyringError:
                pass  # the keys changed meanwhile: the person scans a new one
            secret: str = generate_totp_secret()
            session[_NEW_SECRET] = adapter.encrypt(secret)
        return secret


class _AnswerDecoder(json.JSONDecoder):
    """JSON as keys answer: Django knows of one error alone, and deep or endless ones break in other ways."""

    def decode(self, s: str, *args: Any) -> Any:
        """Raises JSONDecodeError."""
        if s.count("[") + s.count("{") > _MOST_NESTED:
            raise json.JSONDecodeError("Too deep", "", 0)
        try:
            return super().decode(s, *args)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


def _answer_field() -> forms.JSONField:
    return forms.JSONField(widget=forms.HiddenInput, decoder=_AnswerDecoder)


class _KeyAnswer:
    """What a browser sends for a key is anybody's text: whatever breaks in it is a wrong answer."""

    def clean_credential(self) -> Any:
        """As in allauth, with one answer to everything that is wrong."""
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
    """A new passkey."""

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
        """As in allauth, with one answer to everything that is wrong."""
        try:
            return super().clean()
        except ValidationError:
            raise
        except Exception as error:
            raise get_adapter().validation_error("incorrect_code") from error


def _attempt(person: User) -> int:
    number = attempt_reserve(slot=code_slot_of(person), limit=settings.LOGIN_ATTEMPTS)
    if not number:
        _record(person, "second_factor.failed", "too_many_attempts")
        raise account_adapter().validation_error("too_many_login_attempts")
    return number


def _failed(person: User, number: int) -> ValidationError:
    _record(person, "second_factor.failed", "not_accepted")
    if number == settings.LOGIN_ATTEMPTS:
        _record(person, "session.sign_in_locked", "locked")
    error: ValidationError = get_adapter().validation_error("incorrect_code")
    return error


def _record(person: User, action: str, code: str) -> None:
    record_event(
        action=action,
        origin=origin_of(context.request),
        outcome="failed",
        code=code,
        object=person_ref(person),
    )
