"""What can happen, as a registry: action → sentence for people. An action that is not here is an error."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.bidi import isolate
from provisioning.entities import ENTITY_KINDS

if TYPE_CHECKING:
    from portal.audit.models import Event

# {actor} who, {object} what, {verb} "create", {verbed} "created", {code} and {message} what the record says.
ACTIONS: dict[str, str] = {
    "change.prepared": "{actor} drafted: {verb} {object}",
    "change.cancelled": "{actor} decided not to {verb} {object}",
    "change.intent": "{actor} sent: {verb} {object}",
    "change.accepted": "{actor} {verbed} {object}{message}",
    "change.refused": "{actor} tried to {verb} {object}, and the gateway refused{code}",
    "change.not_sent": "{actor} tried to {verb} {object}, and nothing reached the gateway",
    "change.unknown": "{actor} tried to {verb} {object}, and the outcome is unknown",
    "change.conflict": "{actor} could not {verb} {object} because it had changed",
    "change.reconciled": "{actor} resolved the unknown outcome of the attempt to {verb} {object}{message}",
    "secret.revealed": "{actor} viewed the secrets of {object}",
    "access.denied": "{actor} was denied access{message}",
    "session.signed_in": "{actor} signed in{message}",
    "session.sign_in_failed": "Someone failed to sign in as {object}",
    "session.sign_in_locked": "Someone failed to sign in as {object} too often; sign-in was locked",
    "session.signed_out": "{actor} signed out",
    "second_factor.added": "{actor} added a second factor{message}",
    "second_factor.removed": "{actor} removed a second factor{message}",
    "second_factor.codes_made": "{actor} created new recovery codes",
    "second_factor.failed": "Someone failed to confirm the second factor of {object}",
    "session.expired": "The session of {actor} expired",
    "session.ended": "{actor} ended a session of {object}",
    "session.step_up_failed": "{actor} entered a wrong password when asked to confirm their identity",
    "session.step_up_locked": "{actor} entered a wrong password too often when asked to confirm their "
    "identity",
    "session.stepped_up": "{actor} confirmed their identity{message}",
    "staff.created": "{actor} added {object}{message}",
    "staff.role_changed": "{actor} changed the role of {object}{message}",
    "staff.details_changed": "{actor} changed the name or email of {object}",
    "staff.reach_changed": "{actor} changed the tenant access of {object}{message}",
    "staff.rights_accepted": "{actor} accepted the stored permissions and sign-in data of {object}{message}",
    "staff.access_reviewed": "{actor} signed off an access review{message}",
    "role.created": "{actor} created {object}",
    "role.changed": "{actor} changed the permissions of {object}",
    "role.deleted": "{actor} deleted {object}",
    "staff.disabled": "{actor} disabled {object}",
    "staff.enabled": "{actor} enabled {object}",
    "staff.second_factor_reset_asked": "{actor} asked to remove every second factor of {object}",
    "staff.second_factor_reset_declined": "{actor} withdrew or declined the removal of the second "
    "factor of {object}",
    "staff.second_factor_reset": "{actor} removed every second factor of {object}{message}",
    "staff.unlocked": "{actor} unlocked sign-in for {object}",
    "staff.password_link_made": "{actor} created a one-time link for {object} to set a password",
    "staff.password_link_mailed": "{actor} emailed a one-time link to {object}",
    "staff.password_link_withdrawn": "{actor} withdrew the one-time link of {object}",
    "staff.password_changed": "{actor} set a new password for {object}",
    "credential.reset": "{actor} reset the stored credential of {object}",
    "credential.tested": "{actor} tested the stored credential of {object}{message}",
    "keyring.rotation_began": "{actor} started to re-encrypt all stored secrets{message}",
    "keyring.rotation_stopped": "{actor} stopped background work{message}",
    "keyring.rotation_restarted": "{actor} restarted background work{message}",
    "keyring.rotated": "{actor} re-encrypted all stored secrets{message}",
    "keyring.discarded": "{actor} removed stored secrets that no key can decrypt{message}",
    "credential.entered": "{actor} entered a new credential for {object}{message}",
    "credential.activated": "{actor} activated a new credential for {object}{message}",
    "credential.rolled_back": "{actor} rolled back to the previous credential of {object}{message}",
    "credential.revoked": "{actor} revoked a stored credential of {object}{message}",
    "credential.suspected": "{actor} found that the gateway rejects the stored credential of "
    "{object}{message}",
    "credential.recovered": "{actor} found that the gateway accepts the stored credential of {object} again",
    "connection.created": "{actor} added {object}",
    "connection.updated": "{actor} changed {object}",
    "connection.paused": "{actor} paused {object}",
    "connection.resumed": "{actor} resumed {object}",
    "audit.verified": "{actor} verified the audit trail{message}",
    "audit.found_broken": "{actor} verified the audit trail and found problems{message}",
    "audit.exported": "{actor} exported the audit trail{message}",
    "audit.export_finished": "The export requested by {actor} was created{message}",
    "audit.export_downloaded": "{actor} downloaded {object}{message}",
    "audit.anchored": "{actor} recorded an anchor of the audit trail{message}",
    "audit.index_mended": "{actor} repaired the search index of the audit trail{message}",
    "audit.archived": "{actor} archived part of the audit trail{message}",
    "audit.purged": "{actor} removed archived events from the audit trail{message}",
    "audit.reviewed": "{actor} signed off {object}{message}",
    "filter.shared": "{actor} shared {object}{message}",
    "filter.renamed": "{actor} renamed {object}{message}",
    "filter.withdrawn": "{actor} withdrew {object}{message}",
}

# The outcome of an event that states none. Every other action counts as done.
DEFAULT_OUTCOMES = {
    # Planned, requested or started: a later event has the outcome.
    "change.prepared": "",
    "change.intent": "",
    "staff.second_factor_reset_asked": "",
    "keyring.rotation_began": "",
    "change.cancelled": "cancelled",
    "change.accepted": "accepted",
    "change.refused": "refused",
    "change.not_sent": "not_sent",
    "change.unknown": "unknown",
    "change.conflict": "conflict",
    "access.denied": "denied",
    "credential.suspected": "refused",
    "audit.found_broken": "failed",
    "second_factor.failed": "failed",
    "session.sign_in_failed": "failed",
    "session.sign_in_locked": "failed",
    "session.step_up_failed": "failed",
    "session.step_up_locked": "failed",
}

# Actions after which the change is not known to have taken effect.
ATTEMPTS = frozenset(
    f"change.{state}"
    for state in ("prepared", "cancelled", "intent", "refused", "not_sent", "unknown", "conflict")
)

# Outcomes of a reconciled change after which its values are not known to be in effect.
NOT_IN_EFFECT = ("not_sent", "not_found")

# What may become of something: the explorer can be asked for it before it has ever happened.
OUTCOMES = frozenset({*DEFAULT_OUTCOMES.values(), "success", "shown", "not_found"} - {""})
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
    """Return the default outcome of an action: "success", or the one in DEFAULT_OUTCOMES."""
    return DEFAULT_OUTCOMES.get(action, "success")


# Titles where the words of the code are not those that people use. Stored codes stay as they are.
_TITLES = {
    "change.prepared": "Change drafted",
    "change.intent": "Change sent",
    "change.reconciled": "Change outcome settled",
    "staff.reach_changed": "Tenant access changed",
    "staff.rights_accepted": "Stored rights accepted",
    "session.step_up_failed": "Re-authentication failed",
    "session.step_up_locked": "Re-authentication locked",
    "session.stepped_up": "Re-authenticated",
    "audit.index_mended": "Search index repaired",
    "audit.reviewed": "Day signed off",
    "second_factor.codes_made": "Recovery codes created",
}


def action_title(action: str) -> str:
    """Return a short name for lists and filters: "Change not sent" for "change.not_sent"."""
    if action in _TITLES:
        return _TITLES[action]
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
        ACTIONS.get(event.action, "{actor}: " + event.action),
        actor=fill("{} ({})", actor, foreign(event.actor_role)) if event.actor_role else actor,
        object=words,
        verb=verb,
        verbed=VERBED[verb],
        code=fill(" (code {})", foreign(event.code)) if event.code else "",
        message=fill(": {}", foreign(event.message)) if event.message else "",
    )
    return fill("{}: {}", sentence, foreign(event.reason)) if event.reason else sentence
