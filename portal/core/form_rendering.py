"""What partials/field.html needs to draw a form field: its kind, ids, widget with classes and ARIA, extras.

A form field may carry extras that only the page needs: `choice_help` (value → description), `presets`
(label → values), `offer_password` (a button makes a strong one), `kept` (a secret left blank stays as it is),
`typed_before` (a secret that was typed and not sent: until when it is kept).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

from portal.core.dropdowns import SearchableSelect, select_drawn
from portal.core.forms import PayloadForm


@dataclass(frozen=True, slots=True)
class Choice:
    """One box of a group of checkboxes or radio buttons."""

    id: str
    name: str
    value: str
    label: str
    help: str
    type: str
    checked: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A bound field, ready for the template. `kind` is input, checkbox, choices or hidden."""

    bound: BoundField
    kind: str
    widget: SafeString | str
    help_id: str
    error_id: str
    secret: bool
    kept: bool
    typed_before: Any
    offer_password: bool
    groups: list[tuple[str, list[Choice]]]
    presets: list[tuple[str, str]]


def field_part(bound: BoundField) -> Part:
    """Everything about one bound field."""
    kind, secret = _kind(bound), is_secret(bound)
    field = bound.field
    return Part(
        bound=bound,
        kind=kind,
        widget="" if kind == "choices" else _widget(bound, kind, secret),
        help_id=f"{element_id(bound)}_help",
        error_id=f"{element_id(bound)}_error",
        secret=secret,
        kept=secret and bool(getattr(field, "kept", getattr(bound.form, "editing", False))),
        typed_before=getattr(field, "typed_before", None),
        offer_password=bool(getattr(field, "offer_password", "data-generate-password" in field.widget.attrs)),
        groups=list(_groups(bound)) if kind == "choices" else [],
        presets=[(label, "\n".join(map(str, values))) for label, values in _extra(bound, "presets").items()],
    )


def is_secret(bound: BoundField) -> bool:
    """Whether the field's value must not be shown: the contract says so, or it is a password field."""
    if isinstance(bound.field.widget, forms.PasswordInput):
        return True
    form = bound.form
    return isinstance(form, PayloadForm) and bool(form.schema) and form.is_secret(bound.name)


def element_id(bound: BoundField) -> str:
    """The id that the error summary links to."""
    return bound.id_for_label or bound.auto_id or f"id_{bound.html_name}"


def _extra(bound: BoundField, name: str) -> Mapping[str, Any]:
    return getattr(bound.field, name, None) or {}


def _kind(bound: BoundField) -> str:
    widget = bound.field.widget
    if widget.is_hidden:
        return "hidden"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "choices"
    return "checkbox" if isinstance(widget, forms.CheckboxInput) else "input"


def _class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"


def _widget(bound: BoundField, kind: str, secret: bool) -> SafeString:
    if kind == "hidden":
        return bound.as_hidden()
    widget = _secret_widget(bound.field.widget) if secret else bound.field.widget
    attrs: dict[str, Any] = {}
    marks = [widget.attrs.get("class", ""), _class(widget), "is-invalid" if bound.errors else ""]
    attrs["class"] = " ".join(filter(None, marks))
    attrs["aria-describedby"] = _described(bound) or None
    attrs["aria-invalid"] = "true" if bound.errors else None
    if bound.field.required and kind == "input":
        attrs["aria-required"] = "true"
    attrs = {key: value for key, value in attrs.items() if value}
    if isinstance(widget, SearchableSelect) or type(widget) is forms.Select:
        return select_drawn(bound, widget, attrs)
    return bound.as_widget(widget=widget, attrs=attrs)


def _secret_widget(widget: forms.Widget) -> forms.Widget:
    """Never carries the typed value back to the page, whatever the form declared.

    A widget that says `never_drawn` keeps that promise itself.
    """
    if getattr(widget, "never_drawn", False):
        return widget
    return forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false", **widget.attrs})


def _described(bound: BoundField) -> str:
    base = element_id(bound)
    return " ".join(
        filter(None, [f"{base}_help" if bound.help_text else "", f"{base}_error" if bound.errors else ""])
    )


def _groups(bound: BoundField) -> Iterator[tuple[str, list[Choice]]]:
    """Choices by their group; "" is the group of those without one."""
    widget = bound.field.widget
    attrs = bound.build_widget_attrs({"id": bound.auto_id}, widget)
    found: dict[str, list[Choice]] = {}
    drawn = widget.get_context(bound.html_name, bound.value(), attrs)["widget"]
    for name, options, _index in drawn["optgroups"]:
        found.setdefault(str(name or ""), []).extend(_choice(bound, option) for option in options)
    yield from found.items()


def _choice(bound: BoundField, option: Mapping[str, Any]) -> Choice:
    value = "" if option["value"] is None else str(option["value"])
    return Choice(
        id=option["attrs"].get("id", ""),
        name=option["name"],
        value=value,
        label=str(option["label"]),
        help=str(_extra(bound, "choice_help").get(value, "")),
        type=option["type"],
        checked=bool(option["selected"]),
        disabled=bool(bound.field.disabled or option["attrs"].get("disabled")),
    )
