"""`manage.py staff_create`: the first admin of a new portal."""

import io

import pytest
from django.core.management import CommandError, call_command

from portal.audit.models import Event
from portal.staff.models import User
from tests.conftest import PASSPHRASE

pytestmark = pytest.mark.django_db


def create(*arguments, typed="", monkeypatch=None):
    """Runs the command; what it prints."""
    printed = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    call_command("staff_create", "--username", "first", "--role", "Admin", *arguments, stdout=printed)
    return printed.getvalue()


def test_it_prints_a_link_with_which_the_first_admin_sets_a_password(client):
    link = create("--first-name", "Fi").strip()
    assert client.get(link).status_code == 302
    person = User.objects.get()
    assert (person.role, person.first_name, person.is_demo) == ("Admin", "Fi", False)
    assert [event.actor_name for event in Event.objects.all()] == ["staff_create"] * 2


def test_it_reads_a_passphrase_from_the_input(monkeypatch):
    assert create("--passphrase-stdin", "--demo", typed=PASSPHRASE + "\n", monkeypatch=monkeypatch) == ""
    person = User.objects.get()
    assert person.check_password(PASSPHRASE) and person.is_demo


def test_a_weak_passphrase_creates_no_user(monkeypatch):
    with pytest.raises(CommandError, match="too short"):
        create("--passphrase-stdin", typed="short\n", monkeypatch=monkeypatch)
    assert not User.objects.exists() and not Event.objects.exists()


def test_a_taken_name_is_refused():
    create()
    with pytest.raises(CommandError, match="already taken"):
        create()
