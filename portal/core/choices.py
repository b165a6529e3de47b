"""Choices with names instead of codes to know: countries, currencies, time zones, languages.

Names come from babel (CLDR, English). Each list is built once per process; time zone offsets once per day.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale

from portal.core.text import fold

Choices = tuple[tuple[str, str], ...]
GroupedChoices = tuple[tuple[str, str | tuple[tuple[str, str], ...]], ...]

NAMES = Locale("en")
NOTHING = ("", "Choose or type to search")
# CLDR lists these beside countries; ISO 3166-1 does not assign them.
_NO_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
)
# ISO 4217: what is legal tender somewhere. Written out because CLDR still has the lev, which ended with 2025,
# and lacks the colón and the digital bolívar.
_CURRENCY_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
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
    """ISO 4217 codes that are legal tender somewhere, with their names, after an empty choice."""
    return _named({code: NAMES.currencies.get(code, code) for code in _CURRENCY_CODES.split()})


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
