"""Searchable lists, drawn in one go: Django renders a template per option, and some lists have hundreds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


def no_synonyms() -> Mapping[str, str]:
    """The synonyms of a list whose entries have one name each."""
    return {}


class SearchableSelect(forms.Select):
    """A list that static/searchable.js makes searchable, by further names of its entries, too."""

    def __init__(self, synonyms: Callable[[], Mapping[str, str]] = no_synonyms) -> None:
        super().__init__(attrs={"data-searchable": ""})
        self.synonyms = synonyms


def select_drawn(bound: BoundField, widget: forms.Select, attrs: Mapping[str, Any]) -> SafeString:
    """The same markup as Django's widget template for a plain Select."""
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
