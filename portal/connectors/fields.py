"""Form fields of connectors: free text with suggestions, JSON objects, rows of terminals."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from django import forms
from django.core.exceptions import ValidationError

from provisioning import contract
from provisioning.gateway.secrets import Sealed

TERMINAL_TEXTS = ("terminalId", "stan", "captureRef")
SPARE_ROWS = 2
MAX_ROWS = 200
MAX_LEVELS = 50  # the published examples need three; the recursion of every later step stays far away


class SuggestInput(forms.TextInput):
    """A text input with a list of known values; any other value may be typed."""

    template_name = "connectors/widgets/suggest.html"
    suggestions: tuple[str, ...] = ()

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Adds the list and ties the input to it."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["attrs"]["list"] = f"known_{name}"
        context["widget"]["suggestions"] = self.suggestions
        return context


class SuggestField(forms.CharField):
    """Free text, because no operation of the API lists what there is."""

    widget = SuggestInput

    def suggest(self, values: Iterable[str]) -> None:
        """Offers further values beside those of the contract's examples."""
        known = (*self.widget.suggestions, *sorted(filter(None, values), key=str.casefold))
        self.widget.suggestions = tuple(dict.fromkeys(known))


class SecretTextarea(forms.Textarea):
    """Room for a long secret that is seen while it is typed, and never drawn again."""

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
        """The object. Errors name places, never values: some are secrets."""
        text = str(value or "").strip()
        if not text:
            return {}
        try:
            found = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ValidationError('This is no JSON object. Write it like {"key": "value"}.') from error
        if not isinstance(found, dict):
            raise ValidationError('Write a JSON object, like {"key": "value"}.')
        if _too_deep(found):
            raise ValidationError(f"At most {MAX_LEVELS} objects or lists within each other.")
        self._check(found)
        return found

    def prepare_value(self, value: Any) -> Any:
        """Stored values as indented JSON, secrets left out; typed text as typed."""
        if not isinstance(value, Mapping):
            return value
        plain = {key: item for key, item in value.items() if not isinstance(item, Sealed)}
        return json.dumps(plain, indent=2, ensure_ascii=False) if plain else ""

    def _check(self, found: dict[str, Any]) -> None:
        *above, leaf = self.within.split(".")
        body: Any = {leaf: found}
        for name in reversed(above):
            body = {name: body}
        depth = len(above) + 1
        errors = contract.validator("ConnectorUpdate").iter_errors(body)
        places = [".".join(str(part) for part in list(error.absolute_path)[depth:]) for error in errors]
        if places:
            named = ", ".join(f"“{place}”" for place in places if place) or "the object"
            raise ValidationError(f"The contract does not allow this value: {named}.")


class TerminalsWidget(forms.Widget):
    """A table of terminals. Names are `terminals.0.terminalId` …; spare rows work without JavaScript."""

    template_name = "connectors/widgets/terminals.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[dict[str, Any]]:
        """The rows as typed, in the order of their numbers; empty ones dropped."""
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
        return [row for _, row in sorted(rows.items()) if any(row.get(text) for text in TERMINAL_TEXTS)]

    def claims(self, name: str, posted: str) -> bool:
        """Whether a posted name is one of the rows' inputs."""
        return bool(self._pattern(name).match(posted))

    def _pattern(self, name: str) -> re.Pattern[str]:
        inputs = "|".join((*TERMINAL_TEXTS, "disabled"))
        return re.compile(rf"^{re.escape(name)}\.(\d{{1,6}})\.({inputs})$")

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Nothing is "not sent" here: no row means no terminal."""
        return False

    def id_for_label(self, id_: str) -> str:
        """The label points at the table's group, which is no control of its own."""
        return ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Adds the rows with some spare ones, and the number of the next."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        rows = [row for row in value or [] if isinstance(row, Mapping)]
        context["widget"]["rows"] = [*rows, *({} for _ in range(SPARE_ROWS))]
        return context


class TerminalsField(forms.Field):
    """A list of terminals: [{"terminalId", "stan"?, "captureRef"?, "disabled"}, …]."""

    widget = TerminalsWidget

    def clean(self, value: Any) -> list[dict[str, Any]]:
        """The rows as the contract's TerminalIn. Raises ValidationError naming the row."""
        rows = [self._row(number, row) for number, row in enumerate(value or [], start=1)]
        ids = [row["terminalId"] for row in rows]
        if len(set(ids)) < len(ids):
            raise ValidationError("Every terminal id may occur once.")
        if len(rows) > MAX_ROWS:
            raise ValidationError(f"At most {MAX_ROWS} terminals.")
        return rows

    def _row(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        if not row.get("terminalId"):
            raise ValidationError(f"Terminal {number} needs an id.")
        texts = {name: row[name] for name in TERMINAL_TEXTS if row.get(name)}
        return {**texts, "disabled": bool(row.get("disabled"))}


def terminals_as_stored(rows: Any) -> list[tuple[str, bool]]:
    """What the gateway tells of terminals: id and disabled. STAN and capture reference are never returned."""
    found = rows if isinstance(rows, list) else []
    return [
        (str(row.get("terminalId")), bool(row.get("disabled"))) for row in found if isinstance(row, Mapping)
    ]


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_LEVELS):
        groups = (node.values() if isinstance(node, dict) else node for node in level)
        level = [child for group in groups for child in group if isinstance(child, dict | list)]
    return bool(level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
