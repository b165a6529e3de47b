"""A create without an answer is settled by what its parent listed before and lists now."""

import unicodedata
import uuid
from datetime import timedelta

import pytest

from portal.audit.models import Event
from portal.changes import readback
from portal.changes.models import Change, State
from tests.portal.changes.conftest import merchant_made
from tests.portal.changes.test_creating import new

CLAIMS = ("did not take effect", "safe to try again", "Nothing changed")


def create(browser, tenant, **values):
    form = {
        "name": f"{uuid.uuid4().hex[:10]} Nordlicht",
        "homepage": "https://n.example",
        "timezone": "UTC",
        "submission": str(uuid.uuid4()),
        **values,
    }
    browser.post(new(tenant), form)
    return Change.objects.get(submission=form["submission"])


def checked(browser, change, *, after=61):
    Change.objects.filter(pk=change.pk).update(intent_at=change.intent_at - timedelta(seconds=after))
    browser.post(f"/changes/{change.pk}/check/")
    change.refresh_from_db()
    page = browser.get(f"/changes/{change.pk}/").content.decode()
    assert not [claim for claim in CLAIMS if claim in page]
    return change, page


def lose_answer(change_body=lambda body: body):
    """Have the gateway carry out a body, perhaps changed, and lose its answer."""

    def rule(body, send):
        assert send(change_body(dict(body)))["success"] is True

    return rule


def never_arrives(body, send):
    return None


@pytest.mark.parametrize("created", ["2020-01-01T00:00:00+00:00", "2020-01-01 00:00:00", "9999-12-31", None])
def test_what_is_new_there_is_found_whatever_its_clock_says(browser, tenant, rewriter, created):
    """The gateway's clock may be wrong, in another zone, or not shown."""

    def listed(body, send):
        answer = send(body)
        for item in answer["merchants"]:
            item["createdAt"] = created
        return answer

    rewriter.rules = {"createMerchant": lose_answer(), "listMerchants": listed}
    change, _page = checked(browser, create(browser, tenant), after=0)
    assert (change.state, bool(change.object_guid)) == (State.ACCEPTED, True)
    assert rewriter.writes == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Café  Zwei Kannen", lambda name: name.replace("  ", " ")),
        ("Cafe\u0301 am Park", lambda name: unicodedata.normalize("NFC", name)),
        ("A very long name of a shop in the old town", lambda name: name[:20]),
        ("Alpenblick Lodge", str.upper),
        ("Alpenblick Lodge", lambda name: "Renamed"),
    ],
)
def test_a_name_the_gateway_spells_in_another_way_is_never_called_absent(
    browser, tenant, rewriter, sent, kept
):
    rewriter.rules = {"createMerchant": lose_answer(lambda body: {**body, "name": kept(body["name"])})}
    change, page = checked(browser, create(browser, tenant, name=f"{sent} {uuid.uuid4().hex[:6]}"))
    if change.state == State.UNKNOWN:
        (candidate,) = change.inquiry["candidates"]
        assert candidate["guid"] in page
        browser.post(f"/changes/{change.pk}/adopt/", {"guid": candidate["guid"]})
        change.refresh_from_db()
    assert change.state == State.ACCEPTED
    assert rewriter.writes == 1


def test_what_arrives_late_is_found_after_it_was_not_found(browser, tenant, rewriter):
    late = []

    def held_back(body, send):
        late.append((body, send))

    rewriter.rules = {"createMerchant": held_back}
    change, page = checked(browser, create(browser, tenant), after=63)
    assert change.state == State.NOT_FOUND
    assert "Not found at the gateway" in page
    assert "may still be carried out later" in page
    (body, send), *_ = late
    send(body)
    rewriter.rules = {}
    answer = browser.post(f"/changes/{change.pk}/again/", {"confirm": "1"})
    change.refresh_from_db()
    assert answer.url == f"/changes/{change.pk}/"
    assert change.state == State.ACCEPTED
    assert rewriter.writes == 1


def test_an_identical_entity_that_existed_before_is_not_adopted(browser, tenant, rewriter):
    values = {"name": f"Twin {uuid.uuid4().hex[:8]}", "homepage": "https://n.example", "timezone": "UTC"}
    merchant_made(tenant, **values)
    rewriter.rules = {"createMerchant": never_arrives}
    change, _page = checked(browser, create(browser, tenant, **values))
    assert (change.state, change.object_guid) == (State.NOT_FOUND, "")


def test_a_person_chooses_between_two_equal_candidates(browser, tenant, rewriter):
    rewriter.rules = {"createMerchant": lose_answer()}
    change = create(browser, tenant)
    rewriter.rules = {}
    merchant_made(tenant, **{key: change.body[key] for key in ("name", "homepage", "timezone")})
    change, _page = checked(browser, change)
    assert change.state == State.UNKNOWN
    assert len(change.inquiry["candidates"]) == 2


def test_two_open_creates_of_the_same_do_not_take_each_other_s(browser, tenant, rewriter):
    rewriter.rules = {"createMerchant": lose_answer()}
    first = create(browser, tenant)
    rewriter.rules = {"createMerchant": never_arrives}
    values = {key: first.body[key] for key in ("name", "homepage", "timezone")}
    second = create(browser, tenant, **values, again="1")
    first, _page = checked(browser, first)
    assert first.state == State.UNKNOWN
    assert first.inquiry["result"] == "several"
    second, _page = checked(browser, second)
    assert second.state == State.NOT_FOUND


def test_a_difference_in_any_property_is_left_to_a_person(browser, tenant, rewriter):
    rewriter.rules = {"createMerchant": lose_answer(lambda body: {**body, "city": "Graz"})}
    change, page = checked(browser, create(browser, tenant, city="Linz"))
    assert change.state == State.UNKNOWN
    assert "differs: city" in page


def test_without_a_list_from_before_nothing_is_adopted_by_itself(browser, tenant, rewriter, monkeypatch):
    """A list is too long to read before each create, so the index says what certainly existed."""
    monkeypatch.setattr(readback, "SNAPSHOT_SECONDS", 0.0001)
    rewriter.rules = {"createMerchant": lose_answer()}
    change = create(browser, tenant)
    assert change.siblings == {}
    change, page = checked(browser, change)
    assert change.state == State.UNKNOWN
    (candidate,) = change.inquiry["candidates"]
    assert candidate["exact"]
    assert "all readable values match" in page
    assert Event.objects.filter(change_id=str(change.pk), action="change.reconciled").count() == 0


@pytest.mark.parametrize("guid", ["ME/1", "x" * 101, "", None, 7, ["ME-1"]])
def test_a_new_row_that_cannot_be_read_is_never_called_absent(browser, tenant, merchant, rewriter, guid):
    def listed(body, send):
        answer = send(body)
        for item in answer["merchants"]:
            if item["name"] == change.body["name"]:
                item["guid"] = guid
        return answer

    rewriter.rules = {"createMerchant": lose_answer()}
    change = create(browser, tenant)
    rewriter.rules = {"listMerchants": listed}
    change, page = checked(browser, change)
    assert change.state == State.UNKNOWN
    assert "rows that the portal cannot read" in page
    assert "Send again" not in page
    rewriter.rules = {}
    change, page = checked(browser, change)
    assert change.state == State.ACCEPTED


def test_a_row_that_could_not_be_read_before_the_send_is_not_the_new_one(browser, tenant, merchant, rewriter):
    def listed(body, send):
        answer = send(body)
        answer["merchants"].append({"guid": "ME/old", "name": "Old"})
        return answer

    rewriter.rules = {"createMerchant": never_arrives, "listMerchants": listed}
    change, _page = checked(browser, create(browser, tenant))
    assert change.state == State.NOT_FOUND


def test_an_accepted_create_in_an_unreadable_row_is_not_called_missing(browser, tenant, merchant, rewriter):
    def listed(body, send):
        answer = send(body)
        for item in answer["merchants"]:
            item["guid"] = "ME/1" if item["name"] == name else item["guid"]
        return answer

    name = f"Odd {uuid.uuid4().hex}"
    rewriter.rules = {
        "createMerchant": lambda body, send: send(body) and {"success": True},
        "listMerchants": listed,
    }
    change = create(browser, tenant, name=name)
    assert (change.state, change.object_guid) == (State.ACCEPTED, "")
    assert "one of them may be it" in change.explanation
    assert "did not find it" not in change.explanation
