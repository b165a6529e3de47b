"""What the tests of archives and purges share: somebody to act, a time long after, an attacker."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from portal.audit.recording import origin_system
from portal.audit.triggers import guards_install, guards_remove
from portal.audit.verification.chain import audit_verify

SYSTEM = origin_system("tests")
LATER = timezone.now() + timedelta(days=500)


def attacked(work):
    """Does it with the guards off; the first problem that verification then finds."""
    guards_remove(connection)
    work()
    guards_install(connection)
    report = audit_verify()
    assert not report.whole
    return report.problems[0]
