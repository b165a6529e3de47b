"""Buttons on a person's page: ask for the reset of their second factor, approve it, withdraw it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from portal.core.views import PortalView
from portal.staff.forms import ReasonForm
from portal.staff.mfa_resets import (
    second_factor_reset_approve,
    second_factor_reset_ask,
    second_factor_reset_withdraw,
)
from portal.staff.models import User
from portal.staff.user_page import person_page, step_done


class ResetAskView(PortalView):
    """/staff/<id>/second-factor/ — for somebody who lost their phone or key."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks a second admin, with the reason."""
        person, form = get_object_or_404(User, pk=pk), ReasonForm(request.POST)
        if not form.is_valid():
            return person_page(request, person, status=422, reason_form=form)
        said = "Request sent. Another admin can approve it on this page."
        return step_done(request, person, second_factor_reset_ask, said, **form.cleaned_data)


class ResetApproveView(PortalView):
    """/staff/<id>/second-factor/approve/ — by another admin than the one who asked."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Removes every second factor of the person."""
        person = get_object_or_404(User, pk=pk)
        said = f"The second factor of {person.called} was removed. They were signed out."
        return step_done(request, person, second_factor_reset_approve, said)


class ResetWithdrawView(PortalView):
    """/staff/<id>/second-factor/withdraw/ — takes the request back or declines it."""

    access = "staff.update"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Nothing happens to the second factor."""
        person = get_object_or_404(User, pk=pk)
        return step_done(
            request,
            person,
            second_factor_reset_withdraw,
            "The request was withdrawn. The second factor was not removed.",
        )
