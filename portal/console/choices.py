"""Choices with names instead of codes to know: countries, currencies, time zones, languages.

Names come from babel (CLDR, English). Each list is built once per process; time zone offsets once per day.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.numbers import get_territory_currencies

from portal.console.text import fold

Choices = tuple[tuple[str, str], ...]
GroupedChoices = tuple[tuple[str, str | tuple[tuple[str, str], ...]], ...]

NAMES = Locale("en")
NOTHING = ("", "Choose or type to search")
# CLDR lists these beside countries; ISO 3166-1 does not assign them.
_NO_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
)
_REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


@lru_cache(maxsize=1)
def country_choices() -> Choices:
    """ISO 3166-1 alpha-2 codes with their names, sorted by name, after an empty choice."""
    names = {str(code): name for code, name in NAMES.territories.items()}
    codes = [code for code in names if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES]
    return _named({code: names[code] for code in codes})


@lru_cache(maxsize=1)
def currency_choices() -> Choices:
    """ISO 4217 codes that are legal tender somewhere today, with their names, after an empty choice."""
    today = date.today()  # noqa: DTZ011 - which currencies exist does not depend on the hour
    current: set[str] = set()
    for code, _name in country_choices()[1:]:
        current.update(get_territory_currencies(code, start_date=today, tender=True))
    return _named({code: NAMES.currencies[code] for code in current if code in NAMES.currencies})


@lru_cache(maxsize=1)
def language_choices() -> Choices:
    """ISO 639-1 codes with their names, sorted by name, after an empty choice."""
    return _named({code: name for code, name in NAMES.languages.items() if len(code) == 2})


def timezone_choices() -> GroupedChoices:
    """IANA zones grouped by region, each with the offset it has today, after an empty choice and UTC."""
    return _timezones(datetime.now(UTC).date())


@lru_cache(maxsize=1)
def _timezones(day: date) -> GroupedChoices:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    regions: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(available_timezones()):
        region = name.partition("/")[0]
        if region in _REGIONS and "/" in name:
            regions[region].append((name, f"{name.replace('_', ' ')} ({_offset(name, noon)})"))
    groups = ((region, tuple(regions[region])) for region in _REGIONS if regions[region])
    return (NOTHING, ("UTC", "UTC (UTC+00:00)"), *groups)


def _offset(name: str, when: datetime) -> str:
    stamp = when.astimezone(ZoneInfo(name)).strftime("%z")
    return f"UTC{stamp[:3]}:{stamp[3:5]}"


def _named(names: dict[str, str]) -> Choices:
    """Sorted by name, each with its code: "Austria (AT)"."""
    ordered = sorted(names.items(), key=lambda pair: fold(pair[1]))
    return (NOTHING, *((code, f"{name} ({code})") for code, name in ordered))
