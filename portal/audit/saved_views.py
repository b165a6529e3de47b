"""The page of saved filters: save the one just used, rename, share, delete."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.filters import wanted_of
from portal.audit.models import SavedFilter
from portal.audit.saved import (
    FilterRefused,
    filter_delete,
    filter_rename,
    filter_save,
    filter_share,
    filter_words,
    filters_for,
    roles_to_share_with,
)
from portal.audit.services import origin_of
from portal.audit.views import filter_query, zone_of
from portal.console.views import PortalView

_NOBODY = "nobody, it is personal"


class SaveForm(forms.Form):
    """A name, and for those who may share, with which role."""

    name = forms.CharField(max_length=80, label="Name", help_text="For example “Refused in production”.")
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

    def get(self, request: HttpRequest) -> HttpResponse:
        """The list, and the form if there is something to save."""
        return self._page(request, SaveForm(may_share=_may_share(request)), 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Saves the filter of the address; 422 without a name, with one in use, or without a filter."""
        form = SaveForm(request.POST, may_share=_may_share(request))
        if not form.is_valid():
            return self._page(request, form, 422)
        query = filter_query(wanted_of(request.GET, zone_of(request)))
        try:
            filter_save(by=request.user, origin=origin_of(request), query=query, **form.cleaned_data)
        except FilterRefused as refusal:
            form.add_error("name", str(refusal))
            return self._page(request, form, 422)
        messages.success(request, f"“{form.cleaned_data['name']}” is saved.")
        return redirect("audit:filters")

    def _page(self, request: HttpRequest, form: SaveForm, status: int) -> HttpResponse:
        wanted, may_share = wanted_of(request.GET, zone_of(request)), _may_share(request)
        rows = [
            {
                "saved": saved,
                "words": filter_words(saved),
                "mine": saved.owner_id == request.user.pk,
                "may_change": may_share if saved.role else saved.owner_id == request.user.pk,
            }
            for saved in filters_for(request.user)
        ]
        context = {
            "tab": "filters",
            "rows": rows,
            "form": form if wanted.values else None,
            "filter_words": wanted.said,
            "roles": _role_choices() if may_share else [],
        }
        return render(request, "audit/filters.html", context, status=status)


class SavedFilterView(PortalView):
    """POST /audit/filters/<id>/: rename, share or delete. Whose it is decides the service."""

    access = "audit.view"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What `do` says; 404 for a filter that the person may not even open."""
        saved = get_object_or_404(filters_for(request.user), pk=pk)
        try:
            messages.success(request, _done(request, saved))
        except FilterRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("audit:filters")


def _done(request: HttpRequest, saved: SavedFilter) -> str:
    acting: dict[str, Any] = {"by": request.user, "origin": origin_of(request), "saved": saved}
    do, name = request.POST.get("do", ""), saved.name
    if do == "delete":
        filter_delete(**acting)
        return f"“{name}” is deleted."
    if do == "share":
        filter_share(**acting, role=request.POST.get("role", ""))
        shared = f"everybody of the role {saved.role}" if saved.role else "nobody any more"
        return f"“{name}” is shared with {shared}."
    new = request.POST.get("name", "").replace("\0", "").strip()[:80]
    if do != "rename" or not new:
        raise FilterRefused("Give the filter a name.")
    filter_rename(**acting, name=new)
    return f"“{name}” is now called “{new}”."


def _may_share(request: HttpRequest) -> bool:
    return request.user.has_perm("audit.share_filter")


def _role_choices() -> list[tuple[str, str]]:
    return [("", _NOBODY), *((role, f"everybody of the role {role}") for role in roles_to_share_with())]
