"""A page's form as a browser reads and posts it, line breaks changed and first options chosen."""

import re
from html.parser import HTMLParser

_TEXT_LIKE = frozenset({"text", "email", "url", "password", "search", "number", "datetime-local", "hidden"})


class HtmlForm(HTMLParser):
    """The successful controls of the form of a page with `field` in it: name → list of values."""

    def __init__(self, html: str, field: str) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = []
        self._textarea = self._select = None
        self._ignored = 0
        self.feed(html)
        self.data = next(form for form in self.forms if field in form)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._ignored += 1
        elif tag == "form":
            self.forms.append({})
        elif self._ignored or not self.forms:
            return
        elif tag == "input" and "name" in values and "disabled" not in values:
            self._input(values)
        elif tag == "textarea":
            self._textarea = [values.get("name", ""), ""]
        elif tag == "select":
            self._select = [values.get("name", ""), "multiple" in values, []]
        elif tag == "option" and self._select:
            self._select[2].append((values.get("value", ""), "selected" in values))

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self._textarea[1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._ignored -= 1
        elif tag == "textarea" and self._textarea:
            name, text = self._textarea
            text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")
            self._add(name, text.replace("\n", "\r\n"))
            self._textarea = None
        elif tag == "select" and self._select:
            name, many, options = self._select
            chosen = [value for value, selected in options if selected]
            for value in chosen if many else chosen[-1:] or [value for value, _ in options[:1]]:
                self._add(name, value)
            self._select = None

    def _input(self, values: dict[str, str]) -> None:
        kind, value = values.get("type", "text"), values.get("value", "")
        if kind in ("checkbox", "radio"):
            if "checked" in values:
                self._add(values["name"], values.get("value", "on"))
        elif kind in _TEXT_LIKE:
            if kind != "hidden":
                value = re.sub(r"[\r\n]", "", value)
            if kind in ("email", "url"):
                value = value.strip(" \t\f")
            if kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", value):
                value = ""
            if kind == "datetime-local" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", value):
                value = ""
            self._add(values["name"], value)

    def _add(self, name: str, value: str) -> None:
        if name:
            self.forms[-1].setdefault(name, []).append(value)
