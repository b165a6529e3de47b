"""THE table: every address × person × method → the status. A URL that is missing fails the tests.

A row is for one URL name. `kwargs` fills its address, with things that do not exist unless said otherwise, so
that everyone with access gets 404. PUBLIC rows answer everybody; the others send those not signed in to
the sign-in page (302). Statuses are in the order outsider, agent, manager, admin.
"""

from dataclasses import dataclass, field
from typing import Any

PEOPLE = ("outsider", "agent", "manager", "admin")
NOT_ALLOWED = (405, 405, 405, 405)
NO_RIGHT = 403


@dataclass(frozen=True)
class Row:
    """One address. `get` and `post` are one status for everybody or one for each of PEOPLE.

    HEAD answers as GET does. `other` is what remains for every other method, for those who may pass the door;
    where the rights differ `by_method`, the door itself says so to everybody.
    """

    get: int | tuple[int, int, int, int]
    post: int | tuple[int, int, int, int] = NOT_ALLOWED
    kwargs: dict[str, Any] = field(default_factory=dict)
    public: bool = False
    anonymous: dict[str, int] = field(default_factory=dict)
    other: int = 405
    by_method: bool = False

    def status(self, method: str, person: str | None) -> int:
        """What is expected for `method` ("get", "delete") and the person, None for nobody."""
        if person is None and not self.public:
            return 302
        if person is None and method in self.anonymous:
            return self.anonymous[method]
        if method not in ("get", "post", "head"):
            refused = not isinstance(self.get, int) and self._of("get", person) == NO_RIGHT
            return NO_RIGHT if refused and not self.by_method else self.other
        return self._of("post" if method == "post" else "get", person)

    def _of(self, method: str, person: str | None) -> int:
        expected = getattr(self, method)
        return expected if isinstance(expected, int) else expected[PEOPLE.index(person or PEOPLE[0])]


def only(status: int, *people: str) -> tuple[int, int, int, int]:
    """`status` for these people, 403 for the others."""
    return tuple(status if person in people else NO_RIGHT for person in PEOPLE)  # type: ignore[return-value]


NOWHERE = "nowhere"
NOBODY = {"pk": 999_999}
CONNECTION = {"connection": NOWHERE}
ENTITY = {"connection": NOWHERE, "guid": "00000000000000000000"}
CHANGE = {"pk": "00000000-0000-4000-8000-000000000000"}


def reading(kwargs: dict[str, Any]) -> Row:
    """A page about entities: for everybody with a role; POST refreshes the index."""
    return Row(get=only(404, *PEOPLE[1:]), post=only(404, *PEOPLE[1:]), kwargs=kwargs, other=404)


def looking(kwargs: dict[str, Any]) -> Row:
    """A page for everybody with a role, and nothing to post."""
    return Row(get=only(404, *PEOPLE[1:]), post=only(405, *PEOPLE[1:]), kwargs=kwargs)


def writing(kwargs: dict[str, Any]) -> Row:
    """A form that changes entities: for those who may write."""
    return Row(get=only(404, "agent", "admin"), post=only(404, "agent", "admin"), kwargs=kwargs, other=404)


def step(kwargs: dict[str, Any], *people: str) -> Row:
    """A button: POST alone."""
    return Row(get=only(405, *people), post=only(404, *people), kwargs=kwargs)


def looking_at_staff(status: int) -> Row:
    """A page about people and their rights, and nothing to post."""
    return Row(get=only(status, "manager", "admin"), post=only(405, "manager", "admin"))


# allauth's form reads a PUT like a GET; it changes nothing.
SIGN_IN_FORM = {"get": 200, "head": 200, "post": 200, "put": 200, "delete": 405, "send": 405}

TABLE: dict[str, Row] = {
    # the frame
    "home": Row(get=200),
    "health_live": Row(get=200, post=405, public=True, other=405),
    "health_ready": Row(get=200, post=405, public=True, other=405),
    # sign-in
    "account_login": Row(get=302, post=302, public=True, anonymous=SIGN_IN_FORM, other=302),
    "account_logout": Row(get=200, post=302, public=True, anonymous={"get": 302, "head": 302}),
    "account_inactive": Row(get=200, public=True),
    "account_reauthenticate": Row(get=403, post=403, other=403),  # the cast has no passwords
    "mfa_index": Row(get=200),
    "mfa_authenticate": Row(get=302, post=302, public=True),
    "second_factor_confirm": Row(get=200, post=200),
    "mfa_activate_totp": Row(get=200, post=200),
    "mfa_deactivate_totp": Row(get=404, post=404),
    "mfa_view_recovery_codes": Row(get=404),
    "mfa_generate_recovery_codes": Row(get=200, post=200),
    "mfa_add_webauthn": Row(get=200, post=200),
    "mfa_remove_webauthn": Row(get=404, post=404, kwargs=NOBODY),
    "mfa_reauthenticate_webauthn": Row(get=403, post=403),
    "account_change_password": Row(get=302, post=302, other=302),  # the cast has no passwords
    "staff:password_set": Row(get=200, post=200, public=True),
    "staff:link_open": Row(get=302, kwargs={"key": "no-key"}, public=True),
    "staff:sso": Row(get=405, post=404, public=True),  # without a provider
    "staff:sso_callback": Row(get=404, post=405, public=True),
    "staff:sso_confirm": Row(get=404, post=404),
    # staff
    "staff:profile": Row(get=200, post=422),
    "staff:sessions": Row(get=200, post=302),
    "staff:keep_alive": Row(get=200),
    "staff:access": looking_at_staff(200),
    "staff:access_file": looking_at_staff(200),
    "staff:access_review": Row(get=only(200, "manager", "admin"), post=only(422, "manager", "admin")),
    "staff:roles": looking_at_staff(200),
    "staff:role_create": Row(get=only(200, "admin"), post=only(422, "admin")),
    "staff:own_role": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:role_delete": step(NOBODY, "admin"),
    "reach": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:list": Row(get=only(200, "manager", "admin"), post=only(405, "manager", "admin")),
    "staff:create": Row(get=only(200, "admin"), post=only(422, "admin")),
    "staff:page": Row(get=only(404, "manager", "admin"), post=only(405, "manager", "admin"), kwargs=NOBODY),
    "staff:role": Row(get=only(405, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:disable": Row(get=only(405, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:enable": Row(get=only(405, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:unlock": Row(get=only(405, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:sign_out": step(NOBODY, "admin"),
    "staff:reset_ask": step(NOBODY, "admin"),
    "staff:reset_approve": step(NOBODY, "admin"),
    "staff:reset_withdraw": step(NOBODY, "admin"),
    "staff:details": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:link": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=NOBODY),
    "staff:link_withdraw": step(NOBODY, "admin"),
    # audit
    "audit:list": Row(get=only(200, "manager", "admin"), post=only(405, "manager", "admin")),
    "audit:timeline": Row(get=only(200, "manager", "admin"), post=only(405, "manager", "admin")),
    "audit:filters": Row(get=only(200, "manager", "admin"), post=only(422, "manager", "admin")),
    "audit:filter": Row(get=only(404, "manager", "admin"), post=only(404, "manager", "admin"), kwargs=NOBODY),
    "audit:review": Row(get=only(200, "manager", "admin"), post=only(405, "manager", "admin")),
    "audit:review_day": Row(
        get=only(404, "manager", "admin"),
        post=only(404, "manager", "admin"),
        kwargs={"day": "2999-01-01"},
        by_method=True,
    ),
    "audit:page": Row(
        get=only(404, "manager", "admin"), post=only(405, "manager", "admin"), kwargs={"sequence": 999_999}
    ),
    "audit:export": Row(get=only(200, "manager", "admin"), post=only(422, "manager", "admin")),
    "audit:export_file": Row(
        get=only(404, "manager", "admin"), post=only(405, "manager", "admin"), kwargs=CHANGE
    ),
    "audit:verify": Row(get=only(200, "manager", "admin"), post=only(302, "manager", "admin")),
    "audit:anchor": Row(get=only(405, "manager", "admin"), post=only(302, "manager", "admin")),
    "audit:archives": Row(get=only(200, "manager", "admin"), post=only(302, "manager", "admin")),
    "audit:stream": Row(get=only(200, "manager", "admin"), post=only(405, "manager", "admin")),
    # background work: everybody sees their own
    "tasks:list": Row(get=200),
    "tasks:cancel": Row(get=405, post=404, kwargs=CHANGE),
    "tasks:retry": Row(get=405, post=404, kwargs=CHANGE),
    # unsent forms: one's own
    "form_drafts:save": Row(get=405, post=409),
    "form_drafts:discard": Row(get=405, post=302, kwargs=CHANGE),
    # changes: everyone who may view them reaches the steps; the service asks for the operation's own right
    "changes:list": Row(get=only(200, *PEOPLE[1:]), post=only(405, *PEOPLE[1:])),
    "changes:page": looking(CHANGE),
    "changes:send": step(CHANGE, *PEOPLE[1:]),
    "changes:cancel": step(CHANGE, *PEOPLE[1:]),
    "changes:again": step(CHANGE, *PEOPLE[1:]),
    "changes:check": step(CHANGE, *PEOPLE[1:]),
    "changes:adopt": step(CHANGE, *PEOPLE[1:]),
    "changes:close": step(CHANGE, *PEOPLE[1:]),
    "changes:dismiss": step(CHANGE, *PEOPLE[1:]),
    "changes:reveal": step(CHANGE, "agent", "admin"),
    # stored credentials
    "connections:list": Row(get=only(200, *PEOPLE[1:]), post=only(405, *PEOPLE[1:])),
    "connections:page": looking(CONNECTION),
    "connections:create": Row(get=only(200, "admin"), post=only(422, "admin")),
    "connections:edit": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=CONNECTION),
    "connections:pause": step(CONNECTION, "admin"),
    "connections:resume": step(CONNECTION, "admin"),
    "connections:reset": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=CONNECTION),
    "connections:revoke_now": Row(get=only(404, "admin"), post=only(404, "admin"), kwargs=CONNECTION),
    "connections:test": step({**CONNECTION, "version": 1}, "admin"),
    "connections:activate": step({**CONNECTION, "version": 1}, "admin"),
    "connections:rollback": step({**CONNECTION, "version": 1}, "admin"),
    "connections:revoke": Row(
        get=only(404, "admin"), post=only(404, "admin"), kwargs={**CONNECTION, "version": 1}
    ),
    # what the gateway knows
    "search": Row(get=200),
    "tenants:list": reading(CONNECTION),
    "tenants:page": reading(ENTITY),
    "tenants:edit": writing(ENTITY),
    "tenants:history": reading(ENTITY),
    "merchants:start": reading(CONNECTION),
    "merchants:list": reading(CONNECTION),
    "merchants:create": writing(CONNECTION),
    "merchants:page": reading(ENTITY),
    "merchants:edit": writing(ENTITY),
    "merchants:disable": writing(ENTITY),
    "merchants:enable": writing(ENTITY),
    "merchants:archive": writing(ENTITY),
    "merchants:unarchive": writing(ENTITY),
    "merchants:users": reading(ENTITY),
    "merchants:connectors": reading(ENTITY),
    "merchants:history": reading(ENTITY),
    "merchant_users:list": reading(CONNECTION),
    "merchant_users:create": writing(ENTITY),
    "merchant_users:page": reading(ENTITY),
    "merchant_users:edit": writing(ENTITY),
    "merchant_users:disable": writing(ENTITY),
    "merchant_users:enable": writing(ENTITY),
    "merchant_users:password": writing(ENTITY),
    "merchant_users:reset_password": writing(ENTITY),
    "merchant_users:history": reading(ENTITY),
    "connectors:list": reading(CONNECTION),
    "connectors:create": writing(ENTITY),
    "connectors:page": reading(ENTITY),
    "connectors:edit": writing(ENTITY),
    "connectors:disable": writing(ENTITY),
    "connectors:enable": writing(ENTITY),
    "connectors:history": reading(ENTITY),
}
