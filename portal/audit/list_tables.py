"""The tables of the audit pages, and the filter bar of the explorer."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from portal.audit.filters import EventFilter
from portal.audit.models import Event
from portal.audit.pagination import get_action_groups, get_known_choices
from portal.audit.review_rules import REVIEW_RULES
from portal.core.bidi import isolate
from portal.core.context_processors import get_connections
from portal.core.datetimes import format_age, format_datetime
from portal.core.tables import Column, Filter, FilterBar, Table, TemplateColumn, TimeColumn, secondary
from portal.core.templatetags.portal import badge, copyable

# A row has an `archive`, whether its file is `there` and whether its events are `purged`.
ARCHIVE_COLUMNS = (
    Column(
        label="Rows",
        value=lambda row: format_html("{}&nbsp;to&nbsp;{}", row["archive"].first, row["archive"].last),
    ),
    Column(
        label="File",
        value=lambda row: format_html(
            '<code>{}</code> {}<div class="text-secondary">{}</div>',
            row["archive"].file,
            copyable(row["archive"].sha256, "SHA-256"),
            "" if row["there"] else "No longer in the folder: it was moved or lost.",
        ),
    ),
    TimeColumn(label="Sealed", value=lambda row: row["archive"].made_at),
    Column(
        label="In the database",
        value=lambda row: badge("Removed", "amber") if row["purged"] else badge("Complete", "green"),
    ),
)


def render_sharing(row: Mapping[str, Any]) -> str:
    """Return who can use a saved filter."""
    saved = row["saved"]
    if not saved.role:
        return "no one"
    return str(saved.role) if row["mine"] else f"{saved.role}, by {saved.owner.called}"


# A row has the filter (`saved`), its description (`words`), whether it is `mine`, `may_change` and `roles`.
FILTER_COLUMNS = (
    Column(
        label="Filter",
        value=lambda row: format_html(
            '<a href="{}?{}">{}</a><div class="text-secondary">{}</div>',
            reverse("audit:list"),
            row["saved"].query,
            isolate(row["saved"].name),
            isolate(row["words"]),
        ),
    ),
    Column(label="Shared with", value=render_sharing),
    TemplateColumn(label="Actions", template="audit/partials/filter_actions.html", is_label_hidden=True),
)


def build_receiver_table(request: HttpRequest, lags: Iterable[Any]) -> Table:
    """Return the receivers of events and how far behind each is (ForwarderLag)."""

    def render_receiver(lag: Any) -> SafeString:
        if not lag.last_error:
            return format_html("<code>{}</code>", lag.name)
        again = format_html("at {}", format_datetime(lag.retry_at, table.zone)) if lag.retry_at else "soon"
        markup = '<code>{}</code><div class="text-secondary">{} The next attempt is {}.</div>'
        return format_html(markup, lag.name, lag.last_error, again)

    def render_progress(lag: Any) -> SafeString | str:
        if not lag.delivered_at:
            return "nothing yet"
        return format_html("row {}, {}", lag.sequence, format_age(lag.delivered_at))

    columns = (
        Column(label="Receiver", value=render_receiver),
        Column(label="State", value=lambda lag: badge(lag.state, lag.colour)),
        Column(label="Delivered up to", value=render_progress),
        Column(
            label="Behind",
            value=lambda lag: format_html("{}&nbsp;row{}", lag.behind, "" if lag.behind == 1 else "s"),
        ),
        TimeColumn(label="Oldest undelivered", value=lambda lag: lag.oldest, empty="none"),
    )
    table = Table(request, columns, lags, label="Receivers")
    return table


def render_day_state(day: Any) -> SafeString:
    """Return a badge that says whether a day is signed off."""
    if day.signed:
        return badge("Signed off", "green")
    if not day.over:
        return badge("Not over yet", "grey")
    return badge("Not signed off", "amber") if day.events else badge("No events", "grey")


def build_day_table(request: HttpRequest, days: Iterable[Any]) -> Table:
    """Return the days of the daily review with their sign-off."""

    def render_signer(day: Any) -> SafeString | str:
        if not day.signed:
            return ""
        url, when = (
            reverse("audit:page", args=[day.signed.sequence]),
            format_datetime(day.signed.time, table.zone),
        )
        return format_html('<a href="{}">{}</a>, {}', url, isolate(day.signed.actor_name), when)

    columns = (
        Column(
            label="Day (UTC)",
            value=lambda day: format_html(
                '<a class="text-nowrap" href="{}">{}</a>',
                reverse("audit:review_day", args=[day.date]),
                date_format(day.date, "l, j M Y"),
            ),
        ),
        Column(label="Events", value=lambda day: intcomma(day.events)),
        Column(label="Review", value=render_day_state),
        Column(label="By", value=render_signer),
        Column(label="Note", value=lambda day: Truncator(day.signed.reason).chars(120) if day.signed else ""),
    )
    table = Table(request, columns, days, label="Days", row_css=lambda day: "row-due" if day.due else "")
    return table


def build_event_table(request: HttpRequest, events: Iterable[Event], label: str = "Events") -> Table:
    """Return the table. A sentence links to its event, or else to its change, if the user may open that."""
    may_audit, may_change = request.user.has_perm("audit.view"), request.user.has_perm("change.view")
    prefix = reverse("audit:list")

    def render_sentence(event: Event) -> SafeString | str:
        if may_audit:
            return format_html('<a href="{}{}/">{}</a>', prefix, event.sequence, event.sentence_html)
        if may_change and event.change_id:
            url = reverse("changes:page", args=[event.change_id])
            return format_html('<a href="{}">{}</a>', url, event.sentence_html)
        return event.sentence_html

    def render_outcome(event: Event) -> SafeString | str:
        if event.outcome:
            return badge(event.outcome)
        result = getattr(event, "result", "")
        return format_html("{} {}", secondary("then"), badge(result)) if result else ""

    columns = (
        TimeColumn(label="When", value=lambda event: event.time),
        Column(label="What happened", value=render_sentence),
        Column(label="Outcome", value=render_outcome),
        Column(label="Connection", value=lambda event: event.connection),
    )
    return Table(request, columns, events, label=label)


def build_filter_bar(request: HttpRequest, wanted: EventFilter, problems: Mapping[str, str]) -> FilterBar:
    """Return the filters of the explorer with their values and what is wrong with them."""
    known, values = get_known_choices(), wanted.values

    def make_filter(name: str, label: str, **settings: Any) -> Filter:
        value, problem = str(values.get(name, "")), problems.get(name, "")
        return Filter(name=name, label=label, value=value, problem=problem, **settings)

    dates = [
        make_filter(name, name.title(), type="date", placeholder="24 Nov 2026") for name in ("from", "to")
    ]
    save = f"{reverse('audit:filters')}?{wanted.query}"
    return FilterBar(
        label="Filter the audit trail",
        filters=[
            make_filter("words", "Words", placeholder="names, reasons, messages"),
            make_filter("object", "Object", placeholder="GUID or name"),
            make_filter("actor", "Who", suggestions=known.get("actor", ())),
            make_filter("action", "What", groups=get_action_groups(), any_label="Everything"),
            make_filter("outcome", "Outcome", options=known.get("outcome", ()), any_label="Any"),
        ],
        more=[
            *([] if values.get("when") else dates),
            make_filter("role", "Role", options=known.get("role", ()), any_label="Any"),
            make_filter("kind", "Object type", options=known.get("kind", ()), any_label="Any"),
            make_filter(
                "connection",
                "Connection",
                options=[(each.slug, each.name) for each in get_connections(request)],
            ),
            make_filter(
                "look",
                "Highlights",
                options=[(look.name, look.title) for look in REVIEW_RULES.values()],
                any_label="Any event",
            ),
            make_filter("field", "Changed field", suggestions=known.get("field", ())),
            make_filter("change", "Change or request ID"),
            make_filter("address", "IP address"),
        ],
        hidden=[
            (name, str(values[name]))
            for name in ("zone", "person", "group", "guid", "when")
            if values.get(name)
        ],
        is_narrowed=bool(values),
        links=[("Save this filter", save)],
    )
