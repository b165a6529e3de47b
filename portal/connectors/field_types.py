"""Form fields of connectors: free text with suggestions, JSON objects, rows of terminals."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.core.field_types import KeyField, refuse_hidden
from provisioning import contract
from provisioning.gateway.responses import count_levels
from provisioning.gateway.secrets import Sealed

TERMINAL_TEXTS = ("terminalId", "stan", "captureRef")
# A hidden input: the ID under which a terminal with values that the form does not show is stored.
STORED_ID = "storedId"
SPARE_ROWS = 2
MAX_ROWS = 200
MAX_LEVELS = 50  # the published examples need three; the recursion of every later step stays far away


class SuggestInput(forms.TextInput):
    """A text input with a list of known values; any other value may be typed."""

    template_name = "connectors/widgets/suggest.html"
    suggestions: tuple[str, ...] = ()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the list and ties the input to it."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"known_{name}"
        context["widget"]["suggestions"] = self.suggestions
        return context


class SuggestField(KeyField):
    """Free text, because no operation of the API lists what there is."""

    widget = SuggestInput

    def suggest(self, values: Iterable[str]) -> None:
        """Offer further values beside those of the contract's examples."""
        known = (*self.widget.suggestions, *sorted(filter(None, values), key=str.casefold))
        self.widget.suggestions = tuple(dict.fromkeys(known))


class SecretTextarea(forms.Textarea):
    """A text area for a long secret: visible while typing, never shown again."""

    never_drawn = True

    def format_value(self, value: Any) -> str:
        """Nothing, whatever was typed or stored."""
        return ""


class JsonObjectField(forms.Field):
    """A JSON object typed as text; {} for nothing. `within` is the connector's property it must fit."""

    def __init__(self, *, within: str, **kwargs: Any) -> None:
        secret = tuple(within.split(".")) in contract.secret_paths("ConnectorUpdate")
        kind = SecretTextarea if secret else forms.Textarea
        super().__init__(widget=kind({"rows": 5, "spellcheck": "false", "autocomplete": "off"}), **kwargs)
        self.within = within

    def to_python(self, value: Any) -> dict[str, Any]:
        """Return the parsed object. Errors name places, never values: some are secrets."""
        text = str(value or "").strip()
        if not text:
            return {}
        try:
            found = json.loads(
                text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_without_doubles
            )
        except (ValueError, RecursionError) as error:
            raise ValidationError('Not valid JSON. Use an object such as {"key": "value"}.') from error
        if not isinstance(found, dict):
            raise ValidationError('Use a JSON object such as {"key": "value"}.')
        if count_levels(found, MAX_LEVELS) > MAX_LEVELS:
            raise ValidationError(f"Use at most {MAX_LEVELS} objects or lists within each other.")
        _check_texts(found)
        *above, leaf = self.within.split(".")
        body: Any = {leaf: found}
        for name in reversed(above):
            body = {name: body}
        errors = contract.validator("ConnectorUpdate").iter_errors(body)
        places = [
            ".".join(str(part) for part in list(error.absolute_path)[len(above) + 1 :]) for error in errors
        ]
        if places:
            named = ", ".join(f"“{place}”" for place in places if place) or "the object"
            raise ValidationError(f"The contract does not allow this value: {named}.")
        return found

    def prepare_value(self, value: Any) -> Any:
        """Stored values as indented JSON, secrets left out; typed text as typed."""
        if not isinstance(value, Mapping):
            return value
        plain = {key: item for key, item in value.items() if not isinstance(item, Sealed)}
        return json.dumps(plain, indent=2, ensure_ascii=False) if plain else ""


class TerminalsWidget(forms.Widget):
    """A table of terminals. Names are `terminals.0.terminalId` …; spare rows work without JavaScript."""

    template_name = "connectors/widgets/terminals.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[dict[str, Any]]:
        """Return the non-empty rows as typed, in the order of their numbers."""
        pattern = self._pattern(name)
        rows: dict[int, dict[str, Any]] = {}
        for key in data:
            found = pattern.match(key)
            if found:
                value = data.get(key)
                on = str(value).lower() not in ("", "false", "0")
                rows.setdefault(int(found[1]), {})[found[2]] = (
                    on if found[2] == "disabled" else str(value).strip()
                )
        return _with_text(row for _, row in sorted(rows.items()))

    def posted_back(self, value: Any) -> list[dict[str, Any]]:
        """Return what the untouched rows of `value` post: see portal.core.browser_values."""
        rows = [row for row in value or [] if isinstance(row, Mapping)] if isinstance(value, list) else []
        return _with_text(
            {name: _single_line(row.get(name)) for name in TERMINAL_TEXTS}
            | {"disabled": bool(row.get("disabled"))}
            for row in rows
        )

    def claims(self, name: str, posted: str) -> bool:
        """Return whether a posted name is one of the rows' inputs."""
        return bool(self._pattern(name).match(posted))

    def _pattern(self, name: str) -> re.Pattern[str]:
        inputs = "|".join((*TERMINAL_TEXTS, "disabled", STORED_ID))
        return re.compile(rf"^{re.escape(name)}\.(\d{{1,6}})\.({inputs})$")

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return False: a form without rows means no terminals."""
        return False

    def id_for_label(self, id_: str) -> str:
        """Return no control: the label belongs to the table's group."""
        return ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the rows with some spare ones, and the number of the next."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        rows = [row for row in value or [] if isinstance(row, Mapping)]
        context["widget"]["rows"] = [*rows, *({} for _ in range(SPARE_ROWS))]
        return context


class TerminalsField(forms.Field):
    """A list of terminals: [{"terminalId", "stan"?, "captureRef"?, "disabled"}, …]."""

    widget = TerminalsWidget

    def prepare_value(self, value: Any) -> Any:
        """Return stored rows without the values that the form does not show; those rows get a `storedId`."""
        if not isinstance(value, list):
            return value
        rows = []
        for row in value:
            if isinstance(row, Mapping):
                hidden = _get_hidden_values(row)
                shown = {key: item for key, item in row.items() if key not in hidden}
                rows.append(shown | ({STORED_ID: row.get("terminalId")} if hidden else {}))
        return rows

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """Return the rows as the contract's TerminalIn, and `storedId` in renamed ones.

        Raises ValidationError naming the row.
        """
        rows = [self._row(number, row) for number, row in enumerate(value or [], start=1)]
        ids = [row["terminalId"] for row in rows]
        if len(set(ids)) < len(ids):
            raise ValidationError("Use each terminal ID only once.")
        if len(rows) > MAX_ROWS:
            raise ValidationError(f"Use at most {MAX_ROWS} terminals.")
        return rows

    def _row(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        if not row.get("terminalId"):
            raise ValidationError(f"Terminal {number} needs an ID.")
        texts = {name: str(row[name]).strip() for name in TERMINAL_TEXTS if row.get(name)}
        for text in texts.values():
            refuse_hidden(text, where=f"Terminal {number}")
        terminal = {**texts, "disabled": bool(row.get("disabled"))}
        is_renamed = row.get(STORED_ID, texts["terminalId"]) != texts["terminalId"]
        return {**terminal, STORED_ID: row[STORED_ID]} if is_renamed else terminal


def keep_hidden_values(rows: Iterable[Mapping[str, Any]], stored: Any) -> list[dict[str, Any]]:
    """Return typed terminals with the stored values that the form did not show, without their `storedId`.

    A row without `storedId` belongs to the terminal stored under its ID, unless another row is that terminal.
    """
    rows = list(rows)
    hidden = {
        _single_line(row.get("terminalId")): _get_hidden_values(row)
        for row in (stored if isinstance(stored, list) else [])
        if isinstance(row, Mapping)
    }
    taken = {row[STORED_ID] for row in rows if STORED_ID in row}
    kept = []
    for row in rows:
        typed = _single_line(row.get("terminalId"))
        before = row.get(STORED_ID, "" if typed in taken else typed)
        kept.append(
            {**hidden.get(before, {}), **{key: value for key, value in row.items() if key != STORED_ID}}
        )
    return kept


def _get_hidden_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form does not show of a stored terminal: unknown keys and sealed values."""
    known = {*TERMINAL_TEXTS, "disabled", STORED_ID}
    return {key: value for key, value in row.items() if key not in known or isinstance(value, Sealed)}


def _with_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with values, without their blank inputs."""
    filled = ({key: value for key, value in row.items() if value or key == "disabled"} for row in rows)
    return [row for row in filled if any(row.get(name) for name in TERMINAL_TEXTS)]


def _single_line(value: Any) -> str:
    """Return a value as a single-line input shows it, without outer blanks."""
    return re.sub(r"[\r\n]", "", "" if value is None else str(value)).strip()


def _finite(number: str) -> float:
    """Return the number. Raises ValidationError for what JSON cannot carry: NaN, Infinity, 1e400."""
    found = float(number)
    if not math.isfinite(found):
        raise ValidationError(f"“{number[:40]}” is too large, or not a number. JSON cannot carry it.")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. Raises ValidationError for a key that occurs twice: only one value would be sent."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValidationError(f"The key “{double[:60]}” occurs twice. Keep one of them.")
    return found


def _check_texts(found: dict[str, Any]) -> None:
    """Raise ValidationError for texts that cannot be sent as they look; values are never quoted."""
    for key, value in _texts(found, ""):
        name = f"The key “{key[:60]}”" if value is None else f"The value of “{key[:60]}”"
        text = key if value is None else value
        if any("\ud800" <= char <= "\udfff" for char in text):
            shown = key.encode("ascii", "replace").decode()[:60]
            raise ValidationError(f"The text at “{shown}” contains half a character (\\ud800 to \\udfff).")
        refuse_hidden(text, joiners=value is not None, lines=value is not None, where=name)


def _texts(value: Any, key: str) -> Iterator[tuple[str, str | None]]:
    """(key, None) of every key and (key, text) of every text within, at any depth."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield name, None
            yield from _texts(child, name)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child, key)
    elif isinstance(value, str):
        yield key, value
