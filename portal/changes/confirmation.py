"""What a person has to give before a dangerous change is sent: a reason, and in production the name."""

from dataclasses import dataclass

from portal.changes.errors import ReasonRequired
from portal.changes.models import Change
from portal.core.text import clean_text, hidden_character
from provisioning.credentials.models import Connection
from provisioning.danger import Danger


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What sending a change asks for. `words` have to be typed; "" if nothing has to be."""

    dangers: list[Danger]
    reason_required: bool
    words: str


def is_production(connection: str) -> bool:
    """Whether real payments are taken behind the connection of this slug."""
    return Connection.objects.filter(slug=connection, kind=Connection.Kind.PRODUCTION).exists()


def confirmation_for(change: Change) -> Confirmation:
    """Return what sending this change asks for, by what its connection is now.

    A sandbox asks for a reason where payments would stop or start; production asks for a reason and the
    entity's name for everything dangerous.
    """
    dangers = change.dangers
    production = bool(dangers) and is_production(change.connection)
    required = production or any(danger.reason_everywhere for danger in dangers)
    words = _one_line(change.object_name or change.object_guid or change.connection) if production else ""
    return Confirmation(dangers, required, words)


def confirmation_check(change: Change, *, reason: str, confirmation: str) -> None:
    """Raise ReasonRequired unless reason and typed words are what the change asks for."""
    asked = confirmation_for(change)
    if asked.reason_required and not reason:
        raise ReasonRequired(
            f"Please give a reason: this change {asked.dangers[0].consequence}. "
            "It is recorded in the audit trail."
        )
    if asked.words and _one_line(confirmation) != asked.words:
        raise ReasonRequired(f"This is production: please type the name “{asked.words}” to confirm.")


def clean_reason(text: str) -> str:
    """Return a reason as it is recorded. Raises ReasonRequired for a character that cannot be seen."""
    if found := hidden_character(text.strip(), joiners=True, lines=True):
        raise ReasonRequired(
            f"The reason contains an invisible character: {found}. Delete it, or type the text again."
        )
    return clean_text(text)[:2000]


def _one_line(text: str) -> str:
    """Text as a page shows it: what is copied from there has single spaces."""
    return " ".join(text.split())
