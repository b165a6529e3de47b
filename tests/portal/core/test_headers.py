"""Headers: every answer is covered, however early in the way of a request it was made."""

from ipaddress import ip_network

import pytest
from django.test import Client, override_settings

from portal.audit.models import Event
from portal.core.health import HealthCheckError, check_proxies

pytestmark = pytest.mark.django_db

ANSWERS = {
    "page": {"path": "/accounts/login/"},
    "refused host": {"path": "/accounts/login/", "HTTP_HOST": "evil.example"},
    "refused path": {"path": "/sandbox/merchants/%00/"},
    "nothing there": {"path": "/nothing/there/at/all/"},
    "health": {"path": "/healthz/live"},
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("tls", [False, True])
def test_every_answer_has_a_policy_and_an_id(answer, tls):
    with override_settings(SECURE_SSL_REDIRECT=tls):
        response = Client(raise_request_exception=False).get(**ANSWERS[answer])
    assert response.status_code < 500
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Request-Id"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_says_what_it_is(answer):
    response = Client(raise_request_exception=False).get(**ANSWERS[answer])
    assert response["Content-Type"] in ("text/html; charset=utf-8", "application/json")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_refused_form_is_not_stored_either():
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "ana", "password": "x"})
    assert response.status_code == 403
    assert response["Cache-Control"] == "no-store"


def test_notices_wait_in_the_session_and_in_no_cookie(client_of, agent):
    browser = client_of(agent)
    response = browser.post("/accounts/profile/", {"timezone": "Europe/Vienna"})
    assert response.status_code == 302
    assert "messages" not in response.cookies
    assert (
        "Saved. Times are now shown in your time zone." in browser.get("/accounts/profile/").content.decode()
    )


@pytest.mark.parametrize(
    ("peer", "recorded"),
    [("10.0.0.1", "192.0.2.5"), ("fd00::7", "192.0.2.5"), ("", "192.0.2.5"),
     ("203.0.113.9", "203.0.113.9"), ("10.0.1.1", "10.0.1.1"), ("no address", "no address")],
)  # fmt: skip
def test_only_a_proxy_that_is_configured_says_where_a_request_comes_from(agent, settings, peer, recorded):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24"), ip_network("fd00::/8")]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser = Client(
        REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="6.6.6.6, 192.0.2.5", HTTP_X_FORWARDED_PROTO="https"
    )
    response = browser.post("/accounts/login/", {"login": "ana", "password": "wrong and long enough"})
    assert Event.objects.first().address == recorded
    assert response.wsgi_request.is_secure() == (recorded == "192.0.2.5")


def test_a_proxy_that_is_not_configured_is_logged_once_and_a_warning(client, settings, caplog, monkeypatch):
    monkeypatch.setattr("portal.core.trusted_proxies.unknown_proxies", seen := [])
    monkeypatch.setattr("portal.core.health.unknown_proxies", seen)
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    with caplog.at_level("WARNING"):
        for _ in range(3):
            client.get("/healthz/live", REMOTE_ADDR="10.89.1.1", HTTP_X_FORWARDED_PROTO="https")
            client.get("/healthz/live", REMOTE_ADDR="172.30.1.1", HTTP_X_FORWARDED_PROTO="https")
    told = [record.getMessage() for record in caplog.records if "TRUSTED_PROXIES" in record.getMessage()]
    assert told == ["X-Forwarded-… from 172.30.1.1, which TRUSTED_PROXIES does not name, is ignored."]
    with pytest.raises(HealthCheckError, match=r"172\.30\.1\.1"):
        check_proxies()
