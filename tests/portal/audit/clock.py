"""What the tests of archives and purges share: someone to act, a time long after, an attacker."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from portal.audit.recording import get_system_origin
from portal.audit.triggers import install_triggers, remove_triggers
from portal.audit.verification.chain import verify_trail

SYSTEM = get_system_origin("tests")
LATER = timezone.now() + timedelta(days=500)


def attacked(work):
    """Does it with the guards off; the first problem that verification then finds."""
    remove_triggers(connection)
    work()
    install_triggers(connection)
    report = verify_trail()
    assert not report.whole
    return report.problems[0]
