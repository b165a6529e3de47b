"""Choices of countries, currencies, languages and time zones, with other names by which users search them.

Names come from babel (CLDR, English). Each list is built once per process; time zone offsets once per day.
"""

from collections import defaultdict
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import get_territory_currencies

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


SEPARATOR = "|"
_COUNTRIES = {
    "AE": "UAE|Emirates|Dubai", "AT": "Österreich|Oesterreich", "BA": "Bosnia",
    "BE": "Belgien|Belgique|België",
    "BO": "Plurinational State of Bolivia", "BN": "Brunei Darussalam", "BY": "Belorussia|Byelorussia",
    "CD": "DRC|DR Congo|Democratic Republic of the Congo|Zaire", "CG": "Republic of the Congo|Congo",
    "CH": "Schweiz|Suisse|Svizzera|Confoederatio Helvetica", "CI": "Ivory Coast",
    "CN": "PRC|People’s Republic of China",
    "CV": "Cabo Verde", "CZ": "Czech Republic|Česko", "DE": "Deutschland|Federal Republic of Germany",
    "DK": "Danmark", "EH": "Sahrawi Republic", "ES": "España|Espana", "FI": "Suomi", "FK": "Malvinas",
    "FM": "Federated States of Micronesia",
    "GB": "UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland",
    "GR": "Hellas|Ellada", "HK": "Hong Kong", "HR": "Hrvatska", "HU": "Magyarország",
    "IE": "Eire|Republic of Ireland",
    "IR": "Islamic Republic of Iran|Persia", "IT": "Italia", "JP": "Nippon",
    "KH": "Kampuchea|Khmer Republic",
    "KN": "Saint Kitts and Nevis", "KP": "DPRK|Democratic People’s Republic of Korea",
    "KR": "Korea|Republic of Korea", "LA": "Lao People’s Democratic Republic|Lao", "LC": "Saint Lucia",
    "LK": "Ceylon", "MD": "Republic of Moldova|Moldavia", "MF": "Saint Martin", "MK": "Macedonia|FYROM",
    "MM": "Burma|Myanmar", "MO": "Macau|Macao", "NL": "Holland|The Netherlands|Nederland", "NO": "Norge",
    "PL": "Polska", "PM": "Saint Pierre and Miquelon", "PS": "Palestine|State of Palestine",
    "PT": "Portugal",
    "RU": "Russian Federation", "SE": "Sverige", "SH": "Saint Helena", "ST": "Sao Tome and Principe",
    "SY": "Syrian Arab Republic", "SZ": "Swaziland", "TL": "East Timor", "TR": "Turkey|Turkiye",
    "TW": "Formosa|Republic of China", "TZ": "United Republic of Tanzania|Tanganyika",
    "US": "USA|United States of America|America", "VA": "Holy See",
    "VC": "Saint Vincent and the Grenadines",
    "VE": "Bolivarian Republic of Venezuela", "VN": "Viet Nam", "WS": "Western Samoa",
}  # fmt: skip
_CURRENCIES = {
    "CHF": "Franken|Swiss francs", "CNY": "Renminbi|RMB|Yuan", "EUR": "€",
    "GBP": "Pound sterling|Sterling|£",
    "ILS": "Shekel", "INR": "₹", "JPY": "Yen|¥", "KRW": "₩", "PLN": "Zloty", "RUB": "Rouble|₽",
    "SEK": "Krona",
    "TRY": "₺", "UAH": "₴", "USD": "Dollar|US$|$|Greenback", "XCG": "Netherlands Antillean guilder|ANG",
}  # fmt: skip
_LANGUAGES = {
    "el": "Modern Greek", "fa": "Farsi", "he": "Ivrit", "ky": "Kirghiz", "my": "Myanmar language",
    "nl": "Flemish",
    "nb": "Norwegian", "no": "Norsk", "ro": "Moldavian", "sh": "Serbo-Croat", "si": "Singhalese",
    "tl": "Tagalog",
    "zh": "Mandarin",
}  # fmt: skip


@lru_cache(maxsize=1)
def country_choices() -> Choices:
    """Return ISO 3166-1 alpha-2 codes with their names, sorted by name, after an empty choice."""
    names = _names("territories")
    codes = [code for code in names if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES]
    return _make_choices({code: names[code] for code in codes})


@lru_cache(maxsize=1)
def currency_choices() -> Choices:
    """Return ISO 4217 codes that are legal tender somewhere, with their names, after an empty choice."""
    return _make_choices({code: NAMES.currencies.get(code, code) for code in _CURRENCY_CODES.split()})


@lru_cache(maxsize=1)
def language_choices() -> Choices:
    """ISO 639-1 codes with their names, sorted by name, after an empty choice."""
    return _make_choices({code: name for code, name in NAMES.languages.items() if len(code) == 2})


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
            offset = noon.astimezone(ZoneInfo(name)).strftime("%z")
            label = f"{name.replace('_', ' ')} (UTC{offset[:3]}:{offset[3:5]})"
            regions[region].append((name, label))
    groups = ((region, tuple(regions[region])) for region in _REGIONS if regions[region])
    return (NOTHING, ("UTC", "UTC (UTC+00:00)"), *groups)


def _make_choices(names: dict[str, str]) -> Choices:
    """Sorted by name, each with its code: "Austria (AT)"."""
    ordered = sorted(names.items(), key=lambda pair: fold(pair[1]))
    return (NOTHING, *((code, f"{name} ({code})") for code, name in ordered))


@lru_cache(maxsize=1)
def country_synonyms() -> dict[str, str]:
    """Return other names by country code, and the codes of three letters ("USA") and old codes ("UK")."""
    found = {code: names.split(SEPARATOR) for code, names in _COUNTRIES.items()}
    for alias, codes in get_global("territory_aliases").items():
        # Former states became several countries: only what means one country is a name of it.
        if len(codes) == 1 and alias.isalpha():
            found.setdefault(codes[0], []).append(alias)
    for code, name in _names("territories").items():
        if " & " in name or "St. " in name:
            spelt = name.replace(" & ", " and ").replace("St. ", "Saint ")
            found.setdefault(code, []).append(spelt)
    return _join_names(found)


@lru_cache(maxsize=1)
def currency_synonyms() -> dict[str, str]:
    """Return other names by currency code, and the countries where it is legal tender."""
    found = {code: names.split(SEPARATOR) for code, names in _CURRENCIES.items()}
    for code, name in _names("territories").items():
        if len(code) == 2 and code.isalpha():
            for currency in get_territory_currencies(code, tender=True):
                further = _COUNTRIES.get(code, "").split(SEPARATOR)
                found.setdefault(currency, []).extend([name, *further])
    return _join_names(found)


@lru_cache(maxsize=1)
def language_synonyms() -> dict[str, str]:
    """Return other names by language code, including its own name."""
    found = {code: names.split(SEPARATOR) for code, names in _LANGUAGES.items()}
    for code in _names("languages"):
        if len(code) != 2:
            continue
        try:
            own = Locale.parse(code).get_language_name()
        except (UnknownLocaleError, ValueError):
            continue
        found.setdefault(code, []).append(own or "")
    return _join_names(found)


@lru_cache(maxsize=1)
def timezone_synonyms() -> dict[str, str]:
    """Return the city and the country of each time zone."""
    countries = _names("territories")
    found = {"UTC": ["GMT", "Zulu", "Coordinated Universal Time"]}
    for zone, country in get_global("zone_territories").items():
        city = zone.rpartition("/")[2].replace("_", " ")
        found.setdefault(zone, []).extend([city, countries.get(country, "")])
    return _join_names(found)


def _names(kind: str) -> dict[str, str]:
    return {str(code): name for code, name in getattr(NAMES, kind).items()}


def _join_names(found: dict[str, list[str]]) -> dict[str, str]:
    return {code: SEPARATOR.join(dict.fromkeys(filter(None, names))) for code, names in found.items()}
