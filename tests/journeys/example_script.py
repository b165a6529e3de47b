"""A person's script: it signs in, reads a form as a browser does, fills it in by property names, posts it."""

import json
from html.parser import HTMLParser
from typing import Any

import requests

Fields = dict[str, list[str]]
JSON_FIELDS = {"settings", "config.extraData", "config.vault"}


class Script:
    """A session at the portal, over HTTP and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str) -> requests.Response:
        return self.http.get(self.url + path, timeout=60)

    def post(self, path: str, fields: dict[str, Any], *, seen: Fields) -> requests.Response:
        """Posts with the token of the form that was seen, and follows to the page where it lands."""
        body = {"csrfmiddlewaretoken": seen["csrfmiddlewaretoken"], **fields}
        return self.http.post(self.url + path, body, timeout=60)

    def sign_in(self, login: str, password: str) -> None:
        seen = self.form("/accounts/login/", "login")
        landed = self.post("/accounts/login/", {"login": login, "password": password}, seen=seen)
        assert landed.ok, landed.text
        assert "/accounts/login/" not in landed.url

    def form(self, path: str, holding: str) -> Fields:
        """What a browser would send of the form on the page that has a field named `holding`."""
        page = self.get(path)
        assert page.ok, page.text
        return next(fields for fields in forms_in(page.text) if holding in fields)

    def create(self, path: str, body: dict[str, Any]) -> str:
        """Fills in the form of a new entity and presses the primary button. Returns the new guid."""
        seen = self.form(path, "submission")
        landed = self.post(path, {"submission": seen["submission"], **as_fields(body)}, seen=seen)
        assert landed.ok, landed.text
        return landed.url.rstrip("/").rsplit("/", 1)[1]

    def edit(self, path: str, **changes: Any) -> str:
        """Changes fields of an edit form (None empties one), confirms the review. Returns the last page."""
        seen = self.form(path, "base")
        unticked: Fields = {name: [] for name, value in changes.items() if value in (None, False)}
        review = self.post(path, {**seen, **as_fields(changes), **unticked}, seen=seen)
        assert "/changes/" in review.url, review.text
        return self.confirm(review.url.removeprefix(self.url))

    def confirm(self, path: str) -> str:
        """Presses Confirm on a review page."""
        seen = self.form(path, "reason")
        done = self.post(f"{path}send/", {"reason": "As documented"}, seen=seen)
        assert done.ok, done.text
        return done.text


def as_fields(body: dict[str, Any], prefix: str = "") -> Fields:
    """A request body as form fields: nested properties with dots, maps as JSON, false as an unticked box."""
    fields: Fields = {}
    for key, value in body.items():
        name = f"{prefix}{key}"
        if name in JSON_FIELDS:
            fields[name] = [json.dumps(value)]
        elif isinstance(value, dict):
            fields |= as_fields(value, f"{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, row in enumerate(value):
                fields |= as_fields(row, f"{name}.{number}.")
        elif value is not False and value is not None:
            fields[name] = value if isinstance(value, list) else ["on" if value is True else str(value)]
    return fields


def forms_in(page: str) -> list[Fields]:
    """The fields of every form of a page, as a browser without scripts would send them."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    """Collects the successful controls of every form."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Fields] = [{}]
        self.select = self.area = ""
        self.inert = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name = found.get("name", "")
        self.inert += tag == "template"
        if tag == "form":
            self.forms.append({})
        elif tag == "select":
            self.select = name
            self.forms[-1].setdefault(name, [])
        elif tag == "option" and self.select and "selected" in found:
            self._add(self.select, found.get("value", ""))
        elif tag == "textarea" and name:
            self.area = name
            self._add(name, "")
        elif tag == "input" and name:
            self._input(name, found)

    def handle_endtag(self, tag: str) -> None:
        self.inert -= tag == "template"
        if tag == "form":
            self.forms.append({})
        self.select = "" if tag == "select" else self.select
        self.area = "" if tag == "textarea" else self.area

    def handle_data(self, data: str) -> None:
        if self.area and not self.inert:
            first = not self.forms[-1][self.area][-1]
            self.forms[-1][self.area][-1] += data.removeprefix("\n") if first else data

    def _input(self, name: str, found: dict[str, str]) -> None:
        box = found.get("type") in ("checkbox", "radio")
        if not box or "checked" in found:
            self._add(name, found.get("value", "on" if box else ""))

    def _add(self, name: str, value: str) -> None:
        if not self.inert:
            self.forms[-1].setdefault(name, []).append(value)
