"""The form that takes a new API key and password. It never shows again what was typed."""

from django import forms

from provisioning.connections.services import credential_check

# Copied values are no passwords of this person's: browsers shall neither fill nor keep them.
_WIDGET = {"autocomplete": "new-password", "data-1p-ignore": "true"}


class CredentialForm(forms.Form):
    """Both halves of a credential, exactly as copied from the gateway's API Keys page."""

    use_required_attribute = False

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
        value = str(self.cleaned_data["api_key"])
        _check(api_key=value, password=value)
        return value

    def clean_password(self) -> str:
        """As typed, if it can have been copied correctly."""
        value = str(self.cleaned_data["password"])
        _check(api_key="-", password=value)
        return value


def _check(*, api_key: str, password: str) -> None:
    """Raises ValidationError, without the value, if one of the two cannot have been copied correctly."""
    try:
        credential_check(api_key=api_key, password=password)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
