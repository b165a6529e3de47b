"""`manage.py verify_audit`: the verdict as words and as an exit code."""

import subprocess
import sys

import pytest
from django.core.management import call_command
from django.db import connection

from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.triggers import install_triggers, remove_triggers

pytestmark = pytest.mark.django_db
ROWS = 8


@pytest.fixture
def chain():
    """Rows to verify, with the guards off."""
    for _ in range(ROWS):
        record_event(action="session.signed_in", origin=get_system_origin("x"))
    remove_triggers(connection)


def test_the_command_says_that_the_chain_is_whole_and_records_it(capsys, chain):
    install_triggers(connection)
    call_command("verify_audit")
    assert f"whole: {ROWS} rows" in capsys.readouterr().out
    assert Event.objects.first().action == "audit.verified"


def test_the_command_names_the_broken_row_and_exits_1(capsys, chain):
    Event.objects.filter(pk=7).update(message="x")
    with pytest.raises(SystemExit) as caught:
        call_command("verify_audit")
    printed = capsys.readouterr()
    assert caught.value.code == 1 and "Row 7: it was edited" in printed.out and "row 7" in printed.err


def test_the_command_answers_a_shell_with_its_exit_code(tmp_path):
    """A process of its own on a database of its own: 0 whole, 1 broken."""
    program = (
        "import django; django.setup();"
        "from django.core.management import call_command as call; from django.db import connection;"
        "call('migrate', verbosity=0);"
        "from portal.audit.recording import *; from portal.audit.triggers import *;"
        "from portal.audit.models import Event;"
        "record_event(action='session.signed_in', origin=get_system_origin('x'));"
        "remove_triggers(connection); Event.objects.update(message='x') if {} else None;"
        "install_triggers(connection);"
        "call('verify_audit')"
    )
    for broken in (0, 1):
        path = tmp_path / f"audit-{broken}.sqlite3"
        ran = subprocess.run(
            [sys.executable, "-c", program.format(broken)],
            env={"DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": f"sqlite:///{path}", "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == broken, ran.stderr
