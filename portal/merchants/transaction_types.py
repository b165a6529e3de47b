"""The types of transactions with plain names, and the form field that disables some of them."""

from typing import Any

from django import forms

from provisioning import contract

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


class TransactionTypesField(forms.MultipleChoiceField):
    """Transaction types with plain names; the list holds the disabled ones."""

    widget = forms.CheckboxSelectMultiple
    choice_help = {value: f"{text} ({value})" for value, (_, text) in TRANSACTION_TYPES.items()}

    def __init__(self, **kwargs: Any) -> None:
        names = contract.schema("TransactionType")["enum"]
        choices = [(name, TRANSACTION_TYPES[name][0]) for name in names]
        super().__init__(choices=choices, required=False, **kwargs)
