"""The cast of the tests and databases with real commits."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from tests.gateway import Gateway, gateway_started

pytest_plugins = ["tests.strictness"]

PASSPHRASE = "four quiet herons wading"
SECONDS_OF_DAY, LONGEST_TEST = 86_400, 60
_KEPT = {
    "django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions",
}  # fmt: skip


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A seeded embedded gateway in a process of its own, shared by the tests of one worker."""
    started = gateway_started(tmp_path_factory.mktemp("gateway"))
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def anchor_file(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anchors outlast the rolled back trail of a test, so each test has a file of its own."""
    file = tmp_path_factory.getbasetemp() / f"anchors-{uuid.uuid4().hex}.jsonl"
    settings.AUDIT_ANCHOR_FILE = str(file)
    return file


@pytest.fixture(autouse=True)
def trail_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process just started: what the ready-check found in another test counts for nothing."""
    from portal.audit import health

    monkeypatch.setattr(health, "probe", health.WritabilityCheck())


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is read to its end: many tests fill the shared gateway, and the machine may be busy."""
    for module in ("portal.directory.list_views", "portal.merchants.views"):
        monkeypatch.setattr(f"{module}.REFRESH_BUDGET", 60.0)
    monkeypatch.setattr("portal.directory.search_views.SEARCH_BUDGET", 60.0)
    monkeypatch.setattr("portal.directory.completeness.LATEST_START", 60.0)


@pytest.fixture
def one_day() -> None:
    """For tests that look at today: midnight of UTC does not pass during them; one about to begin waits."""
    left = SECONDS_OF_DAY - time.time() % SECONDS_OF_DAY
    if left < LONGEST_TEST:
        time.sleep(left + 1)


@pytest.fixture
def db(request: pytest.FixtureRequest) -> None:
    """Rolled back at the end, unless the test asks for real commits, directly or through live_server."""
    committing = {"transactional_db", "live_server"} & set(request.fixturenames)
    request.getfixturevalue("transactional_db" if committing else "_django_db_helper")


@pytest.fixture
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Real commits. Emptied by hand: the audit trail's guards refuse Django's flush."""
    with django_db_blocker.unblock():
        try:
            yield
        finally:
            _emptied()


@pytest.fixture
def committed_db(transactional_db: None) -> None:
    """Real commits, for threads and servers."""


@pytest.fixture
def person(db: None) -> Callable[..., Any]:
    """Makes a person, without an audit event: person("ana", role="Manager", password=…)."""
    from django.contrib.auth.models import Group

    from portal.staff.models import User

    def make(username: str, role: str = "", password: str = "", **values: Any) -> Any:
        made = User.objects.create_user(username=username, password=password or None, **values)
        if role:
            made.groups.add(Group.objects.get(name=role))
        return made

    return make


@pytest.fixture
def agent(person: Callable[..., Any]) -> Any:
    """Ana, a support agent."""
    return person("ana", "Support agent", first_name="Ana", last_name="Agent")


@pytest.fixture
def manager(person: Callable[..., Any]) -> Any:
    """Max, a manager."""
    return person("max", "Manager", first_name="Max", last_name="Manager")


@pytest.fixture
def admin(person: Callable[..., Any]) -> Any:
    """Ada, an admin."""
    return person("ada", "Admin", first_name="Ada", last_name="Admin")


@pytest.fixture
def outsider(person: Callable[..., Any]) -> Any:
    """Otto, who can sign in and has no role."""
    return person("otto", first_name="Otto", last_name="Outsider")


@pytest.fixture
def client_of() -> Callable[[Any], Client]:
    """A signed-in browser of a person; client_of(None) is nobody's."""

    from allauth.usersessions.models import UserSession

    def client(user: Any) -> Client:
        browser = Client()
        if user is not None:
            browser.force_login(user)
            # As sign-in does: a session that is not listed could not be ended.
            UserSession.objects.create(user=user, session_key=browser.session.session_key, ip="127.0.0.1")
        return browser

    return client


def _emptied() -> None:
    """The test database as migrate left it: roles and head in place, guards on, everything else gone."""
    from django.db import connection

    from portal.audit.models import ChainHead
    from portal.audit.triggers import install_triggers, remove_triggers

    remove_triggers(connection)
    tables = set(connection.introspection.table_names()) - _KEPT
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            names = ", ".join(connection.ops.quote_name(table) for table in sorted(tables))
            cursor.execute(f"TRUNCATE {names} RESTART IDENTITY")
        else:
            for table in sorted(tables):
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608 - our own tables
    ChainHead.objects.create(pk=1)
    install_triggers(connection)
    connections.close_all()


@pytest.fixture
def connection(db: None, gateway: Gateway) -> Any:
    """The connection “sandbox” to the running gateway, with its credential and its key's own tenant."""
    from provisioning.credentials.credential_lifecycle import replace_credential
    from provisioning.credentials.services import create_connection

    made = create_connection(
        slug="sandbox", name="Sandbox", base_url=gateway.base_url, tenant_guid=gateway.own_tenant
    )
    replace_credential(connection=made, api_key=gateway.api_key, password=gateway.password, by="tests")
    return made
