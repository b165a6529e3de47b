"""A rotation waits until every server has the key, and goes on in the background where it was stopped."""

import signal
import socket
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from portal.audit.models import Event
from portal.changes.models import Change, State
from portal.changes.records import seal_payload
from portal.keys import background
from portal.keys.key_presence import THERE, record_holder
from portal.keys.models import Holder
from portal.tasks import services as tasks
from portal.tasks.models import State as RunState
from portal.tasks.models import TaskRun
from portal.tasks.services import cancel_task
from provisioning import encryption
from provisioning.encrypted_fields import iterate_encrypted_values
from tests.background.workers import Workers, until, worked_off
from tests.portal.keys.conftest import VALUES
from tests.portal.keys.serving import answered, listening, manage, served
from tests.running.production import key

HOST = socket.gethostname()


def key_ids():
    """The key of every stored value."""
    return {value.key_id for _, _, value in iterate_encrypted_values()}


def run(capsys, *arguments):
    """What the command prints."""
    call_command("keyring", *arguments)
    return capsys.readouterr().out


@pytest.fixture
def alpha(keys, db):
    """alpha(ago, "a", "b"): a web server elsewhere, seen so long ago with these keys."""

    def seen(ago, *names):
        keys(*names)
        marks = encryption.key_marks()
        moment = timezone.now() - ago
        Holder.objects.create(name="alpha:1", host="alpha", work="web server", marks=marks, seen_at=moment)

    return seen


def test_a_running_server_without_the_key_stops_re_encryption(committed_db, sealed, settings):
    old = settings.PORTAL_ENCRYPTION_KEYS
    both = f"b:{key()},{old}"
    with listening() as listener:
        process = served(listener, old)
        answered(f"http://127.0.0.1:{listener.getsockname()[1]}", process)
        until(lambda: Holder.objects.count() == 2)
        for more in ([], ["--background"]):
            refused = manage(both, "keyring", "rotate", *more)
            assert refused.returncode != 0 and f"web server on {HOST} (seen " in refused.stderr
            assert "Key “b” is missing on some servers" in refused.stderr and "--force" in refused.stderr
        assert key_ids() == {"a"} and not TaskRun.objects.exists()
        process.terminate()
        process.communicate(timeout=120)
    assert not Holder.objects.exists(), "who ends in order keeps nobody waiting"
    rotated = manage(both, "keyring", "rotate")
    assert rotated.returncode == 0, rotated.stderr
    assert key_ids() == {"b"}


def test_a_running_worker_says_what_it_holds_until_it_ends(committed_db, settings):
    workers = Workers(PORTAL_ENCRYPTION_KEYS=settings.PORTAL_ENCRYPTION_KEYS)
    process = workers.start()
    try:
        until(Holder.objects.exists)
        holder = Holder.objects.get()
        assert (holder.host, holder.work, holder.marks) == (HOST, "worker", encryption.key_marks())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        assert not Holder.objects.exists()
    finally:
        workers.end()


def test_a_reason_not_to_wait_is_required_and_recorded(capsys, sealed, keys, alpha):
    alpha(timedelta(seconds=40), "a")
    keys("b", "a")
    with pytest.raises(CommandError, match=r"web server on alpha \(seen 4\d seconds ago\)"):
        call_command("keyring", "rotate")
    with pytest.raises(CommandError):
        call_command("keyring", "rotate", "--force", "  ")
    assert key_ids() == {"a"} and not Event.objects.filter(action__startswith="keyring.").exists()
    assert f"{VALUES} values were re-encrypted" in run(capsys, "rotate", "--force", "alpha is being replaced")
    assert key_ids() == {"b"}
    assert Event.objects.get(action="keyring.rotation_began").reason == "alpha is being replaced"


@pytest.mark.parametrize(
    ("ago", "held"),
    [(THERE + timedelta(seconds=1), ["a"]), (timedelta(0), ["a", "b"]), (timedelta(0), ["b"])],
)
def test_stopped_servers_and_those_with_the_key_delay_no_rotation(*, capsys, sealed, keys, alpha, ago, held):
    alpha(ago, *held)
    keys("b", "a")
    assert f"{VALUES} values were re-encrypted" in run(capsys, "rotate")


def test_another_key_of_the_same_name_is_another_key(sealed, keys, alpha):
    alpha(timedelta(0), "b", "a")
    keys("b", "a", b=key())
    with pytest.raises(CommandError, match="web server on alpha"):
        call_command("keyring", "rotate")


def test_status_and_ready_name_who_lacks_the_key_and_show_no_key(
    *, capsys, client, sealed, keys, alpha, settings
):
    alpha(timedelta(0), "a")
    keys("b", "a")
    record_holder("worker")
    printed = run(capsys, "status")
    assert "Lacks key “b”: web server on alpha (seen " in printed
    assert f"Can decrypt values of this server: worker on {HOST} (seen " in printed
    warning = client.get("/healthz/ready").json()["warnings"]["encryption keys"]
    assert "web server on alpha" in warning and HOST not in warning
    marks = Holder.objects.get(work="worker").marks
    secrets = [entry.partition(":")[2] for entry in settings.PORTAL_ENCRYPTION_KEYS.split(",")]
    assert len(marks) == 2 and not any(secret in printed + warning + str(marks) for secret in secrets)


def test_no_key_is_called_removable_while_a_server_still_seals_with_it(capsys, sealed, keys, alpha):
    alpha(timedelta(0), "a", "b")
    keys("b", "a")
    for act in ("rotate", "status"):
        printed = run(capsys, act)
        assert "Key “a” encrypts no stored values, but new values are still encrypted" in printed, act
        assert "encrypted with it on web server on alpha" in printed, act
        assert "You can remove it" not in printed and "Put “b” first there" in printed
    keys("b", "a", a=key())
    assert "You can remove it" in run(capsys, "status"), (
        "a different key of that name is not the one alpha seals with"
    )


@pytest.mark.parametrize(("ago", "held"), [(THERE + timedelta(seconds=1), "ab"), (timedelta(0), "ba")])
def test_a_key_that_no_server_encrypts_with_can_be_removed(*, capsys, sealed, keys, alpha, ago, held):
    alpha(ago, *held)
    keys("b", "a")
    assert "Key “a” encrypts no stored values. You can remove it" in run(capsys, "rotate")


@pytest.fixture
def many(sealed):
    """More changes than one transaction seals again."""
    of_ana = {"operation": "merchant.update", "state": State.PREPARED, "actor": sealed.ana}
    waiting = [Change(connection="sandbox", **of_ana) for _ in range(60)]
    for change in waiting:
        change.sealed_payload = seal_payload(change, {"city": "Linz"})
    Change.objects.bulk_create(waiting)
    return VALUES + 60


def test_a_worker_re_encrypts_everything_and_the_task_says_so(
    *, capsys, many, keys, admin, manager, client_of
):
    keys("b", "a")
    assert "/tasks/" in run(capsys, "rotate", "--background")
    run(capsys, "rotate", "--background")
    task = TaskRun.objects.get()
    assert "Re-encrypt all stored secrets with key “b”" in client_of(admin).get("/tasks/").content.decode()
    assert "Re-encrypt all stored secrets" not in client_of(manager).get("/tasks/").content.decode()
    assert client_of(manager).post(f"/tasks/{task.pk}/cancel/").status_code == 404
    worked_off()
    task.refresh_from_db()
    assert (task.state, task.message) == (RunState.DONE, f"{many} values were re-encrypted")
    assert key_ids() == {"b"}
    assert Event.objects.get(action="keyring.rotated").actor_name == "manage.py keyring"


def test_a_stopped_one_goes_on_where_it_was(*, capsys, many, keys, admin, client_of, monkeypatch):
    keys("b", "a")
    run(capsys, "rotate", "--background")
    monkeypatch.setattr(tasks, "REPORT_STEP", 0)
    report = background.report_progress

    def stopped(*, run, done, **values):
        if done:
            cancel_task(run=run)
        report(run=run, done=done, **values)

    with monkeypatch.context() as patch:
        patch.setattr(background, "report_progress", stopped)
        worked_off()
    task = TaskRun.objects.get()
    assert task.state == RunState.CANCELLED and key_ids() == {"a", "b"}
    assert client_of(admin).post(f"/tasks/{task.pk}/retry/").status_code == 302
    worked_off()
    task.refresh_from_db()
    assert task.state == RunState.DONE and key_ids() == {"b"}
    assert 0 < int(task.message.split()[0]) < many


def test_stopping_it_and_starting_it_again_take_step_up_and_are_recorded(
    *, capsys, sealed, keys, admin, client_of
):
    keys("b", "a")
    run(capsys, "rotate", "--background")
    steps = [f"/tasks/{TaskRun.objects.get().pk}/{step}/" for step in ("cancel", "retry")]
    late, browser = client_of(admin), client_of(admin)
    session = late.session
    session["proved_at"] -= 11 * 60
    session.save()
    for step, state in zip(steps, (RunState.CANCELLED, RunState.WAITING), strict=True):
        before = TaskRun.objects.get().state
        assert late.post(step)["Location"].startswith("/accounts/confirm/")
        assert TaskRun.objects.get().state == before
        assert browser.post(step)["Location"] == "/tasks/"
        assert TaskRun.objects.get().state == state
        browser.post(step)  # done already
    events = Event.objects.order_by("sequence")
    assert [(event.action, event.actor_id) for event in events] == [
        ("keyring.rotation_stopped", admin.pk), ("keyring.rotation_restarted", admin.pk),
    ]  # fmt: skip
    assert "Re-encrypt all stored secrets with key “b”" in events[0].sentence


@pytest.mark.parametrize(("step", "state"), [("cancel", RunState.WAITING), ("retry", RunState.CANCELLED)])
def test_what_cannot_be_recorded_is_neither_stopped_nor_started_again(
    *, capsys, sealed, keys, admin, client_of, step, state
):
    keys("b", "a")
    run(capsys, "rotate", "--background")
    TaskRun.objects.update(state=state)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event RENAME TO gone")
    answer = client_of(admin).post(f"/tasks/{TaskRun.objects.get().pk}/{step}/")
    assert answer.status_code == 503 and TaskRun.objects.get().state == state


def test_a_worker_with_other_keys_seals_nothing(capsys, sealed, keys, alpha):
    keys("b", "a")
    run(capsys, "rotate", "--background")
    keys("a", "b")
    worked_off()
    task = TaskRun.objects.get()
    assert task.state == RunState.FAILED and "a different key" in task.message
    keys("b", "a")
    assert key_ids() == {"a"}
    Holder.objects.create(name="late", host="beta", work="web server", marks=["0" * 16])
    TaskRun.objects.update(state=RunState.WAITING)
    worked_off()
    task.refresh_from_db()
    assert task.state == RunState.FAILED and "web server on beta" in task.message
    assert key_ids() == {"a"}
