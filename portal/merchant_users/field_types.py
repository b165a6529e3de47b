"""Form fields of merchant users: moments as the gateway writes them, passwords, permissions, merchants."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from portal.core.field_types import refuse_hidden
from portal.core.text import clean_text, search_text
from portal.merchant_users import passwords, permissions
from provisioning import contract
from provisioning.entities import parse_datetime

PUBLISHED_FORMAT = "%Y-%m-%d %H:%M:%S"
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?", re.ASCII)
MAX_GUID = 40


class PasswordField(forms.CharField):
    """A password to be set at the gateway: checked against the rules, never drawn again."""

    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    default_validators = [passwords.validate_password]
    offer_password = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, "help_text": passwords.HELP, **kwargs})

    def validate(self, value: str) -> None:
        """Raise ValidationError for what was pasted along unseen: the person could never type it."""
        super().validate(value)
        if value != value.strip():
            raise ValidationError("The password begins or ends with a space. Enter it again without.")
        refuse_hidden(value, where="The password")


class PermissionsField(forms.MultipleChoiceField):
    """Permissions in groups, with the API's names beside plain words, and presets that tick a selection."""

    widget = forms.CheckboxSelectMultiple
    choice_help = {name: name for name in permissions.DESCRIPTIONS}
    presets = {preset.title: preset.permissions for preset in permissions.PRESETS}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=permissions.group_permissions, **kwargs)


class _Typed(str):
    """A time as a person typed it, in contrast to a stored one, which is in UTC."""

    __slots__ = ()


class DateTimeField(forms.CharField):
    """A time, typed in the person's own time zone, sent as published: `YYYY-MM-DD hh:mm:ss`, UTC.

    A time typed with an offset, "Z" or "UTC" is converted.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    default_validators = [RegexValidator(contract.schema("IxoDateTime")["pattern"])]
    zone: tzinfo | None = None

    def to_python(self, value: Any) -> str:
        """Return the published format, "" for no value. Raises ValidationError if it is not a time."""
        text = search_text(str(value or ""))
        if not text:
            return ""
        try:
            moment = datetime.fromisoformat(re.sub(r" ?(UTC|GMT)$", "+00:00", text))
        except ValueError as error:
            raise ValidationError("Enter a date and time, for example 2030-12-31 23:59:59.") from error
        try:
            if moment.tzinfo is None:  # of an hour that comes twice, the first
                zone = self.zone or timezone.get_current_timezone()
                typed, moment = moment, moment.replace(tzinfo=zone)
                if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != typed:
                    raise ValidationError(
                        "This time does not exist: the clocks go forward then. Choose another time."
                    )
            return moment.astimezone(UTC).strftime(PUBLISHED_FORMAT)
        except OverflowError as error:
            raise ValidationError("This date is too far away.") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the typed value, marked as typed."""
        return _Typed(data) if isinstance(data, str) else data

    def prepare_value(self, value: Any) -> Any:
        """Return a stored time in the user's time zone for the date control, a typed one as typed."""
        if isinstance(value, _Typed):
            return value.replace(" ", "T") if _LOCAL.fullmatch(value) else str(value)
        moment = parse_datetime(value)
        if moment is None:
            return value
        try:
            return timezone.localtime(moment, self.zone).strftime("%Y-%m-%dT%H:%M:%S")
        except OverflowError:  # Show the stored text, which is accepted as input.
            return moment.strftime(PUBLISHED_FORMAT)


class MerchantsWidget(forms.SelectMultiple):
    """A searchable list of known merchants and, under the same name, lines for more merchants."""

    template_name = "merchant_users/widgets/merchants.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Everything chosen or typed, once each, in order."""
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        values = [values] if isinstance(values, str) else values
        typed = [clean_text(part) for value in values for part in re.split(r"[\n,;]", value)]
        return list(dict.fromkeys(part for part in typed if part))

    def posted_back(self, value: Any) -> list[str]:
        """Return what the untouched control posts: see portal.core.browser_values."""
        return sorted({clean_text(str(guid)) for guid in value or []})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add what was typed but is none of the choices, so that a refused form keeps it."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        known = {str(key) for key, _ in self.choices}
        context["widget"]["typed"] = [guid for guid in value or [] if guid not in known]
        return context


class MerchantsField(forms.Field):
    """Merchants by guid or by exact name. `resolve` turns a typed name into the guids that bear it.

    `known_alone`: a guid that `resolve` does not know is refused, too.
    """

    widget = MerchantsWidget
    resolve: Callable[[str], Sequence[str]] | None = None
    known_alone = False

    def offer(self, choices: Sequence[tuple[str, str]], resolve: Callable[[str], Sequence[str]]) -> None:
        """Offer known merchants as (guid, name) to choose from."""
        self.resolve = resolve
        self.widget.choices = list(choices)

    def clean(self, value: Any) -> list[str]:
        """Return the GUIDs without duplicates. Raises ValidationError for an unknown or ambiguous name."""
        guids = {}
        for text in value or []:
            spelt_like_one = re.fullmatch(r"ME(-[0-9A-Za-z]{1,8}){3,8}", text) and not self.known_alone
            found = [text]
            if not spelt_like_one and text not in {key for key, _ in self.widget.choices}:
                found = list(self.resolve(text)) if self.resolve else [text]
                if len(found) != 1 or len(found[0]) > MAX_GUID:
                    many = "Several merchants have" if found else "No merchant has"
                    raise ValidationError(
                        f"{many} the name “{text}”. Choose from the list or enter the GUID."
                    )
            guids[found[0]] = True
        return list(guids)
