"""Headers: every answer is covered, however early in the way of a request it was made."""

import pytest
from django.test import Client, override_settings

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


def test_a_refused_form_is_not_stored_either():
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "ana", "password": "x"})
    assert response.status_code == 403
    assert response["Cache-Control"] == "no-store"


def test_notices_wait_in_the_session_and_in_no_cookie(client_of, agent):
    browser = client_of(agent)
    response = browser.post("/accounts/profile/", {"timezone": "Europe/Vienna"})
    assert response.status_code == 302
    assert "messages" not in response.cookies
    assert "Your time zone is stored." in browser.get("/accounts/profile/").content.decode()
