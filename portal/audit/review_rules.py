"""What deserves a look, as a registry: for the daily review, and as the filter `look` of the explorer.

A feature whose actions deserve one adds them here, for example approvals without a second person.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay
from django.db.models.lookups import GreaterThanOrEqual, In, LessThan

from portal.audit.event_types import EVENT_TYPES
from portal.audit.models import Event, Term
from portal.core.datetimes import get_time_zone
from provisioning.credentials.models import Connection
from provisioning.danger import DANGERS
from provisioning.registry import Registry

# What reached the gateway, or may have.
_WRITTEN = ("change.accepted", "change.unknown")
# What people change in the portal itself, and what of that it notices by itself.
_OWN_CHANGES = ("staff.", "role.", "connection.", "credential.", "keyring.", "audit.purged")
_BY_ITSELF = {"credential.suspected", "credential.recovered"}


@dataclass(frozen=True)
class ReviewRule:
    """One kind of events that deserve a look, and why: of these actions those that `further()` holds for."""

    name: str
    title: str
    why: str
    actions: frozenset[str]
    further: Callable[[], Q] = Q

    def condition(self) -> Q:
        """Return the condition that finds the events."""
        return Q(action__in=sorted(self.actions)) & self.further()


def _actions(*beginnings: str) -> frozenset[str]:
    """Return the registered actions with this prefix, so that new ones are included automatically."""
    return frozenset(action for action in EVENT_TYPES if action.startswith(beginnings))


# What needs no look of its own: plans of changes and what came of none, going in and out, the care of the
# trail, filters. A new action is in a look, or is named here.
ROUTINE = frozenset(
    {"change.prepared", "change.cancelled", "change.intent", "change.refused", "change.not_sent"}
    | {"change.conflict", "session.signed_in", "session.signed_out", "session.expired", "session.ended"}
    | {"session.stepped_up", "audit.verified", "audit.anchored", "audit.archived", "audit.reviewed"}
    | {"audit.export_finished", "filter.shared", "filter.renamed", "filter.withdrawn"}
)


def _dangerous_in_production() -> Q:
    """Select dangerous changes by the rule that also decides which are confirmed (provisioning.danger).

    A connection that was production once counts: another label later does not make the past harmless.
    """
    text = f'"kind":"{Connection.Kind.PRODUCTION}"'
    edits = Event.objects.filter(action__in=("connection.created", "connection.updated"))
    once = edits.filter(Q(before__contains=text) | Q(after__contains=text))
    now = Connection.objects.filter(kind=Connection.Kind.PRODUCTION)
    production = {*now.values_list("slug", flat=True), *once.values_list("connection", flat=True)}
    dangerous = Q(pk__in=[])
    for danger in DANGERS:
        operations = sorted(danger.operations)
        condition = Q(operation__in=operations)
        if danger.fields:
            # The new value of a field is not looked at: for each field there is a danger for every value.
            # Old events without an operation are judged by their fields.
            terms = [f"f:{name}" for name in sorted(danger.fields)]
            touched = Exists(Term.objects.filter(event_id=OuterRef("pk"), term__in=terms))
            condition = Q(operation__in=["", *operations]) & Q(touched)
        elif danger.unless:
            condition &= ~Q(after__contains=f'"{danger.unless}":true')
        dangerous |= condition
    return Q(connection__in=sorted(production)) & dangerous


def _out_of_hours() -> Q:
    """Select events outside AUDIT_BUSINESS_HOURS and AUDIT_BUSINESS_DAYS in AUDIT_BUSINESS_ZONE."""
    zone = get_time_zone(settings.AUDIT_BUSINESS_ZONE)
    begin, end = settings.AUDIT_BUSINESS_HOURS
    day, hour = ExtractIsoWeekDay("time", tzinfo=zone), ExtractHour("time", tzinfo=zone)
    first, last = settings.AUDIT_BUSINESS_DAYS
    days: Any = In(day, list(range(first, last + 1)))
    in_business_hours = Q(days) & Q(GreaterThanOrEqual(hour, begin)) & Q(LessThan(hour, end))
    return ~in_business_hours


REVIEW_RULES: Registry[ReviewRule] = Registry("review rules")
for _rule in (
    ReviewRule(
        "production",
        "Dangerous changes in production",
        "Changes of state, mode, credentials or routing that can stop payments or start real ones.",
        frozenset(_WRITTEN),
        _dangerous_in_production,
    ),
    ReviewRule(
        "denials",
        "Denials",
        "Requests that a role, tenant access, a paused connection or a rule does not allow.",
        _actions("access.denied"),
    ),
    ReviewRule(
        "sign-ins",
        "Failed sign-ins",
        "Wrong passwords or codes. Many from one IP address or for one name suggest an attack.",
        _actions("session.sign_in_", "session.step_up_", "second_factor.failed"),
    ),
    ReviewRule(
        "credentials",
        "Credentials and secrets",
        "Credentials that were reset or tested, and secrets that were viewed.",
        _actions("credential.", "connection.", "secret."),
    ),
    ReviewRule(
        "staff",
        "Users and permissions",
        "Users who were added, disabled or unlocked, or whose role, permissions or sign-in changed.",
        _actions("staff.", "role.", "second_factor.") - {"second_factor.failed"},
    ),
    ReviewRule(
        "trail",
        "Audit trail and keys",
        "Failed verifications, removed or exported events, and re-encrypted secrets.",
        _actions(
            "audit.found_broken",
            "audit.purged",
            "audit.index_mended",
            "audit.exported",
            "audit.export_downloaded",
            "keyring.",
        ),
    ),
    ReviewRule(
        "unknown",
        "Unknown outcomes",
        "Changes that were sent without a response. Someone has to find out whether they took effect.",
        _actions("change.unknown", "change.reconciled"),
    ),
    ReviewRule(
        "hours",
        "Changes outside business hours",
        "Changes to gateway data, users, roles, connections or keys outside business hours.",
        _actions(*_WRITTEN, *_OWN_CHANGES) - _BY_ITSELF,
        _out_of_hours,
    ),
):
    REVIEW_RULES.register(_rule.name, _rule)


def get_rule_condition(name: str) -> Q:
    """Return the condition for the events of a rule; it matches none for an unknown rule."""
    return REVIEW_RULES.get(name).condition() if name in REVIEW_RULES else Q(pk__in=[])
