"""A connection whose stored credential the gateway does not know, and how to look at what became of it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from portal.audit.models import Event
from portal.connections.optimistic_lock import get_connection_digest
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.models import Connection
from provisioning.credentials.services import create_connection, decrypt_active_credential
from tests.gateway import Gateway

PAGE = "/connections/staging/"
RESET = "/connections/staging/reset/"


@pytest.fixture
def staging(db: None, gateway: Gateway) -> Connection:
    """A connection to the running gateway with a credential that it does not know."""
    made = create_connection(
        slug="staging", name="Staging", base_url=gateway.base_url, tenant_guid=gateway.own_tenant
    )
    replace_credential(connection=made, api_key="old-key-0001", password="old-password-0001", by="Otto")
    return made


def actions() -> list[tuple[str, str]]:
    """Action and outcome of all events, oldest first."""
    return list(Event.objects.order_by("sequence").values_list("action", "outcome"))


def opened(connection: Connection) -> tuple[str, str]:
    """The stored pair in plain text."""
    return tuple(sealed.reveal() for sealed in decrypt_active_credential(connection=connection))


def states(connection: Connection) -> dict[int, str]:
    """Version → state."""
    return dict(connection.credentials.values_list("version", "state"))


@contextmanager
def trail_broken() -> Iterator[None]:
    """Nothing can be recorded for a while."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO audit_event_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_event_away RENAME TO audit_event")


@pytest.fixture
def browser(admin, client_of):
    """The admin's."""
    return client_of(admin)


@contextmanager
def nobody_called():
    """The connection leads to another server now, which hears nothing meanwhile."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.setblocking(False)
        Connection.objects.update(base_url=f"http://127.0.0.1:{other.getsockname()[1]}/api")
        yield
        with pytest.raises(BlockingIOError):
            other.accept()


def entered(browser, gateway, **pair):
    """Posts the form, with the right pair unless something else is said."""
    seen = get_connection_digest(Connection.objects.get(slug="staging"))
    values = {"seen": seen, "api_key": gateway.api_key, "password": gateway.password, **pair}
    return browser.post(RESET, values, follow=True)
