"""Render form fields: kind, ids and widget with classes and ARIA for partials/field.html, and long selects.

A form field may carry extras that only the page needs: `choice_help` (value → description), `presets`
(label → values), `offer_password` (a button makes a strong one), `kept` (a secret left blank stays as it is),
`typed_before` (a secret that was typed and not sent: until when it is kept).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

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
    """Return a bound field, ready for the template."""
    field, widget, secret = bound.field, bound.field.widget, is_secret(bound)
    if widget.is_hidden:
        kind = "hidden"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind = "choices"
    else:
        kind = "checkbox" if isinstance(widget, forms.CheckboxInput) else "input"
    presets: Mapping[str, Any] = getattr(field, "presets", None) or {}
    return Part(
        bound=bound,
        kind=kind,
        widget="" if kind == "choices" else _render_widget(bound, kind, secret),
        help_id=f"{element_id(bound)}_help",
        error_id=f"{element_id(bound)}_error",
        secret=secret,
        kept=secret and bool(getattr(field, "kept", getattr(bound.form, "editing", False))),
        typed_before=getattr(field, "typed_before", None),
        offer_password=bool(getattr(field, "offer_password", "data-generate-password" in widget.attrs)),
        groups=_get_choices(bound) if kind == "choices" else [],
        presets=[(label, "\n".join(map(str, values))) for label, values in presets.items()],
    )


def is_secret(bound: BoundField) -> bool:
    """Return whether the value must not be shown, by the contract or because it is a password field."""
    if isinstance(bound.field.widget, forms.PasswordInput):
        return True
    form = bound.form
    return isinstance(form, PayloadForm) and bool(form.schema) and form.is_secret(bound.name)


def element_id(bound: BoundField) -> str:
    """Return the id that the error summary links to."""
    return bound.id_for_label or bound.auto_id or f"id_{bound.html_name}"


def _render_widget(bound: BoundField, kind: str, secret: bool) -> SafeString:
    """Render the widget with the classes of the theme and ARIA attributes.

    A secret's widget never sends the typed value back, whatever the form declared. A widget with
    `never_drawn` ensures that itself.
    """
    if kind == "hidden":
        return bound.as_hidden()
    widget = bound.field.widget
    if secret and not getattr(widget, "never_drawn", False):
        unseen = {"autocomplete": "new-password", "spellcheck": "false"}
        widget = forms.PasswordInput(attrs={**unseen, **widget.attrs})
    if isinstance(widget, forms.CheckboxInput):
        theme = "form-check-input"
    else:
        theme = "form-select" if isinstance(widget, forms.Select) else "form-control"
    classes = [widget.attrs.get("class", ""), theme, "is-invalid" if bound.errors else ""]
    base = element_id(bound)
    described = [f"{base}_help" if bound.help_text else "", f"{base}_error" if bound.errors else ""]
    attrs: dict[str, Any] = {
        "class": " ".join(filter(None, classes)),
        "aria-describedby": " ".join(filter(None, described)),
        "aria-invalid": "true" if bound.errors else "",
        "aria-required": "true" if bound.field.required and kind == "input" else "",
    }
    attrs = {key: value for key, value in attrs.items() if value}
    if isinstance(widget, SearchableSelect) or type(widget) is forms.Select:
        return render_select(bound, widget, attrs)
    return bound.as_widget(widget=widget, attrs=attrs)


def _get_choices(bound: BoundField) -> list[tuple[str, list[Choice]]]:
    """Return the choices of each group; "" is the group of choices without one."""
    widget = bound.field.widget
    attrs = bound.build_widget_attrs({"id": bound.auto_id}, widget)
    choice_help: Mapping[str, Any] = getattr(bound.field, "choice_help", None) or {}
    found: dict[str, list[Choice]] = {}
    context = widget.get_context(bound.html_name, bound.value(), attrs)["widget"]
    for group, options, _index in context["optgroups"]:
        for option in options:
            value = "" if option["value"] is None else str(option["value"])
            choice = Choice(
                id=option["attrs"].get("id", ""),
                name=option["name"],
                value=value,
                label=str(option["label"]),
                help=str(choice_help.get(value, "")),
                type=option["type"],
                checked=bool(option["selected"]),
                disabled=bool(bound.field.disabled or option["attrs"].get("disabled")),
            )
            found.setdefault(str(group or ""), []).append(choice)
    return list(found.items())


def no_synonyms() -> Mapping[str, str]:
    """Return no synonyms, for a list whose entries have one name each."""
    return {}


class SearchableSelect(forms.Select):
    """A select that static/searchable.js makes searchable, also by synonyms of its options."""

    def __init__(self, synonyms: Callable[[], Mapping[str, str]] = no_synonyms) -> None:
        super().__init__(attrs={"data-searchable": ""})
        self.synonyms = synonyms


def render_select(bound: BoundField, widget: forms.Select, attrs: Mapping[str, Any]) -> SafeString:
    """Render a select with the same markup as Django, which renders a template for each option."""
    if bound.auto_id and "id" not in widget.attrs:
        attrs = {"id": bound.auto_id, **attrs}
    everything = widget.build_attrs(widget.attrs, bound.build_widget_attrs(dict(attrs), widget))
    chosen = set(widget.format_value(bound.value()))
    synonyms = widget.synonyms() if isinstance(widget, SearchableSelect) else {}
    options = mark_safe("".join(_options(widget.choices, chosen, synonyms)))  # noqa: S308 - every part is escaped below
    return format_html('<select name="{}"{}>{}</select>', bound.html_name, flatatt(everything), options)


def _options(choices: Iterable[Any], chosen: set[str], synonyms: Mapping[str, str]) -> Iterator[str]:
    # The standard library's escape: Django's wrappers would take most of the page's time.
    for value, label in choices:
        text = "" if value is None else str(value)
        if isinstance(label, list | tuple):
            yield f'<optgroup label="{escape(text)}">{"".join(_options(label, chosen, synonyms))}</optgroup>'
        else:
            mark = " selected" if text in chosen else ""
            further = f' data-keywords="{escape(synonyms[text])}"' if text in synonyms else ""
            yield f'<option value="{escape(text)}"{mark}{further}>{escape(str(label))}</option>'
