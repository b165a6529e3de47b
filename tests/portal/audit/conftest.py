"""A trail that is archived, and purged long after."""

import pytest
from clock import LATER, SYSTEM
from django.db import connection
from django.utils import timezone

from portal.audit.recording import ObjectRef, record_event
from portal.audit.retention import archives
from portal.audit.retention.archives import write_archives
from portal.audit.retention.purging import purge_archives
from portal.audit.triggers import remove_triggers


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where this test's archives are."""
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archives")
    return tmp_path / "archives"


@pytest.fixture
def trail(db):
    """Record three events and remove the triggers, so that a test can damage the trail."""
    for _ in range(3):
        record_event(action="session.signed_in", origin=SYSTEM)
    remove_triggers(connection)


@pytest.fixture
def shop_events(db):
    """Twenty changes of four shops in turn, and four sign-ins among them: 24 rows."""
    for number in range(24):
        about = None if number % 6 == 5 else ObjectRef("merchant", f"g-{number % 4}", f"Shop {number // 12}")
        action = "change.accepted" if about else "session.signed_in"
        record_event(
            action=action, origin=SYSTEM, object=about, after={f"field{number}": 1}, reason=f"why{number}"
        )


@pytest.fixture
def archived(shop_events, monkeypatch):
    """The same in archives of ten rows."""
    monkeypatch.setattr(archives, "MAX_ROWS", 10)
    return list(write_archives(until=timezone.now(), origin=SYSTEM))


@pytest.fixture
def purged(archived):
    """The same purged, long after, and then another event."""
    gone = {kept.first: number for kept, number in purge_archives(origin=SYSTEM, now=LATER)}
    record_event(action="session.signed_in", origin=SYSTEM)
    return gone
