"""Moments and merchants as people type them."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from portal.merchant_users.field_types import DateTimeField, MerchantsField


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("2025-10-10 00:00:00", "2025-10-09 22:00:00"),
        ("2027-12-31 23:59", "2027-12-31 22:59:00"),
        ("2027-12-31 23:59:59", "2027-12-31 22:59:59"),
        ("2027-12-31T23:59:59", "2027-12-31 22:59:59"),
        (" 2027-12-31\u00a023:59:59\u200b", "2027-12-31 22:59:59"),
        ("2027-12-31 23:59:59 UTC", "2027-12-31 23:59:59"),
        ("2027-12-31T23:59:59Z", "2027-12-31 23:59:59"),
        ("2025-07-10T02:00", "2025-07-10 00:00:00"),
        ("2025-07-10T02:00:30+00:00", "2025-07-10 02:00:30"),
        ("2025-07-10", "2025-07-09 22:00:00"),
        ("", ""),
    ],
)
def test_a_moment_is_sent_in_utc_as_published(typed, sent):
    with timezone.override("Europe/Vienna"):
        assert DateTimeField(required=False).clean(typed) == sent


@pytest.mark.parametrize("typed", ["tomorrow", "2025-02-30 00:00:00", "0001-01-01T00:00:00+14:00"])
def test_an_invalid_date_is_refused(typed):
    with pytest.raises(ValidationError):
        DateTimeField().clean(typed)


def test_a_stored_moment_is_drawn_in_the_persons_zone_and_a_typed_one_as_typed():
    field = DateTimeField()
    with timezone.override("Europe/Vienna"):
        assert field.prepare_value("2025-07-10 00:00:00") == "2025-07-10T02:00:00"
        assert field.prepare_value("2025-07-10T00:00:00+00:00") == "2025-07-10T02:00:00"
        assert field.prepare_value("2025-07-10T00:00:00") == "2025-07-10T02:00:00"
        for typed in ("2025-07-10T05:00", "2025-07-10 05:00"):
            assert field.prepare_value(field.bound_data(typed, None)) == "2025-07-10T05:00"
        assert field.prepare_value("tomorrow") == "tomorrow"


@pytest.mark.parametrize(
    ("zone", "typed"),
    [
        ("Europe/Vienna", "2027-03-28 02:30"),
        ("America/New_York", "2027-03-14T02:30:00"),
        ("Australia/Lord_Howe", "2027-10-03T02:15"),
    ],
)
def test_a_time_that_the_clocks_leave_out_is_refused(zone, typed):
    with timezone.override(zone), pytest.raises(ValidationError, match="does not exist"):
        DateTimeField().clean(typed)


def offered():
    field = MerchantsField()
    names = {"Blue Shop": ["ME-1111-1111-1111"], "Twin": ["ME-2222-2222-2222", "ME-3333-3333-3333"]}
    field.offer([("ME-4444-4444-4444", "Known")], lambda name: names.get(name, []))
    return field


def test_merchants_are_chosen_from_the_list_or_typed_by_guid_or_name():
    data = QueryDict("m=ME-4444-4444-4444&m=Blue Shop, ME-5555-5555-5555\nBlue Shop")
    typed = offered().widget.value_from_datadict(data, {}, "m")
    assert offered().clean(typed) == ["ME-4444-4444-4444", "ME-1111-1111-1111", "ME-5555-5555-5555"]
    assert offered().widget.value_from_datadict({"m": "a;b"}, {}, "m") == ["a", "b"]


@pytest.mark.parametrize(("name", "word"), [("Nobody", "No merchant"), ("Twin", "Several")])
def test_an_unknown_or_ambiguous_name_is_refused(name, word):
    with pytest.raises(ValidationError, match=word):
        offered().clean([name])
