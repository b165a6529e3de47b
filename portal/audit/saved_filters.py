"""Saved filters of the explorer: a person's own, those shared with everyone of a role, and their page."""

from dataclasses import replace
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.filters import TIMES, EventFilter, get_user_zone, parse_filters, read_filters
from portal.audit.history import get_history
from portal.audit.list_tables import FILTER_COLUMNS
from portal.audit.models import SavedFilter
from portal.audit.recording import ObjectRef, Origin, origin_of, record_event
from portal.audit.search import select_events
from portal.core.field_types import TextField
from portal.core.forms import show_refusal
from portal.core.tables import Table
from portal.core.views import PortalView

MAX_FILTERS = 50  # of one person, and shared with one role


class FilterRefused(Exception):  # noqa: N818 - reads as what happened
    """The filter cannot be saved so; the text says why, for people."""


def get_filters(user: Any) -> QuerySet[SavedFilter]:
    """Return the filters that the user may open, by name: their own and those shared with their role."""
    shared = Q(role=user.role) & ~Q(role="")
    return SavedFilter.objects.filter(Q(owner=user) | shared).select_related("owner").order_by("name", "pk")


def get_roles_to_share_with() -> list[str]:
    """Return the roles that may read the trail."""
    readers = Group.objects.filter(permissions__codename="view", permissions__content_type__app_label="audit")
    return list(readers.order_by("name").values_list("name", flat=True))


def describe_filter(saved: SavedFilter) -> str:
    """Return the filter in words."""
    return parse_filters(QueryDict(saved.query[:4000]), UTC).said


def with_time_zone(wanted: EventFilter, by: Any) -> EventFilter:
    """Return the filter with its time zone, so that users in other zones find the same events."""
    if not wanted.values.keys() & set(TIMES) or "zone" in wanted.values:
        return wanted
    return replace(wanted, values={**wanted.values, "zone": str(get_user_zone(by))})


def save_filter(*, by: Any, origin: Origin, name: str, query: str, role: str = "") -> SavedFilter:
    """Save a filter under a name, and share it if a role is given. Its days are those of the saver's zone.

    Raises FilterRefused, PermissionDenied for sharing without the right, AuditUnavailable.
    """
    wanted = with_time_zone(parse_filters(QueryDict(query[:4000]), UTC), by)
    if not wanted.values:
        raise FilterRefused("There is no filter to save. Choose a filter first, then give it a name.")
    if problems := select_events(wanted).problems:
        raise FilterRefused(f"This filter has errors: {' '.join(problems.values())}")
    if SavedFilter.objects.filter(owner=by).count() >= MAX_FILTERS:
        raise FilterRefused(f"You already have {MAX_FILTERS} saved filters. Delete one first.")
    with transaction.atomic():
        saved = _save_unique(SavedFilter(owner=by, name=name, query=wanted.query))
        if role:
            share_filter(by=by, origin=origin, saved=saved, role=role)
    return saved


def share_filter(*, by: Any, origin: Origin, saved: SavedFilter, role: str) -> None:
    """Share a filter with a role, or stop sharing it for "". This is recorded, because others see it.

    Raises FilterRefused, PermissionDenied, AuditUnavailable.
    """
    _authorise(by, saved, sharing=True)
    if role == saved.role:
        return
    if role and role not in get_roles_to_share_with():
        raise FilterRefused("This role does not have access to the audit trail.")
    if role and SavedFilter.objects.filter(role=role).count() >= MAX_FILTERS:
        raise FilterRefused(
            f"{MAX_FILTERS} filters are already shared with this role. Stop sharing one first."
        )
    with transaction.atomic():
        before, saved.role = saved.role, role
        saved.save(update_fields=["role"])
        _record("filter.shared" if role else "filter.withdrawn", origin, saved, role or before)


def rename_filter(*, by: Any, origin: Origin, saved: SavedFilter, name: str) -> None:
    """Rename a filter. Raises FilterRefused for a name in use, PermissionDenied, AuditUnavailable."""
    _authorise(by, saved, sharing=bool(saved.role))
    before, saved.name = saved.name, name
    with transaction.atomic():
        _save_unique(saved)
        if saved.role:
            _record("filter.renamed", origin, saved, saved.role, was=before)


def delete_filter(*, by: Any, origin: Origin, saved: SavedFilter) -> None:
    """Delete a filter, also for those it is shared with. Raises PermissionDenied, AuditUnavailable."""
    _authorise(by, saved, sharing=bool(saved.role))
    with transaction.atomic():
        if saved.role:
            _record("filter.withdrawn", origin, saved, saved.role)
        saved.delete()


def withdraw_filters(*, origin: Origin, role: str) -> None:
    """Stop sharing filters with a role that is deleted, and record each."""
    for saved in SavedFilter.objects.filter(role=role).order_by("pk"):
        saved.role = ""
        saved.save(update_fields=["role"])
        _record("filter.withdrawn", origin, saved, role)


def _authorise(by: Any, saved: SavedFilter, *, sharing: bool) -> None:
    """Allow the owner, or for a shared filter everyone who may share. Raises PermissionDenied."""
    owns, shares = saved.owner_id == by.pk, by.has_perm("audit.share_filter")
    if not (shares if sharing and (owns or saved.role) else owns):
        raise PermissionDenied("may not change this saved filter")


def _save_unique(saved: SavedFilter) -> SavedFilter:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise FilterRefused(f"A filter named “{saved.name}” already exists. Choose another name.") from error
    return saved


def _record(action: str, origin: Origin, saved: SavedFilter, role: str, *, was: str = "") -> None:
    record_event(
        action=action,
        origin=origin,
        object=ObjectRef("filter", str(saved.pk), saved.name),
        message=f"{role}, {describe_filter(saved)}",
        before={"name": was} if was else None,
        after={"name": saved.name} if was else None,
    )


class SaveForm(forms.Form):
    """A name, and for those who may share, with which role."""

    name = TextField(max_length=80, label="Name", help_text="For example, “Refused in production”.")
    role = forms.ChoiceField(required=False, label="Share with")

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_share:
            self.fields["role"].choices = _role_choices()  # type: ignore[attr-defined]
        else:
            del self.fields["role"]


class SavedFiltersView(PortalView):
    """/audit/filters/ — my filters and those shared with my role; with a filter in the address, saves it."""

    access = "audit.view"

    @staticmethod
    def step_up(request: HttpRequest, **_: Any) -> bool:
        """Return whether the filter is saved for a whole role, which requires step-up."""
        return request.method == "POST" and bool(request.POST.get("role"))

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list, and the form if there is a filter to save."""
        return self._page(request, SaveForm(may_share=_may_share(request)), 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the filter in the address; 422 without a name, for a name in use, or without a filter."""
        form = SaveForm(request.POST, may_share=_may_share(request))
        if not form.is_valid():
            return self._page(request, form, 422)
        query = read_filters(request).query
        try:
            save_filter(by=request.user, origin=origin_of(request), query=query, **form.cleaned_data)
        except FilterRefused as refusal:
            show_refusal(form, refusal, field="name")
            return self._page(request, form, 422)
        messages.success(request, f"“{form.cleaned_data['name']}” saved.")
        return redirect("audit:filters")

    def _page(self, request: HttpRequest, form: SaveForm, status: int) -> HttpResponse:
        wanted, roles = read_filters(request), _role_choices() if _may_share(request) else []
        rows = [{**_row(request, saved), "roles": roles} for saved in get_filters(request.user)]
        context = {
            "tab": "filters",
            "table": Table(request, FILTER_COLUMNS, rows, label="Saved filters"),
            "form": form if wanted.values else None,
            "filter_words": with_time_zone(wanted, request.user).said,
        }
        return render(request, "audit/filters.html", context, status=status)


class SavedFilterView(PortalView):
    """/audit/filters/<id>/: what happened to it; rename, share or delete. Whose it is decides the service."""

    access = "audit.view"

    @staticmethod
    def step_up(request: HttpRequest, **_: Any) -> bool:
        """Return whether the filter is shared or withdrawn, which requires step-up."""
        return request.method == "POST" and request.POST.get("do") == "share"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the filter and its history; 404 if the user may not open it."""
        saved = get_object_or_404(get_filters(request.user), pk=pk)
        context = {
            "row": _row(request, saved),
            "roles": _role_choices() if _may_share(request) else [],
            "history": get_history(connection="", guid=str(pk), kind="filter", query=request.GET),
        }
        return render(request, "audit/filter.html", context)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Rename, share or delete the filter, as `do` says; 404 if the user may not open it."""
        saved = get_object_or_404(get_filters(request.user), pk=pk)
        acting: dict[str, Any] = {"by": request.user, "origin": origin_of(request), "saved": saved}
        do, name = request.POST.get("do", ""), saved.name
        new = request.POST.get("name", "").replace("\0", "").strip()[:80]
        try:
            if do == "delete":
                delete_filter(**acting)
                said = f"“{name}” deleted."
            elif do == "share":
                share_filter(**acting, role=request.POST.get("role", ""))
                shared = f"everyone with the role {saved.role}" if saved.role else "no one now"
                said = f"“{name}” is shared with {shared}."
            elif do == "rename" and new:
                rename_filter(**acting, name=new)
                said = f"“{name}” was renamed to “{new}”."
            else:
                raise FilterRefused("Give the filter a name.")
            messages.success(request, said)
        except FilterRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:filters")


def _row(request: HttpRequest, saved: SavedFilter) -> dict[str, Any]:
    """Return a filter for the page: described, with its owner and whether the user may change it."""
    mine = saved.owner_id == request.user.pk
    return {
        "saved": saved,
        "words": describe_filter(saved),
        "mine": mine,
        "may_change": _may_share(request) if saved.role else mine,
    }


def _may_share(request: HttpRequest) -> bool:
    return request.user.has_perm("audit.share_filter")


def _role_choices() -> list[tuple[str, str]]:
    return [
        ("", "No one (personal)"),
        *((role, f"Everyone with the role {role}") for role in get_roles_to_share_with()),
    ]
