"""Exports: recorded before the first byte, streamed, complete, and harmless to spreadsheets."""

import csv
import io
import json
import tracemalloc
from datetime import UTC

import pytest
from django.db import connection as database
from django.http import QueryDict
from hypothesis import example, given
from hypothesis import strategies as st

from bench import audit_events
from portal.audit import exports
from portal.audit.csv_lines import defuse_cell, format_csv_line, format_event_line
from portal.audit.exports import generate_export, prepare_export, record_export
from portal.audit.filters import parse_filters
from portal.audit.models import ChainHead, Event
from portal.audit.recording import AuditUnavailable, ObjectRef, get_system_origin, record_event

SYSTEM = get_system_origin("tests")


@pytest.fixture
def browser(manager, client_of):
    """A manager's browser."""
    return client_of(manager)


def shop(number, name="Shop"):
    """One accepted change."""
    return record_event(
        action="change.accepted", origin=SYSTEM, outcome="accepted", after={"name": name},
        object=ObjectRef("merchant", f"g-{number}", name),
    )  # fmt: skip


def body(answer):
    """The whole streamed answer as text."""
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def test_a_csv_carries_its_rows_filter_and_chain_head(browser):
    for number in range(5):
        shop(number)
    head = ChainHead.objects.get()
    text = body(browser.post("/audit/export/?object=g-3", {"form": "csv", "reason": "asked by the auditor"}))
    rows = list(csv.reader(io.StringIO(text)))
    facts = {row[0]: row[1] for row in rows[:6]}
    assert facts["# Rows"] == "1" and facts["# Filter"] == "Object: g-3"
    assert facts["# Head of the chain"] == f"row 5, {head.hash}" and facts["# Exported by"] == "Max Manager"
    assert [row[0] for row in rows[7:]] == ["4"] and "merchant “Shop”" in rows[7][-1]
    assert rows[6] == [*exports.COLUMNS, "what happened"]


def test_an_export_is_recorded_before_its_first_byte(browser):
    shop(1)
    answer = browser.post("/audit/export/", {"form": "jsonl", "reason": "monthly copy"})
    event = Event.objects.first()
    assert event.action == "audit.exported" and event.reason == "monthly copy" and event.sequence == 2
    lines = [json.loads(line) for line in body(answer).splitlines()]
    assert lines[0]["export"]["Rows"] == "1" and [line["sequence"] for line in lines[1:]] == [1]
    assert lines[1]["after"] == {"name": "Shop"}


def test_without_record_there_is_no_export(db, monkeypatch):
    monkeypatch.setattr(exports, "record_event", lambda **_: (_ for _ in ()).throw(AuditUnavailable("no")))
    wanted = parse_filters(QueryDict(), UTC)
    export = prepare_export(wanted=wanted, reason="x", origin=SYSTEM)
    with pytest.raises(AuditUnavailable):
        record_export(export=export, wanted=wanted, form="csv", origin=SYSTEM)


def test_rows_are_counted_before_the_transaction_that_records_the_export(browser, monkeypatch):
    shop(1)
    outside, depths = len(database.savepoint_ids), []
    prepare = exports.prepare_export
    monkeypatch.setattr(
        exports,
        "prepare_export",
        lambda **asked: depths.append(len(database.savepoint_ids)) or prepare(**asked),
    )
    body(browser.post("/audit/export/", {"form": "csv", "reason": "x"}))
    assert depths == [outside]


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r", "\n", "\0"])
def test_no_cell_is_a_formula(lead):
    assert defuse_cell(f"{lead}HYPERLINK()") == f"'{lead}HYPERLINK()"
    assert defuse_cell("plain") == "plain" and defuse_cell(None) == ""


@given(st.lists(st.text(), min_size=3, max_size=3), st.sampled_from(["", '{"a":"b, "c""}', "-1", '[",\n"]']))
@example(["a\x1f=b", "", ""], "")
def test_a_line_written_quickly_is_the_line_written_with_care(texts, document):
    assert format_event_line(texts[:2], [document], texts[2:]) == format_csv_line(
        [*texts[:2], document, *texts[2:]]
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "text", ["x{}=1+1{}", 'x{}"+1{}', "x{} -1{}", 'x\n"@SUM(1){}', "x\r\n=1{}", "=1{}@2{}"]
)
def test_no_piece_of_a_cell_is_a_formula_whatever_separates_cells(browser, separator, text):
    text = text.replace("{}", separator)
    record_event(
        action="change.accepted", origin=SYSTEM, reason=text, message=text, before={"name": text},
        object=ObjectRef("merchant", "g-1", text), after={"name": [text, "a;b"]},
    )  # fmt: skip
    written = body(browser.post("/audit/export/", {"form": "csv", "reason": " ".join(text.split())}))
    rows = csv.reader(io.StringIO(written, newline=""), delimiter=separator)
    cells = [cell.strip() for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    *_, last = csv.reader(io.StringIO(written, newline=""))
    assert json.loads(last[exports.COLUMNS.index("after")]) == {"name": [text, "a;b"]}


def test_a_formula_in_a_name_is_defused_in_the_file(browser):
    shop(1, name='=HYPERLINK("http://x","y")')
    text = body(browser.post("/audit/export/", {"form": "csv", "reason": "x"}))
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_the_report_is_a_page_to_print_and_escapes(browser):
    shop(1, name="<script>alert(1)</script>")
    answer = browser.post("/audit/export/", {"form": "html", "reason": "for the <board>"})
    text = body(answer)
    assert answer["Content-Disposition"].startswith("inline") and "<script>" not in text
    assert "for the &lt;board&gt;" in text and "</html>" in text and "&lt;script&gt;" in text
    assert ">When (UTC)</th>" in text


def test_an_export_asks_for_a_reason(browser):
    shop(1)
    page = browser.get("/audit/export/?outcome=accepted").content.decode()
    assert "Outcome: accepted" in page
    assert browser.post("/audit/export/", {"form": "csv"}).status_code == 422
    assert browser.post("/audit/export/", {"form": "exe", "reason": "x"}).status_code == 422
    assert not Event.objects.filter(action="audit.exported").exists()


def test_chunks_follow_each_other_and_later_events_stay_out(db, monkeypatch):
    monkeypatch.setattr(exports, "CHUNK", 3)
    for number in range(10):
        shop(number)
    export = prepare_export(wanted=parse_filters(QueryDict(), UTC), reason="x", origin=SYSTEM)
    shop(11)
    lines = "".join(generate_export(export, "jsonl", UTC)).splitlines()
    assert [json.loads(line)["sequence"] for line in lines[1:]] == list(range(1, 11)) and export.rows == 10


def test_memory_stays_flat_however_long_the_export(db):
    audit_events.append_events(events=6000)
    export = prepare_export(wanted=parse_filters(QueryDict(), UTC), reason="x", origin=SYSTEM)
    tracemalloc.start()
    length = sum(len(piece) for piece in generate_export(export, "csv", UTC))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > 3_000_000 and peak < 12_000_000


def test_the_form_leads_back_to_the_filtered_events(browser):
    page = browser.get("/audit/export/?outcome=success").content.decode()
    assert 'href="/audit/?outcome=success">Back to events' in page
