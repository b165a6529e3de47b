"""Form fields of merchant users: moments as the gateway writes them, passwords, permissions, merchants."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from portal.merchant_users import passwords, permissions
from provisioning import contract
from provisioning.entities import instant

PUBLISHED_FORMAT = "%Y-%m-%d %H:%M:%S"
_PUBLISHED = re.compile(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
_LOCAL = re.compile(r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$")
MAX_GUID = 40


class PasswordField(forms.CharField):
    """A password to be set at the gateway: checked against the rules, never drawn again."""

    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    default_validators = [passwords.password_check]
    offer_password = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, "help_text": passwords.HELP, **kwargs})


class PermissionsField(forms.MultipleChoiceField):
    """Permissions in groups, with the API's names beside plain words, and presets that tick a selection."""

    widget = forms.CheckboxSelectMultiple
    choice_help = {name: name for name in permissions.DESCRIPTIONS}
    presets = {preset.title: preset.permissions for preset in permissions.PRESETS}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=permissions.grouped, **kwargs)


class MomentField(forms.CharField):
    """A moment, typed in the person's own time zone, sent as published: `YYYY-MM-DD hh:mm:ss`, UTC.

    A value typed in the published spelling is taken as it stands; one with an offset is converted.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    default_validators = [RegexValidator(contract.schema("IxoDateTime")["pattern"])]
    zone: tzinfo | None = None

    def to_python(self, value: Any) -> str:
        """The published spelling, "" for nothing. Raises ValidationError for what is no moment."""
        text = str(value or "").strip()
        if not text or _PUBLISHED.match(text):
            return self._existing(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValidationError("Enter a date and time, for example 2030-12-31 23:59:59.") from error
        if moment.tzinfo is None:
            moment = timezone.make_aware(moment, self.zone)
        try:
            return moment.astimezone(UTC).strftime(PUBLISHED_FORMAT)
        except OverflowError as error:
            raise ValidationError("This date is too far away.") from error

    def prepare_value(self, value: Any) -> Any:
        """A stored moment in the person's time zone, as the date control reads it."""
        moment = instant(value)
        if moment is None or _LOCAL.match(str(value)):
            return value
        return timezone.localtime(moment, self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def _existing(self, text: str) -> str:
        if text and instant(text) is None:
            raise ValidationError("There is no such date.")
        return text


class MerchantsWidget(forms.SelectMultiple):
    """A searchable list of known merchants and, under the same name, lines for further ones."""

    template_name = "merchant_users/widgets/merchants.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Everything chosen or typed, once each, in order."""
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        values = [values] if isinstance(values, str) else values
        typed = [part.strip() for value in values for part in re.split(r"[\n,;]", value)]
        return list(dict.fromkeys(part for part in typed if part))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Adds what was typed but is none of the choices, so that a refused form keeps it."""
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
        """Offers known merchants as (guid, name) to choose from."""
        self.resolve = resolve
        self.widget.choices = list(choices)

    def clean(self, value: Any) -> list[str]:
        """The guids, once each. Raises ValidationError for a name that is unknown or ambiguous."""
        return list(dict.fromkeys(self._guid(text) for text in value or []))

    def _guid(self, text: str) -> str:
        spelt_like_one = re.fullmatch(r"ME(-[0-9A-Za-z]{1,8}){3,8}", text) and not self.known_alone
        if spelt_like_one or text in {key for key, _ in self.widget.choices}:
            return text
        found = self.resolve(text) if self.resolve else [text]
        if len(found) != 1 or len(found[0]) > MAX_GUID:
            many = "Several merchants have" if found else "No merchant has"
            raise ValidationError(f"{many} the name “{text}”: choose from the list or give the guid.")
        return found[0]
