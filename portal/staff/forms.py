"""Forms for people: add one, give another role, one's own profile."""

from typing import Any, ClassVar

from django import forms

from portal.console.choices import timezone_choices
from portal.console.dropdowns import SearchableSelect
from portal.console.field_types import EmailAddressField, KeyField, TextField
from portal.console.synonyms import timezone_synonyms
from portal.staff.models import User
from portal.staff.roles import AGENT, PERMISSIONS, permission_words, roles_known, room_words
from portal.staff.services import ValuesRefused, username_free_check


def _roles() -> list[tuple[str, str]]:
    return [(role, role) for role in roles_known()]


def _rights() -> list[tuple[str, list[tuple[str, str]]]]:
    rooms: dict[str, list[tuple[str, str]]] = {}
    for name in PERMISSIONS:
        rooms.setdefault(room_words(name), []).append((name, permission_words(name)))
    return list(rooms.items())


class PersonForm(forms.Form):
    """A new person. The password is theirs alone: they set it with a one-time link."""

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
        required=False, label="Email", help_text="The one-time link is sent here, if you ask for that."
    )
    role = forms.ChoiceField(choices=_roles, initial=AGENT, label="Role")
    is_limited = forms.BooleanField(
        required=False,
        label="Limit to some tenants",
        help_text="The person reaches nothing until you choose where they work, which is the next step. "
        "Otherwise they work everywhere.",
    )

    def __init__(self, *args: Any, by_mail: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_mail = by_mail

    def clean_email(self) -> str:
        """Not empty where the invitation is to be mailed."""
        email: str = self.cleaned_data["email"]
        if self.by_mail and not email:
            raise forms.ValidationError("An invitation by mail needs an address.")
        return email

    def clean_username(self) -> str:
        """Free, whatever the case of its letters."""
        username: str = self.cleaned_data["username"]
        try:
            username_free_check(username)
        except ValuesRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return username


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a person is called and where mail reaches them."""

    class Meta:
        """The user name stays."""

        model = User
        fields = ("first_name", "last_name", "email")
        field_classes: ClassVar = {
            "first_name": TextField,
            "last_name": TextField,
            "email": EmailAddressField,
        }
        labels: ClassVar = {"email": "Email"}
        help_texts: ClassVar = {"email": "Where the portal mails one-time links. The old address is told."}


class ReasonForm(forms.Form):
    """Why a second admin should consent."""

    reason = TextField(
        max_length=500,
        label="Why",
        help_text="The other admin and the audit trail see it: how do you know that the person asked for it?",
    )


class WhyForm(forms.Form):
    """Why a right is changed. Several of these stand on one page, so each has ids of its own."""

    ids: ClassVar[str] = "why_%s"

    reason = TextField(max_length=500, required=False, label="Why", help_text="Kept in the audit trail.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": self.ids, **kwargs})


class DisableForm(WhyForm):
    """Shutting somebody out is not done without saying why."""

    ids = "disable_%s"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = True


class RoleForm(WhyForm):
    """Another role for a person."""

    ids = "role_%s"
    field_order = ("role", "reason")

    role = forms.ChoiceField(
        choices=_roles, label="Role", help_text="Takes effect at the person's next click."
    )


class RightsForm(forms.Form):
    """The rights of a role."""

    rights = forms.MultipleChoiceField(
        choices=_rights,
        required=False,
        label="Rights",
        widget=forms.CheckboxSelectMultiple,
        help_text="People with the role have them from their next click on.",
    )


class NewRoleForm(RightsForm):
    """A role that there is not yet."""

    name = TextField(
        max_length=60,
        label="Name",
        help_text="For example: Integration engineer. It stays, for settings and the audit trail know it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("name", "rights")


class ReviewForm(forms.Form):
    """The end of a review. `seen` is the digest of what was on the page."""

    note = TextField(
        max_length=1000,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was looked at and what came of it. The audit trail keeps it.",
    )
    seen = forms.CharField(widget=forms.HiddenInput)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What people set for themselves."""

    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        help_text="Times are shown in this zone; the exact UTC appears when you point at one.",
        widget=SearchableSelect(timezone_synonyms),
    )

    class Meta:
        """Rights, names and the password are not theirs to change here."""

        model = User
        fields = ("timezone",)
