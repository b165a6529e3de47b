"""Old events go into sealed files that verify on their own, each row once."""

import gzip
import json
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from clock import LATER, SYSTEM, attacked
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.audit.models import Event
from portal.audit.retention import archives
from portal.audit.retention.archives import ArchiveBroken, ArchiveRefused, check_archive, write_archives
from portal.audit.retention.purging import PurgeRefused, purge_archives
from portal.audit.verification.chain import verify_trail
from portal.tasks.models import State, TaskRun
from tests.background.workers import worked_off


def test_everything_goes_into_files_once(archived, folder):
    assert [(kept.first, kept.last) for kept in archived] == [(1, 10), (11, 20), (21, 24)]
    [again] = write_archives(until=timezone.now(), origin=SYSTEM)
    assert (again.first, again.last) == (25, 27), "the records of archiving"
    assert list(write_archives(until=timezone.now() - timedelta(days=1), origin=SYSTEM)) == []
    assert all(kept.path.stat().st_mode & 0o077 == 0 for kept in archived)
    assert not list(folder.glob("*.part"))
    assert Event.objects.filter(action="audit.archived").count() == 4 and verify_trail().whole


def test_a_file_verifies_on_its_own(archived):
    archive = check_archive(archived[1].path)
    assert (archive.first, archive.last, len(archive.hashes)) == (11, 20, 10)
    assert archive.previous_hash == archived[0].last_hash == Event.objects.get(pk=10).hash


def test_checking_a_file_needs_the_keys_and_no_database(archived, settings, tmp_path):
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "", "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
        "PORTAL_AUDIT_KEYS": settings.PORTAL_AUDIT_KEYS,
    }  # fmt: skip
    command = [sys.executable, "-m", "django", "audit_archive", "--check", str(archived[0].path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "is whole: rows 1 to 10" in run.stdout, run.stderr


def _edited(line):
    row = json.loads(line)
    row[1] = "2020-01-01T00:00:00.000000+00:00"
    return json.dumps(row) + "\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:5], _edited(lines[5]), *lines[6:]],
        lambda lines: [*lines[:5], *lines[6:]],
        lambda lines: lines[:-1],
        lambda lines: [*lines[:-2], lines[-1]],
        lambda lines: [*lines, "{}\n"],
        lambda lines: [lines[0].replace('"last": 10', '"last": 9'), *lines[1:]],
        lambda lines: [lines[0].replace("0" * 64, "1" * 64), *lines[1:]],
        lambda lines: [*lines[:-1], lines[-1].replace('"seal": "', '"seal": "0')],
        lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
        lambda lines: ["[]\n"],
        lambda lines: ["{}\n"],
        lambda lines: [],
    ],
)
def test_a_file_that_was_touched_is_found(archived, damage):
    path = archived[0].path
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    with gzip.open(path, "wt") as file:
        file.writelines(damage(lines))
    with pytest.raises(ArchiveBroken):
        check_archive(path)
    with pytest.raises(PurgeRefused):
        list(purge_archives(origin=SYSTEM, now=LATER))
    with pytest.raises(CommandError):
        call_command("audit_archive", "--check", str(path))


def test_a_file_cut_short_or_of_another_key_is_found(archived, settings):
    path = archived[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ArchiveBroken):
        check_archive(path)
    path.write_bytes(whole)
    settings.PORTAL_AUDIT_KEYS = "other:" + "A" * 43 + "="
    with pytest.raises(ArchiveBroken, match="key"):
        check_archive(path)


def test_a_broken_chain_is_not_archived(shop_events, folder):
    attacked(lambda: Event.objects.filter(pk=7).update(reason="another"))
    with pytest.raises(ArchiveRefused, match="Row 7"):
        list(write_archives(until=timezone.now(), origin=SYSTEM))
    assert not list(folder.glob("*")) and not Event.objects.filter(action="audit.archived").exists()


def test_an_unwritable_archive_folder_is_reported(shop_events, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "file" / "folder")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("audit_archive", "--until", "2099-01-01")


def test_the_commands_archive_check_and_purge(shop_events, monkeypatch, capsys):
    call_command("audit_archive", "--until", "2099-01-01")
    with pytest.raises(CommandError, match="--yes"):
        call_command("audit_purge")
    call_command("audit_purge", "--yes")
    assert "0 events" in capsys.readouterr().out and Event.objects.filter(pk__lte=24).count() == 24
    with pytest.raises(CommandError, match="is not a day"):
        call_command("audit_archive", "--until", "yesterday")
    monkeypatch.setattr(timezone, "now", lambda: LATER)
    call_command("audit_purge", "--yes")
    assert "Rows 1 to 24: 16 removed" in capsys.readouterr().out


def test_the_page_shows_what_is_sealed_gone_and_missing(purged, archived, manager, client_of):
    archived[2].path.unlink()
    text = client_of(manager).get("/audit/archives/").content.decode()
    assert "1&nbsp;to&nbsp;10" in text and text.count("Removed") == 3 and "up to 24 of" in text
    assert text.count("No longer in the folder") == 1 and "at least 12 months" in text


def test_the_button_archives_in_the_background(shop_events, manager, admin, client_of, monkeypatch):
    month = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(archives, "get_month_start", lambda: month)
    browser = client_of(manager)
    assert browser.post("/audit/archives/").url == browser.post("/audit/archives/").url == "/audit/archives/"
    assert "before" in browser.get("/audit/archives/").content.decode()
    worked_off()
    [run] = TaskRun.objects.all()
    assert run.state == State.DONE and run.message == "24 rows in 1 file"
    text = browser.get("/audit/archives/").content.decode()
    assert "1&nbsp;to&nbsp;24" in text and f"{run.title}: Done" in text and "24 rows in 1 file" in text
    assert re.search(
        r'Finished <time[^>]*>[^<]+</time>, started by Max Manager\. See your <a href="/tasks/">', text
    )
    other = client_of(admin).get("/audit/archives/").content.decode()
    assert "24 rows in 1 file" in other and "See your" not in other
    assert Event.objects.get(action="audit.archived").actor_name == "Max Manager"


def test_a_run_with_nothing_to_archive_says_so(shop_events, manager, client_of, monkeypatch):
    month = timezone.now() - timedelta(days=1)
    monkeypatch.setattr(archives, "get_month_start", lambda: month)
    browser = client_of(manager)
    browser.post("/audit/archives/")
    worked_off()
    assert TaskRun.objects.get().message.startswith("Nothing to archive")
    assert "Nothing to archive: " in browser.get("/audit/archives/").content.decode()


def test_an_archive_that_fails_in_the_background_is_reported(shop_events, manager, client_of, monkeypatch):
    attacked(lambda: Event.objects.filter(pk=7).update(reason="another"))
    monkeypatch.setattr(archives, "get_month_start", lambda: timezone.now() + timedelta(days=1))
    browser = client_of(manager)
    browser.post("/audit/archives/")
    worked_off()
    text = browser.get("/audit/archives/").content.decode()
    assert "Row 7 cannot be archived" in text and f"{TaskRun.objects.get().title}: Failed" in text


def test_no_row_is_in_two_archives_of_concurrent_runs(shop_events, monkeypatch):
    lines = archives._generate_lines

    def overtaken(*arguments):
        monkeypatch.setattr(archives, "_generate_lines", lines)
        list(write_archives(until=timezone.now(), origin=SYSTEM))
        yield from lines(*arguments)

    monkeypatch.setattr(archives, "_generate_lines", overtaken)
    with pytest.raises(ArchiveRefused, match="same time"):
        list(write_archives(until=timezone.now(), origin=SYSTEM))
    assert [(kept.first, kept.last) for kept in archives.get_archives()] == [(1, 24)]
