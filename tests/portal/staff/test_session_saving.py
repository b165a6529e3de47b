"""A session that cannot be saved never replaces the answer to what was done."""

import time

import pytest
from django.contrib.sessions.models import Session
from django.test.signals import template_rendered

from tests.database_locks import lock_table

PAGE = "/accounts/profile/"


def seen_a_while_ago(browser):
    """Makes the next request note in the session that the person is there."""
    session = browser.session
    session["seen_at"] = int(time.time()) - 40
    session.save()


@pytest.mark.parametrize("loss", ["deleted", "changed key"])
def test_a_page_is_shown_although_its_session_ended_meanwhile(transactional_db, agent, client_of, loss):
    browser = client_of(agent)
    seen_a_while_ago(browser)
    if loss == "deleted":
        answer = _page_while(browser, lambda: Session.objects.all().delete())
    else:
        answer = _page_while(browser, lambda: Session.objects.update(session_key="x" * 32))
    assert answer.status_code == 200
    assert browser.get(PAGE).status_code == 302


def test_a_page_is_shown_soon_although_the_database_is_locked(transactional_db, agent, client_of):
    browser = client_of(agent)
    seen_a_while_ago(browser)
    with lock_table("django_session"):
        began = time.monotonic()
        answer = browser.get(PAGE)
        assert answer.status_code == 200
        assert time.monotonic() - began < 10
    assert browser.get(PAGE).status_code == 200


def _page_while(browser, act):
    """Opens a page during which `act` happens: after the session was read and before it is saved."""

    def once(**_):
        template_rendered.disconnect(once)
        act()

    template_rendered.connect(once)
    return browser.get(PAGE)
