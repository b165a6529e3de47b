"""What can happen, as a registry: action → sentence for people. An action that is not here is an error."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.bidi import isolate
from provisioning.entities import ENTITY_KINDS
from provisioning.registry import Registry

if TYPE_CHECKING:
    from portal.audit.models import Event


@dataclass(frozen=True, slots=True)
class EventType:
    """What an action means to people.

    In `sentence`, {actor} is who, {object} what, {verb} "create" and {verbed} "created"; {code} and {message}
    are what the record says. `outcome` is that of an event that states none; "" if a later event has it.
    `title` is for lists where the words of the code are not those that people use.
    """

    sentence: str
    outcome: str = "success"
    title: str = ""


# Stored codes stay as they are.
EVENT_TYPES: Registry[EventType] = Registry("event types")
for _action, _type in {
    "change.prepared": EventType("{actor} drafted: {verb} {object}", outcome="", title="Change drafted"),
    "change.cancelled": EventType("{actor} decided not to {verb} {object}", outcome="cancelled"),
    "change.intent": EventType("{actor} sent: {verb} {object}", outcome="", title="Change sent"),
    "change.accepted": EventType("{actor} {verbed} {object}{message}", outcome="accepted"),
    "change.refused": EventType(
        "{actor} tried to {verb} {object}, and the gateway refused{code}", outcome="refused"
    ),
    "change.not_sent": EventType(
        "{actor} tried to {verb} {object}, and nothing reached the gateway", outcome="not_sent"
    ),
    "change.unknown": EventType(
        "{actor} tried to {verb} {object}, and the outcome is unknown", outcome="unknown"
    ),
    "change.conflict": EventType(
        "{actor} could not {verb} {object} because it had changed", outcome="conflict"
    ),
    "change.reconciled": EventType(
        "{actor} resolved the unknown outcome of the attempt to {verb} {object}{message}",
        title="Change outcome settled",
    ),
    "secret.revealed": EventType("{actor} viewed the secrets of {object}"),
    "access.denied": EventType("{actor} was denied access{message}", outcome="denied"),
    "session.signed_in": EventType("{actor} signed in{message}"),
    "session.sign_in_failed": EventType("Someone failed to sign in as {object}", outcome="failed"),
    "session.sign_in_locked": EventType(
        "Someone failed to sign in as {object} too often; sign-in was locked", outcome="failed"
    ),
    "session.signed_out": EventType("{actor} signed out"),
    "second_factor.added": EventType("{actor} added a second factor{message}"),
    "second_factor.removed": EventType("{actor} removed a second factor{message}"),
    "second_factor.codes_made": EventType(
        "{actor} created new recovery codes", title="Recovery codes created"
    ),
    "second_factor.failed": EventType(
        "Someone failed to confirm the second factor of {object}", outcome="failed"
    ),
    "session.expired": EventType("The session of {actor} expired"),
    "session.ended": EventType("{actor} ended a session of {object}"),
    "session.step_up_failed": EventType(
        "{actor} entered a wrong password when asked to confirm their identity",
        outcome="failed",
        title="Re-authentication failed",
    ),
    "session.step_up_locked": EventType(
        "{actor} entered a wrong password too often when asked to confirm their identity",
        outcome="failed",
        title="Re-authentication locked",
    ),
    "session.stepped_up": EventType("{actor} confirmed their identity{message}", title="Re-authenticated"),
    "staff.created": EventType("{actor} added {object}{message}"),
    "staff.role_changed": EventType("{actor} changed the role of {object}{message}"),
    "staff.details_changed": EventType("{actor} changed the name or email of {object}"),
    "staff.reach_changed": EventType(
        "{actor} changed the tenant access of {object}{message}", title="Tenant access changed"
    ),
    "staff.rights_accepted": EventType(
        "{actor} accepted the stored permissions and sign-in data of {object}{message}",
        title="Stored rights accepted",
    ),
    "staff.access_reviewed": EventType("{actor} signed off an access review{message}"),
    "role.created": EventType("{actor} created {object}"),
    "role.changed": EventType("{actor} changed the permissions of {object}"),
    "role.deleted": EventType("{actor} deleted {object}"),
    "staff.disabled": EventType("{actor} disabled {object}"),
    "staff.enabled": EventType("{actor} enabled {object}"),
    "staff.second_factor_reset_asked": EventType(
        "{actor} asked to remove every second factor of {object}", outcome=""
    ),
    "staff.second_factor_reset_declined": EventType(
        "{actor} withdrew or declined the removal of the second factor of {object}"
    ),
    "staff.second_factor_reset": EventType("{actor} removed every second factor of {object}{message}"),
    "staff.unlocked": EventType("{actor} unlocked sign-in for {object}"),
    "staff.password_link_made": EventType("{actor} created a one-time link for {object} to set a password"),
    "staff.password_link_mailed": EventType("{actor} emailed a one-time link to {object}"),
    "staff.password_link_withdrawn": EventType("{actor} withdrew the one-time link of {object}"),
    "staff.password_changed": EventType("{actor} set a new password for {object}"),
    "credential.reset": EventType("{actor} reset the stored credential of {object}"),
    "credential.tested": EventType("{actor} tested the stored credential of {object}{message}"),
    "keyring.rotation_began": EventType(
        "{actor} started to re-encrypt all stored secrets{message}", outcome=""
    ),
    "keyring.rotation_stopped": EventType("{actor} stopped background work{message}"),
    "keyring.rotation_restarted": EventType("{actor} restarted background work{message}"),
    "keyring.rotated": EventType("{actor} re-encrypted all stored secrets{message}"),
    "keyring.discarded": EventType("{actor} removed stored secrets that no key can decrypt{message}"),
    "credential.entered": EventType("{actor} entered a new credential for {object}{message}"),
    "credential.activated": EventType("{actor} activated a new credential for {object}{message}"),
    "credential.rolled_back": EventType(
        "{actor} rolled back to the previous credential of {object}{message}"
    ),
    "credential.revoked": EventType("{actor} revoked a stored credential of {object}{message}"),
    "credential.suspected": EventType(
        "{actor} found that the gateway rejects the stored credential of {object}{message}", outcome="refused"
    ),
    "credential.recovered": EventType(
        "{actor} found that the gateway accepts the stored credential of {object} again"
    ),
    "connection.created": EventType("{actor} added {object}"),
    "connection.updated": EventType("{actor} changed {object}"),
    "connection.paused": EventType("{actor} paused {object}"),
    "connection.resumed": EventType("{actor} resumed {object}"),
    "audit.verified": EventType("{actor} verified the audit trail{message}"),
    "audit.found_broken": EventType(
        "{actor} verified the audit trail and found problems{message}", outcome="failed"
    ),
    "audit.exported": EventType("{actor} exported the audit trail{message}"),
    "audit.export_finished": EventType("The export requested by {actor} was created{message}"),
    "audit.export_downloaded": EventType("{actor} downloaded {object}{message}"),
    "audit.anchored": EventType("{actor} recorded an anchor of the audit trail{message}"),
    "audit.index_mended": EventType(
        "{actor} repaired the search index of the audit trail{message}", title="Search index repaired"
    ),
    "audit.archived": EventType("{actor} archived part of the audit trail{message}"),
    "audit.purged": EventType("{actor} removed archived events from the audit trail{message}"),
    "audit.reviewed": EventType("{actor} signed off {object}{message}", title="Day signed off"),
    "filter.shared": EventType("{actor} shared {object}{message}"),
    "filter.renamed": EventType("{actor} renamed {object}{message}"),
    "filter.withdrawn": EventType("{actor} withdrew {object}{message}"),
}.items():
    EVENT_TYPES.register(_action, _type)


# Actions after which the change is not known to have taken effect.
ATTEMPTS = frozenset(
    f"change.{state}"
    for state in ("prepared", "cancelled", "intent", "refused", "not_sent", "unknown", "conflict")
)

# Outcomes of a reconciled change after which its values are not known to be in effect.
NOT_IN_EFFECT = ("not_sent", "not_found")

# What may become of something: the explorer can be asked for it before it has ever happened.
OUTCOMES = frozenset(
    {*(kind.outcome for kind in EVENT_TYPES.values()), "success", "shown", "not_found"} - {""}
)
KINDS = {
    **{kind.kind: kind.label for kind in ENTITY_KINDS.values()},
    "routing": "routing",
    "nt_enrollment": "network token enrolment",
    "person": "person",
    "role": "role",
    "unknown_person": "an unknown person",
    "connection": "connection",
    "change": "change",
    "page": "page",
    "day": "day",
    "export": "export",
    "verification": "verification",
    "filter": "saved filter",
}
VERBED = {
    "create": "created",
    "change": "changed",
    "disable": "disabled",
    "enable": "enabled",
    "archive": "archived",
    "restore": "restored",
    "replace": "replaced",
    "reset the password of": "reset the password of",
}
_FLAGS = {
    ("disabled", True): "disable",
    ("disabled", False): "enable",
    ("archived", True): "archive",
    ("archived", False): "restore",
    ("resetPassword", True): "reset the password of",
}
# JSON prefixes of values that may consist of one flag; only these are parsed to find the verb.
_FLAG_TEXTS = tuple(f'{{"{key}":' for key, _ in _FLAGS)


def outcome_of(action: str) -> str:
    """Return the outcome that an event of the action has if it states none."""
    return EVENT_TYPES.get(action).outcome if action in EVENT_TYPES else "success"


def action_title(action: str) -> str:
    """Return a short name for lists and filters: "Change not sent" for "change.not_sent"."""
    if action in EVENT_TYPES and EVENT_TYPES.get(action).title:
        return EVENT_TYPES.get(action).title
    return action.replace(".", " ").replace("_", " ").capitalize()


def describe_object(kind: str, name: str, guid: str) -> str:
    """Return for example merchant “Example Shop”: kind and name, or else the guid, or "something"."""
    words = KINDS.get(kind, kind.replace("_", " "))
    called = name or guid
    return " ".join(part for part in (words, f"“{called}”" if called else "") if part) or "something"


def describe_actor(name: str, role: str) -> str:
    """Return for example Ana (Support agent); "Someone" for a person who is not signed in."""
    return f"{name or 'Someone'} ({role})" if role else name or "Someone"


def verb_of(event: "Event") -> str:
    """Return the verb of an event's operation: from its name, or from the values if only a flag changed."""
    verb = event.operation.partition(".")[2]
    if verb in ("create", "replace"):
        return verb
    if not verb or event.after.startswith(_FLAG_TEXTS):
        after: Any = json.loads(event.after) if event.after else None
        if isinstance(after, dict) and len(after) == 1:
            return flag_verb(after)
    # An event written without its operation: no values before means that there was nothing.
    return "create" if not verb and event.after and not event.before else "change"


def flag_verb(after: Mapping[str, Any]) -> str:
    """ "disable", "archive" and the like if nothing but that flag is to become different, else "change"."""
    if len(after) != 1:
        return "change"
    key, value = next(iter(after.items()))
    return _FLAGS.get((key, value), "change") if isinstance(value, bool) else "change"


def describe_event(event: "Event") -> str:
    """Return the event as a sentence, with the reason after a colon."""
    return _sentence(event, str, str.format)


def describe_event_html(event: "Event") -> SafeString:
    """Return the sentence as HTML: the direction of a name or reason does not reorder the other parts."""
    return SafeString(_sentence(event, isolate, format_html))


def _sentence(event: "Event", foreign: Callable[[object], str], fill: Callable[..., str]) -> str:
    """Return the sentence, with each text from outside passed through `foreign`."""
    verb = verb_of(event)
    words = describe_object(event.object_kind, "", "")
    called = event.object_name or event.object_guid
    if called:
        kind = KINDS.get(event.object_kind, event.object_kind.replace("_", " "))
        words = fill("{} “{}”" if kind else "{}“{}”", foreign(kind), foreign(called))
    actor = foreign(event.actor_name or "Someone")
    sentence = fill(
        EVENT_TYPES.get(event.action).sentence if event.action in EVENT_TYPES else "{actor}: " + event.action,
        actor=fill("{} ({})", actor, foreign(event.actor_role)) if event.actor_role else actor,
        object=words,
        verb=verb,
        verbed=VERBED[verb],
        code=fill(" (code {})", foreign(event.code)) if event.code else "",
        message=fill(": {}", foreign(event.message)) if event.message else "",
    )
    return fill("{}: {}", sentence, foreign(event.reason)) if event.reason else sentence
