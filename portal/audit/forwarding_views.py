"""The page of the stream: who is told of the trail, and how far behind they are."""

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
