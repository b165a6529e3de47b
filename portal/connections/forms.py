"""Forms of the connections. The one that takes an API key and password never shows again what was typed."""

from typing import Any

from django import forms

from portal.console.field_types import TextField, WholeNumberField
from provisioning.connections.models import Connection
from provisioning.connections.versions import credential_check

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


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection's facts; the credential has a journey of its own. Without a slug for one that exists."""

    use_required_attribute = False

    class Meta:
        model = Connection
        fields = (
            "name", "slug", "kind", "colour", "base_url", "tenant_guid", "egress_addresses",
            "remind_after_days",
        )  # fmt: skip
        labels = {
            "slug": "URL name",
            "kind": "Environment",
            "base_url": "Base URL",
            "tenant_guid": "The key's own tenant",
            "egress_addresses": "Addresses from which this portal calls",
            "remind_after_days": "Remind to replace the credential after days",
        }
        help_texts = {
            "name": "Shown in the top bar of every page.",
            "slug": "Such as “live” for /live/merchants/. It cannot be changed later.",
            "kind": "Production is red everywhere, and asks for confirmation words on dangerous changes.",
            "colour": "Tells sandboxes apart. Production is always red.",
            "base_url": "https://…/api/provisioning, as the gateway's operator names it.",
            "tenant_guid": "TE-…, the tenant that the API key belongs to. The API does not tell it.",
            "egress_addresses": "Ask whoever runs the network. They go onto the key's list of allowed "
            "addresses; single ones or ranges such as 203.0.113.0/28, one a line.",
            "remind_after_days": "Admins are reminded on the home page. 0: never.",
        }
        field_classes = {"name": TextField, "remind_after_days": WholeNumberField}
        widgets = {"egress_addresses": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})}

    def __init__(self, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        """`fixed`: the base URL cannot be changed."""
        super().__init__(*args, **kwargs)
        self.editing = self.instance.pk is not None
        if self.editing:
            del self.fields["slug"]
            self.fields["base_url"].help_text = (
                "A new address destroys the stored credential, so that no API key follows it there. "
                "It has to be entered again."
            )
            if fixed:
                self.fields["base_url"].disabled = True
                self.fields["base_url"].help_text = "Changed by those who may reset stored credentials."
            self.initial["egress_addresses"] = self.instance.egress_addresses.replace(",", "\n")

    def clean_colour(self) -> str:
        """Production's is red whatever was chosen; what the model refuses is a red sandbox."""
        if self.cleaned_data.get("kind") == Connection.Kind.PRODUCTION:
            return str(Connection.Colour.RED)
        return str(self.cleaned_data["colour"])


class PauseForm(forms.Form):
    """Why a connection is paused; of one that is resumed it may be said."""

    use_required_attribute = False

    reason = TextField(max_length=500, label="Why", help_text="Kept in the audit trail.")

    def __init__(self, *args: Any, paused: bool, **kwargs: Any) -> None:
        """`paused`: what it is to be."""
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = paused


class ShutForm(forms.Form):
    """The emergency: the connection's name as confirmation words, and why."""

    use_required_attribute = False

    confirmation = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    reason = TextField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept in the audit trail, for example “password posted in a chat”.",
    )

    def __init__(self, *args: Any, words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words
        self.fields["confirmation"].label = f"Type “{words}” to confirm"

    def clean_confirmation(self) -> str:
        """The words themselves."""
        typed = str(self.cleaned_data["confirmation"])
        if typed.strip() != self.words.strip():
            raise forms.ValidationError(f"Type “{self.words}”, the connection's name.")
        return typed


def _check(*, api_key: str, password: str) -> None:
    """Raises ValidationError, without the value, if one of the two cannot have been copied correctly."""
    try:
        credential_check(api_key=api_key, password=password)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
