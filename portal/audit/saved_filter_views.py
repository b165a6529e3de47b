"""The page of saved filters: save the one just used, rename, share, delete."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.filters import parse_filters
from portal.audit.history import get_history
from portal.audit.models import SavedFilter
from portal.audit.recording import origin_of
from portal.audit.saved_filters import (
    FilterRefused,
    delete_filter,
    describe_filter,
    get_filters,
    get_roles_to_share_with,
    rename_filter,
    save_filter,
    share_filter,
    with_time_zone,
)
from portal.audit.views import filter_query, zone_of
from portal.core.field_types import TextField
from portal.core.views import PortalView

_NOBODY = "No one (personal)"


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


def _saves_shared(request: HttpRequest, **_: Any) -> bool:
    """Return whether the filter is saved for a whole role, which requires step-up."""
    return request.method == "POST" and bool(request.POST.get("role"))


def _shares(request: HttpRequest, **_: Any) -> bool:
    """Return whether the filter is shared or withdrawn, which requires step-up."""
    return request.method == "POST" and request.POST.get("do") == "share"


class SavedFiltersView(PortalView):
    """/audit/filters/ — my filters and those shared with my role; with a filter in the address, saves it."""

    access = "audit.view"
    step_up = staticmethod(_saves_shared)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list, and the form if there is a filter to save."""
        return self._page(request, SaveForm(may_share=_may_share(request)), 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the filter in the address; 422 without a name, for a name in use, or without a filter."""
        form = SaveForm(request.POST, may_share=_may_share(request))
        if not form.is_valid():
            return self._page(request, form, 422)
        query = filter_query(parse_filters(request.GET, zone_of(request)))
        try:
            save_filter(by=request.user, origin=origin_of(request), query=query, **form.cleaned_data)
        except FilterRefused as refusal:
            form.add_error("name", str(refusal))
            return self._page(request, form, 422)
        messages.success(request, f"“{form.cleaned_data['name']}” saved.")
        return redirect("audit:filters")

    def _page(self, request: HttpRequest, form: SaveForm, status: int) -> HttpResponse:
        wanted = parse_filters(request.GET, zone_of(request))
        context = {
            "tab": "filters",
            "rows": [_row(request, saved) for saved in get_filters(request.user)],
            "form": form if wanted.values else None,
            "filter_words": with_time_zone(wanted, request.user).said,
            "roles": _role_choices() if _may_share(request) else [],
        }
        return render(request, "audit/filters.html", context, status=status)


class SavedFilterView(PortalView):
    """/audit/filters/<id>/: what happened to it; rename, share or delete. Whose it is decides the service."""

    access = "audit.view"
    step_up = staticmethod(_shares)

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
        try:
            messages.success(request, _apply_action(request, saved))
        except FilterRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:filters")


def _apply_action(request: HttpRequest, saved: SavedFilter) -> str:
    acting: dict[str, Any] = {"by": request.user, "origin": origin_of(request), "saved": saved}
    do, name = request.POST.get("do", ""), saved.name
    if do == "delete":
        delete_filter(**acting)
        return f"“{name}” deleted."
    if do == "share":
        share_filter(**acting, role=request.POST.get("role", ""))
        shared = f"everyone with the role {saved.role}" if saved.role else "no one now"
        return f"“{name}” is shared with {shared}."
    new = request.POST.get("name", "").replace("\0", "").strip()[:80]
    if do != "rename" or not new:
        raise FilterRefused("Give the filter a name.")
    rename_filter(**acting, name=new)
    return f"“{name}” was renamed to “{new}”."


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
    return [("", _NOBODY), *((role, f"Everyone with the role {role}") for role in get_roles_to_share_with())]
