"""The history of an object and of each of its fields: whole, bounded, linked for those who may read on."""

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from portal.audit.history import PER_PAGE, history_page
from portal.audit.services import ObjectRef, Origin, event_record
from provisioning.gateway.secrets import Sealed

ANA = Origin(7, "Ana", "Support agent", "abcd", "192.0.2.1", "r-1")
SHOP = ObjectRef("merchant", "g-1", "Example Shop", "t-1", "Tenant")

pytestmark = pytest.mark.django_db


def record(action="change.accepted", **values):
    """Something Ana did with the shop."""
    defaults = {"origin": ANA, "object": SHOP, "connection": "sandbox", "outcome": "accepted"}
    return event_record(action=action, **{**defaults, **values})


def history(query="", **values):
    return history_page(**{"connection": "sandbox", "guid": "g-1", "query": QueryDict(query), **values})


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


def test_nested_fields_and_lists_are_told_and_secrets_only_as_changed(agent):
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
        assert "This field never changed here" in drawn(reader, history("field=unheard"))
