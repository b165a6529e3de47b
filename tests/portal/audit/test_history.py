"""The history of an object and of each of its fields: whole, bounded, linked for those who may read on."""

import re

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from portal.audit.history import MAX_READ, PER_PAGE, get_history
from portal.audit.recording import ObjectRef, Origin, record_event
from portal.changes.generic_views import load_entity_history
from provisioning.gateway.secrets import Sealed
from tests.factories import connector_made, merchant_made

ANA = Origin(7, "Ana", "Support agent", "abcd", "192.0.2.1", "r-1")
SHOP = ObjectRef("merchant", "g-1", "Example Shop", "t-1", "Tenant")

pytestmark = pytest.mark.django_db


def record(action="change.accepted", **values):
    """Something Ana did with the shop."""
    defaults = {"origin": ANA, "object": SHOP, "connection": "sandbox", "outcome": "accepted"}
    return record_event(action=action, **{**defaults, **values})


def history(query="", **values):
    return get_history(**{"connection": "sandbox", "guid": "g-1", "query": QueryDict(query), **values})


def drawn(reader, shown, path="/"):
    """The History tab as `reader` gets it."""
    request = RequestFactory().get(path)
    request.user = reader
    return render_to_string("audit/partials/history.html", {"history": shown}, request=request)


def test_a_history_is_of_one_object_in_one_connection():
    record(message="old")
    record(object=ObjectRef("merchant", "g-2", "Other"))
    record(connection="production")
    record(message="new")
    assert [event.message for event in history().events] == ["new", "old"]
    assert history().first.message == "old" and not history(kind="connector").events


def test_an_object_known_by_number_links_only_to_itself(admin, agent, client_of):
    """Person 7 and role 7 have nothing to do with each other."""
    record(object=ObjectRef("person", str(agent.pk), "Ana"), connection="", message="hers")
    record(object=ObjectRef("role", str(agent.pk), "Reader"), connection="", message="its")
    browser = client_of(admin)
    link = re.search(r'href="(/audit/\?kind=[^"]+)"', browser.get(f"/staff/{agent.pk}/").content.decode())[1]
    found = browser.get(link.replace("&amp;", "&")).content.decode()
    assert "1 event matches" in found and "person “Ana”" in found


def test_changes_outside_the_portal_are_mentioned_only_where_possible(admin, agent, client_of):
    said = "Changes made outside this portal are not listed."
    assert said in drawn(agent, load_entity_history(connection="sandbox", guid="g-1", query=QueryDict()))
    record()
    assert said in drawn(agent, load_entity_history(connection="sandbox", guid="g-1", query=QueryDict()))
    browser = client_of(admin)
    text = browser.get(f"/staff/{agent.pk}/").content.decode()
    assert "Changes appear here." in text and said not in text
    record(object=ObjectRef("person", str(agent.pk), "Ana"), connection="")
    text = browser.get(f"/staff/{agent.pk}/").content.decode()
    assert "Newest first." in text and said not in text


def test_it_is_paged_down_to_the_first_event():
    for _ in range(PER_PAGE + 3):
        record()
    first = history()
    assert len(first.events) == PER_PAGE and first.older == 4 and first.first.pk == 1
    last = history(f"before={first.older}")
    assert [event.pk for event in last.events] == [3, 2, 1] and last.older is None
    assert len(history("before=nonsense").events) == PER_PAGE


def test_a_field_tells_every_value_it_ever_had():
    record(after={"name": "One", "disabled": False}, before={}, operation="merchant.create")
    record("change.intent", before={"name": "One"}, after={"name": "Never"})
    record("change.refused", before={"name": "One"}, after={"name": "Never"}, outcome="refused")
    record(before={"name": "One"}, after={"name": "Two"})
    record("change.reconciled", before={"name": "Two"}, after={"name": "Three"})
    record("change.reconciled", before={"name": "Three"}, after={"name": "Never"}, outcome="not_sent")
    steps = [(value.change.old, value.change.new) for value in history("field=name").values]
    assert steps == [("Two", "Three"), ("One", "Two"), ("—", "One")]
    assert [(trace.name, trace.times) for trace in history().fields] == [("disabled", 1), ("name", 3)]
    assert history("field=unheard").values == []


def test_nested_fields_and_lists_are_shown_and_secrets_only_as_changed(agent):
    record(
        before={"config": {"token": Sealed("a"), "l": ["x", "y"]}}, after={"config": {"token": Sealed("b")}}
    )
    record(before={"config": {"l": ["x", "y"]}}, after={"config": {"l": ["y", "z"]}})
    changed = history("field=config.l").values[0].change
    assert (changed.added, changed.removed) == (["z"], ["x"])
    text = drawn(agent, history("field=config.token"))
    assert "secret, not recorded" in text and "••" not in text
    assert "added <ins>z</ins>" in drawn(agent, history("field=config.l"))


def test_links_lead_into_the_trail_only_for_those_who_may_read_it(agent, manager):
    record(after={"name": "New"})
    for reader, linked in ((agent, False), (manager, True)):
        whole, one = drawn(reader, history()), drawn(reader, history("field=name"))
        assert "changed merchant “Example Shop”" in whole and "?field=name" in whole
        assert [('href="/audit/' in text) for text in (whole, one)] == [linked, linked]
        assert "No history yet" in drawn(reader, history(guid="nothing"))
        assert "This field has never changed" in drawn(reader, history("field=unheard"))


def read_on(browser, address, text):
    """The pages from `address` on, by the link that bears this text."""
    pages = []
    while address:
        pages.append(browser.get(address).content.decode())
        link = re.search(rf'href="(\?[^"#]*)(#[^"]*)?">\s*{text} ', pages[-1])
        address = link and address.partition("?")[0] + link[1].replace("&amp;", "&")
    return pages


def test_more_values_than_are_read_at_once_are_all_there_on_pages_that_follow(admin, agent, client_of):
    """Ten more than a page's worth of changes is ever read for."""
    person = ObjectRef("person", str(agent.pk), "Ana")
    record(object=person, connection="", before={"gone": "a"}, after={"gone": "b"})
    steps = MAX_READ + 10
    for number in range(steps):
        values = {"before": {"name": f"v{number}"}, "after": {"name": f"v{number + 1}"}}
        record("staff.details_changed", object=person, connection="", **values)
    browser, address = client_of(admin), f"/staff/{agent.pk}/"
    pages = read_on(browser, f"{address}?field=name", "Older values")
    assert len(pages) == -(-steps // PER_PAGE)
    assert re.findall(r"<ins>(v\d+)</ins>", "".join(pages)) == [
        f"v{number}" for number in range(steps, 0, -1)
    ]
    whole, older = read_on(browser, address, "Fields of older changes")
    assert f"Based on {MAX_READ} changes, rows 12 to {steps + 1}" in whole and "?field=gone" not in whole
    assert "Based on 11 changes, rows 1 to 11" in older and "?field=gone" in older


def test_a_name_longer_than_its_index_is_still_shown():
    name = "x" * 200
    record(before={name: "a"}, after={name: "b"})
    assert [value.change.new for value in history(f"field={name}").values] == ["b"]


def test_purged_events_are_said_to_be_missing(purged, admin):
    """24 rows are archived and purged but for the first and the latest of each shop."""
    shown = history(connection="", guid="g-1")
    assert shown.purged == 24 and len(shown.events) == 2
    assert "Some events up to row 24 were removed" in " ".join(drawn(admin, shown).split())
    assert "Some events up to row 24 were removed" in drawn(
        admin, history("field=field1", connection="", guid="g-1")
    )
    record(connection="", object=ObjectRef("merchant", "g-9", "New"))
    assert history(connection="", guid="g-9").purged is None


def change(number, *, name="new", **values):
    """A change as the portal records it: drafted, sent, and what came of it."""
    common = {"change_id": f"c-{number}", "operation": "merchant.update", "before": {"timeZone": "UTC"}}
    steps = [("change.prepared", ""), ("change.intent", ""), ("change.accepted", "accepted")]
    for action, outcome in steps:
        reason = "SUP-812" if action == "change.prepared" else ""
        said = common | {"after": {"timeZone": name}, "outcome": outcome, "reason": reason} | values
        last = record(action, **said)
    return last


def test_a_change_is_one_row_with_its_fields_reason_and_outcome(admin):
    last = change(1, name="Europe/Vienna")
    record("change.intent", change_id="c-2", outcome="", operation="merchant.update")
    shown = history()
    assert [row.event.action for row in shown.rows] == ["change.intent", "change.accepted"]
    row = shown.rows[1]
    assert row.event == last and row.reason == "SUP-812" and len(shown.events) == 4
    assert [(one.name, one.old, one.new) for one in row.changes] == [("timeZone", "UTC", "Europe/Vienna")]
    page = drawn(admin, shown)
    assert [text for text in ("Time zone:", "SUP-812", "Accepted", "Being sent") if text not in page] == []
    assert f"{last.time:%A}, {last.time.day} {last.time:%B %Y}" in page and page.count("day-heading") == 1


def test_a_change_across_two_pages_is_a_row_of_the_newer_page_only():
    for number in range(PER_PAGE):
        change(number)
    rows, query, pages = [], "", 0
    while query is not None:
        shown = history(query)
        rows += [row.event.change_id for row in shown.rows]
        query, pages = (f"before={shown.older}" if shown.older else None), pages + 1
    assert rows == [f"c-{number}" for number in reversed(range(PER_PAGE))] and pages == 3


def test_the_history_of_a_merchant_has_its_connectors_and_users(admin, client_of, connection):
    merchant = merchant_made(connection)
    connector = connector_made(connection, merchant)
    about = ObjectRef("connector", connector.guid, "Visa", merchant.guid, merchant.name)
    record(object=about, connection=connection.slug, message="wentlive")
    record(object=ObjectRef("merchant", merchant.guid, "Shop"), connection=connection.slug, message="itself")
    browser, path = client_of(admin), f"/{connection.slug}/merchants/{merchant.guid}/history/"
    page = browser.get(path).content.decode()
    assert "connector “Visa”" in page and "Merchant only" in page
    own = browser.get(f"{path}?own=1").content.decode()
    assert (
        "connector “Visa”" not in own and "merchant “Shop”" in own and "Include connectors and users" in own
    )
    asked = {"connection": connection.slug, "guid": merchant.guid, "query": QueryDict()}
    kinds = {row.event.object_kind for row in get_history(**asked, child_kinds=["merchant_user"]).rows}
    assert kinds == {"merchant"}


def test_the_audit_list_tells_what_came_of_a_change_that_was_sent(admin, client_of):
    def row():
        page = client_of(admin).get("/audit/?action=change.intent").content.decode()
        return page.partition("<tbody>")[2].partition("</tbody>")[0]

    record("change.intent", change_id="c-1", outcome="")
    assert "then</span>" not in row()
    record("change.refused", change_id="c-1", outcome="refused")
    assert "then</span>" in row() and "Refused" in row()
