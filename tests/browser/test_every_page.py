"""Every page at three widths, light and dark: accessible, quiet, never sideways."""

import re
from collections.abc import Callable

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
MERCHANT = "/sandbox/merchants/ME-1234-1234-1234-1234-1234-1234/"
TENANT = "/sandbox/tenants/TE-1234-1234-1234-1234-1234-1234/"
CONNECTOR = "/sandbox/connectors/CO-4321-4321-4321-4321-4321-4321/"
USER = "/sandbox/users/US-1234-1234-1234-1234-1234-1234/"

PAGES = [
    "/", "/search/?q=merchant", "/search/", "/changes/", "/audit/", "/audit/1/",
    "/audit/?when=7&words=merchant", "/audit/export/", "/audit/verify/", "/audit/stream/", "/tasks/",
    "/audit/archives/", "/audit/timeline/", "/audit/timeline/?when=today&actor=a",
    "/audit/?look=production", "/audit/review/", "/audit/review/2026-01-01/",
    "/audit/filters/", "/audit/filters/?outcome=refused",
    "/connections/", "/connections/sandbox/", "/connections/sandbox/reset/", "/connections/new/",
    "/connections/sandbox/edit/", "/connections/sandbox/revoke-now/", "/staff/", "/staff/new/", "/staff/1/",
    "/staff/1/details/", "/staff/1/link/", "/staff/1/tenants/", "/staff/2/tenants/", "/staff/access/",
    "/staff/access/review/", "/staff/roles/", "/staff/roles/new/",
    "/accounts/profile/", "/accounts/sessions/", "/accounts/confirm/", "/accounts/second-factor/",
    "/accounts/second-factor/app/", "/accounts/second-factor/confirm/",
    "/accounts/second-factor/passkeys/add/",
    "/accounts/password/change/", "/accounts/logout/",
    "/sandbox/tenants/", TENANT, TENANT + "edit/", TENANT + "history/",
    "/sandbox/", "/sandbox/merchants/", "/sandbox/merchants/?q=nothing-has-this-name",
    "/sandbox/merchants/new/",
    "/sandbox/merchants/new/?tenant=TE-1234-1234-1234-1234-1234-1234",
    MERCHANT, MERCHANT + "edit/", MERCHANT + "users/", MERCHANT + "connectors/", MERCHANT + "history/",
    MERCHANT + "disable/", MERCHANT + "enable/", MERCHANT + "archive/",
    MERCHANT + "unarchive/",
    MERCHANT + "users/new/", MERCHANT + "users/new/?type=web", MERCHANT + "users/new/?type=api",
    MERCHANT + "connectors/new/",
    "/sandbox/users/", USER, USER + "edit/", USER + "disable/", USER + "enable/", USER + "reset-password/",
    USER + "password/", USER + "history/",
    "/sandbox/connectors/", CONNECTOR, CONNECTOR + "edit/", CONNECTOR + "disable/", CONNECTOR + "enable/",
    CONNECTOR + "history/",
    "/sandbox/connectors/CO-0000-0000-0000-0000-0000-0000/", "/nowhere/",
]  # fmt: skip
# Pages that only exist within a flow; the agent's day looks at them.
ELSEWHERE = re.compile(
    r"^(healthz|drafts|changes/<|accounts/(login|keep-alive|inactive|password/set|sso)|staff/(<int:\w+>/\w+|roles/<|access/file)|static|audit/(anchor|export/<)|tasks/<"
    r"|connections/<slug:connection>/(pause|resume|<)"
    r"|audit/filters/<"
    r"|accounts/second-factor/(code|app/remove|recovery|passkeys/(confirm|<)))"
)


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")]
)
def test_every_page_keeps_the_promises_of_every_page(
    tab_of: Callable[..., Tab], width: int, scheme: str
) -> None:
    """An admin sees every page there is."""
    tab = tab_of("admin", width=width, color_scheme=scheme)
    for path in PAGES:
        status = tab.open(path)
        assert status in {200, 404, 409}, f"{path}: {status}"
        tab.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_keeps_them_too(tab_of: Callable[..., Tab], scheme: str) -> None:
    """It is the first thing anybody sees, with a wrong password as well."""
    tab = tab_of(width=390, color_scheme=scheme)
    tab.open("/accounts/login/")
    tab.check()
    tab.fill(login="agent", password="not-the-passphrase")
    tab.press("Sign in")
    tab.check()
    assert tab.field("login").input_value() == "agent"


def test_an_agent_sees_which_permission_is_missing(tab_of: Callable[..., Tab]) -> None:
    """A page for others answers 403, in words."""
    tab = tab_of("agent")
    assert tab.open("/staff/") == 403
    tab.check()


def test_no_page_is_left_out() -> None:
    """Every address of the portal that answers GET is looked at here or named as part of a flow."""
    looked_at = {re.sub(r"\?.*", "", path).lstrip("/") for path in PAGES}
    missing = []
    for route in routes(get_resolver().url_patterns):
        if ELSEWHERE.match(route):
            continue
        pattern = re.compile(re.sub(r"<[^>]+>", "[^/]+", route) + "$")
        if not any(pattern.fullmatch(path) for path in looked_at):
            missing.append(route)
    assert not missing


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[str]:
    """All routes below the patterns."""
    found = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        found += routes(pattern.url_patterns, route) if isinstance(pattern, URLResolver) else [route]
    return found
