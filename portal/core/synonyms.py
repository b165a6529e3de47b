"""Further names under which people look for a country, currency, language or time zone in a list."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import get_territory_currencies

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
def country_synonyms() -> dict[str, str]:
    """Country code → other names, and the codes of three letters ("USA") and old codes ("UK")."""
    found = {code: names.split(SEPARATOR) for code, names in _COUNTRIES.items()}
    for alias, codes in get_global("territory_aliases").items():
        # Former states became several countries: only what means one country is a name of it.
        if len(codes) == 1 and alias.isalpha():
            found.setdefault(codes[0], []).append(alias)
    for code, name in _names("territories").items():
        if " & " in name or "St. " in name:
            spelt = name.replace(" & ", " and ").replace("St. ", "Saint ")
            found.setdefault(code, []).append(spelt)
    return _joined(found)


@lru_cache(maxsize=1)
def currency_synonyms() -> dict[str, str]:
    """Currency code → other names, and the countries where it is legal tender."""
    found = {code: names.split(SEPARATOR) for code, names in _CURRENCIES.items()}
    for code, name in _names("territories").items():
        if len(code) == 2 and code.isalpha():
            for currency in get_territory_currencies(code, tender=True):
                further = _COUNTRIES.get(code, "").split(SEPARATOR)
                found.setdefault(currency, []).extend([name, *further])
    return _joined(found)


@lru_cache(maxsize=1)
def language_synonyms() -> dict[str, str]:
    """Language code → other names, and what its speakers call it."""
    found = {code: names.split(SEPARATOR) for code, names in _LANGUAGES.items()}
    for code in _names("languages"):
        if len(code) != 2:
            continue
        try:
            own = Locale.parse(code).get_language_name()
        except (UnknownLocaleError, ValueError):
            continue
        found.setdefault(code, []).append(own or "")
    return _joined(found)


@lru_cache(maxsize=1)
def timezone_synonyms() -> dict[str, str]:
    """Zone → its city, and the country it lies in."""
    countries = _names("territories")
    found = {"UTC": ["GMT", "Zulu", "Coordinated Universal Time"]}
    for zone, country in get_global("zone_territories").items():
        city = zone.rpartition("/")[2].replace("_", " ")
        found.setdefault(zone, []).extend([city, countries.get(country, "")])
    return _joined(found)


def _names(kind: str) -> dict[str, str]:
    return {str(code): name for code, name in getattr(Locale("en"), kind).items()}


def _joined(found: dict[str, list[str]]) -> dict[str, str]:
    return {code: SEPARATOR.join(dict.fromkeys(filter(None, names))) for code, names in found.items()}
