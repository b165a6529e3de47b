"""An outcome that the database does not take is shown, encrypted into a file, and recorded once later."""

import stat
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from portal.audit.models import Event
from portal.changes import outcomes
from portal.changes.models import Change, State
from portal.changes.outcomes import check_unknown_outcomes, check_unrecorded_outcomes
from portal.core.health import HealthCheckError
from portal.tasks import periodic
from tests.database_locks import lock_table
from tests.portal.changes.conftest import actions, only_change
from tests.portal.changes.test_creating import FIELDS, new
from tests.portal.changes.test_updating import prepared


@pytest.fixture(autouse=True)
def spool(tmp_path, settings, monkeypatch):
    """Use a new data folder and no pause between tries."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(outcomes, "_LOCK_SECONDS", 1)
    monkeypatch.setattr(outcomes, "_RETRY_SECONDS", 0.0)
    return tmp_path / "unrecorded-outcomes"


@pytest.fixture
def locked_after_sending(transactional_db, rewriter):
    """Lock the database while the gateway has the write, until the response is returned."""

    def post(operation, act, answer=lambda answered: answered):
        with ThreadPoolExecutor(1) as pool:
            held = threading.Event()
            over = threading.Event()

            def hold():
                with lock_table("changes_change"):
                    held.set()
                    over.wait(60)

            def rule(body, send):
                answered = answer(send(body))
                waiting.append(pool.submit(hold))
                held.wait(20)
                return answered

            waiting = []
            rewriter.rules = {operation: rule}
            try:
                return act()
            finally:
                over.set()
                for each in waiting:
                    each.result()

    return post


def test_a_create_shows_its_outcome_and_records_it_later(
    browser, tenant, spool, locked_after_sending, rewriter
):
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browser.get(new(tenant))
    response = locked_after_sending("createMerchant", lambda: browser.post(new(tenant), form))
    page = response.content.decode()
    assert response.status_code == 200
    assert "The gateway accepted the change" in page
    assert "Do not send the change again" in page
    change = only_change()
    assert change.state == State.SENDING
    (file,) = spool.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    assert b"Nordlicht" not in file.read_bytes()
    with pytest.raises(HealthCheckError, match="not recorded yet"):
        check_unrecorded_outcomes()
    rewriter.rules = {}
    assert browser.get("/accounts/profile/").status_code == 200  # any request records it
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert change.object_guid in page
    assert actions(change) == ["change.prepared", "change.intent", "change.accepted"]
    assert not list(spool.iterdir())
    check_unrecorded_outcomes()
    assert rewriter.writes == 1


def test_an_update_and_the_worker(browser, merchant, spool, locked_after_sending):
    change = prepared(browser, merchant, city="Linz")
    response = locked_after_sending("updateMerchant", lambda: browser.post(f"/changes/{change.pk}/send/"))
    assert "The gateway accepted the change" in response.content.decode()
    outcomes.settle_stale_changes()
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert actions(change) == ["change.prepared", "change.intent", "change.accepted"]


def test_a_refusal_is_shown_before_it_is_recorded(browser, merchant, locked_after_sending):
    change = prepared(browser, merchant, city="Linz")
    no = {"success": False, "errorCode": 1002, "errorMessage": "city: not there"}
    response = locked_after_sending(
        "updateMerchant", lambda: browser.post(f"/changes/{change.pk}/send/"), answer=lambda _: no
    )
    assert response.status_code == 422
    assert "The gateway refused the change" in response.content.decode()
    outcomes.record_spooled_outcomes()
    change.refresh_from_db()
    assert change.state == State.REFUSED


def test_what_was_recorded_after_all_is_not_recorded_twice(browser, merchant, spool, locked_after_sending):
    """A process that ends between recording and removing the file leaves the file."""
    change = prepared(browser, merchant, city="Linz")
    locked_after_sending("updateMerchant", lambda: browser.post(f"/changes/{change.pk}/send/"))
    (file,) = spool.iterdir()
    kept = file.read_bytes()
    assert outcomes.record_spooled_outcomes() == 1
    file.write_bytes(kept)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _recording(), range(4)))
    assert not file.exists()
    assert actions(change).count("change.accepted") == 1


def _recording():
    try:
        outcomes.record_spooled_outcomes()
    finally:
        connections.close_all()


def test_a_verdict_kept_in_a_file_beats_an_unknown_outcome(browser, merchant, spool, locked_after_sending):
    change = prepared(browser, merchant, city="Linz")
    locked_after_sending("updateMerchant", lambda: browser.post(f"/changes/{change.pk}/send/"))
    Change.objects.update(state=State.UNKNOWN)  # as another server, without the file, settled it
    with pytest.raises(HealthCheckError, match="unknown outcome"):
        check_unknown_outcomes()
    outcomes.record_spooled_outcomes()
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    check_unknown_outcomes()


def test_a_file_of_another_change_does_not_open(db, spool):
    mine, theirs = uuid.uuid4(), uuid.uuid4()
    assert outcomes.spool_outcome(mine, {"values": {}})
    (spool / f"{mine}.sealed").rename(spool / f"{theirs}.sealed")
    assert outcomes.read_spooled_outcome(theirs) is None
    assert outcomes.read_spooled_outcome(mine) is None
    assert list(outcomes.list_spooled_changes()) == [theirs]


def test_a_full_disk_takes_the_outcome_into_the_reserved_space(db, spool, monkeypatch):
    change_id = uuid.uuid4()
    outcomes.reserve_spool_space(change_id)
    write = outcomes._write_file

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outcomes, "_write_file", full)
    assert outcomes.spool_outcome(change_id, {"values": {"state": "accepted"}})
    monkeypatch.setattr(outcomes, "_write_file", write)
    assert outcomes.read_spooled_outcome(change_id) == {"values": {"state": "accepted"}}


def test_an_interrupted_send_is_settled_by_the_worker(browser, merchant, rewriter, settings):
    """No page is opened: the worker records it, and the trail says so."""
    change = prepared(browser, merchant, city="Linz")
    began = timezone.now() - timedelta(seconds=settings.CHANGE_INTERRUPTED_AFTER + 1)
    Change.objects.filter(pk=change.pk).update(state=State.SENDING, claimed_at=began, intent_at=began)
    for housekeeping in periodic.HOUSEKEEPING.values():
        housekeeping.due_at = 0.0
    periodic.run_housekeeping()
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    assert Event.objects.filter(change_id=str(change.pk), action="change.unknown").count() == 1
    every = periodic.HOUSEKEEPING.get("stale changes").every
    assert settings.CHANGE_INTERRUPTED_AFTER + every.total_seconds() + 5 < 60
    with pytest.raises(HealthCheckError, match="1 change"):
        check_unknown_outcomes()
