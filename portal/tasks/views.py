"""The page of background work, one's own and the portal's. What belongs to others does not exist here."""

from contextlib import suppress
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.tasks.models import TaskRun
from portal.tasks.presentation import build_rows
from portal.tasks.recovery import is_worker_running
from portal.tasks.registry import Decision, UnknownKind, get_task_type
from portal.tasks.services import TaskNotPossible, cancel_task, get_visible_runs, retry_task

MOST_SHOWN = 50


class ListView(PortalView):
    """/tasks/ — what one started, or the portal with one's rights: how far it is, and what it made."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """The newest ones."""
        rows = build_rows(get_visible_runs(request.user)[:MOST_SHOWN])
        open_runs = any(row.run.is_open for row in rows)
        context = {
            "rows": rows,
            "open_runs": open_runs,
            "no_worker": open_runs and not is_worker_running(),
        }
        return render(request, "tasks/list.html", context)


def _needs_step_up(request: HttpRequest, pk: UUID) -> bool:
    """Whether work of that kind is in the hands of those alone who proved a short while ago who they are."""
    run = get_visible_runs(request.user).filter(pk=pk).first()
    with suppress(UnknownKind):
        return run is not None and get_task_type(run.kind).step_up
    return False


class CancelView(PortalView):
    """/tasks/<id>/cancel/ — stops it."""

    access = SIGNED_IN
    step_up = staticmethod(_needs_step_up)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Back to the list; work that has ended meanwhile stays as it ended."""
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
    """/tasks/<id>/retry/ — puts it in line again."""

    access = SIGNED_IN
    step_up = staticmethod(_needs_step_up)

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Back to the list. Raises PermissionDenied if the person may no longer do such work."""
        run = _get_run(request, pk)
        try:
            _check_permission(request, run)
            with transaction.atomic():
                retry_task(run=run)
                _record_decision(request, run, Decision.RESTARTED)
            messages.success(request, f"“{run.title}” is waiting to start again.")
        except UnknownKind:
            messages.error(request, "This kind of background work no longer exists.")
        except TaskNotPossible as refusal:
            messages.error(request, str(refusal))
        return redirect("tasks:list")


def _get_run(request: HttpRequest, pk: UUID) -> TaskRun:
    return get_object_or_404(get_visible_runs(request.user), pk=pk)


def _record_decision(request: HttpRequest, run: TaskRun, decision: Decision) -> None:
    """Work of a kind that is gone can be stopped still; nobody knows how to record it."""
    with suppress(UnknownKind):
        get_task_type(run.kind).decided(run, decision, request)


def _check_permission(request: HttpRequest, run: TaskRun) -> None:
    needed = get_task_type(run.kind).permission
    if needed and not request.user.has_perm(needed):
        raise PermissionDenied(f"needs {needed} to start this work again")
