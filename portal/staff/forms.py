"""Forms for people: add one, give another role, one's own profile."""

from django import forms

from portal.console.choices import timezone_choices
from portal.staff.models import User
from portal.staff.roles import AGENT, ROLES


def _roles() -> list[tuple[str, str]]:
    return [(role, role) for role in ROLES]


class PersonForm(forms.Form):
    """A new person. The password is theirs alone: they set it with a one-time link."""

    username = forms.CharField(
        max_length=150,
        validators=User._meta.get_field("username").validators,
        label="User name",
        help_text="What the person types to sign in: letters, digits and @ . + - _ only. It stays.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    first_name = forms.CharField(max_length=150, required=False, label="First name")
    last_name = forms.CharField(max_length=150, required=False, label="Last name")
    email = forms.EmailField(
        required=False, label="E-mail", help_text="For people; the portal sends no mail."
    )
    role = forms.ChoiceField(choices=_roles, initial=AGENT, label="Role")

    def clean_username(self) -> str:
        """Free, whatever the case of its letters."""
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError("A person with this user name exists already.")
        return username


class RoleForm(forms.Form):
    """Another role for a person."""

    role = forms.ChoiceField(
        choices=_roles, label="Role", help_text="Takes effect at the person's next click."
    )


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What people set for themselves."""

    timezone = forms.ChoiceField(
        label="Time zone",
        choices=timezone_choices,
        help_text="Times are shown in this zone; the exact UTC appears when you point at one.",
        widget=forms.Select(attrs={"data-searchable": ""}),
    )

    class Meta:
        """Rights, names and the password are not theirs to change here."""

        model = User
        fields = ("timezone",)
