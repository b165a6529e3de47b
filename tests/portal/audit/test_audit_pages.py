"""The audit trail's pages: list, filters, paging, one event in full, History."""

from datetime import UTC

import pytest

from portal.audit.diffs import get_field_changes
from portal.audit.pagination import PER_PAGE
from portal.audit.recording import ObjectRef, Origin, get_system_origin, record_event
from provisioning.gateway.secrets import Sealed

ANA = Origin(7, "Ana <b>", "Support agent", "abcd", "192.0.2.1", "r-1")
SHOP = ObjectRef("merchant", "g-1", "Example Shop", "t-1", "Tenant")


@pytest.fixture
def browser(manager, client_of):
    """A manager's browser."""
    return client_of(manager)


def record(**values):
    """One accepted change."""
    defaults = {"action": "change.accepted", "origin": ANA, "object": SHOP, "connection": "sandbox"}
    return record_event(**defaults | {"outcome": "accepted"} | values)


def test_an_empty_trail_says_what_it_is_for(browser):
    assert b"No events" in browser.get("/audit/").content


def test_the_list_is_newest_first_and_escapes(browser):
    record(operation="merchant.create")
    record(after={"disabled": True}, reason="risk review")
    text = browser.get("/audit/").content.decode()
    assert text.index("disabled merchant") < text.index("created merchant") and ": risk review" in text
    assert "Ana &lt;b&gt; (Support agent)" in text and "Ana <b>" not in text


def test_the_list_is_bounded_and_pages_by_sequence(browser):
    for number in range(PER_PAGE + 10):
        record(object=ObjectRef("merchant", f"g-{number}", f"Shop{number:03}"))
    first = browser.get("/audit/?actor=ana").content.decode()
    assert first.count("Shop") == PER_PAGE and "Newest</a>" not in first
    address = "?actor=ana&amp;before=11"
    assert address in first
    older = browser.get("/audit/?actor=ana&before=11").content.decode()
    assert older.count("Shop") == 10 and "Older" not in older and "Newest</a>" in older


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=secret.revealed", 1),
        ("actor=ANA", 2),
        ("object=example", 2),
        ("object=g-1", 2),
        ("object=t-1", 2),
        ("object=r-1", 2),
        ("object=c-7", 1),
        ("connection=sandbox", 2),
        ("connection=production", 0),
        ("outcome=accepted", 2),
        ("outcome=refused", 0),
        ("actor=nobody", 0),
        ("before=2", 1),
        ("before=nonsense", 3),
        ("before=99999999999999999999999", 3),
        ("before=%00&actor=%00", 3),
    ],
)
def test_filters_are_in_the_address(browser, query, found):
    record()
    record(action="secret.revealed", change_id="c-7")
    record_event(action="staff.created", origin=get_system_origin("x"))
    assert len(browser.get(f"/audit/?{query}").context["table"].rows) == found


def test_a_search_without_result_says_so(browser):
    assert b"No events match" in browser.get("/audit/?actor=nobody").content


def test_one_event_shows_who_what_why_and_the_exact_request(browser):
    intent = record(action="change.intent", change_id="c-1", outcome="intent")
    event = record(
        change_id="c-1",
        reason="risk review",
        code="1005",
        gateway_request_id="gw-1",
        message="Fine",
        before={"name": "Old", "address": {"city": "Graz"}, "same": 1, "secret": Sealed("x")},
        after={"name": "New", "address": {"city": "Wien"}, "same": 1, "secret": Sealed("canary")},
        request={
            "method": "POST",
            "url": "https://gateway.example/merchants",
            "body": {"secret": Sealed("canary")},
        },
        answer={"merchant": {"guid": "g-1"}},
        duration_ms=42,
    )
    text = browser.get(f"/audit/{event.sequence}/").content.decode()
    for part in (
        "risk review",
        "Graz",
        "Wien",
        "address.city",
        "gw-1",
        "42 ms",
        "https://gateway.example/merchants",
    ):
        assert part in text
    assert "canary" not in text and "secret, not recorded" in text and event.hash in text
    assert f"/audit/{intent.sequence}/" in text and "sent: change" in text


def test_a_bare_event_has_a_page_too(browser):
    event = record_event(action="session.signed_in", origin=get_system_origin("x"))
    assert browser.get(f"/audit/{event.sequence}/").status_code == 200
    assert browser.get("/audit/999/").status_code == 404


@pytest.mark.django_db
def test_the_diff_is_field_by_field():
    event = record(
        before={"a": None, "b": True, "c": ["x"], "gone": "y", "same": "s", "o": {}},
        after={"a": "", "b": False, "c": [], "new": 5, "same": "s", "o": {"k": [1, True]}},
    )
    changes = {change.name: (change.old, change.new) for change in get_field_changes(event)}
    assert changes == {
        "a": ("—", "—"),
        "b": ("yes", "no"),
        "c": ("x", "—"),
        "gone": ("y", "—"),
        "new": ("—", "5"),
        "o": ("{}", "—"),
        "o.k": ("—", "1, yes"),
    }
    assert get_field_changes(record()) == []


def test_the_list_can_be_narrowed_to_one_change(client_of, manager) -> None:
    for change_id in ("change-one", "change-two"):
        record_event(action="change.intent", origin=get_system_origin("tests"), change_id=change_id)
    page = client_of(manager).get("/audit/?change=change-one")
    assert [event.change_id for event in page.context["table"].rows] == ["change-one"]
    assert 'name="change" value="change-one"' in page.content.decode()


def test_an_event_says_its_time_in_utc_with_microseconds_whatever_the_zone(client_of, manager) -> None:
    type(manager).objects.filter(pk=manager.pk).update(timezone="Asia/Tokyo")
    event = record()
    text = client_of(manager).get(f"/audit/{event.sequence}/").content.decode()
    assert f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC" in text


def test_an_event_links_to_everything_it_names(client_of, manager, admin) -> None:
    origin = Origin(admin.pk, "Ada Admin", "Admin", "s", "192.0.2.7", "r-7")
    event = record(origin=origin, change_id="c7e5b0a4-0000-4000-8000-000000000000")
    text = client_of(manager).get(f"/audit/{event.sequence}/").content.decode()
    for link in (
        f"/staff/{admin.pk}/",
        f"/audit/?person={admin.pk}",
        "/audit/?address=192.0.2.7",
        "/sandbox/merchants/g-1/",
        "/sandbox/tenants/t-1/",
        "/audit/?guid=g-1&amp;connection=sandbox",
        "/connections/sandbox/",
        "/changes/c7e5b0a4-0000-4000-8000-000000000000/",
        "/audit/?change=r-7",
    ):
        assert f'href="{link}"' in text, link


def test_an_event_about_a_person_or_a_connection_links_to_it(client_of, manager) -> None:
    person = record_event(action="staff.disabled", origin=ANA, object=ObjectRef("person", "3", "Bob"))
    place = record_event(
        action="credential.reset", origin=ANA, object=ObjectRef("connection", "live", "Live")
    )
    browser = client_of(manager)
    assert b'href="/staff/3/"' in browser.get(f"/audit/{person.sequence}/").content
    assert b'href="/connections/live/"' in browser.get(f"/audit/{place.sequence}/").content
