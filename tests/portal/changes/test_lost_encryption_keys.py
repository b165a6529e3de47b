"""A change whose body cannot be decrypted (lost key, moved row) is not sent and not shown as sent."""

import pytest

from portal.changes.models import Change, State
from tests.portal.changes.conftest import actions
from tests.portal.changes.test_updating import prepared


@pytest.mark.parametrize("sealed", ["", "v1.gone.AAAAAAAAAAAAAAAA.AAAA", "of another change"])
def test_what_cannot_be_opened_leaves_no_intent(*, browser, merchant, relay, sealed):
    if sealed == "of another change":
        sealed = prepared(browser, merchant, city="Wels").sealed_payload
    change = prepared(browser, merchant, city="Linz")
    Change.objects.filter(pk=change.pk).update(sealed_payload=sealed)
    relay.seen.clear()
    answer = browser.post(f"/changes/{change.pk}/send/")
    assert answer.status_code == 409
    assert "nothing was sent" in answer.content.decode()
    change.refresh_from_db()
    assert (change.state, change.intent_at) == (State.PREPARED, None)
    assert "change.intent" not in actions(change)
    assert relay.writes == 0


def test_trying_again_what_cannot_be_opened_says_so(*, browser, merchant, relay):
    change = prepared(browser, merchant, city="Linz")
    Change.objects.filter(pk=change.pk).update(state=State.NOT_SENT, sealed_payload="v1.gone.AAAA.AAAA")
    assert browser.post(f"/changes/{change.pk}/again/").status_code == 409
