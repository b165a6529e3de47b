"""The form for a user's name and email."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import DetailsForm
from portal.staff.models import User
from portal.staff.user_details import change_details
from portal.staff.user_page import finish_step


class DetailsView(PortalView):
    """/staff/<id>/details/: of another user; the username stays."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the form."""
        person = get_object_or_404(User, pk=pk)
        return _page(request, person, drafted(request, partial(DetailsForm, instance=person)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Store the values, or show the form again."""
        person = get_object_or_404(User, pk=pk)
        form = DetailsForm(request.POST, instance=User.objects.get(pk=pk))
        if not form.is_valid():
            return _page(request, person, form, 422)
        return finish_step(request, person, change_details, "Name and email saved.", **form.cleaned_data)


def _page(request: HttpRequest, person: User, form: DetailsForm, status: int = 200) -> HttpResponse:
    return render(request, "staff/user_details.html", {"person": person, "form": form}, status=status)
