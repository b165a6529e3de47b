"""The page of the archives: how long events are kept, which parts are sealed, which were purged."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.audit.models import ChainHead
from portal.audit.recording import origin_of
from portal.audit.retention.archives import get_archive_folder, get_archives
from portal.audit.retention.background import KIND, get_month_start, start_archiving
from portal.audit.retention.purging import get_guaranteed_since, get_purged_ranges
from portal.core.views import PortalView
from portal.tasks.presentation import build_rows
from portal.tasks.recovery import is_worker_running
from portal.tasks.services import TaskNotPossible, get_runs_of_kind, owner_of

SHOWN = 100


class ArchiveListView(PortalView):
    """/audit/archives/ — the sealed files, newest first."""

    access = "audit.verify"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Archive the events before this month, in the background."""
        try:
            start_archiving(owner=owner_of(request), origin=origin_of(request))
        except TaskNotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:archives")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show which rows are archived, purged and still to archive."""
        kept, purged = get_archives(), get_purged_ranges()
        rows = [
            {"archive": one, "there": one.path.is_file(), "purged": (one.first, one.last) in purged}
            for one in kept[: -SHOWN - 1 : -1]
        ]
        context = {
            "rows": rows,
            "count": len(kept),
            "archived_up_to": kept[-1].last if kept else 0,
            "head": ChainHead.objects.filter(pk=1).first(),
            "months": settings.AUDIT_RETENTION_MONTHS,
            "since": get_guaranteed_since(),
            "folder": get_archive_folder(),
            "month": get_month_start(),
            **_under_way(),
        }
        return render(request, "audit/archives.html", context)


def _under_way() -> dict[str, Any]:
    """Return the archiving run under way, or else how the last one ended."""
    runs = get_runs_of_kind(KIND, limit=5)
    under_way = [run for run in runs if run.is_open]
    return {
        "under_way": build_rows(under_way),
        "no_worker": bool(under_way) and not is_worker_running(),
        "ended": build_rows(run for run in runs[:1] if not run.is_open),
    }
