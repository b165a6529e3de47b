"""A separate portal process with its own database, to be killed: `crash_target.py setup|send|settle …`."""

import json
import os
import sys
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.core.management import call_command  # noqa: E402

from portal.audit.models import Event  # noqa: E402
from portal.audit.recording import Origin  # noqa: E402
from portal.changes import outcomes, workflow  # noqa: E402
from portal.changes.models import Change  # noqa: E402
from portal.staff.models import User  # noqa: E402
from provisioning.credentials.credential_lifecycle import replace_credential  # noqa: E402
from provisioning.credentials.services import create_connection  # noqa: E402

ORIGIN = Origin(None, "ana", "Support agent", "", "", "")


def setup(base_url, tenant, key, password):
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    made = create_connection(slug="sandbox", name="Sandbox", base_url=base_url, tenant_guid=tenant)
    replace_credential(connection=made, api_key=key, password=password, by="tests")
    User.objects.create_user("ana").groups.add(Group.objects.get(name="Support agent"))


def send(tenant, submission):
    print("ready", flush=True)  # noqa: T201
    workflow.submit_change(
        user=User.objects.get(username="ana"),
        origin=ORIGIN,
        operation="merchant.create",
        connection="sandbox",
        target=tenant,
        object_name="Crash",
        payload={"name": "Crash", "homepage": "https://crash.example", "timezone": "UTC"},
        submission=uuid.UUID(submission),
    )
    print("done", flush=True)  # noqa: T201


def settle():
    settings.CHANGE_INTERRUPTED_AFTER = 0
    outcomes.settle_stale_changes()
    changes = {str(change.submission): change.state for change in Change.objects.all()}
    events = list(Event.objects.order_by("sequence").values_list("action", "change_id"))
    intents = sum(action == "change.intent" for action, _ in events)
    print(json.dumps({"changes": changes, "intents": intents}))  # noqa: T201


{"setup": setup, "send": send, "settle": settle}[sys.argv[1]](*sys.argv[2:])
