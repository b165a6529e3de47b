"""The pages of changes themselves: the list, review and outcome of one, and the steps a person can take."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.audit.recording import origin_of
from portal.changes import workflow
from portal.changes.confirmation import confirmation_for, is_production
from portal.changes.errors import DuplicateChange, ReasonRequired
from portal.changes.explanations import advice_for, is_correctable, meaning_of
from portal.changes.gateway_pages import GatewayView
from portal.changes.generic_views import change_url, unrecorded_page
from portal.changes.models import Change, State
from portal.changes.permissions import change_found, visible_changes
from portal.changes.reconciliation import seconds_to_wait
from portal.changes.review_rows import label_of
from portal.core.context_processors import show_environment
from portal.core.links import entity_url, parent_url
from portal.form_drafts.services import open_draft

_PER_PAGE = 50
# Counting and paging stop here: older changes are found from their entity or in the audit trail.
_NEWEST = 5000
_REFRESH = "2"


class ChangeList(GatewayView):
    """/changes/: newest first, by state (?state=) and mine (?mine=1)."""

    access = "change.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """One page of the list."""
        workflow.changes_interrupted_settle()
        state = request.GET.get("state", "")
        state = state if state in State.values else ""
        mine = request.GET.get("mine") == "1"
        page = Paginator(self.changes(state, mine)[:_NEWEST], _PER_PAGE).get_page(request.GET.get("page"))
        context = {"page": page, "states": State.choices, "state": state, "mine": mine}
        return render(request, "changes/list.html", context)

    def changes(self, state: str, mine: bool) -> QuerySet[Change]:
        """The rows asked for, without their large columns."""
        large = ("sealed_payload", "request", "before", "base", "typed", "inquiry")
        rows = visible_changes(self.request.user).defer(*large)
        rows = rows.filter(state=state) if state else rows
        return rows.filter(actor_id=self.request.user.pk) if mine else rows


class ChangeView(GatewayView):
    """Base of everything below /changes/<id>/."""

    access = "change.view"

    def change(self) -> Change:
        """The change of the address, if the person may know of it; interrupted ones are settled first."""
        workflow.changes_interrupted_settle()
        change = change_found(self.request.user, self.kwargs["pk"])
        show_environment(self.request, change.connection)
        return change

    def back_url(self) -> str:
        """The change's page: most addresses below it only take POST."""
        return reverse("changes:page", args=[self.kwargs["pk"]])

    def acting(self) -> dict[str, Any]:
        """The arguments every service wants."""
        return {"user": self.request.user, "origin": origin_of(self.request), "change": self.change()}

    def page(self, change: Change, *, status: int = 200, **context: Any) -> HttpResponse:
        """Review or outcome; while the change is being sent the page asks again by itself."""
        response = render(self.request, "changes/page.html", {**self.words(change), **context}, status=status)
        if change.state == State.SENDING:
            response["Refresh"] = _REFRESH
        return response

    def words(self, change: Change) -> dict[str, Any]:
        """What the template shows beside the change itself."""
        may_act = self.request.user.has_perm(change.spec.permission)
        own = change.actor_id == self.request.user.pk
        return {
            "change": change,
            "state_template": f"changes/states/{change.state}.html",
            "rows": [row for row in change.rows if not row["unchanged"]],
            "along": [row for row in change.rows if row["unchanged"]],
            "entity_url": entity_url(change.kind, change.connection, change.object_guid),
            "parent_url": parent_url(change.kind, change.connection, change.parent_guid),
            "edit_url": _resume_url(change) if own else "",
            "may_act": may_act and (own or change.state != State.PREPARED),
            "asked": confirmation_for(change) if change.state == State.PREPARED else None,
            "meaning": meaning_of(change.code),
            "advice": advice_for(change.code),
            "correctable": is_correctable(
                code=change.code, field=change.field, http_status=change.http_status
            ),
            "wait": seconds_to_wait(change) if change.state == State.UNKNOWN else 0,
            "again": may_act
            and change.state in (State.NOT_SENT, State.NOT_FOUND)
            and bool(change.sealed_payload),
            "repeated": workflow.change_repeated(change),
            "findings": _labelled(change),
            "secrets_change": workflow.change_with_secrets(
                user=self.request.user, connection=change.connection, guid=change.object_guid
            ),
        }


class ChangePage(ChangeView):
    """/changes/<id>/."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Review while it waits, outcome afterwards."""
        draft = open_draft(request)
        typed = draft.fields if draft else {}
        given: dict[str, Any] = {name: typed.get(name, "") for name in ("reason", "confirmation")}
        return self.page(self.change(), **given)


def _asks_to_step_up(request: HttpRequest, pk: uuid.UUID) -> bool:
    """Whether this confirmation is one of those who proved a short while ago who they are."""
    change = visible_changes(request.user).filter(pk=pk, state=State.PREPARED).first()
    return change is not None and bool(change.dangers) and is_production(change.connection)


class ChangeSend(ChangeView):
    """POST /changes/<id>/send/: the confirmation."""

    http_method_names = ["post"]
    step_up = staticmethod(_asks_to_step_up)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Sends once; a second click finds the change sent and shows what came of it."""
        acting = self.acting()
        reason, confirmation = request.POST.get("reason", ""), request.POST.get("confirmation", "")
        typed: dict[str, Any] = {"reason": reason, "confirmation": confirmation}
        again = request.POST.get("again") == "1"
        try:
            change = workflow.change_send(**acting, reason=reason, confirmation=confirmation, again=again)
        except DuplicateChange as stop:
            return self.page(acting["change"], status=stop.status, twin=stop.twin, **typed)
        except ReasonRequired as stop:
            return self.page(acting["change"], status=stop.status, problem=stop.explanation, **typed)
        return unrecorded_page(change) or redirect(self.correction_url(change) or change_url(change))

    def correction_url(self, change: Change) -> str:
        """The form, where a refusal stands on its field; "" without a form or a field."""
        typed_here = change.typed and change.actor_id == self.request.user.pk
        return _resume_url(change) if typed_here and change.state == State.REFUSED and change.field else ""


class ChangeCancel(ChangeView):
    """POST /changes/<id>/cancel/: discards what waits for review."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Back to the entity, if it has a page."""
        change = workflow.change_cancel(**self.acting())
        url = entity_url(change.kind, change.connection, change.object_guid)
        return redirect(url if url and change.state == State.CANCELLED else change_url(change))


class ChangeAgain(ChangeView):
    """POST /changes/<id>/again/: tries once more what was not sent, or not found (then confirm=1)."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """To the new change."""
        acting = self.acting()
        try:
            change = workflow.change_again(**acting, confirmed=request.POST.get("confirm") == "1")
        except ReasonRequired as stop:
            return self.page(acting["change"], status=stop.status, again_problem=stop.explanation)
        return unrecorded_page(change) or redirect(change_url(change))


class ChangeCheck(ChangeView):
    """POST /changes/<id>/check/: asks the gateway what became of an unknown outcome."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Back to the change, which says what was found."""
        return redirect(change_url(workflow.change_check(**self.acting())))


class ChangeAdopt(ChangeView):
    """POST /changes/<id>/adopt/: a person says which entity it is (guid), or that none is (guid empty)."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Back to the change."""
        guid = request.POST.get("guid", "")[:128]
        return redirect(change_url(workflow.change_adopt(**self.acting(), guid=guid)))


class ChangeClose(ChangeView):
    """POST /changes/<id>/close/: a person looked at the gateway (seen=there or not_there, reason)."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Back to the change."""
        acting, seen = self.acting(), request.POST.get("seen", "")
        reason, guid = request.POST.get("reason", ""), request.POST.get("guid", "")[:128]
        try:
            if seen not in ("there", "not_there"):
                raise ReasonRequired("Say whether it is there or not.")
            change = workflow.change_close(**acting, is_there=seen == "there", reason=reason, guid=guid)
        except ReasonRequired as stop:
            return self.page(
                acting["change"], status=stop.status, close_problem=stop.explanation, reason=reason, seen=seen
            )
        return redirect(change_url(change))


class ChangeDismiss(ChangeView):
    """POST /changes/<id>/dismiss/: takes one's own refused change off the home page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Back to Home."""
        workflow.change_dismiss(user=request.user, change=self.change())
        return redirect("/")


class ChangeReveal(ChangeView):
    """POST /changes/<id>/reveal/: the generated secrets, once."""

    access = "connector.reveal_secret"
    step_up = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """A page that is never stored; opening it again does not show them again."""
        acting = self.acting()
        change = acting["change"]
        secrets = workflow.secrets_reveal(**acting)
        url = entity_url(change.kind, change.connection, change.object_guid)
        response = render(
            request, "changes/reveal.html", {"change": change, "secrets": secrets, "entity_url": url}
        )
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        return response


def _labelled(change: Change) -> list[dict[str, Any]]:
    """What the last look compared, with the labels of the change's rows."""
    labels = {row["field"]: row["label"] for row in change.rows}
    rows: list[dict[str, Any]] = change.inquiry.get("rows") or []
    return [{**row, "label": labels.get(row["field"]) or label_of(row["field"])} for row in rows]


def _resume_url(change: Change) -> str:
    """The form it was typed in, with what was typed; built by this program from its own addresses."""
    if not change.form_path:
        return ""
    return f"{change.form_path}{'&' if '?' in change.form_path else '?'}change={change.pk}"
