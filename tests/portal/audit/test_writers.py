"""Many writers at once: one chain, no fork, nobody lost."""

import threading
import time

from django.db import connections

from portal.audit.models import Event
from portal.audit.recording import get_system_origin, record_event
from portal.audit.verification.chain import verify_trail

WRITERS, EACH = 8, 25


def _write(number, failures):
    try:
        for turn in range(EACH):
            record_event(
                action="session.signed_in", origin=get_system_origin(f"writer {number}"), message=str(turn)
            )
    except Exception as failure:
        failures.append(failure)
    finally:
        connections.close_all()


def test_eight_writers_make_one_chain(committed_db):
    failures, started = [], time.monotonic()
    threads = [threading.Thread(target=_write, args=(number, failures)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert verify_trail().whole  # a reader in between never sees a broken chain
        time.sleep(0.05)
    print(f"{WRITERS * EACH / (time.monotonic() - started):.0f} events/s")  # noqa: T201
    report = verify_trail()
    assert not failures and report.whole and report.rows == WRITERS * EACH
    assert Event.objects.values("previous_hash").distinct().count() == WRITERS * EACH


def test_real_commits_do_not_leak_into_the_next_test(committed_db, agent):
    assert not Event.objects.exists()
    assert record_event(action="session.signed_in", origin=get_system_origin("x")).sequence == 1


def test_the_cast_is_there_with_real_commits_too(committed_db, agent, admin):
    assert agent.has_perm("merchant.create") and admin.has_perm("staff.create")
