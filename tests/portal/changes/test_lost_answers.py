"""A failure after the gateway's answer does not hide the outcome from the user."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connections

from portal.changes.models import State
from tests.portal.changes.conftest import merchant_now, only_change
from tests.portal.changes.test_creating import FIELDS, new
from tests.portal.changes.test_updating import prepared


@pytest.fixture
def during_a_write(transactional_db, relay):
    """Post in a thread, run `act` while the gateway has the write, return the response."""

    def run(browser, path, form, act):
        session = browser.session
        session["seen_at"] = int(time.time()) - 40  # the next request has to save the session
        session.save()
        before = relay.writes

        def post():
            try:
                return browser.post(path, form)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(post)
            waited = time.monotonic() + 20
            while relay.writes == before and time.monotonic() < waited:
                time.sleep(0.01)
            act()
            return answer.result()

    return run


def sign_out_everywhere():
    Session.objects.all().delete()


def test_signing_out_during_a_create_does_not_hide_its_outcome(*, browser, tenant, during_a_write, fault):
    fault("latency=1", "createMerchant")
    form = {**FIELDS, "submission": str(uuid.uuid4())}
    browser.get(new(tenant))
    response = during_a_write(browser, new(tenant), form, sign_out_everywhere)
    change = only_change()
    assert change.state == State.ACCEPTED
    assert (response.status_code, response.url) == (302, f"/sandbox/merchants/{change.object_guid}/")


def test_signing_out_during_an_update_does_not_hide_its_outcome(*, browser, merchant, during_a_write, fault):
    change = prepared(browser, merchant, city="Linz")
    fault("latency=1", "updateMerchant")
    response = during_a_write(browser, f"/changes/{change.pk}/send/", {}, sign_out_everywhere)
    change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert (response.status_code, response.url) == (302, f"/changes/{change.pk}/")
    assert merchant_now(merchant)["city"] == "Linz"


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "500.html", "503.html"])
def test_no_error_page_claims_what_it_cannot_know(template):
    words = Path("templates", template).read_text().lower()
    for claim in ("nothing was sent", "nothing was changed", "nothing changed"):
        assert claim not in words
