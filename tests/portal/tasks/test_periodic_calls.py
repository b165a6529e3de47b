"""What apps have workers do regularly: when it is due, and what happens if another call fails."""

from datetime import timedelta

import pytest

from portal.tasks import periodic
from portal.tasks.periodic import Housekeeping, run_housekeeping
from tests.registries import registry_of


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch):
    monkeypatch.setattr(periodic, "HOUSEKEEPING", registry_of({}))


def test_it_is_done_at_once_and_then_when_its_time_has_come():
    often, rarely = [], []
    periodic.HOUSEKEEPING.register("test.often", Housekeeping(lambda: often.append(1), every=timedelta(0)))
    periodic.HOUSEKEEPING.register(
        "test.rarely", Housekeeping(lambda: rarely.append(1), every=timedelta(hours=1))
    )
    for _ in range(3):
        run_housekeeping()
    assert (len(often), len(rarely)) == (3, 1)


def test_one_that_fails_keeps_back_no_other_and_tells_the_log_no_secret(db, caplog, monkeypatch):
    done = []
    monkeypatch.setattr(periodic.connections, "close_all", lambda: None)  # the test's own is needed on

    def broken():
        raise ValueError("canary")

    periodic.HOUSEKEEPING.register("test.broken", Housekeeping(broken, every=timedelta(hours=1)))
    periodic.HOUSEKEEPING.register(
        "test.done", Housekeeping(lambda: done.append(1), every=timedelta(hours=1))
    )
    run_housekeeping()
    assert done == [1]
    assert "broken failed: ValueError" in caplog.text and "canary" not in caplog.text
