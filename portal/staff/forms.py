"""Forms about users and their roles, one's own profile, and forms of allauth with passwords."""

from typing import Any, ClassVar

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm, ResetPasswordKeyForm
from django import forms

from portal.core.choices import timezone_choices, timezone_synonyms
from portal.core.field_types import EmailAddressField, KeyField, TextField
from portal.core.form_rendering import SearchableSelect
from portal.core.permissions import PERMISSIONS, describe_permission, permissions_by_area
from portal.staff.models import User
from portal.staff.roles import AGENT, get_roles
from portal.staff.services import ValuesRefused, check_username_free

_LABELS = {
    "login": "Username",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "Confirm new password",
}


def _roles() -> list[tuple[str, str]]:
    return [(role, role) for role in get_roles()]


def _rights() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (heading, [(name, describe_permission(name)) for name in names])
        for heading, names in permissions_by_area(list(PERMISSIONS)).items()
    ]


class UserForm(forms.Form):
    """A new user, who sets the password with a one-time link."""

    username = KeyField(
        max_length=150,
        validators=User._meta.get_field("username").validators,
        label="Username",
        help_text="Used to sign in: letters, digits and @ . + - _ only. It cannot be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    first_name = TextField(max_length=150, required=False, label="First name")
    last_name = TextField(max_length=150, required=False, label="Last name")
    email = EmailAddressField(
        required=False,
        label="Email",
        help_text="The one-time link is sent to this address if you choose to email it.",
    )
    role = forms.ChoiceField(choices=_roles, initial=AGENT, label="Role")
    is_limited = forms.BooleanField(
        required=False,
        label="Limit to some tenants",
        help_text="You choose the tenants in the next step; until then the user can’t see any. "
        "Leave this unticked to give access to all tenants.",
    )

    def __init__(self, *args: Any, by_mail: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_mail = by_mail

    def clean_email(self) -> str:
        """Require an address if the invitation is mailed."""
        email: str = self.cleaned_data["email"]
        if self.by_mail and not email:
            raise forms.ValidationError("Enter an email address to send the invitation to.")
        return email

    def clean_username(self) -> str:
        """Refuse a username that is taken, in any case of its letters."""
        username: str = self.cleaned_data["username"]
        try:
            check_username_free(username)
        except ValuesRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return username


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name and email address of a user."""

    class Meta:
        """The username cannot be changed."""

        model = User
        fields = ("first_name", "last_name", "email")
        field_classes: ClassVar = {
            "first_name": TextField,
            "last_name": TextField,
            "email": EmailAddressField,
        }
        labels: ClassVar = {"email": "Email"}
        help_texts: ClassVar = {
            "email": "One-time links are sent to this address. The old address is notified of the change."
        }


class ReasonForm(forms.Form):
    """The reason for a request to a second admin."""

    reason = TextField(
        max_length=500,
        label="Reason",
        help_text="How do you know that the user asked for this? The other admin sees it, and it is "
        "recorded.",
    )


class WhyForm(forms.Form):
    """The reason for a change. Several of these are on one page, so each has its own ids."""

    ids: ClassVar[str] = "why_%s"

    reason = TextField(
        max_length=500, required=False, label="Reason", help_text="Recorded in the audit trail."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": self.ids, **kwargs})


class DisableForm(WhyForm):
    """The reason for disabling a user, which is required."""

    ids = "disable_%s"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = True


class RoleForm(WhyForm):
    """Another role for a user."""

    ids = "role_%s"
    field_order = ("role", "reason")

    role = forms.ChoiceField(choices=_roles, label="Role", help_text="Takes effect immediately.")


class RightsForm(forms.Form):
    """The permissions of a role."""

    rights = forms.MultipleChoiceField(
        choices=_rights,
        required=False,
        label="Permissions",
        widget=forms.CheckboxSelectMultiple,
        help_text="Takes effect immediately.",
    )


class NewRoleForm(RightsForm):
    """Name a new role and choose its permissions."""

    name = TextField(
        max_length=60,
        label="Name",
        help_text="For example, Integration engineer. The name can’t be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("name", "rights")


class ReviewForm(forms.Form):
    """The sign-off of a review. `seen` is the digest of the table on the page."""

    note = TextField(
        max_length=1000,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What you checked and what you found. Recorded in the audit trail.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Settings that users change for themselves."""

    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        help_text="Times are shown in this time zone. Point at a time to see it in UTC.",
        widget=SearchableSelect(timezone_synonyms),
    )

    class Meta:
        """Only the time zone."""

        model = User
        fields = ("timezone",)


class PlainForm(forms.Form):
    """A form of allauth with the portal's labels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = _LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class SignInForm(PlainForm, LoginForm):  # type: ignore[misc]
    """Ask for username and password at sign-in."""

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


class OwnPasswordForm(PlainForm, ChangePasswordForm):  # type: ignore[misc]
    """Another password for a signed-in user, with the attempt limit on the old one."""

    def clean_oldpassword(self) -> str:
        """Raise ValidationError if it is wrong, or after too many wrong ones."""
        password: str = self.cleaned_data["oldpassword"]
        is_right = get_adapter().reauthenticate(self.user, password)
        if not is_right:
            raise get_adapter().validation_error("enter_current_password")
        return password
