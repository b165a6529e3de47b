"""Every date on a page agrees with the person's own time zone."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.utils import timezone

from portal.core.middleware import TimezoneMiddleware

PAGE = Template("{% load portal %}{% moment when %}|{{ when|date:'H:i' }}")


def shown(user: Any) -> str:
    request = RequestFactory().get("/")
    request.user = user

    def view(request: HttpRequest) -> HttpResponse:
        when = timezone.datetime.fromisoformat("2026-01-15T23:30:00+00:00")
        return HttpResponse(PAGE.render(Context({"user": request.user, "when": when})))

    return TimezoneMiddleware(view)(request).content.decode()


def test_templates_and_moments_use_the_persons_zone(agent: Any) -> None:
    agent.timezone = "Asia/Tokyo"
    page = shown(agent)
    assert "16 Jan 2026, 08:30" in page
    assert page.endswith("|08:30")


def test_anonymous_users_and_unknown_zones_get_utc(agent: Any) -> None:
    agent.timezone = "Mars/Olympus"
    assert shown(agent).endswith("|23:30")
    assert shown(object()).endswith("|23:30")


def test_the_zone_does_not_outlast_the_request(client_of: Callable[[Any], Client], agent: Any) -> None:
    type(agent).objects.filter(pk=agent.pk).update(timezone="Asia/Tokyo")
    assert client_of(agent).get("/").status_code == 200
    assert timezone.get_current_timezone_name() == "UTC"
