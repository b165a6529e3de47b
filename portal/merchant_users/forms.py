"""Forms of merchant users: create (web or api), and edit, which sends differences, never whole lists."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

from django import forms

from portal.core.field_types import EmailAddressField, KeyField, TextField
from portal.core.forms import ABSENT, PayloadForm, Section, look_up, place
from portal.merchant_users import passwords
from portal.merchant_users.field_types import DateTimeField, MerchantsField, PasswordField, PermissionsField
from portal.merchant_users.permissions import find_unknown_permissions
from provisioning.entities import parse_datetime

TYPES = (("web", "Web – a person who signs in"), ("api", "API – a machine"))
WEB_ONLY = ("permissions", "sendInitialPassword", "resetPassword")
API_FLAGS = "apiUserSettings."
_FLAGS_ARE_FIELDS = "Each of its flags is a separate field."


def _flag(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=help_text, required=False)


_FLAGS: dict[str, forms.Field] = {
    "apiUserSettings.push-api": _flag("Push API", "May push transactions made elsewhere to the platform."),
    "apiUserSettings.fees-api": _flag("Fees API", "May read the fees of transactions."),
    "apiUserSettings.pay-by-link-api": _flag("Pay-by-link API", "May create and cancel payment links."),
    "apiUserSettings.cde-login-enabled": _flag(
        "CDE sign-in", "May sign in to the cardholder data environment."
    ),
    "apiUserSettings.snapshot-retrieval-enabled": _flag("Snapshot retrieval", "May fetch snapshots of data."),
}
_PERSON = Section("User", ("username", "email", "firstName", "lastName"))
_ACCESS = Section(
    "Access",
    ("multiMerchantAccess", "validUntil", "disabled"),
    help="The user’s own merchant is always accessible. Add more merchants here.",
)
_PERMISSIONS = Section(
    "Permissions", ("permissions",), help="What a web user may see and do on the platform."
)
_API = Section(
    "API access",
    tuple(_FLAGS),
    help="Other interfaces that the user may call with these credentials.",
    advanced=True,
)


class MerchantUserForm(PayloadForm):
    """What create and edit share."""

    nested = _FLAGS
    username = KeyField(
        label="Username",
        min_length=3,
        help_text="At least 3 characters. Must be unique.",
    )
    email = EmailAddressField(label="Email", required=False)
    password = PasswordField(label="Password", required=False)
    firstName = TextField(label="First name", required=False)  # noqa: N815
    lastName = TextField(label="Last name", required=False)  # noqa: N815
    validUntil = DateTimeField(  # noqa: N815
        label="Valid until",
        required=False,
        help_text="The user cannot sign in after this time.",
    )
    disabled = forms.BooleanField(
        label="Disabled", required=False, help_text="A disabled user cannot sign in or call the API."
    )
    multiMerchantAccess = MerchantsField(  # noqa: N815
        label="Further merchants",
        required=False,
        help_text="Choose from the list, or enter GUIDs or exact names, separated by commas.",
    )
    permissions = PermissionsField(label="Permissions", required=False)
    sendInitialPassword = forms.BooleanField(  # noqa: N815
        label="Email a link to set the password",
        required=False,
        help_text="The platform sends the link, which is valid for 7 days.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user_type = self._chosen_type()
        if self.user_type == "api":
            for name in WEB_ONLY:
                self.fields.pop(name, None)
        else:
            email = self.fields["email"]
            email.required = True
            email.help_text = "Invitations and password links are sent here."

    def in_zone(self, zone: tzinfo) -> None:
        """Accept and show times in the user's time zone."""
        field = self.fields["validUntil"]
        if isinstance(field, DateTimeField):
            field.zone = zone
            field.help_text = f"The user cannot sign in after this time. Time zone: {zone}."

    def _chosen_type(self) -> str:
        return str(self.initial.get("type") or "web")


class MerchantUserCreateForm(MerchantUserForm):
    """POST createMerchantUser. Properties that do not apply to the chosen type are never sent."""

    schema = "MerchantUserCreate"
    unsupported = {"apiUserSettings": _FLAGS_ARE_FIELDS}
    sections = (
        Section("Type", ("type",)),
        _PERSON,
        Section("Password", ("password", "sendInitialPassword")),
        _ACCESS,
        _PERMISSIONS,
        _API,
    )
    type = forms.ChoiceField(label="Type", choices=TYPES, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = self.user_type == "api"

    def _chosen_type(self) -> str:
        chosen = self.data.get(self.add_prefix("type")) if self.is_bound else self.initial.get("type")
        return "api" if chosen == "api" else "web"

    def bound_sections(self) -> Any:
        """The sections that apply to the type; the hidden type itself is drawn by the page."""
        return (bound for bound in super().bound_sections() if bound.fields and bound.section.title != "Type")

    def clean(self) -> dict[str, Any]:
        """Require a password, or a link to set one, for a web user."""
        cleaned = super().clean()
        password_needed = self.user_type == "web" and not cleaned.get("sendInitialPassword")
        if password_needed and not cleaned.get("password") and "password" not in self.errors:
            self.add_error("password", "Enter a password, or have a link emailed.")
        return cleaned

    def payload(self) -> dict[str, Any]:
        """Return the body; API flags only where they are switched on, and no empty object for none."""
        body = super().payload()
        on = {flag: True for flag, value in body.pop("apiUserSettings", {}).items() if value}
        return {**body, "apiUserSettings": on} if on else body


class MerchantUserEditForm(MerchantUserForm):
    """PUT updateMerchantUser. Lists are sent as additions and removals only.

    The overwriting `permissions` and `multiMerchantAccess` are never sent: what the portal does not know,
    such as permissions granted on the platform alone, survives every edit.
    """

    schema = "MerchantUserUpdate"
    editing = True
    by_difference = frozenset({"permissions", "multiMerchantAccess", *_FLAGS})
    unsupported = {
        "apiUserSettings": _FLAGS_ARE_FIELDS,
        "type": "Chosen when the user is created; the current one is sent along.",
        "addPermissions": "Worked out from the permissions ticked.",
        "removePermissions": "Worked out from the permissions unticked.",
        "addMultiMerchantAccess": "Worked out from the merchants added.",
        "removeMultiMerchantAccess": "Worked out from the merchants taken away.",
    }
    sections = (
        _PERSON,
        _ACCESS,
        _PERMISSIONS,
        Section("Password", ("password", "sendInitialPassword", "resetPassword"), advanced=True),
        _API,
    )
    resetPassword = forms.BooleanField(  # noqa: N815
        label="Reset the password",
        required=False,
        help_text="The current password stops working. The platform emails a link, valid for 24 hours.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.home = ""
        self.fields["password"].help_text = f"Leave blank to keep the current one. {passwords.HELP}"

    @classmethod
    def initial_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Initial data; the access list comes from `merchantAccess`, as the answer calls it."""
        held = values.get("permissions") or []
        kept = find_unknown_permissions(held)
        return super().initial_from(values) | {
            "type": values.get("type"),
            "permissions": [name for name in held if name not in kept],
            "keptPermissions": kept,
            "multiMerchantAccess": _guids(values),
        }

    def kept_permissions(self) -> list[str]:
        """Permissions the user holds that the API does not name: shown, never touched."""
        kept: list[str] = self.initial.get("keptPermissions") or []
        return kept

    def keep_home(self, guid: str) -> None:
        """Remove the home merchant from the list of merchants: its access cannot be edited."""
        self.home = guid
        access = self.initial.get("multiMerchantAccess") or []
        self.initial = {**self.initial, "multiMerchantAccess": [other for other in access if other != guid]}

    def clean(self) -> dict[str, Any]:
        """Refuse a new password together with a link to set one."""
        cleaned = super().clean()
        if cleaned.get("password") and (cleaned.get("resetPassword") or cleaned.get("sendInitialPassword")):
            self.add_error("password", "Either set a password here or have a link emailed, not both.")
        return cleaned

    def differs(self, name: str, value: Any, stored: Any) -> bool:
        """Dates compare as moments, for the gateway writes them in two spellings; access without the home."""
        if name == "multiMerchantAccess" and isinstance(stored, list):
            return {*value} - {self.home} != {*stored} - {self.home}
        if name == "validUntil" and value and parse_datetime(stored):
            shown = self.untouched_value(name, stored)
            return parse_datetime(value) not in (parse_datetime(stored), parse_datetime(shown))
        return super().differs(name, value, stored)

    def partner_changes(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Permissions and access as what is added and removed; API flags completely, once one differs."""
        held = _guids(current)
        shown = [guid for guid in self.initial.get("multiMerchantAccess") or [] if guid in held]
        wanted = self.cleaned_data["multiMerchantAccess"]
        found: dict[str, Any] = {**_difference("MultiMerchantAccess", wanted, held, shown)}
        if "permissions" in self.fields:
            held = list(current.get("permissions") or [])
            known = [name for name in held if name not in find_unknown_permissions(held)]
            found |= _difference("Permissions", self.cleaned_data["permissions"], held, known)
        if any(self.differs(name, self.cleaned_data[name], look_up(current, name)) for name in _FLAGS):
            # All flags with a value, unknown ones as stored: the gateway may merge or replace the map.
            stored = current.get("apiUserSettings")
            found["apiUserSettings"] = dict(stored) if isinstance(stored, Mapping) else {}
            for name in _FLAGS:
                if self.cleaned_data[name] or look_up(current, name) is not ABSENT:
                    place(found, name, self.cleaned_data[name])
        return found


class PasswordForm(PayloadForm):
    """A new password for an API user, as a separate update."""

    schema = "MerchantUserUpdate"
    password = PasswordField(label="New password")
    sections = (Section("Password", ("password",)),)


def _guids(values: Mapping[str, Any]) -> list[str]:
    links: Iterable[Any] = values.get("merchantAccess") or []
    return [str(link["guid"]) for link in links if isinstance(link, Mapping) and link.get("guid")]


def _difference(partner: str, wanted: list[str], held: list[str], shown: list[str]) -> dict[str, list[str]]:
    """{"add…": …, "remove…": …}: only what was shown can be taken away."""
    added = [item for item in wanted if item not in held]
    removed = [item for item in shown if item not in wanted]
    return {key: items for key, items in ((f"add{partner}", added), (f"remove{partner}", removed)) if items}
