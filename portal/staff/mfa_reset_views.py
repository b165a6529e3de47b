"""Buttons on a user's page: request, approve or withdraw the removal of their second factors."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from portal.core.views import PortalView
from portal.staff.forms import ReasonForm
from portal.staff.mfa_resets import (
    approve_mfa_reset,
    request_mfa_reset,
    withdraw_mfa_reset,
)
from portal.staff.models import User
from portal.staff.user_page import finish_step, render_person_page


class ResetAskView(PortalView):
    """/staff/<id>/second-factor/: for users who lost their phone or key."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask a second admin, with the reason."""
        person, form = get_object_or_404(User, pk=pk), ReasonForm(request.POST)
        if not form.is_valid():
            return render_person_page(request, person, status=422, reason_form=form)
        said = "Request sent. Another admin can approve it on this page."
        return finish_step(request, person, request_mfa_reset, said, **form.cleaned_data)


class ResetApproveView(PortalView):
    """/staff/<id>/second-factor/approve/: for another admin than the one who asked."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Remove every second factor of the user."""
        person = get_object_or_404(User, pk=pk)
        said = f"The second factor of {person.called} was removed. They were signed out."
        return finish_step(request, person, approve_mfa_reset, said)


class ResetWithdrawView(PortalView):
    """/staff/<id>/second-factor/withdraw/: withdraw or decline the request."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Withdraw the request; the second factors stay."""
        person = get_object_or_404(User, pk=pk)
        return finish_step(
            request,
            person,
            withdraw_mfa_reset,
            "The request was withdrawn. The second factor was not removed.",
        )
