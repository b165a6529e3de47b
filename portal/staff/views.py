"""Pages about users: the list, the form for a new one, and one's own profile."""

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from portal.audit.recording import origin_of
from portal.core.bidi import isolate
from portal.core.forms import show_refusal
from portal.core.permissions import describe_permissions
from portal.core.tables import Column, Table, TimeColumn, secondary
from portal.core.view_access import SIGNED_IN
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.staff.forms import ProfileForm, UserForm
from portal.staff.identity import get_user
from portal.staff.mfa_resets import get_open_resets
from portal.staff.models import User
from portal.staff.password_links import deliver_link
from portal.staff.roles import get_roles
from portal.staff.services import StaffRefused, create_user
from portal.staff.user_page import record_refusal, render_status

COLUMNS = (
    Column(
        label="Name",
        value=lambda user: format_html(
            '<a href="{}">{}</a>', reverse("staff:page", args=[user.pk]), isolate(user.called)
        ),
    ),
    Column(label="Username", value=lambda user: user.username),
    Column(
        label="Role",
        value=lambda user: "".join(group.name for group in user.groups.all()) or secondary("none"),
    ),
    Column(label="Status", value=render_status),
    TimeColumn(label="Last sign-in", value=lambda user: user.last_login, empty="never"),
)


class StaffListView(PortalView):
    """/staff/: all users, with role and status."""

    access = "staff.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the list on one page, as a team is small."""
        users: QuerySet[User] = User.objects.prefetch_related("groups").select_related("password_link")
        table = Table(request, COLUMNS, users.order_by("-is_active", "username"), label="Staff")
        return render(request, "staff/list.html", {"table": table, "resets": get_open_resets()})


class UserCreateView(PortalView):
    """/staff/new/: invite a user; the response shows the one-time link once, or says that it was mailed."""

    access = "staff.create"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the empty form."""
        return self._form(request, drafted(request, UserForm))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create the user, or show the form again."""
        form = UserForm(request.POST, by_mail="mail" in request.POST)
        if not form.is_valid():
            return self._form(request, form, 422)
        try:
            user = create_user(by=get_user(request), origin=origin_of(request), **form.cleaned_data)
            return deliver_link(request, user, by_mail=form.by_mail)
        except StaffRefused as refusal:
            record_refusal(request, refusal)
            show_refusal(form, refusal)
            return self._form(request, form, 422)

    def _form(self, request: HttpRequest, form: UserForm, status: int = 200) -> HttpResponse:
        known = get_roles().items()
        roles = [(role, describe_permissions(held)) for role, held in known]
        context = {"form": form, "roles": roles, "mail_on": settings.MAIL_ON}
        return render(request, "staff/new.html", context, status=status)


class ProfileView(PortalView):
    """/accounts/profile/: one's own time zone, role and permissions."""

    access = SIGNED_IN

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the profile of the signed-in user."""
        return self._page(request, ProfileForm(instance=get_user(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store the time zone."""
        form = ProfileForm(request.POST, instance=User.objects.get(pk=get_user(request).pk))
        if not form.is_valid():
            return self._page(request, form, 422)
        form.save()
        messages.success(request, "Saved. Times are now shown in your time zone.")
        return redirect("staff:profile")

    def _page(self, request: HttpRequest, form: ProfileForm, status: int = 200) -> HttpResponse:
        user = get_user(request)
        context = {
            "form": form,
            "rights": describe_permissions(user.get_all_permissions()),
            "limits": [str(scope) for scope in user.tenant_scopes.all()] if user.is_limited else None,
        }
        return render(request, "staff/profile.html", context, status=status)
