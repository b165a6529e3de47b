"""A session that cannot be saved never replaces the answer to what was done."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.db import connections
from django.test.signals import template_rendered

PAGE = "/accounts/profile/"


def seen_a_while_ago(browser):
    """Makes the next request note in the session that the person is there."""
    session = browser.session
    session["seen_at"] = int(time.time()) - 40
    session.save()


@contextmanager
def sessions_locked():
    """Another connection holds the lock that saving a session needs; reading stays possible."""
    locked, release = threading.Event(), threading.Event()

    def hold():
        with connections["default"].cursor() as cursor:
            if database.vendor == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            else:
                cursor.execute("BEGIN")
                cursor.execute("LOCK TABLE django_session IN EXCLUSIVE MODE")
            locked.set()
            release.wait(60)
            cursor.execute("ROLLBACK")
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hold)
        assert locked.wait(10)
        try:
            yield
        finally:
            release.set()
            done.result()


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
    with sessions_locked():
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
