"""Texts that people type as options of commands, with the rules of forms."""

from django.core.management.base import CommandError

from portal.core.text import clean_reason


def read_reason(text: str) -> str:
    """Return a reason as it is recorded, "" for none. Raise CommandError where a form refuses it."""
    try:
        return clean_reason(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
