"""Warnings of the readiness check: changes whose outcome is unknown or not recorded yet."""

from portal.changes.models import Change, State
from portal.changes.outcomes import list_spooled_changes
from portal.core.health import WARNINGS, NotReadyError


def register_checks() -> None:
    """Add the warnings to /healthz/ready."""
    WARNINGS.register("unknown outcomes", check_unknown_outcomes)
    WARNINGS.register("unrecorded outcomes", check_unrecorded_outcomes)


def check_unknown_outcomes() -> None:
    """Raise NotReadyError while the outcome of a change is unknown."""
    unknown = Change.objects.filter(state=State.UNKNOWN)
    count = unknown.count()
    if count:
        since = unknown.earliest("created_at").created_at
        raise NotReadyError(
            f"{count} change(s) have an unknown outcome, the oldest since {since:%Y-%m-%d %H:%M} UTC: "
            "open Changes and check them"
        )


def check_unrecorded_outcomes() -> None:
    """Raise NotReadyError while outcomes are spooled on this machine."""
    count = sum(1 for _ in list_spooled_changes())
    if count:
        raise NotReadyError(f"{count} outcome(s) of changes are kept in files and not recorded yet")
