"""Text that an admin types into a command is cleaned and refused as in a form."""

import pytest
from django.core.management import CommandError, call_command

from portal.audit.models import Event
from portal.staff.models import User
from provisioning.credentials.models import Connection

pytestmark = pytest.mark.django_db
HIDDEN = "lost\u200bphone"


@pytest.fixture
def commands(agent):
    """Commands that take a reason, without their reason."""
    return [
        lambda reason: call_command("access_seal", accept=agent.username, reason=reason),
        lambda reason: call_command("second_factor_reset", username=agent.username, reason=reason),
        lambda reason: call_command("keyring", "rotate", "--force", reason),
    ]


def test_a_reason_with_a_character_that_cannot_be_seen_is_refused(commands):
    before = Event.objects.count()
    for command in commands:
        with pytest.raises(CommandError, match="zero width space"):
            command(HIDDEN)
        with pytest.raises(CommandError, match="at most 2,000 characters"):
            command("x" * 2001)
    assert Event.objects.count() == before


def test_a_reason_is_recorded_as_a_form_would(commands, agent):
    commands[0](" our\u00a0own repair \r\n")
    assert Event.objects.latest("sequence").reason == "our own repair"


@pytest.mark.parametrize("field", ["username", "first_name", "last_name"])
def test_a_name_with_a_character_that_cannot_be_seen_is_refused(db, field):
    names = {"username": "zoe", "first_name": "Zoe", "last_name": "Quark", "role": "Manager"}
    with pytest.raises(CommandError):
        call_command("staff_create", **(names | {field: "Zo\u200be"}))
    assert not User.objects.exists()


def test_a_name_of_a_connection_with_a_character_that_cannot_be_seen_is_refused(db):
    with pytest.raises(CommandError, match="zero width space"):
        call_command(
            "connection_create",
            "live",
            name="Li\u200bve",
            base_url="https://gateway.example/api",
            kind="sandbox",
        )
    assert not Connection.objects.exists()
