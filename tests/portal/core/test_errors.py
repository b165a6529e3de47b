"""Error pages: what happened, what to do next, an id; and nothing of what was typed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

import portal.urls
from portal.core.view_access import PUBLIC, allow

ClientOf = Callable[[Any], Client]


@allow(PUBLIC)
def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("CANARY")


@allow(PUBLIC)
def refused(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("You need the permission tea.pour.")


@allow(PUBLIC)
def odd(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("CANARY")


handler400 = portal.urls.handler400
handler403 = portal.urls.handler403
handler404 = portal.urls.handler404
handler500 = portal.urls.handler500
urlpatterns = [
    path("broken/", broken),
    path("refused/", refused),
    path("odd/", odd),
    *portal.urls.urlpatterns,
]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


def assert_names_the_request(answer: Any) -> None:
    assert answer.headers["X-Request-Id"] in answer.content.decode()


@pytest.mark.urls(__name__)
def test_a_broken_page_says_what_to_do_without_saying_what_broke(visitor: Client) -> None:
    answer = visitor.get("/broken/")
    assert answer.status_code == 500
    assert "CANARY" not in answer.content.decode()
    assert "check Changes" in answer.content.decode()
    assert_names_the_request(answer)


@pytest.mark.urls(__name__)
def test_an_odd_request_is_refused_without_repeating_it(visitor: Client) -> None:
    answer = visitor.get("/odd/")
    assert answer.status_code == 400
    assert "CANARY" not in answer.content.decode()
    assert_names_the_request(answer)


@pytest.mark.urls(__name__)
def test_a_refusal_says_why_inside_the_frame(client_of: ClientOf, agent: Any) -> None:
    answer = client_of(agent).get("/refused/")
    assert answer.status_code == 403
    assert "tea.pour" in answer.content.decode()
    assert "Sign out" in answer.content.decode()
    assert_names_the_request(answer)


def test_an_unknown_address_is_a_page_with_the_frame_for_those_signed_in(
    client_of: ClientOf, agent: Any
) -> None:
    answer = client_of(agent).get("/no/such/page/at/all/")
    assert answer.status_code == 404
    assert "Sign out" in answer.content.decode()
    assert_names_the_request(answer)


def test_an_unknown_address_tells_a_stranger_nothing(visitor: Client, db: None) -> None:
    answer = visitor.get("/no/such/page/at/all/")
    assert answer.status_code == 404
    assert "Sign out" not in answer.content.decode()
    assert_names_the_request(answer)


def test_a_form_without_token_is_explained(agent: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(agent)
    answer = browser.post("/accounts/logout/")
    assert answer.status_code == 403
    assert "no longer valid" in answer.content.decode()
    assert_names_the_request(answer)
