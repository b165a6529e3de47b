"""The audit trail's commands where something is in the way: words and an exit code, never a traceback."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.audit.event_json import COLUMNS
from portal.audit.models import ChainHead, Event

CHECKOUT = Path(__file__).parents[3]
COMMANDS = ["audit_anchor", "audit_archive", "audit_purge", "audit_index", "audit_stream"]
ARGUMENTS = {"audit_archive": ["--until", "9999-12-31"], "audit_purge": ["--yes"], "audit_stream": ["--once"]}


def ran(database, *arguments, **values):
    """The command in a process of its own, as an operator starts it."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": os.environ["PATH"], "DATABASE_URL": database,
        "AUDIT_FORWARD_TO": "stdout", **values,
    }  # fmt: skip
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgres://nobody@127.0.0.1:1/x", "Connection refused"),
        ("sqlite:///{}/there/is/no/such/folder.sqlite3", "unable to open database file"),
        ("sqlite:///{}/new.sqlite3", "no such table"),
    ],
)
def test_an_unavailable_database_is_explained(tmp_path, url, why):
    for name in [*COMMANDS, "verify_audit"]:
        done = ran(url.format(tmp_path), name, *ARGUMENTS.get(name, []))
        assert done.returncode == (3 if name == "verify_audit" else 1), (name, done.stderr)
        assert "CommandError: " in done.stderr and why in done.stderr and "Traceback" not in done.stderr, name


@pytest.mark.parametrize("command", ["check", "changes_settle", "verify_audit", "audit_archive"])
@pytest.mark.parametrize("setting", ["AUDIT_FORWARD_TO", "AUDIT_ANCHOR_FORWARD_TO"])
def test_an_invalid_receiver_is_explained_in_one_line(tmp_path, setting, command):
    done = ran(f"sqlite:///{tmp_path}/x.sqlite3", command, **{setting: "gopher://siem.example/CANARY"})
    said = f"Not started: {setting}: “gopher:” is not a supported receiver of audit events.\n"
    assert (done.returncode, done.stderr) == (3, said)


def test_who_asks_for_the_traceback_of_a_wrong_setting_gets_it(tmp_path):
    done = ran(f"sqlite:///{tmp_path}/x.sqlite3", "check", "--traceback", AUDIT_RETENTION_MONTHS="3")
    assert "Traceback" in done.stderr and "AUDIT_RETENTION_MONTHS must be at least 12." in done.stderr


def test_roles_explain_when_the_owner_cannot_connect():
    done = ran(
        "postgres://x@127.0.0.1:1/x", "database_roles", DATABASE_OWNER_URL="postgres://o@127.0.0.1:1/x"
    )
    assert done.returncode == 1 and "CommandError: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["audit_anchor", "audit_archive"])
def test_a_trail_whose_end_was_forged_refuses_in_words(trail, name):
    ChainHead.objects.update(hash="f" * 64)
    with pytest.raises(
        CommandError, match="tampered with: the head of its chain is not as the portal left it"
    ):
        call_command(name, *ARGUMENTS.get(name, []))
    assert Event.objects.count() == 3


@pytest.mark.parametrize("name", ["audit_anchor", "audit_archive"])
def test_a_trail_without_its_head_refuses_in_words(trail, name):
    ChainHead.objects.all().delete()
    with pytest.raises(CommandError, match=r"head of the audit trail is missing|cannot be written"):
        call_command(name, *ARGUMENTS.get(name, []))


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit_archive", "--until", "2026-13-01"],
        ["audit_archive", "--check", "/dev/null/file"],
        ["verify_audit", "--from", "99999999999999999999999"],
        ["verify_audit", "--to", "0001-01-01"],
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_words(trail, arguments):
    with pytest.raises(CommandError):
        call_command(*arguments)
    assert Event.objects.count() == 3


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"columns": %s, "format": "portal-audit-archive-1", "first": Infinity}']
)
def test_a_made_up_file_is_not_accepted_as_an_archive(tmp_path, line):
    path = tmp_path / "made-up.jsonl.gz"
    path.write_bytes(gzip.compress(line.replace("%s", json.dumps(COLUMNS)).encode()))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("audit_archive", "--check", str(path))


def test_a_folder_that_cannot_be_written_is_named(trail, settings):
    settings.AUDIT_ARCHIVE_DIR = settings.AUDIT_ANCHOR_FILE = "/dev/null/not-a-folder"
    for name in ("audit_archive", "audit_anchor"):
        with pytest.raises(CommandError, match="cannot be written"):
            call_command(name, *ARGUMENTS.get(name, []))
