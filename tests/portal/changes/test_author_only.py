"""Only the author may send or discard a prepared change."""

import pytest

from portal.audit.models import Event
from portal.changes.models import Change, State
from tests.portal.changes.conftest import only_change


@pytest.mark.parametrize("step", ["send", "cancel"])
def test_a_colleague_with_the_same_rights_neither_sends_nor_discards(
    browser, admin, client_of, merchant, step
):
    page = f"/sandbox/merchants/{merchant.guid}/disable/"
    assert browser.post(page, {"reason": "risk"}).status_code == 302
    change = only_change()
    colleague = client_of(admin)
    review = colleague.get(f"/changes/{change.pk}/").content.decode()
    assert "has not confirmed it yet" in review and f"/changes/{change.pk}/{step}/" not in review
    refused = colleague.post(f"/changes/{change.pk}/{step}/", {"reason": "risk"})
    assert refused.status_code == 403 and b"who prepared this change" in refused.content
    assert Change.objects.get().state == State.PREPARED
    assert Event.objects.first().action == "access.denied"
    assert f"/changes/{change.pk}/{step}/" in browser.get(f"/changes/{change.pk}/").content.decode()
