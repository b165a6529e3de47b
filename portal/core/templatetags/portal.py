"""`{% load portal %}`: icons, badges, times, copyable values, links of lists, differences and form fields."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django import template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.template.context import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.core import datetimes, form_rendering
from portal.core.bidi import isolate
from portal.core.links import entity_url
from portal.core.status_badges import get_colour, get_state
from provisioning.gateway.secrets import MASK, Sealed, mask

register = template.Library()
SVG = 'width="20" height="20" aria-hidden="true" focusable="false"'
ICON = f'<svg class="icon {{}}" {SVG}><use href="{{}}#{{}}"/></svg>'
COPY_BUTTON = (
    '<button type="button" class="btn btn-icon btn-sm btn-ghost-secondary" data-copy hidden aria-label="{}">'
    "{}</button>"
)
SELECTED = format_html(" {}", "selected")
NOTHING = format_html('<span class="text-secondary">{}</span>', "empty")


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, extra: str = "") -> SafeString:
    """Render a decorative icon of static/icons.svg; text beside it must say what it means."""
    return format_html(ICON, extra, static("icons.svg"), name)


@register.simple_tag
@lru_cache(maxsize=256)
def badge(state: str, colour: str = "") -> SafeString:
    """Render a status in its colour: `{% badge "accepted" %}`, or any text and a colour of the states."""
    found = get_state(state, colour)
    return format_html('<span class="badge state state-{}">{}</span>', found.colour, isolate(found.label))


@register.simple_tag
def options(choices: Iterable[object], chosen: object = "") -> SafeString:
    """Render the options of a select, from values or (value, label) pairs; cached, as some have hundreds."""
    return _options(tuple(choices), str(chosen))


@lru_cache(maxsize=256)
def _options(choices: tuple[object, ...], chosen: str) -> SafeString:
    pairs = (each if isinstance(each, tuple) else (each, each) for each in choices)
    drawn = ((value, SELECTED if str(value) == chosen else "", label) for value, label in pairs)
    return format_html_join("", '<option value="{}"{}>{}</option>', drawn)


@register.filter
def colour(name: str) -> str:
    """Return a colour of portal.css, for class names such as `env-{{ connection.colour|colour }}`."""
    return get_colour(str(name))


@register.simple_tag(takes_context=True)
def moment(context: Context, value: object) -> SafeString | str:
    """Render a time in the user's zone, with exact UTC on hover."""
    user = context.get("user") or getattr(context.get("request"), "user", None)
    return datetimes.format_datetime(value, datetimes.get_time_zone(getattr(user, "timezone", "")))


@register.simple_tag(takes_context=True)
def day(context: Context, value: object) -> str:
    """Return the day of a time in the user's zone, such as "Tuesday, 24 November 2026"."""
    user = context.get("user") or getattr(context.get("request"), "user", None)
    when = datetimes.parse_instant(value)
    local = when.astimezone(datetimes.get_time_zone(getattr(user, "timezone", ""))) if when else None
    return f"{local:%A}, {local.day} {local:%B %Y}" if local else datetimes.NOTHING


@register.filter
def exact(value: object) -> str:
    """Return a time to the microsecond, in UTC."""
    return datetimes.format_exact(value)


@register.simple_tag
def age(value: object) -> SafeString | str:
    """Render how long ago a time was, with exact UTC on hover."""
    return datetimes.format_age(value)


@register.simple_tag
def copyable(value: object, label: str = "value") -> SafeString | str:
    """Render a value in fixed width with a copy button; without JavaScript one click selects it."""
    if value in (None, ""):
        return datetimes.NOTHING
    button = format_html(COPY_BUTTON, f"Copy {label}", icon("copy"))
    return format_html('<span class="copyable"><code>{}</code>{}</span>', isolate(value), button)


@register.simple_tag(takes_context=True)
def query_string(context: Context, **changes: object) -> str:
    """Return the page's query with some parameters replaced; None or "" removes one. Begins with "?"."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def crumb(label: object, url: str = "") -> SafeString:
    """Render a breadcrumb; without an address it is the page itself."""
    if url:
        return format_html('<li class="breadcrumb-item"><a href="{}">{}</a></li>', url, isolate(label))
    markup = '<li class="breadcrumb-item active" aria-current="page">{}</li>'
    return format_html(markup, isolate(label))


@register.simple_tag
def entity_crumb(entry: Any) -> SafeString:
    """Render a breadcrumb to the page of an entity of the index."""
    return crumb(entry.name, entity_url(entry.kind, entry.connection, entry.guid))


@register.filter
def shown(value: object) -> SafeString | str:
    """Render a property's value: yes/no, lists joined, secrets masked, nothing as "empty"."""
    if isinstance(value, Sealed):
        return MASK
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value in (None, "", [], {}, ()):
        return NOTHING
    if isinstance(value, list | tuple):
        return format_html_join(", ", "{}", ((shown(item),) for item in value))
    return jsonpretty(value) if isinstance(value, Mapping) else isolate(value)


@register.simple_tag
def diff(old: object, new: object) -> SafeString:
    """Render a change as old → new, also for screen readers."""
    markup = (
        '<span class="diff"><span class="visually-hidden">from </span><del>{}</del> {} '
        '<span class="visually-hidden">to </span><ins>{}</ins></span>'
    )
    return format_html(markup, shown(old), icon("arrow-right"), shown(new))


@register.filter
def page_numbers(page: Page[Any]) -> list[int]:
    """Return the page numbers to link, 0 for a gap."""
    elided = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    return [number if isinstance(number, int) else 0 for number in elided]


@register.filter
def jsonpretty(value: object) -> str:
    """Return indented JSON with secrets masked, for a <pre>."""
    return json.dumps(mask(value), indent=2, ensure_ascii=False, default=str)


@register.simple_tag
def field_part(bound: BoundField) -> form_rendering.Part:
    """Return the parts of a field for partials/field.html."""
    return form_rendering.field_part(bound)


@register.filter
def element_id(bound: BoundField) -> str:
    """Return the id that links to the field."""
    return form_rendering.element_id(bound)


@register.simple_tag
def field(bound: BoundField) -> SafeString:
    """Render a form field with label, help and errors."""
    return render_to_string("partials/field.html", {"field": bound})


@register.simple_tag(takes_context=True)
def home_card(context: Context, card: Mapping[str, Any]) -> SafeString:
    """Render a dashboard card with its own variables."""
    return render_to_string(card["template"], dict(card["context"]), request=context["request"])
