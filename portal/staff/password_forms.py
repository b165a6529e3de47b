"""Forms of allauth with passwords, with the portal's labels and no placeholders."""

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm, ResetPasswordKeyForm
from django import forms

_LABELS = {
    "login": "Username",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "Confirm new password",
}


class PlainForm(forms.Form):
    """A form of allauth with the portal's labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = _LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class SignInForm(PlainForm, LoginForm):  # type: ignore[misc]
    """Username and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Phones capitalise and correct names that they do not know.
        self.fields["login"].widget.attrs |= {
            "autocapitalize": "none",
            "autocorrect": "off",
            "spellcheck": "false",
            "autofocus": True,
        }


class PasswordAgainForm(PlainForm, ReauthenticateForm):  # type: ignore[misc]
    """The password for step-up."""


class PasswordSetForm(PlainForm, ResetPasswordKeyForm):  # type: ignore[misc]
    """A password behind a one-time link."""
