"""manage.py connection_create."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from portal.audit.models import Event
from provisioning.credentials.models import Connection

ADDRESS = "https://gateway.example.com/api/provisioning"


def created(**changed: str) -> None:
    """The command with good options, some of them changed."""
    options = {"name": "Live", "base_url": ADDRESS, "kind": "production", "tenant": "TE-7", **changed}
    call_command("connection_create", options.pop("slug", "live"), verbosity=0, **options)


def test_a_connection_is_added_on_record(db) -> None:
    created()
    made = Connection.objects.get(slug="live")
    assert (made.base_url, made.kind, made.colour, made.tenant_guid) == (ADDRESS, "production", "red", "TE-7")
    assert Event.objects.get().action == "connection.created"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"slug": "audit"}, "an address of the portal itself"),
        ({"slug": "Not A Slug"}, "lower-case letters"),
        ({"base_url": "http://gateway.example.com"}, "must begin with https"),
    ],
)
def test_what_the_portal_cannot_use_is_refused_in_words(db, changed, message) -> None:
    with pytest.raises(CommandError, match=message):
        created(**changed)
    assert not Connection.objects.exists()


def test_no_connection_is_created_without_an_audit_event(db) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Event._meta.db_table} RENAME TO away")
    with pytest.raises(CommandError, match="audit trail cannot be written"):
        created()
    assert not Connection.objects.exists()
