"""The export of the audit trail: everything, oldest first, safe for spreadsheets, and on record itself."""

import csv
import io

import pytest

from portal.audit.models import Event
from portal.audit.services import ObjectRef, Origin, event_record

ANA = Origin(7, "Ana", "Support agent", "abcd", "192.0.2.1", "r-1")


@pytest.fixture
def browser(manager, client_of):
    """A manager's browser."""
    return client_of(manager)


def record(name="Example Shop", **values):
    """One accepted change."""
    thing = ObjectRef("merchant", "g-1", name, "t-1", "Tenant")
    return event_record(**{"action": "change.accepted", "origin": ANA, "object": thing} | values)


def rows(response):
    """The lines of the file, by column."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_manager_exports_every_event_with_its_request_and_its_seal(browser):
    first = record(connection="sandbox", request={"body": {"name": "Shop"}}, reason="said so")
    second = record()
    response = browser.get("/audit/export/")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-trail-')
    assert response["Cache-Control"] == "no-store"
    found = rows(response)
    assert [row["sequence"] for row in found][:2] == [str(first.sequence), str(second.sequence)]
    assert (found[0]["reason"], found[0]["hash"]) == ("said so", first.hash)
    assert '"name":"Shop"' in found[0]["request"].replace(" ", "")
    assert "Example Shop" in found[0]["what happened"]


def test_an_export_is_on_record_before_its_first_line(browser, manager):
    record()
    browser.get("/audit/export/?object=g-1")
    event = Event.objects.first()
    assert (event.action, event.actor_id) == ("audit.exported", manager.pk)
    assert "object=g-1" in event.sentence


def test_the_list_s_filters_narrow_the_export(browser):
    record(name="One")
    record(name="Other", action="change.refused")
    found = rows(browser.get("/audit/export/?action=change.refused&before=1"))
    assert [row["object_name"] for row in found] == ["Other"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_a_formula_to_a_spreadsheet(browser, name):
    record(name=name)
    assert rows(browser.get("/audit/export/"))[0]["object_name"] == f"'{name}"


def test_the_list_offers_the_export_with_its_filters(browser):
    record()
    assert b'href="/audit/export/?object=g-1"' in browser.get("/audit/?object=g-1&before=99").content
