"""A trail that is archived, and purged long after."""

import pytest
from clock import LATER, SYSTEM
from django.db import connection
from django.utils import timezone

from portal.audit.recording import ObjectRef, event_record
from portal.audit.retention import archives
from portal.audit.retention.archives import archives_write
from portal.audit.retention.purging import archives_purge
from portal.audit.triggers import guards_remove


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where this test's archives are."""
    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archives")
    return tmp_path / "archives"


@pytest.fixture
def trail(db):
    """Record three events and remove the triggers, so that a test can damage the trail."""
    for _ in range(3):
        event_record(action="session.signed_in", origin=SYSTEM)
    guards_remove(connection)


@pytest.fixture
def shop_events(db):
    """Twenty changes of four shops in turn, and four sign-ins among them: 24 rows."""
    for number in range(24):
        about = None if number % 6 == 5 else ObjectRef("merchant", f"g-{number % 4}", f"Shop {number // 12}")
        action = "change.accepted" if about else "session.signed_in"
        event_record(
            action=action, origin=SYSTEM, object=about, after={f"field{number}": 1}, reason=f"why{number}"
        )


@pytest.fixture
def archived(shop_events, monkeypatch):
    """The same in archives of ten rows."""
    monkeypatch.setattr(archives, "MOST_ROWS", 10)
    return list(archives_write(until=timezone.now(), origin=SYSTEM))


@pytest.fixture
def purged(archived):
    """The same purged, long after, and then another event."""
    gone = {kept.first: number for kept, number in archives_purge(origin=SYSTEM, now=LATER)}
    event_record(action="session.signed_in", origin=SYSTEM)
    return gone
