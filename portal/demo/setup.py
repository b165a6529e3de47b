"""Prepare a demo before its processes start: database, files, gateway, users. Can be repeated."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.utils.crypto import salted_hmac

from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.demo.bootstrap import PASSPHRASE
from portal.demo.processes import DemoError
from portal.staff.models import User
from portal.staff.roles import ADMIN, AGENT, MANAGER
from portal.staff.services import create_user, set_password
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import create_connection

PEOPLE = {
    "agent": {"role": AGENT, "first_name": "Alex", "last_name": "Agent"},
    "manager": {"role": MANAGER, "first_name": "Mara", "last_name": "Manager"},
    "admin": {"role": ADMIN, "first_name": "Adam", "last_name": "Admin"},
}
SLUG = "sandbox"
ORIGIN = get_system_origin("make run")
# The gateway's process has no business with the portal's keys and database.
_PORTALS_OWN = {
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "PORTAL_ENCRYPTION_KEYS",
    "PORTAL_AUDIT_KEYS",
    "PORTAL_DEMO_PASSPHRASE",
    "DATABASE_URL",
}


def get_passphrase() -> str:
    """Return the passphrase of all demo users."""
    return str(settings.PORTAL_DEMO_PASSPHRASE or PASSPHRASE)


def get_gateway_environment() -> dict[str, str]:
    """Return the environment of the embedded gateway's commands and process."""
    return {name: value for name, value in os.environ.items() if name not in _PORTALS_OWN}


def ensure_database() -> None:
    """Create or migrate the tables of the portal."""
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)


def ensure_static() -> None:
    """Collect and compress the static files if one of them has changed."""
    found = sorted(
        (name, storage.size(name), storage.get_modified_time(name).isoformat())
        for finder in get_finders()
        for name, storage in finder.list(None)
    )
    state = hashlib.sha256(json.dumps([str(settings.STATIC_ROOT), *found]).encode()).hexdigest()
    stamp = Path(settings.DATA_DIR) / "static.stamp"
    if not stamp.is_file() or stamp.read_text() != state or not Path(settings.STATIC_ROOT).is_dir():
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        stamp.write_text(state)


def ensure_gateway(*, base_url: str) -> None:
    """Load the data of the gateway and store a key for it in the portal, without showing the password."""
    connection = Connection.objects.filter(slug=SLUG).first()
    if connection is None:
        connection = create_connection(
            slug=SLUG, name="Sandbox", base_url=base_url, colour="green", egress_addresses="127.0.0.1,::1"
        )
        record_event(action="connection.created", origin=ORIGIN, connection=SLUG, object=_ref(connection))
    elif connection.base_url != base_url:
        connection.base_url = base_url
        connection.save(update_fields=["base_url"])
    fresh = not (Path(settings.DATA_DIR) / "sandbox.sqlite3").exists()
    if not fresh and Credential.objects.filter(connection=connection, state="active").exists():
        return
    tenant = _gateway_command("sandbox_seed")["ownTenant"]
    Connection.objects.filter(pk=connection.pk).update(tenant_guid=tenant)
    key = _gateway_command("sandbox_key", "create", "--name", "Portal")
    replace_credential(
        connection=connection, api_key=key["apiKey"], password=key["password"], by=ORIGIN.actor_name
    )
    record_event(action="credential.reset", origin=ORIGIN, connection=SLUG, object=_ref(connection))


def ensure_people() -> None:
    """Create a user for each role, all with the demo's passphrase. Every production portal refuses them."""
    stamp = Path(settings.DATA_DIR) / "people.stamp"
    if stamp.is_file() and stamp.read_text() == _people_state():
        return
    for username, values in PEOPLE.items():
        person = User.objects.filter(username=username).first()
        if person is None:
            person = create_user(
                by=None,
                origin=ORIGIN,
                username=username,
                role=values["role"],
                first_name=values["first_name"],
                last_name=values["last_name"],
                is_demo=True,
            )
        if person.is_demo and not person.check_password(get_passphrase()):
            set_password(origin=ORIGIN, user=person, password=get_passphrase())
    stamp.write_text(_people_state())


def _people_state() -> str:
    """Return a digest of the passphrase and the stored passwords: checking three passwords takes a second."""
    stored = User.objects.filter(username__in=PEOPLE).order_by("username").values_list("username", "password")
    return salted_hmac(
        "portal.demo.people", json.dumps([get_passphrase(), *stored]), algorithm="sha256"
    ).hexdigest()


def _ref(connection: Connection) -> ObjectRef:
    return ObjectRef("connection", connection.slug, connection.name)


def _gateway_command(*arguments: str) -> dict[str, Any]:
    """Run a command of the embedded gateway and return the JSON it prints. Raises DemoError."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    done = subprocess.run(command, env=get_gateway_environment(), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DemoError(f"{arguments[0]} failed: {done.stderr.strip()[-500:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
