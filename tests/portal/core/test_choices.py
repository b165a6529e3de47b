"""Choices with names: complete, current, sorted, and with the contract's codes."""

import re

import pytest

from portal.core.choices import (
    country_choices,
    country_synonyms,
    currency_choices,
    currency_synonyms,
    language_choices,
    language_synonyms,
    timezone_choices,
    timezone_synonyms,
)
from provisioning.sandbox import codes


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


def test_names_sort_as_people_expect() -> None:
    names = [name for _code, name in country_choices()[1:]]
    assert names.index("Åland Islands (AX)") < names.index("Albania (AL)")


def test_choices_are_made_once() -> None:
    assert country_choices() is country_choices()
    assert timezone_choices() is timezone_choices()


def test_the_embedded_gateway_takes_exactly_the_countries_and_currencies_on_offer() -> None:
    """One list would do, but the portal must not import the gateway: the two are compared here."""
    assert {code for code, _ in country_choices() if code} == set(codes.COUNTRIES)
    assert {code for code, _ in currency_choices() if code} == set(codes.CURRENCIES)
    assert "XK" not in codes.COUNTRIES
    assert {"XCG", "SVC", "VED"} <= set(codes.CURRENCIES)
    assert not {"ANG", "BGN", "HRK"} & set(codes.CURRENCIES)


def test_names_with_accents_sort_beside_those_without() -> None:
    names = [name for _code, name in country_choices()[1:]]
    order = ["Côte d’Ivoire (CI)", "Croatia (HR)", "Türkiye (TR)", "Turkmenistan (TM)", "Tuvalu (TV)"]
    assert sorted(order, key=names.index) == order


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UK", "GB"), ("Great Britain", "GB"), ("GBR", "GB"), ("USA", "US"), ("America", "US"),
        ("Ivory Coast", "CI"),
        ("Holland", "NL"), ("Turkey", "TR"), ("Czech Republic", "CZ"), ("Burma", "MM"), ("Swaziland", "SZ"),
        ("Cabo Verde", "CV"), ("East Timor", "TL"), ("Macedonia", "MK"), ("Trinidad and Tobago", "TT"),
        ("UAE", "AE"),
        ("South Korea", "KR"), ("Russian Federation", "RU"), ("Deutschland", "DE"), ("Viet Nam", "VN"),
    ],
)  # fmt: skip
def test_countries_are_known_by_their_other_names(name: str, code: str) -> None:
    names = {country_synonyms().get(code, ""), dict(country_choices())[code].rpartition(" (")[0]}
    assert name in "|".join(names).split("|")


def test_currencies_are_known_by_their_countries_and_time_zones_by_their_cities() -> None:
    assert "Switzerland" in currency_synonyms()["CHF"].split("|")
    assert {"UK", "£"} <= set(currency_synonyms()["GBP"].split("|"))
    assert timezone_synonyms()["Europe/Vienna"] == "Vienna|Austria"
    assert "Deutsch" in language_synonyms()["de"]
