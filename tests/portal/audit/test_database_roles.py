"""The portal's own PostgreSQL role runs all of it, and can change nothing that was recorded."""

import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction
from django.urls import reverse

from portal.audit.management.commands.database_roles import RIGHTS
from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event
from provisioning import contract
from tests.access_table import TABLE

pytestmark = pytest.mark.django_db


@pytest.fixture
def role(settings):
    """A role of this test alone, as the command makes it; gone with the test's transaction."""
    name = f"portal_test_{uuid.uuid4().hex}"
    settings.APPLICATION_DATABASE = {"USER": name, "PASSWORD": "a password"}
    return name


@pytest.fixture
def as_portal(role):
    """From here on the connection is the portal's role."""
    call_command("database_roles", verbosity=0)

    def become():
        run(f"SET LOCAL ROLE {role}")

    return become


def run(statement, *values):
    """Executes a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None


@pytest.mark.postgresql
def test_every_page_opens_and_a_change_reaches_the_gateway(as_portal, admin, connection, client_of):
    """The fixture `connection` is the one to the gateway."""
    body = {
        name: "on" if value is True else value
        for name, value in contract.contract_examples("createMerchant")["merchantCreateFull"].items()
        if value is not False
    }
    browser = client_of(admin)
    as_portal()
    for name, row in TABLE.items():
        assert browser.get(reverse(name, kwargs=row.kwargs)).status_code < 500, name
    client_of(admin).get("/sandbox/merchants/")
    browser = client_of(admin)
    made = browser.post(
        f"/sandbox/merchants/new/?tenant={connection.tenant_guid}", {**body, "submission": str(uuid.uuid4())}
    )
    assert made.status_code == 302 and browser.get(made.url).status_code == 200
    assert Event.objects.filter(action="change.accepted").exists()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET message = 'x'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "DROP TABLE audit_event CASCADE",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "ALTER TABLE audit_event RENAME TO gone",
        "DROP TRIGGER audit_event_no_change ON audit_event",
        "CREATE RULE nothing AS ON INSERT TO audit_event DO INSTEAD NOTHING",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; END $$",
        "SET session_replication_role = replica",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (id, sequence, count, hash) VALUES (1, 0, 0, '')",
        "DELETE FROM audit_term",
        "UPDATE audit_known SET name = 'x'",
        "DELETE FROM django_migrations",
        "CREATE TABLE another (id int)",
        "CREATE TEMPORARY TABLE audit_event (id int)",
        "ALTER TABLE audit_event OWNER TO CURRENT_USER",
    ],
)
def test_the_portals_role_cannot_touch_what_was_recorded(as_portal, statement):
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    as_portal()
    record_event(action="session.signed_in", origin=get_system_origin("x"))
    with pytest.raises(Error) as caught, transaction.atomic():
        run(statement)
    assert "permission denied" in str(caught.value) or "must be owner" in str(caught.value), caught.value
    assert Event.objects.count() == 2


@pytest.mark.postgresql
def test_ready_warns_of_the_owner_and_not_of_the_portals_role(as_portal, client):
    assert "audit owner" in client.get("/healthz/ready").json()["warnings"]
    as_portal()
    answer = client.get("/healthz/ready")
    assert answer.status_code == 200 and "audit owner" not in answer.json()["warnings"]


@pytest.mark.postgresql
@pytest.mark.parametrize("table", ["audit_event", "audit_term", "audit_known"])
def test_health_is_red_where_the_role_may_not_add(as_portal, role, client, table):
    run(f"REVOKE INSERT ON {table} FROM {role}")
    as_portal()
    answer = client.get("/healthz/ready")
    assert answer.status_code == 503 and "cannot be written" in answer.json()["checks"]["audit trail"]


@pytest.mark.postgresql
def test_repeating_it_changes_nothing_and_stores_no_plain_password(as_portal, role):
    rights = "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = %s"
    before = sorted(run(rights, role))
    call_command("database_roles", verbosity=0)
    assert sorted(run(rights, role)) == before
    given = {table: {right for name, right in before if name == table} for table in RIGHTS}
    assert given == {table: set(text.split(", ")) for table, text in RIGHTS.items()}
    [(kept,)] = run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", role)
    assert kept.startswith("SCRAM-SHA-256$")


@pytest.mark.postgresql
def test_printing_does_nothing(role, capsys):
    call_command("database_roles", "--print")
    text = capsys.readouterr().out
    assert f'GRANT SELECT, INSERT ON "audit_event" TO "{role}";' in text and "a password" not in text
    assert run("SELECT 1 FROM pg_roles WHERE rolname = %s", role) == []


@pytest.mark.postgresql
def test_a_role_that_could_become_the_owner_is_refused(role):
    run(f"CREATE ROLE {role} SUPERUSER")
    with pytest.raises(CommandError, match="Take another role"):
        call_command("database_roles")


def test_a_single_role_is_refused(settings):
    with pytest.raises(CommandError, match=r"DATABASE_OWNER_URL|Only PostgreSQL"):
        call_command("database_roles")
