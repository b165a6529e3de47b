"""The frame around pages: navigation by role, environment, home, headers."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from portal.core import dashboard, navigation
from portal.core.context_processors import get_connection, layout_context
from portal.core.dashboard import DashboardCard
from portal.core.navigation import NAVIGATION, NavItem, Section, get_navigation
from portal.core.permissions import PERMISSIONS
from portal.core.views import PortalView
from provisioning.credentials.models import Connection
from tests.registries import registry_of

ClientOf = Callable[[Any], Client]


@pytest.fixture
def sandbox(db: None) -> Connection:
    return Connection.objects.create(slug="sandbox", name="Sandbox", colour="green", kind="sandbox")


@pytest.fixture
def production(db: None) -> Connection:
    return Connection.objects.create(slug="live", name="Production", colour="red", kind="production")


def asked(user: Any, **kwargs: str) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    request.resolver_match = SimpleNamespace(kwargs=kwargs, view_name="home", namespace="")
    return request


def labels(page: str) -> list[str]:
    return [entry.label for entry in NAVIGATION.values() if f">{entry.label}</span>" in page]


@pytest.mark.parametrize("entry", NAVIGATION.values(), ids=lambda entry: entry.label)
def test_every_entry_leads_somewhere_and_names_a_known_permission(entry: NavItem) -> None:
    assert reverse(entry.url_name, args=["sandbox"] if entry.section == Section.CONNECTION else None)
    assert entry.access == "signed-in" or entry.access in PERMISSIONS


def test_an_agent_is_offered_work_and_entities(client_of: ClientOf, agent: Any, sandbox: Connection) -> None:
    page = client_of(agent).get("/").content.decode()
    offered = labels(page)
    assert {"Home", "Merchants", "Tenants"} <= set(offered)
    assert "Staff" not in offered


def test_a_manager_is_offered_the_audit_trail(client_of: ClientOf, manager: Any, sandbox: Connection) -> None:
    assert "Audit trail" in labels(client_of(manager).get("/").content.decode())


def test_an_admin_is_offered_staff(client_of: ClientOf, admin: Any, sandbox: Connection) -> None:
    assert "Staff" in labels(client_of(admin).get("/").content.decode())


def test_a_user_without_role_sees_only_home(client_of: ClientOf, outsider: Any) -> None:
    assert labels(client_of(outsider).get("/").content.decode()) == ["Home"]


def test_the_current_entry_is_marked(client_of: ClientOf, agent: Any) -> None:
    page = client_of(agent).get("/").content.decode()
    assert page.count('aria-current="page"') >= 1


def test_an_entry_without_a_page_is_left_out(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = NavItem("Nowhere", "nowhere:list", "x", Section.WORK)
    monkeypatch.setattr(navigation, "NAVIGATION", registry_of({"nowhere": nowhere}, NAVIGATION))
    offered = [link.label for group in get_navigation(asked(agent), None) for link in group.links]
    assert "Nowhere" not in offered
    assert "Home" in offered


def test_outside_of_any_address_no_entry_is_current(agent: Any) -> None:
    request = asked(agent)
    request.resolver_match = None
    groups = get_navigation(request, None)
    assert not [link for group in groups for link in group.links if link.current]


def test_the_only_environment_is_always_in_view(client_of: ClientOf, agent: Any, sandbox: Connection) -> None:
    assert "env env-green" in client_of(agent).get("/").content.decode()


def test_of_several_environments_none_is_assumed(
    client_of: ClientOf, agent: Any, sandbox: Connection, production: Connection
) -> None:
    page = client_of(agent).get("/").content.decode()
    assert "All environments" in page
    assert "/live/merchants/" in page


def test_the_environment_of_the_address_is_the_one(
    agent: Any, sandbox: Connection, production: Connection
) -> None:
    context = layout_context(asked(agent, connection="live"))
    assert context["connection"]() == production
    assert context["environment"]() == production
    assert get_connection(asked(agent, connection="gone")) is None


def test_the_frame_costs_one_query(
    agent: Any, sandbox: Connection, production: Connection, django_assert_num_queries: Any
) -> None:
    request = asked(agent, connection="live")
    agent.has_perm("merchant.view")  # the person's rights are the door's to read, once per request
    with django_assert_num_queries(1):
        context = layout_context(request)
        for name in ("connections", "connection", "environment", "navigation"):
            context[name]()


def test_anonymous_users_get_no_navigation() -> None:
    context = layout_context(asked(SimpleNamespace(is_authenticated=False)))
    assert context["navigation"]() == []
    assert context["connections"]() == []
    assert context["environment"]() is None


def test_the_dashboard_shows_registered_cards_in_order(
    client_of: ClientOf, agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = {
        "hidden": DashboardCard("partials/empty.html", access="staff.view"),
        "second": DashboardCard("partials/empty.html", context=lambda request: {"title": "Open work"}),
        "first": DashboardCard("partials/empty.html", order=1, context=lambda request: {"title": "Broken"}),
        "none": DashboardCard("partials/empty.html", context=lambda request: None),
    }
    monkeypatch.setattr(dashboard, "CARDS", registry_of(cards))
    page = client_of(agent).get("/")
    assert [card["context"] for card in page.context["cards"]] == [
        {"title": "Broken"},
        {"title": "Open work"},
    ]
    assert page.content.decode().index("Broken") < page.content.decode().index("Open work")
    assert DashboardCard("x.html").context(asked(agent)) == {}


def test_home_is_for_those_who_signed_in(client: Client, db: None) -> None:
    assert client.get("/").status_code == 302


def test_a_page_without_declared_access_does_not_exist() -> None:
    with pytest.raises(ImproperlyConfigured):
        PortalView.as_view()


def test_every_answer_carries_the_headers(client: Client) -> None:
    headers = client.get("/healthz/live").headers
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "'unsafe" not in headers["Content-Security-Policy"]
    assert len(headers["X-Request-Id"]) == 16


def test_the_own_profile_does_not_mark_staff_as_current(client_of: ClientOf, admin: Any) -> None:
    page = client_of(admin).get("/accounts/profile/").content.decode()
    assert "Staff" in labels(page)
    assert 'href="/staff/" aria-current="page"' not in " ".join(page.split())
    assert 'href="/staff/" aria-current="page"' in " ".join(
        client_of(admin).get("/staff/").content.decode().split()
    )


@pytest.mark.parametrize(
    ("path", "label"), [("/sandbox/users/", "Users"), ("/sandbox/connectors/", "Connectors")]
)
def test_the_lists_of_the_connection_mark_themselves(
    client_of: ClientOf, agent: Any, connection: Connection, path: str, label: str
) -> None:
    page = " ".join(client_of(agent).get(path).content.decode().split())
    assert label in labels(page)
    assert f'href="{path}" aria-current="page"' in page


def test_a_registered_tab_is_shown_to_those_who_may_open_it(agent: Any, monkeypatch: Any) -> None:
    tabs = {
        "merchant.history": navigation.DetailTab("History", "merchants:history", "merchant.view", order=90),
        "merchant.audit": navigation.DetailTab("Audit", "merchants:page", "audit.view", order=30),
        "tenant.page": navigation.DetailTab("Overview", "tenants:page", "tenant.view"),
    }
    monkeypatch.setattr(navigation, "DETAIL_TABS", registry_of(tabs))
    navigation.register_detail_tab(
        "merchant", "page", navigation.DetailTab("Overview", "merchants:page", "merchant.view", order=10)
    )
    shown = navigation.get_detail_tabs(
        agent, kind="merchant", connection="sandbox", guid="ME-1", current="page"
    )
    assert [(tab.label, tab.url, tab.current) for tab in shown] == [
        ("Overview", "/sandbox/merchants/ME-1/", True),
        ("History", "/sandbox/merchants/ME-1/history/", False),
    ]
    with pytest.raises(KeyError):
        navigation.register_detail_tab("shop", "page", tabs["tenant.page"])
