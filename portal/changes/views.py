"""The pages below /changes/: the list, the review or outcome of a change, and its steps."""

import uuid
from typing import Any, ClassVar

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from portal.audit.recording import origin_of
from portal.changes import one_time_secrets, outcomes, reconciliation, workflow
from portal.changes.base_views import GatewayView, change_url, unrecorded_page
from portal.changes.errors import ChangeStopped, DuplicateChange, ReasonRequired
from portal.changes.gates import get_confirmation, is_production
from portal.changes.models import Change, State
from portal.changes.permissions import get_change, visible_changes
from portal.changes.reconciliation import seconds_to_wait
from portal.changes.review import get_label, get_review_renderer
from portal.core.bidi import isolate
from portal.core.context_processors import show_environment
from portal.core.links import entity_url, parent_url
from portal.core.tables import Column, Filter, FilterBar, Table, TimeColumn
from portal.core.templatetags.portal import badge
from portal.core.text import query_param
from portal.form_drafts.services import open_draft
from provisioning.gateway.error_codes import get_advice, get_meaning, is_correctable

_PER_PAGE = 50
# Counting and paging stop here; older changes are found from their entity or in the audit trail.
_NEWEST = 5000
_REFRESH = "2"


COLUMNS = (
    Column(
        label="Change",
        value=lambda change: format_html(
            '<a href="{}">{}</a><div class="text-secondary">{}</div>',
            reverse("changes:page", args=[change.pk]),
            isolate(change.title),
            isolate(Truncator(change.reason).chars(120)),
        ),
    ),
    Column(label="State", value=lambda change: badge(change.state)),
    Column(label="Environment", value=lambda change: change.connection),
    Column(label="By", value=lambda change: change.actor_name),
    TimeColumn(label="When", value=lambda change: change.created_at),
)


class ChangeList(GatewayView):
    """/changes/: newest first, by state (?state=), mine (?mine=1) and group (?group=)."""

    access = "change.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show one page of the list."""
        outcomes.settle_stale_changes()
        state = request.GET.get("state", "")
        state = state if state in State.values else ""
        mine = request.GET.get("mine") == "1"
        group = query_param(request.GET, "group")
        large = ("sealed_payload", "request", "before", "base", "typed", "inquiry")
        rows = visible_changes(request.user).defer(*large)
        rows = rows.filter(state=state) if state else rows
        rows = rows.filter(actor_id=request.user.pk) if mine else rows
        rows = rows.filter(group_id=group) if group else rows
        page = Paginator(rows[:_NEWEST], _PER_PAGE).get_page(request.GET.get("page"))
        filters = [
            Filter(name="state", label="State", any_label="Any", options=State.choices, value=state),
            Filter(name="mine", label="Only mine", type="checkbox", value="1" if mine else ""),
        ]
        context = {
            "page": page,
            "table": Table(request, COLUMNS, page.object_list, label="Changes"),
            "filter_bar": FilterBar(
                filters=filters,
                hidden=[("group", group)] if group else [],
                is_narrowed=bool(state or mine or group),
            ),
            "group": group,
        }
        return render(request, "changes/list.html", context)


class ChangeView(GatewayView):
    """Base of the pages below /changes/<id>/.

    A step that asks for something shows the change's page again: what is missing is the template's variable
    `problem_name`, and the input of `typed_fields` is kept.
    """

    access = "change.view"
    problem_name: ClassVar[str] = ""
    typed_fields: ClassVar[tuple[str, ...]] = ()

    def change(self) -> Change:
        """Return the change of the address, after settling interrupted ones. Raises HiddenNotFound (404)."""
        outcomes.settle_stale_changes()
        change = get_change(self.request.user, self.kwargs["pk"])
        show_environment(self.request, change.connection)
        return change

    def back_url(self) -> str:
        """Return the change's page, because most addresses below it only accept POST."""
        return reverse("changes:page", args=[self.kwargs["pk"]])

    def show_stop(self, stop: ChangeStopped) -> HttpResponse:
        """Return the change's page if the step asks for something, otherwise the page that says why."""
        if not isinstance(stop, ReasonRequired | DuplicateChange):
            return super().show_stop(stop)
        problem: dict[str, Any] = {self.problem_name: stop.explanation}
        if isinstance(stop, DuplicateChange):
            problem = {"duplicate": stop.duplicate}
        typed = {name: self.request.POST.get(name, "") for name in self.typed_fields}
        return self.page(self.change(), status=stop.status, **problem, **typed)

    def step_arguments(self) -> dict[str, Any]:
        """Return the arguments that every step takes."""
        return {"user": self.request.user, "origin": origin_of(self.request), "change": self.change()}

    def page(self, change: Change, *, status: int = 200, **context: Any) -> HttpResponse:
        """Show the review or the outcome; the page reloads itself while the change is being sent."""
        response = render(
            self.request, "changes/page.html", {**self.page_context(change), **context}, status=status
        )
        if change.state == State.SENDING:
            response["Refresh"] = _REFRESH
        return response

    def page_context(self, change: Change) -> dict[str, Any]:
        """Return the template variables."""
        labels = {row["field"]: row["label"] for row in change.rows}
        renderer = get_review_renderer(change.operation)
        compared: list[dict[str, Any]] = change.inquiry.get("rows") or []
        may_act = self.request.user.has_perm(change.spec.permission)
        own = change.actor_id == self.request.user.pk
        return {
            "change": change,
            "state_template": f"changes/states/{change.state}.html",
            "review_template": renderer.template,
            **renderer.context(change),
            "entity_url": entity_url(change.kind, change.connection, change.object_guid),
            "parent_url": parent_url(change.kind, change.connection, change.parent_guid),
            "edit_url": _get_resume_url(change) if own else "",
            "may_act": may_act and (own or change.state != State.PREPARED),
            "required": get_confirmation(change) if change.state == State.PREPARED else None,
            "meaning": get_meaning(change.code),
            "advice": get_advice(change.code),
            "correctable": is_correctable(
                code=change.code, field=change.field, http_status=change.http_status
            ),
            "seconds_to_wait": seconds_to_wait(change) if change.state == State.UNKNOWN else 0,
            "may_retry": may_act
            and change.state in (State.NOT_SENT, State.NOT_FOUND)
            and bool(change.sealed_payload),
            "retry": workflow.find_retry(change),
            "compared": [
                {**row, "label": labels.get(row["field"]) or get_label(row["field"])} for row in compared
            ],
            "secrets_change": one_time_secrets.find_change_with_secrets(
                user=self.request.user, connection=change.connection, guid=change.object_guid
            ),
        }


class ChangePage(ChangeView):
    """Show one change at /changes/<id>/."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the review while the change is unsent, its outcome afterwards."""
        draft = open_draft(request)
        typed = draft.fields if draft else {}
        given: dict[str, Any] = {name: typed.get(name, "") for name in ("reason", "confirmation", "seen")}
        return self.page(self.change(), **given)


def _needs_step_up(request: HttpRequest, pk: uuid.UUID) -> bool:
    """Return whether the confirmation needs a recent sign-in: dangerous changes in production."""
    change = visible_changes(request.user).filter(pk=pk, state=State.PREPARED).first()
    return change is not None and bool(change.dangers) and is_production(change.connection)


class ChangeSend(ChangeView):
    """POST /changes/<id>/send/: the confirmation."""

    http_method_names = ["post"]
    step_up = staticmethod(_needs_step_up)
    problem_name = "problem"
    typed_fields = ("reason", "confirmation")

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Send the change once; a second click shows its outcome."""
        change = workflow.send_change(
            **self.step_arguments(),
            reason=request.POST.get("reason", ""),
            confirmation=request.POST.get("confirmation", ""),
            allow_duplicate=request.POST.get("again") == "1",
        )
        return unrecorded_page(change) or redirect(self.correction_url(change) or change_url(change))

    def correction_url(self, change: Change) -> str:
        """Return the address of the form that shows a refusal at its field; "" without a form or field."""
        typed_here = change.typed and change.actor_id == self.request.user.pk
        return (
            _get_resume_url(change) if typed_here and change.state == State.REFUSED and change.field else ""
        )


class ChangeCancel(ChangeView):
    """POST /changes/<id>/cancel/: discard an unsent change."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Discard it and go to the entity, if it has a page."""
        change = workflow.cancel_change(**self.step_arguments())
        url = entity_url(change.kind, change.connection, change.object_guid)
        return redirect(url if url and change.state == State.CANCELLED else change_url(change))


class ChangeAgain(ChangeView):
    """POST /changes/<id>/again/: retry a change that was not sent, or not found (then confirm=1)."""

    http_method_names = ["post"]
    problem_name = "retry_problem"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Retry it and go to the new change."""
        confirmed = request.POST.get("confirm") == "1"
        change = workflow.retry_change(**self.step_arguments(), confirmed=confirmed)
        return unrecorded_page(change) or redirect(change_url(change))


class ChangeCheck(ChangeView):
    """POST /changes/<id>/check/: find out an unknown outcome at the gateway."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Check it and go back to the change, which shows the result."""
        return redirect(change_url(reconciliation.check_change(**self.step_arguments())))


class ChangeAdopt(ChangeView):
    """POST /changes/<id>/adopt/: a person chooses the entity (guid), or none (guid empty)."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Settle the change and go back to it."""
        guid = request.POST.get("guid", "")[:128]
        return redirect(change_url(reconciliation.adopt_candidate(**self.step_arguments(), guid=guid)))


class ChangeClose(ChangeView):
    """POST /changes/<id>/close/: a person checked the gateway (seen=there or not_there, reason)."""

    http_method_names = ["post"]
    problem_name = "close_problem"
    typed_fields = ("reason", "seen")

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Close the change and go back to it."""
        step_arguments, seen = self.step_arguments(), request.POST.get("seen", "")
        if seen not in ("there", "not_there"):
            raise ReasonRequired("Say whether it is there or not.")
        change = reconciliation.close_change(
            **step_arguments,
            is_there=seen == "there",
            reason=request.POST.get("reason", ""),
            guid=request.POST.get("guid", "")[:128],
        )
        return redirect(change_url(change))


class ChangeDismiss(ChangeView):
    """POST /changes/<id>/dismiss/: take a refused change of one's own off the home page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Dismiss the change and go to the home page."""
        workflow.dismiss_change(user=request.user, change=self.change())
        return redirect("/")


class ChangeReveal(ChangeView):
    """POST /changes/<id>/reveal/: show the generated secrets once."""

    access = "connector.reveal_secret"
    step_up = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show a page that browsers do not store; opening it again does not show the secrets again."""
        step_arguments = self.step_arguments()
        change = step_arguments["change"]
        secrets = one_time_secrets.reveal_secrets(**step_arguments)
        warnings = one_time_secrets.check_secrets(change, secrets)
        url = entity_url(change.kind, change.connection, change.object_guid)
        context = {
            "change": change,
            "secrets": [(name, value, warnings.get(name, "")) for name, value in secrets.items()],
            "entity_url": url,
        }
        response = render(request, "changes/reveal.html", context)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        return response


def _get_resume_url(change: Change) -> str:
    """Return the address of the form in which it was typed, with its input."""
    if not change.form_path:
        return ""
    return f"{change.form_path}{'&' if '?' in change.form_path else '?'}change={change.pk}"
