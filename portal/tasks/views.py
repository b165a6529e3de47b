"""The pages of background work. Users see their own runs and, with permission, those of the portal."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html

from portal.core.bidi import isolate
from portal.core.tables import Column, Table, TemplateColumn, TimeColumn
from portal.core.templatetags.portal import badge
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.tasks.models import TaskRun
from portal.tasks.presentation import build_rows
from portal.tasks.recovery import is_worker_running
from portal.tasks.registry import TASK_TYPES, Decision
from portal.tasks.services import TaskNotPossible, cancel_task, get_visible_runs, retry_task

MAX_SHOWN = 50
COLUMNS = (
    Column(
        label="Work",
        value=lambda row: format_html(
            '{}<div class="text-secondary fw-normal">{}</div>',
            isolate(row.run.title),
            isolate(row.run.owner_name if row.run.owner_id is None else ""),
        ),
        is_heading=True,
    ),
    Column(label="State", value=lambda row: badge(row.words, row.colour)),
    TemplateColumn(label="Progress", template="tasks/partials/progress.html"),
    TimeColumn(label="Started", value=lambda row: row.run.created_at),
    TemplateColumn(label="Actions", template="tasks/partials/actions.html", is_label_hidden=True),
)


class ListView(PortalView):
    """/tasks/ — the runs that the user may see, with their progress and results."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the newest runs."""
        rows = build_rows(get_visible_runs(request.user)[:MAX_SHOWN])
        open_runs = any(row.run.is_open for row in rows)
        context = {
            "table": Table(request, COLUMNS, rows, label="Background work"),
            "open_runs": open_runs,
            "no_worker": open_runs and not is_worker_running(),
        }
        return render(request, "tasks/list.html", context)


def _needs_step_up(request: HttpRequest, pk: UUID) -> bool:
    """Return whether stopping or restarting this run requires a recent confirmation of identity."""
    run = get_visible_runs(request.user).filter(pk=pk).first()
    return run is not None and run.kind in TASK_TYPES and TASK_TYPES.get(run.kind).step_up


class CancelView(PortalView):
    """/tasks/<id>/cancel/ — stop a run."""

    access = SIGNED_IN
    step_up = staticmethod(_needs_step_up)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Stop the run and return to the list. A run that has just ended keeps its state."""
        run = _get_run(request, pk)
        with transaction.atomic():
            stopped = cancel_task(run=run)
            if stopped:
                _record_decision(request, run, Decision.STOPPED)
        if stopped:
            messages.success(request, f"“{run.title}” was stopped.")
        else:
            messages.info(request, f"“{run.title}” had already ended.")
        return redirect("tasks:list")


class RetryView(PortalView):
    """/tasks/<id>/retry/ — start a run again."""

    access = SIGNED_IN
    step_up = staticmethod(_needs_step_up)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Enqueue the run again and return to the list. Raises PermissionDenied."""
        run = _get_run(request, pk)
        if run.kind not in TASK_TYPES:
            messages.error(request, "This kind of background work no longer exists.")
            return redirect("tasks:list")
        needed = TASK_TYPES.get(run.kind).permission
        if needed and not request.user.has_perm(needed):
            raise PermissionDenied(f"needs {needed} to start this work again")
        try:
            with transaction.atomic():
                retry_task(run=run)
                _record_decision(request, run, Decision.RESTARTED)
            messages.success(request, f"“{run.title}” is waiting to start again.")
        except TaskNotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("tasks:list")


def _get_run(request: HttpRequest, pk: UUID) -> TaskRun:
    return get_object_or_404(get_visible_runs(request.user), pk=pk)


def _record_decision(request: HttpRequest, run: TaskRun, decision: Decision) -> None:
    """Record the decision. Runs of a kind that no longer exists can be stopped, but not recorded."""
    if run.kind in TASK_TYPES:
        TASK_TYPES.get(run.kind).decided(run, decision, request)
