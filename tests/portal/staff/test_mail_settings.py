"""The settings of mail as a start makes them: a demo keeps its mails as files, others need EMAIL_URL."""

import json
import os
import subprocess
import sys
from email import policy
from email.parser import BytesParser

import pytest
from django.core.management import call_command

from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event

_PRINT = (
    "import json, portal.settings as s;"
    "names = [name for name in dir(s) if name.startswith(('EMAIL_', 'MAIL_', 'DEFAULT_FROM'))];"
    "print(json.dumps({name: getattr(s, name) for name in names}))"
)
KEY = "demo-1:" + "A" * 43 + "="


def started(**environment: str) -> dict[str, object]:
    """What a process with this environment has as its settings of mail."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("EMAIL_")}
    needed = {"SECRET_KEY": "x" * 50, "PORTAL_ENCRYPTION_KEYS": KEY, "PORTAL_AUDIT_KEYS": KEY}
    ran = subprocess.run(
        [sys.executable, "-c", _PRINT],
        env=known | needed | {"PORTAL_ENV_FILE": os.devnull} | environment,
        capture_output=True,
        check=True,
        text=True,
    )
    return dict(json.loads(ran.stdout))


@pytest.fixture
def demo(settings, tmp_path):
    """The mail settings of a demo, in force here."""
    for name, value in started(PORTAL_ENV="demo", PORTAL_DATA_DIR=str(tmp_path)).items():
        setattr(settings, name, value)
    return tmp_path / "mails"


def written(folder):
    """The one mail that lies there."""
    [file] = folder.iterdir()
    return BytesParser(policy=policy.default).parsebytes(file.read_bytes())


def test_the_invitation_of_a_demo_lies_in_its_data_folder(demo, admin, client_of):
    form = {"username": "ines", "first_name": "Ines", "last_name": "", "email": "ines@example.com",
            "role": "Support agent", "mail": "1"}  # fmt: skip
    assert client_of(admin).post("/staff/new/", form).status_code == 302
    mail = written(demo)
    assert mail["To"] == "ines@example.com" and mail["From"] == "portal@localhost"
    assert "username is ines" in mail.get_content()


def test_the_anchor_of_a_demo_lies_there_too(demo, db, settings):
    settings.AUDIT_ANCHOR_FORWARD_TO = ["mailto:auditor@example.com"]
    record_event(action="session.signed_in", origin=get_system_origin("tests"))
    call_command("audit_anchor")
    assert Event.objects.first().hash in written(demo).get_content()


def test_a_mail_server_is_used_where_one_is_named_and_none_where_not(tmp_path):
    named = started(
        PORTAL_ENV="test",
        PORTAL_DATA_DIR=str(tmp_path),
        EMAIL_URL="smtp+tls://ann:pass@mail.example.com:587",
        EMAIL_FROM="portal@example.com",
    )
    assert named["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (named["EMAIL_HOST"], named["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (named["EMAIL_HOST_USER"], named["EMAIL_USE_TLS"]) == ("ann", True)
    assert (named["DEFAULT_FROM_EMAIL"], named["MAIL_ON"]) == ("portal@example.com", True)
    without = started(PORTAL_ENV="test", PORTAL_DATA_DIR=str(tmp_path))
    assert (without["EMAIL_BACKEND"], without["MAIL_ON"]) == (
        "django.core.mail.backends.dummy.EmailBackend",
        False,
    )
