"""Forms of the connections. The one that takes an API key and password never shows again what was typed."""

from typing import Any

from django import forms

from portal.core.field_types import TextField, WholeNumberField
from provisioning.credentials.credential_lifecycle import validate_credential
from provisioning.credentials.models import Connection

# The user's own passwords do not belong here: browsers must neither fill in nor save these fields.
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
        """Return the key as typed, unless it was copied incompletely."""
        value = str(self.cleaned_data["api_key"])
        _check(api_key=value, password=value)
        return value

    def clean_password(self) -> str:
        """Return the password as typed, unless it was copied incompletely."""
        value = str(self.cleaned_data["password"])
        _check(api_key="-", password=value)
        return value


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """The properties of a connection, without its credential. An existing connection keeps its slug."""

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
            "tenant_guid": "Tenant of the API key",
            "egress_addresses": "IP addresses of this portal",
            "remind_after_days": "Remind to replace the credential (days)",
        }
        help_texts = {
            "name": "Shown in the top bar of every page.",
            "slug": "For example, “live” for /live/merchants/. It can’t be changed later.",
            "kind": "Production is shown in red everywhere, and dangerous changes need an extra "
            "confirmation.",
            "colour": "Helps to tell sandboxes apart. Production is always red.",
            "base_url": "For example, https://…/api/provisioning. Ask the gateway's operator.",
            "tenant_guid": "TE-…, the tenant that the API key belongs to. The API does not provide it.",
            "egress_addresses": "Ask your network administrator. Enter single addresses or ranges such as "
            "203.0.113.0/28, one per line. They belong on the key's list of allowed addresses.",
            "remind_after_days": "Admins are reminded on the home page. Enter 0 for no reminder.",
        }
        field_classes = {"name": TextField, "remind_after_days": WholeNumberField}
        widgets = {"egress_addresses": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})}

    def __init__(self, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        """Build the form; `fixed` means that the base URL cannot be changed."""
        super().__init__(*args, **kwargs)
        self.editing = self.instance.pk is not None
        if self.editing:
            del self.fields["slug"]
            self.fields["base_url"].help_text = (
                "If you change the address, the stored credential is deleted, so that the API key is "
                "not sent to the new address. You have to enter it again."
            )
            if fixed:
                self.fields["base_url"].disabled = True
                self.fields[
                    "base_url"
                ].help_text = "Only people who can reset stored credentials can change this."
            self.initial["egress_addresses"] = self.instance.egress_addresses.replace(",", "\n")

    def clean_colour(self) -> str:
        """Return red for a production connection and the chosen colour for others."""
        if self.cleaned_data.get("kind") == Connection.Kind.PRODUCTION:
            return str(Connection.Colour.RED)
        return str(self.cleaned_data["colour"])


class PauseForm(forms.Form):
    """Ask why a connection is paused; the reason is optional when it is resumed."""

    use_required_attribute = False

    reason = TextField(max_length=500, label="Reason", help_text="Recorded in the audit trail.")

    def __init__(self, *args: Any, paused: bool, **kwargs: Any) -> None:
        """Require a reason if the connection is to be paused (`paused`)."""
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = paused


class ShutForm(forms.Form):
    """Ask for the connection's name as confirmation, and for a reason."""

    use_required_attribute = False

    confirmation = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    reason = TextField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For example, “password posted in a chat”. Recorded in the audit trail.",
    )

    def __init__(self, *args: Any, words: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words
        self.fields["confirmation"].label = f"Type “{words}” to confirm"

    def clean_confirmation(self) -> str:
        """Check that the confirmation words were typed and return them."""
        typed = str(self.cleaned_data["confirmation"])
        if typed.strip() != self.words.strip():
            raise forms.ValidationError(f"Type “{self.words}”, the connection's name.")
        return typed


def _check(*, api_key: str, password: str) -> None:
    """Raise ValidationError, without the value, if one of the two cannot have been copied correctly."""
    try:
        validate_credential(api_key=api_key, password=password)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
