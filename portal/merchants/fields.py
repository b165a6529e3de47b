"""Form fields of merchants: web addresses, codes chosen by name, ids of risk rule sets, transaction types."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from jsonschema import FormatChecker

from provisioning import contract

Choices = Iterable[tuple[str, Any]]

TRANSACTION_TYPES = {
    "initial_debit": ("Debit", "First or single debits."),
    "initial_preauthorize": ("Pre-authorisation", "First or single reservations of an amount."),
    "capture": ("Capture", "Taking a reserved amount in full."),
    "partial_capture": ("Partial capture", "Taking part of a reserved amount."),
    "refund": ("Refund", "Paying back in full."),
    "partial_refund": ("Partial refund", "Paying back in part."),
    "register": ("Register", "Storing a customer’s payment instrument."),
    "deregister": ("Deregister", "Forgetting a stored payment instrument."),
    "payout": ("Payout", "Paying money to a customer."),
    "recurring_debit": ("Recurring debit", "Follow-up debits with a stored instrument."),
    "recurring_preauthorize": (
        "Recurring pre-authorisation",
        "Follow-up reservations with a stored instrument.",
    ),
}


class WebAddressField(forms.CharField):
    """A web address with http or https; “www.example.org” becomes “https://www.example.org”.

    Django's URLField stops at 2,048 characters, the contract at 65,535 or nowhere.
    """

    widget = forms.URLInput

    def to_python(self, value: Any) -> str:
        """The trimmed address, with a scheme."""
        text: str = super().to_python(value) or ""
        return f"https://{text}" if text and "://" not in text else text

    def validate(self, value: str) -> None:
        """Raises ValidationError for what is no web address."""
        super().validate(value)
        if value and not _is_web_address(value):
            raise ValidationError("Enter a web address, for example https://www.example.org.")


class CodeField(forms.ChoiceField):
    """A code chosen by its name from a long, searchable list. A stored code it lacks stays selectable."""

    def __init__(self, *, offered: Callable[[], Choices], **kwargs: Any) -> None:
        self.offered = offered
        super().__init__(choices=offered, widget=forms.Select(attrs={"data-searchable": ""}), **kwargs)

    def keep(self, stored: object) -> None:
        """Offers what the gateway has stored, whether or not the list knows it."""
        known = list(self.offered())
        if isinstance(stored, str) and stored and not self.valid_value(stored):
            self.choices = [*known, (stored, f"{stored} (as stored)")]


class TransactionTypesField(forms.MultipleChoiceField):
    """Transaction types with plain names; the list holds those that are switched off."""

    widget = forms.CheckboxSelectMultiple
    choice_help = {value: f"{text} ({value})" for value, (_, text) in TRANSACTION_TYPES.items()}

    def __init__(self, **kwargs: Any) -> None:
        names = contract.schema("TransactionType")["enum"]
        choices = [(name, TRANSACTION_TYPES[name][0]) for name in names]
        super().__init__(choices=choices, required=False, **kwargs)


class IdField(forms.IntegerField):
    """An id of the gateway: 64 bits, signed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-(2**63), max_value=2**63 - 1, required=False, **kwargs)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and FormatChecker().conforms(text, "uri")
