"""The audit trail's pages: the explorer as list and as timeline, and one event in full."""

import json
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.audit.charts import build_chart
from portal.audit.diffs import get_field_changes
from portal.audit.event_types import KINDS, action_title
from portal.audit.filters import PRESETS, EventFilter, describe_account, parse_filters
from portal.audit.links import get_event_links
from portal.audit.models import Event
from portal.audit.pagination import get_action_groups, get_event_page, get_known_choices
from portal.audit.retention.purging import find_archive_of_purged
from portal.audit.review_rules import LOOKS
from portal.audit.routing_diffs import DOCUMENT, get_routing_changes
from portal.audit.saved_filters import get_filters
from portal.audit.timeline import build_timeline
from portal.core.context_processors import show_environment
from portal.core.datetimes import get_time_zone
from portal.core.errors import NotFound
from portal.core.views import PortalView

SAVED_SHOWN = 12


class EventListView(PortalView):
    """/audit/ — newest first, filters in the address."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of events."""
        wanted = parse_filters(request.GET, zone_of(request))
        page = get_event_page(wanted, request.GET)
        context = {
            "page": page,
            "events": page.events,
            "problems": page.problems,
            "is_first": not {"before", "after"} & request.GET.keys(),
        }
        return render(request, "audit/list.html", _explorer(request, "events", wanted) | context)


class TimelineView(PortalView):
    """/audit/timeline/ — the same filters, as events over time."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the chart and its table."""
        zone = zone_of(request)
        wanted = parse_filters(request.GET, zone)
        timeline = build_timeline(wanted, zone)
        context = {
            "timeline": timeline,
            "chart": build_chart(timeline, wanted, zone),
            "problems": timeline.problems,
        }
        return render(request, "audit/timeline.html", _explorer(request, "timeline", wanted) | context)


class EventView(PortalView):
    """/audit/<sequence>/ — who, what, when, why, with which result, and the exact request."""

    access = "audit.view"

    def get(self, request: HttpRequest, sequence: int) -> HttpResponse:
        """Show an event with its changes and the other events of the same change."""
        event = Event.objects.filter(pk=sequence).first()
        if event is None:
            raise _gone(sequence)
        show_environment(request, event.connection)
        related = Event.objects.filter(change_id=event.change_id) if event.change_id else Event.objects.none()
        routing = get_routing_changes(event)
        context = {
            "event": event,
            "action_title": action_title(event.action),
            "kind_words": KINDS.get(event.object_kind, event.object_kind),
            "links": get_event_links(event, request),
            "accounts": _accounts(event),
            "routing": routing,
            "changes": get_field_changes(event, without=DOCUMENT if routing else ""),
            "request_text": _readable(event.request_data),
            "answer_text": _readable(event.answer_data),
            "related": related.order_by("sequence")[:100],
        }
        return render(request, "audit/page.html", context)


def zone_of(request: HttpRequest) -> tzinfo:
    """Return the time zone of the user."""
    return get_time_zone(getattr(request.user, "timezone", ""))


def filter_query(wanted: EventFilter) -> str:
    """Return the filters as a query string, for links to other views of the same events."""
    return urlencode(wanted.values)


def _explorer(request: HttpRequest, tab: str, wanted: EventFilter) -> dict[str, Any]:
    """Return the context of audit/explorer.html."""
    return {
        "tab": tab,
        "wanted": wanted.values,
        "account": describe_account(wanted.values.get("person", "")),
        "filtered": wanted.values,
        "filter_query": filter_query(wanted),
        "presets": PRESETS.items(),
        "groups": get_action_groups(),
        "looks": [(look.name, look.title) for look in LOOKS.values()],
        "known": get_known_choices(),
        "saved": get_filters(request.user)[:SAVED_SHOWN],
    }


def _accounts(event: Event) -> dict[str, str]:
    """Return the user names of actor and object, "" for users that are not in the database.

    Two users may have had the same name at different times; user names do not change.
    """
    is_number = (
        event.object_kind == "person" and event.object_guid.isdecimal() and len(event.object_guid) < 19
    )
    about = event.object_guid if is_number else ""
    numbers = {"actor": str(event.actor_id or ""), "object": about}
    known = get_user_model().objects.filter(pk__in=[number for number in numbers.values() if number])
    names = {str(pk): name for pk, name in known.values_list("pk", "username")}
    return {who: names.get(number, "") for who, number in numbers.items()}


def _readable(data: Any) -> str:
    """Return indented JSON; "" for none."""
    return "" if data is None else json.dumps(data, ensure_ascii=False, indent=2)


def _gone(sequence: int) -> NotFound:
    """Say where a missing event is."""
    archive = find_archive_of_purged(sequence)
    if archive is None:
        return NotFound(f"There is no event {sequence} in the audit trail.")
    return NotFound(
        f"Row {sequence} was removed from the database after the retention period.",
        advice=f"It is in the sealed archive {archive.file}. Ask the portal’s operator for it.",
    )
