"""The page where an admin sets a user's tenant access. It needs the tenants' names from the index."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from portal.audit.recording import origin_of
from portal.core.context_processors import get_connections
from portal.core.forms import show_refusal
from portal.core.views import PortalView
from portal.directory.services import refresh_list_if_stale, visible_entities
from portal.form_drafts.forms import drafted
from portal.staff.forms import WhyForm
from portal.staff.identity import get_user
from portal.staff.models import User
from portal.staff.services import StaffRefused
from portal.staff.tenant_access import TenantRef, change_tenant_access
from portal.staff.user_page import record_refusal

Offer = dict[str, list[tuple[TenantRef, str]]]


class TenantAccessForm(WhyForm):
    """All tenants, or the selected ones."""

    ids = "id_%s"
    field_order = ("where", "places", "reason")

    where = forms.ChoiceField(
        label="Access to",
        choices=[("everywhere", "All tenants"), ("limited", "Only the tenants selected below")],
        widget=forms.RadioSelect,
        help_text="Limited users only see the selected tenants and have no portal-wide permissions, such as "
        "the audit trail, staff or stored credentials, whatever their role.",
    )
    places = forms.MultipleChoiceField(label="Tenants", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, offer: Offer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = {_key(place): place for places in offer.values() for place, _label in places}
        field = self.fields["places"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (title, [(_key(place), label) for place, label in places]) for title, places in offer.items()
        ]
        field.choice_help = {key: place.tenant_guid for key, place in self._known.items()}  # type: ignore[attr-defined]

    def chosen(self) -> list[TenantRef] | None:
        """Return the tenants of a valid form; None for all."""
        if self.cleaned_data["where"] == "everywhere":
            return None
        return [self._known[key] for key in self.cleaned_data["places"]]


class TenantAccessView(PortalView):
    """`/staff/<id>/tenants/`: the tenant access of a user."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form with the current access."""
        person = get_object_or_404(User, pk=pk)
        held = [_key(_place(scope)) for scope in person.tenant_scopes.all()]
        initial = {"where": "limited" if person.is_limited else "everywhere", "places": held}
        form = drafted(
            request, partial(TenantAccessForm, initial=initial, offer=list_choices(request, person))
        )
        return self._page(request, person, form)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set the access, or show what is wrong."""
        person = get_object_or_404(User, pk=pk)
        form = TenantAccessForm(request.POST, offer=list_choices(request, person))
        try:
            if form.is_valid():
                change_tenant_access(
                    by=get_user(request),
                    origin=origin_of(request),
                    user=person,
                    places=form.chosen(),
                    reason=form.cleaned_data["reason"],
                )
                messages.success(request, "Tenant access updated.")
                return redirect("staff:page", pk=person.pk)
        except StaffRefused as refusal:
            record_refusal(request, refusal)
            show_refusal(form, refusal)
        return self._page(request, person, form, 422)

    def _page(
        self, request: HttpRequest, person: User, form: TenantAccessForm, status: int = 200
    ) -> HttpResponse:
        context = {"person": person, "form": form, "is_self": request.user.pk == person.pk}
        return render(request, "staff/tenant_access.html", context, status=status)


def list_choices(request: HttpRequest, person: User) -> Offer:
    """Return connection name → (tenant, label): all tenants, each tenant, and set tenants no longer known."""
    offer: Offer = {}
    held = [_place(scope) for scope in person.tenant_scopes.all()]
    for connection in get_connections(request):
        refresh_list_if_stale(connection=connection.slug, kind="tenant")
        rows = visible_entities(user=get_user(request), connection=connection.slug, kind="tenant")
        known = [TenantRef(connection.slug, row.guid, row.name) for row in rows.order_by("sort_key")]
        whole = TenantRef(connection.slug)
        offer[connection.name] = [(whole, "All tenants, including future ones")]
        offer[connection.name] += [(place, place.tenant_name or place.tenant_guid) for place in known]
    listed = {_key(place) for places in offer.values() for place, _label in places}
    lost = [
        (place, f"{place.connection}: {place.tenant_name}") for place in held if _key(place) not in listed
    ]
    return offer | ({"No longer known": lost} if lost else {})


def _place(scope: Any) -> TenantRef:
    return TenantRef(scope.connection, scope.tenant_guid, scope.tenant_name)


def _key(place: TenantRef) -> str:
    return f"{place.connection}/{place.tenant_guid}"
