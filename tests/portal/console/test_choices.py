"""Choices with names: complete, current, sorted, and with the contract's codes."""

import re

from portal.console.choices import country_choices, currency_choices, language_choices, timezone_choices


def test_countries_are_those_of_iso_3166() -> None:
    countries = dict(country_choices())
    assert countries["AT"] == "Austria (AT)"
    assert 245 <= len(countries) <= 255
    assert all(re.fullmatch(r"[A-Z]{2}", code) for code in countries if code)
    assert not {"EU", "ZZ", "UN"} & set(countries)


def test_currencies_are_current_ones() -> None:
    currencies = dict(currency_choices())
    assert currencies["EUR"] == "Euro (EUR)"
    assert not {"DEM", "HRK", "XXX"} & set(currencies)
    assert all(re.fullmatch(r"[A-Z]{3}", code) for code in currencies if code)


def test_languages_have_two_letters() -> None:
    languages = dict(language_choices())
    assert languages["de"] == "German (de)"
    assert all(re.fullmatch(r"[a-z]{2}", code) for code in languages if code)


def test_time_zones_are_grouped_with_todays_offset() -> None:
    first, utc, *regions = timezone_choices()
    assert first[0] == ""
    assert utc[0] == "UTC"
    europe = dict(dict(regions)["Europe"])
    assert re.fullmatch(r"Europe/Vienna \(UTC\+0[12]:00\)", europe["Europe/Vienna"])


def test_names_are_sorted_as_people_look_for_them() -> None:
    names = [name for _code, name in country_choices()[1:]]
    assert names.index("Åland Islands (AX)") < names.index("Albania (AL)")


def test_choices_are_made_once() -> None:
    assert country_choices() is country_choices()
    assert timezone_choices() is timezone_choices()
