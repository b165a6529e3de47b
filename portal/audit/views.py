"""The audit trail's pages: the explorer and one event in full."""

import json
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from portal.audit.actions import action_title
from portal.audit.diffs import field_changes
from portal.audit.filters import PRESETS, Wanted, wanted_of
from portal.audit.models import Event
from portal.audit.pages import action_groups, choices_known, events_page
from portal.console.moments import zone_named
from portal.console.views import PortalView


class EventListView(PortalView):
    """/audit/ — newest first, filters in the address."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """One page of events."""
        wanted = wanted_of(request.GET, zone_of(request))
        page = events_page(wanted, request.GET)
        context = {
            "page": page,
            "events": page.events,
            "is_first": not {"before", "after"} & request.GET.keys(),
            "wanted": wanted.values,
            "filtered": wanted.values,
            "filter_query": filter_query(wanted),
            "presets": PRESETS.items(),
            "groups": action_groups(),
            "known": choices_known(),
        }
        return render(request, "audit/list.html", context)


class EventView(PortalView):
    """/audit/<sequence>/ — who, what, when, why, with which result, and the exact request."""

    access = "audit.view"

    def get(self, request: HttpRequest, sequence: int) -> HttpResponse:
        """One event with its diff and the other events of the same change."""
        event = get_object_or_404(Event, pk=sequence)
        related = Event.objects.filter(change_id=event.change_id) if event.change_id else Event.objects.none()
        context = {
            "event": event,
            "action_title": action_title(event.action),
            "changes": field_changes(event),
            "request_text": _readable(event.request_data),
            "answer_text": _readable(event.answer_data),
            "related": related.order_by("sequence")[:100],
        }
        return render(request, "audit/page.html", context)


def zone_of(request: HttpRequest) -> tzinfo:
    """The time zone of the person who asks."""
    return zone_named(getattr(request.user, "timezone", ""))


def filter_query(wanted: Wanted) -> str:
    """The filters as a query, without the place in the list, for links to other views of the same events."""
    return urlencode(wanted.values)


def _readable(data: Any) -> str:
    """JSON on several lines; "" for none."""
    return "" if data is None else json.dumps(data, ensure_ascii=False, indent=2)
