"""The words and colours of badges: one table, so that a state looks the same on every page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """A label and its colour, one of COLOURS (classes of portal.css)."""

    label: str
    colour: str


STATES: dict[str, State] = {
    # entities
    "active": State("Active", "green"),
    "enabled": State("Enabled", "green"),
    "disabled": State("Disabled", "amber"),
    "archived": State("Archived", "grey"),
    "off_disabled": State("Off: merchant disabled", "amber"),
    "off_archived": State("Off: merchant archived", "grey"),
    "unreadable": State("Unreadable", "amber"),
    "own": State("Own tenant", "blue"),
    "test_mode": State("Test mode", "amber"),
    "live": State("Live", "red"),
    "expired": State("Expired", "red"),
    # changes (in the words of portal.changes.models.State) and audit outcomes
    "prepared": State("Unsent – waiting for review", "blue"),
    "sending": State("Being sent", "blue"),
    "intent": State("Intent", "blue"),
    "accepted": State("Accepted", "green"),
    "refused": State("Refused", "red"),
    "not_sent": State("Not sent", "amber"),
    "not_found": State("Not found", "amber"),
    "unknown": State("Outcome unknown", "red"),
    "conflict": State("Conflict – not sent", "amber"),
    "cancelled": State("Discarded", "grey"),
    "reconciled": State("Reconciled", "green"),
    "denied": State("Denied", "red"),
    "success": State("Success", "green"),
    "failed": State("Failed", "red"),
    # credentials and connections
    "new": State("Not tested", "amber"),
    "tested": State("Tested", "blue"),
    "previous": State("Previous", "purple"),
    "revoked": State("Revoked", "grey"),
    "suspect": State("Rejected", "red"),
    "due": State("Due to be replaced", "amber"),
    "sandbox": State("Sandbox", "green"),
    "production": State("Production", "red"),
    "paused": State("Paused", "amber"),
    # people
    "invited": State("Invited", "blue"),
    "invitation_ended": State("Invitation expired", "amber"),
    "link_open": State("Link open", "amber"),
    "locked": State("Locked", "amber"),
    # audit events
    "shown": State("Shown", "blue"),
    # rules of a routing document
    "added": State("Added", "green"),
    "removed": State("Removed", "red"),
    "changed": State("Changed", "blue"),
    "moved": State("Moved", "purple"),
    "setting": State("Setting", "grey"),
}
COLOURS = frozenset({"green", "red", "amber", "blue", "grey", "purple"})
# What a connection's colour may be called elsewhere.
_ALIASES = {
    "orange": "amber",
    "yellow": "amber",
    "gray": "grey",
    "teal": "green",
    "azure": "blue",
    "violet": "purple",
}


def get_state(name: str, colour: str = "") -> State:
    """Return the state of that name; an unlisted one keeps its name, in grey or the given colour."""
    known = STATES.get(str(name).lower().replace(" ", "_").replace("-", "_"))
    found = known or State(str(name), "grey")
    return State(found.label, get_colour(colour)) if colour else found


def get_colour(name: str) -> str:
    """Return one of COLOURS, grey for a colour without a style."""
    colour = _ALIASES.get(name, name)
    return colour if colour in COLOURS else "grey"
