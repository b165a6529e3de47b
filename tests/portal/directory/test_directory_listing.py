"""Rows as lists draw them: what a person typed is escaped, and nothing is escaped twice."""

from datetime import UTC

import pytest
from django.template import engines

from portal.directory.listing import plain, row_shown

ROW = {"guid": "ME-1", "created_at": None, "disabled": False, "archived": False}
TEMPLATE = "{{ row.name }}|{{ row.fields.externalId }}"


def drawn(text):
    """What a list shows of a merchant whose name and external id are `text`."""
    row = row_shown(ROW | {"name": text, "fields": {"externalId": text}}, "/m/", UTC)
    return engines["django"].from_string(TEMPLATE).render({"row": row})


@pytest.mark.parametrize("text", ["Züricycle AG", "A & B", "<script>alert(1)</script>", "\"quoted\" 'twice'"])
def test_rows_escape_whatever_a_name_contains(text):
    as_django_does = engines["django"].from_string("{{ text }}|{{ text }}").render({"text": text})
    assert drawn(text) == as_django_does


@pytest.mark.parametrize("value", [True, None, 3, {"testMode": True}, ["<b>"], "<b>", "plain"])
def test_marking_a_value_does_not_change_it(value):
    assert plain(value) == value
