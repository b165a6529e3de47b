"""The page of the receivers: where events are forwarded, and how far behind each receiver is."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.audit.forwarding.backlog import get_backlogs
from portal.audit.models import ChainHead
from portal.core.views import PortalView


class StreamView(PortalView):
    """/audit/stream/ — every receiver and its backlog."""

    access = "audit.verify"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the receivers in the settings."""
        context = {"backlogs": get_backlogs(), "head": ChainHead.objects.filter(pk=1).first()}
        return render(request, "audit/forwarding.html", context)
