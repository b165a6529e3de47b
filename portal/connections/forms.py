"""The form that takes a new API key and password. It never shows again what was typed."""

from typing import ClassVar

from django import forms

from provisioning.connections.services import credential_check

# Copied values are no passwords of this person's: browsers shall neither fill nor keep them.
_WIDGET = {"autocomplete": "new-password", "data-1p-ignore": "true"}


class CredentialForm(forms.Form):
    """Both halves of a credential, exactly as copied from the gateway's API Keys page."""

    use_required_attribute: ClassVar[bool] = False

    api_key = forms.CharField(
        label="API key",
        strip=False,
        widget=forms.PasswordInput(attrs=_WIDGET),
        help_text="From the gateway: System Setup → API Keys. Paste it exactly.",
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs=_WIDGET),
        help_text="The gateway shows it once, when the key is created or its password is reset.",
    )

    def clean_api_key(self) -> str:
        """As typed, if it can have been copied correctly."""
        return _checked(api_key=self.cleaned_data["api_key"], password="-")

    def clean_password(self) -> str:
        """As typed, if it can have been copied correctly."""
        _checked(api_key="-", password=self.cleaned_data["password"])
        return str(self.cleaned_data["password"])


def _checked(*, api_key: str, password: str) -> str:
    """The API key; ValidationError says what is wrong with either, without the value."""
    try:
        credential_check(api_key=api_key, password=password)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
    return api_key
