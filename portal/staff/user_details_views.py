"""The form for a person's name and email."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import DetailsForm
from portal.staff.models import User
from portal.staff.user_details import details_change
from portal.staff.user_page import step_done


class DetailsView(PortalView):
    """/staff/<id>/details/ — of another person; the user name stays."""

    access = "staff.update"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form as it stands."""
        person = get_object_or_404(User, pk=pk)
        return _page(request, person, drafted(request, partial(DetailsForm, instance=person)))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stores it, or says what is wrong."""
        person = get_object_or_404(User, pk=pk)
        form = DetailsForm(request.POST, instance=User.objects.get(pk=pk))
        if not form.is_valid():
            return _page(request, person, form, 422)
        return step_done(request, person, details_change, "Name and email saved.", **form.cleaned_data)


def _page(request: HttpRequest, person: User, form: DetailsForm, status: int = 200) -> HttpResponse:
    return render(request, "staff/user_details.html", {"person": person, "form": form}, status=status)
