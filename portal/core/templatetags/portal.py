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
from portal.core.bidi import isolated
from portal.core.links import entity_url
from portal.core.status_badges import colour_named, state_named
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
    """A decorative drawing from static/icons.svg; say in words what it means beside it."""
    return format_html(ICON, extra, static("icons.svg"), name)


@register.simple_tag
@lru_cache(maxsize=256)
def badge(state: str, colour: str = "") -> SafeString:
    """A status word in its colour: `{% badge "accepted" %}`, or any text and a colour of the states."""
    found = state_named(state, colour)
    return format_html('<span class="badge state state-{}">{}</span>', found.colour, isolated(found.label))


@register.simple_tag
def options(choices: Iterable[object], chosen: object = "") -> SafeString:
    """The options of a select, from values or (value, label) pairs; hundreds on some pages, so drawn once."""
    return _options(tuple(choices), str(chosen))


@lru_cache(maxsize=256)
def _options(choices: tuple[object, ...], chosen: str) -> SafeString:
    pairs = (each if isinstance(each, tuple) else (each, each) for each in choices)
    drawn = ((value, SELECTED if str(value) == chosen else "", label) for value, label in pairs)
    return format_html_join("", '<option value="{}"{}>{}</option>', drawn)


@register.filter
def colour(name: str) -> str:
    """A colour that portal.css knows, for class names such as `env-{{ connection.colour|colour }}`."""
    return colour_named(str(name))


@register.simple_tag(takes_context=True)
def moment(context: Context, value: object) -> SafeString | str:
    """A point in time in the person's zone, exact UTC on hover."""
    user = context.get("user") or getattr(context.get("request"), "user", None)
    return datetimes.moment_shown(value, datetimes.zone_named(getattr(user, "timezone", "")))


@register.simple_tag(takes_context=True)
def day(context: Context, value: object) -> str:
    """The day of a point in time in the person's zone, such as "Tuesday, 24 November 2026"."""
    user = context.get("user") or getattr(context.get("request"), "user", None)
    when = datetimes.instant_of(value)
    local = when.astimezone(datetimes.zone_named(getattr(user, "timezone", ""))) if when else None
    return f"{local:%A}, {local.day} {local:%B %Y}" if local else datetimes.NOTHING


@register.filter
def exact(value: object) -> str:
    """A point in time to the microsecond, always UTC."""
    return datetimes.exact_shown(value)


@register.simple_tag
def age(value: object) -> SafeString | str:
    """How long ago a point in time was, exact UTC on hover."""
    return datetimes.age_shown(value)


@register.simple_tag
def copyable(value: object, label: str = "value") -> SafeString | str:
    """A machine's value in fixed width with a copy button; without JavaScript one click selects all of it."""
    if value in (None, ""):
        return datetimes.NOTHING
    button = format_html(COPY_BUTTON, f"Copy {label}", icon("copy"))
    return format_html('<span class="copyable"><code>{}</code>{}</span>', isolated(value), button)


@register.simple_tag(takes_context=True)
def query_string(context: Context, **changes: object) -> str:
    """The page's query with some parameters replaced; None or "" removes one. Always begins with "?"."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def crumb(label: object, url: str = "") -> SafeString:
    """One step of the breadcrumbs; without an address it is the page itself."""
    if url:
        return format_html('<li class="breadcrumb-item"><a href="{}">{}</a></li>', url, isolated(label))
    markup = '<li class="breadcrumb-item active" aria-current="page">{}</li>'
    return format_html(markup, isolated(label))


@register.simple_tag
def entity_crumb(entry: Any) -> SafeString:
    """One step of the breadcrumbs to the page of an entity of the index."""
    return crumb(entry.name, entity_url(entry.kind, entry.connection, entry.guid))


@register.filter
def shown(value: object) -> SafeString | str:
    """A property's value as people read it: yes/no, lists joined, secrets masked, nothing as "empty"."""
    if isinstance(value, Sealed):
        return MASK
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value in (None, "", [], {}, ()):
        return NOTHING
    if isinstance(value, list | tuple):
        return format_html_join(", ", "{}", ((shown(item),) for item in value))
    return jsonpretty(value) if isinstance(value, Mapping) else isolated(value)


@register.simple_tag
def diff(old: object, new: object) -> SafeString:
    """One cell saying old → new, also to those who do not see it."""
    markup = (
        '<span class="diff"><span class="visually-hidden">from </span><del>{}</del> {} '
        '<span class="visually-hidden">to </span><ins>{}</ins></span>'
    )
    return format_html(markup, shown(old), icon("arrow-right"), shown(new))


@register.filter
def page_numbers(page: Page[Any]) -> list[int]:
    """The page numbers to link, 0 for a gap."""
    elided = page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)
    return [number if isinstance(number, int) else 0 for number in elided]


@register.filter
def jsonpretty(value: object) -> str:
    """Indented JSON with secrets masked, for a <pre>."""
    return json.dumps(mask(value), indent=2, ensure_ascii=False, default=str)


@register.simple_tag
def field_part(bound: BoundField) -> form_rendering.Part:
    """What partials/field.html draws."""
    return form_rendering.field_part(bound)


@register.filter
def element_id(bound: BoundField) -> str:
    """The id that links to the field."""
    return form_rendering.element_id(bound)


@register.simple_tag
def field(bound: BoundField) -> SafeString:
    """One form field with label, help and errors, as partials/field.html draws it."""
    return render_to_string("partials/field.html", {"field": bound})


@register.simple_tag(takes_context=True)
def home_card(context: Context, card: Mapping[str, Any]) -> SafeString:
    """One card of the home page, with its own variables."""
    return render_to_string(card["template"], dict(card["context"]), request=context["request"])
