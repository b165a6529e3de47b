"""What lies above the parent is frozen too; rows and archives from before it was are as good as ever."""

import gzip
import hashlib
import json

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.utils import timezone

from portal.audit import canonical
from portal.audit.canonical import HASHED_FIELDS, row_text
from portal.audit.filters import parse_filters
from portal.audit.models import Event
from portal.audit.recording import ObjectRef, get_system_origin, record_event
from portal.audit.retention.archives import ArchiveBroken, _seal, check_archive
from portal.audit.search import select_events
from portal.audit.triggers import remove_triggers
from portal.audit.verification.chain import verify_trail
from tests.factories import connector_made, merchant_made
from tests.portal.connectors.steps import edit, sent


def test_the_changes_of_a_connector_are_found_by_its_tenant(connection, client_of, agent):
    """As “With what belongs to it” on the tenant's page asks for them."""
    merchant = merchant_made(connection)
    connector = connector_made(connection, merchant)
    browser = client_of(agent)
    sent(browser, edit(browser, connector, description="New"))
    wanted = parse_filters(
        QueryDict(f"object={connection.tenant_guid}&kind=connector"), timezone.get_default_timezone()
    )
    found = list(select_events(wanted).events())
    assert {event.object_guid for event in found} == {connector.guid} and len(found) >= 2
    assert {(event.parent_guid, event.ancestors) for event in found} == {
        (merchant.guid, connection.tenant_guid)
    }


def test_a_row_without_ancestors_has_the_text_that_it_had_before_there_were_any():
    required = HASHED_FIELDS[2:-2]
    assert HASHED_FIELDS[-2:] == ("ancestors", "group_id")
    for optional, kept in ((["", ""], []), (["TE-1", ""], ["TE-1"]), (["", "g"], ["", "g"])):
        text = row_text([1, None, *required, *optional])
        assert json.loads(text) == ["portal-audit-1", 1, "", *required, *kept]


def test_any_number_of_empty_optional_columns_at_the_end_is_left_out(monkeypatch):
    monkeypatch.setattr(canonical, "OPTIONAL_FIELDS", ("ancestors", "second", "third"))
    former = [1, None, *HASHED_FIELDS[2:-2]]
    before = ["portal-audit-1", 1, "", *HASHED_FIELDS[2:-2]]
    for optional in (["", "", ""], ["TE-1", "", ""], ["", "x", ""], ["", "", "x"], ["TE-1", "", "x"]):
        kept = optional[: max((place for place, text in enumerate(optional, 1) if text), default=0)]
        assert json.loads(row_text([*former, *optional])) == [*before, *kept]
    # The message is required: it stays where it is, also as the last one that is empty.
    assert json.loads(row_text([1, None, *[""] * 27, "", "", ""])) == ["portal-audit-1", 1, "", *[""] * 27]


@pytest.mark.parametrize(("ancestors", "forged"), [((), "TE-9"), (("TE-1",), ""), (("TE-1",), "TE-9")])
def test_ancestors_that_were_edited_are_found(db, ancestors, forged):
    about = ObjectRef("connector", "CO-1", "Visa", "ME-1", "Shop", ancestors)
    event = record_event(action="change.accepted", origin=get_system_origin("x"), object=about)
    assert event.ancestors == " ".join(ancestors) and verify_trail().whole
    remove_triggers(database)
    Event.objects.update(ancestors=forged)
    first = verify_trail().problems[0]
    assert (first.sequence, first.kind) == (1, "edited")


@pytest.mark.parametrize("missing", [1, 2])
def test_an_archive_from_before_the_optional_columns_verifies(archived, missing):
    path = archived[0].path
    with gzip.open(path, "rt") as file:
        header, *rows, end = [json.loads(line) for line in file]
    assert header["columns"][-3:] == ["ancestors", "group_id", "hash"]
    for values in (header["columns"], *rows):
        del values[-1 - missing : -1]
    lines = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in (header, *rows))
    sha256 = hashlib.sha256(lines.encode()).hexdigest()
    end |= {"sha256": sha256, "seal": _seal(end["key_id"], sha256)}
    with gzip.open(path, "wt") as file:
        file.write(lines + json.dumps(end) + "\n")
    assert check_archive(path).hashes[-1] == Event.objects.get(pk=10).hash
    with gzip.open(path, "wt") as file:
        file.write(lines.replace('"key_id", ', "", 1) + json.dumps(end) + "\n")
    with pytest.raises(ArchiveBroken):
        check_archive(path)
