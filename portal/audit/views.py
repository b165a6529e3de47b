"""The pages of the audit trail: the explorer, one event in full, archives and receivers."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse

from portal.audit.diffs import DOCUMENT, get_field_changes, get_routing_changes
from portal.audit.event_types import KINDS, action_title
from portal.audit.filters import (
    PRESETS,
    EventFilter,
    describe_account,
    get_user_zone,
    is_number,
    read_filters,
)
from portal.audit.forwarding.delivery import get_backlogs
from portal.audit.list_tables import (
    ARCHIVE_COLUMNS,
    build_event_table,
    build_filter_bar,
    build_receiver_table,
)
from portal.audit.models import ChainHead, Event
from portal.audit.pagination import get_event_page
from portal.audit.recording import origin_of
from portal.audit.retention.archives import (
    KIND,
    get_archive_folder,
    get_archives,
    get_month_start,
    start_archiving,
)
from portal.audit.retention.purging import find_archive_of_purged, get_guaranteed_since, get_purged_ranges
from portal.audit.saved_filters import get_filters
from portal.audit.timeline import build_chart, build_timeline
from portal.core.context_processors import show_environment
from portal.core.errors import NotFound
from portal.core.links import entity_url, parent_url
from portal.core.tables import Table
from portal.core.views import PortalView
from portal.tasks.presentation import build_rows
from portal.tasks.recovery import is_worker_running
from portal.tasks.services import TaskNotPossible, get_runs_of_kind, owner_of

SAVED_SHOWN = 12
ARCHIVES_SHOWN = 100
# What the explorer can be narrowed to from an event: the link's name, its filter and the event's column.
_NARROWED = (
    ("address_events", "address", "address"),
    ("request_events", "change", "request_id"),
    ("group_events", "group", "group_id"),
    ("connection_events", "connection", "connection"),
)
# Of objects that are no entities of a gateway: the kind, its page, and the right to open that.
_OBJECT_PAGES = {
    "person": ("staff:page", "staff.view"),
    "role": ("staff:own_role", "role.update"),
    "connection": ("connections:page", "connection.view"),
    "day": ("audit:review_day", "audit.view"),
}


class EventListView(PortalView):
    """/audit/ — newest first, filters in the address."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of events."""
        wanted = read_filters(request)
        page = get_event_page(wanted, request.GET)
        context = {
            "page": page,
            "table": build_event_table(request, page.events),
            "is_first": not {"before", "after"} & request.GET.keys(),
        }
        return render(
            request,
            "audit/list.html",
            _get_explorer_context(request, "events", wanted, page.problems) | context,
        )


class TimelineView(PortalView):
    """/audit/timeline/ — the same filters, as events over time."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the chart and its table."""
        zone, wanted = get_user_zone(request.user), read_filters(request)
        timeline = build_timeline(wanted, zone)
        context = {
            "timeline": timeline,
            "chart": build_chart(timeline, wanted, zone),
        }
        explorer = _get_explorer_context(request, "timeline", wanted, timeline.problems)
        return render(request, "audit/timeline.html", explorer | context)


class EventView(PortalView):
    """/audit/<sequence>/ — who, what, when, why, with which result, and the exact request."""

    access = "audit.view"

    def get(self, request: HttpRequest, sequence: int) -> HttpResponse:
        """Show an event with its changes and the other events of the same change."""
        event = Event.objects.filter(pk=sequence).first()
        if event is None:
            archive = find_archive_of_purged(sequence)
            if archive is None:
                raise NotFound(f"There is no event {sequence} in the audit trail.")
            raise NotFound(
                f"Row {sequence} was removed from the database after the retention period.",
                advice=f"It is in the sealed archive {archive.file}. Ask the portal’s operator for it.",
            )
        show_environment(request, event.connection)
        related = Event.objects.filter(change_id=event.change_id) if event.change_id else Event.objects.none()
        routing = get_routing_changes(event)
        # Two users may have had the same name at different times; user names do not change.
        is_account = event.object_kind == "person" and is_number(event.object_guid)
        accounts = {"actor": str(event.actor_id or ""), "object": event.object_guid if is_account else ""}
        known = get_user_model().objects.filter(pk__in=[number for number in accounts.values() if number])
        names = {str(pk): name for pk, name in known.values_list("pk", "username")}
        context = {
            "event": event,
            "action_title": action_title(event.action),
            "kind_words": KINDS.get(event.object_kind, event.object_kind),
            "links": get_event_links(event, request),
            "accounts": {who: names.get(number, "") for who, number in accounts.items()},
            "routing": routing,
            "changes": get_field_changes(event, without=DOCUMENT if routing else ""),
            "request_text": _format_json(event.request_data),
            "answer_text": _format_json(event.answer_data),
            "table": build_event_table(request, related.order_by("sequence")[:100]),
        }
        return render(request, "audit/page.html", context)


class ArchiveListView(PortalView):
    """/audit/archives/ — how long events are kept, the sealed files and what was purged, newest first."""

    access = "audit.verify"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Archive the events before this month, in the background."""
        try:
            start_archiving(owner=owner_of(request), origin=origin_of(request))
        except TaskNotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:archives")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show which rows are archived, purged and still to archive, and how the archiving runs."""
        kept, purged = get_archives(), get_purged_ranges()
        rows = [
            {"archive": one, "there": one.path.is_file(), "purged": (one.first, one.last) in purged}
            for one in kept[: -ARCHIVES_SHOWN - 1 : -1]
        ]
        runs = get_runs_of_kind(KIND, limit=5)
        under_way = [run for run in runs if run.is_open]
        context = {
            "table": Table(request, ARCHIVE_COLUMNS, rows, label="Files"),
            "count": len(kept),
            "archived_up_to": kept[-1].last if kept else 0,
            "head": ChainHead.objects.filter(pk=1).first(),
            "months": settings.AUDIT_RETENTION_MONTHS,
            "since": get_guaranteed_since(),
            "folder": get_archive_folder(),
            "month": get_month_start(),
            "under_way": build_rows(under_way),
            "no_worker": bool(under_way) and not is_worker_running(),
            "ended": build_rows(run for run in runs[:1] if not run.is_open),
        }
        return render(request, "audit/archives.html", context)


class StreamView(PortalView):
    """/audit/stream/ — where events are forwarded, and how far behind each receiver is."""

    access = "audit.verify"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the receivers in the settings."""
        context = {
            "table": build_receiver_table(request, get_backlogs()),
            "head": ChainHead.objects.filter(pk=1).first(),
        }
        return render(request, "audit/forwarding.html", context)


def get_event_links(event: Event, request: HttpRequest) -> dict[str, str]:
    """Return the addresses of everything that an event names, by name; "" for what has no page.

    These are its actor, object, parent, connection and change, and the explorer narrowed to each. A page
    that the user may not open is "" as well.
    """
    may = request.user.has_perm
    links = {
        "actor": _page_url("staff:page", event.actor_id) if may("staff.view") else "",
        "object": entity_url(event.object_kind, event.connection, event.object_guid),
        "parent": parent_url(event.object_kind, event.connection, event.parent_guid),
        "connection": _page_url("connections:page", event.connection) if may("connection.view") else "",
        "change": _page_url("changes:page", event.change_id) if may("change.view") else "",
    }
    if event.object_kind in _OBJECT_PAGES:
        page, right = _OBJECT_PAGES[event.object_kind]
        links["object"] = _page_url(page, event.object_guid) if may(right) else ""
    for name, asked, column in _NARROWED:
        links[name] = _explorer_url({asked: getattr(event, column)})
    actor = {"person": event.actor_id} if event.actor_id else {"actor": event.actor_name}
    links["actor_events"] = _explorer_url(actor)
    # At a gateway a guid also finds what belongs to the object. The portal's own objects have numbers,
    # which are unique only within their kind.
    place = {"connection": event.connection} if event.connection else {"kind": event.object_kind}
    links["object_events"] = _explorer_url({"guid": event.object_guid, **place}) if event.object_guid else ""
    return links


def _explorer_url(asked: dict[str, Any]) -> str:
    return f"{reverse('audit:list')}?{urlencode(asked)}" if all(asked.values()) else ""


def _page_url(name: str, key: Any) -> str:
    try:
        return reverse(name, args=[key]) if key else ""
    except NoReverseMatch:
        return ""


def _get_explorer_context(
    request: HttpRequest, tab: str, wanted: EventFilter, problems: Mapping[str, str]
) -> dict[str, Any]:
    """Return the context of audit/explorer.html."""
    return {
        "tab": tab,
        "filter_bar": build_filter_bar(request, wanted, problems),
        "problems": problems,
        "wanted": wanted.values,
        "account": describe_account(wanted.values.get("person", "")),
        "filtered": wanted.values,
        "filter_query": wanted.query,
        "presets": PRESETS.items(),
        "saved": get_filters(request.user)[:SAVED_SHOWN],
    }


def _format_json(data: Any) -> str:
    """Return indented JSON; "" for none."""
    return "" if data is None else json.dumps(data, ensure_ascii=False, indent=2)
