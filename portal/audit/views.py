"""The audit trail's pages: the plain list and one event in full."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from portal.audit.actions import ACTIONS, action_title
from portal.audit.diffs import field_changes
from portal.audit.models import Event
from portal.audit.pages import FILTERS, events_page
from portal.console.views import PortalView


class EventListView(PortalView):
    """/audit/ — newest first, filters in the address."""

    access = "audit.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """One page of events."""
        page = events_page(request.GET)
        older = request.GET.copy()
        older["before"] = str(page.older)
        context = {
            "events": page.events,
            "older": older.urlencode() if page.older else "",
            "is_first": "before" not in request.GET,
            "wanted": {name: request.GET.get(name, "") for name in FILTERS},
            "filtered": any(request.GET.get(name) for name in FILTERS),
            "actions": [(action, action_title(action)) for action in ACTIONS],
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


def _readable(data: Any) -> str:
    """JSON on several lines; "" for none."""
    return "" if data is None else json.dumps(data, ensure_ascii=False, indent=2)
