"""Pages of the connections: the list, one of them, adding, changing, pausing and resuming."""

from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.audit.history import get_history
from portal.audit.recording import AuditUnavailable, origin_of
from portal.connections.credential_actions import RIGHT, destroy_expired_credentials
from portal.connections.forms import ConnectionForm, PauseForm
from portal.connections.optimistic_lock import FIELDS, ChangedConcurrently, get_connection_digest
from portal.connections.services import add_connection, set_connection_paused, update_connection
from portal.core.bidi import isolate
from portal.core.context_processors import get_connections, is_connection_hidden
from portal.core.datetimes import format_age
from portal.core.errors import HiddenNotFound
from portal.core.forms import show_refusal
from portal.core.status_badges import get_colour
from portal.core.tables import Column, Table
from portal.core.templatetags.portal import badge
from portal.core.views import PortalView
from portal.form_drafts.forms import drafted
from portal.form_drafts.services import open_draft
from portal.staff.tenant_access import get_tenant_access
from provisioning.credentials.credential_lifecycle import get_expiry
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import get_connection_status


def render_credential(credential: Credential | None) -> SafeString:
    """Return how long a connection's credential has been active, and what is wrong with it."""
    if credential is None:
        return badge("missing", "red")
    badges = [badge("suspect")] if credential.suspect_since else []
    badges += [badge("due")] if credential.is_due else []
    activated = format_html("activated {}", format_age(credential.in_use_since))
    return format_html_join(" ", "{}", ((part,) for part in (activated, *badges)))


# A row is a connection and its active credential, or None.
COLUMNS = (
    Column(
        label="Connection",
        value=lambda row: format_html(
            '<span class="env-dot env-{}"></span>&nbsp;<a href="{}">{}</a>',
            get_colour(row[0].colour),
            reverse("connections:page", args=[row[0].slug]),
            isolate(row[0].name),
        ),
        is_heading=True,
    ),
    Column(
        label="Environment",
        value=lambda row: format_html(
            "{} {}", badge(row[0].kind), badge("paused") if row[0].is_paused else ""
        ),
    ),
    Column(label="Address", value=lambda row: format_html("<code>{}</code>", row[0].base_url)),
    Column(label="Credential", value=lambda row: render_credential(row[1])),
    Column(label="Last accepted", value=lambda row: format_age(row[1] and row[1].last_success_at)),
    Column(label="Last rejected", value=lambda row: format_age(row[1] and row[1].last_failure_at)),
)


class ConnectionListPage(PortalView):
    """List the connections and the state of their credentials."""

    access = "connection.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show all connections on one page."""
        rows = [(row, find_version(row, Credential.State.ACTIVE)) for row in load_connections(request)]
        limited = not get_tenant_access(request.user).everywhere
        columns = [column for column in COLUMNS if column.label != "Address" or not limited]
        table = Table(request, columns, rows, label="Connections", css="card-table")
        return render(request, "connections/list.html", {"table": table})


class ConnectionPage(PortalView):
    """Show one connection: its address, tenant and the history of its credential, never its values."""

    access = "connection.view"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Show the connection, its credential versions and its history; less to users with limited access."""
        return self.page(request, connection)

    def page(
        self, request: HttpRequest, connection: str, *, form: PauseForm | None = None, status: int = 200
    ) -> HttpResponse:
        """Show the same page with the errors of the pause form."""
        if not get_tenant_access(request.user).everywhere:
            return self.outline(request, get_connection_or_404(request, connection))
        destroy_expired_credentials()
        found = get_object_or_404(load_connections(request), slug=connection)
        previous = find_version(found, Credential.State.PREVIOUS)
        context = {
            "subject": found,
            "form": form or PauseForm(paused=not found.is_paused),
            "active": find_version(found, Credential.State.ACTIVE),
            "previous": previous,
            "expires_at": get_expiry(previous) if previous else None,
            "waiting": find_version(found, *Credential.ON_ITS_WAY),
            "history": get_history(connection=found.slug, guid=found.slug, query=request.GET),
        }
        return render(request, "connections/page.html", context, status=status)

    def outline(self, request: HttpRequest, subject: Connection) -> HttpResponse:
        """Show only name, kind and status: the rest names tenants and users that this user must not see."""
        context = {"subject": subject, "connection_status": get_connection_status(subject)}
        return render(request, "connections/outline.html", context)


class ConnectionFormPage(PortalView):
    """Show the form for adding or changing a connection, with its errors."""

    def page(
        self, request: HttpRequest, form: ConnectionForm, subject: Connection | None, status: int = 200
    ) -> HttpResponse:
        """Render the form of a connection."""
        draft = open_draft(request) if request.method == "GET" else None
        # A draft is about what was stored when its form was opened.
        seen = draft.fields.get("seen", "") if draft else get_connection_digest(subject) if subject else ""
        context = {"form": form, "subject": subject, "seen": seen}
        return render(request, "connections/form.html", context, status=status)


class ConnectionCreatePage(ConnectionFormPage):
    """Add a connection at /connections/new/. Its credential is entered afterwards."""

    access = "connection.create"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the empty form or the unsent one."""
        return self.page(request, drafted(request, ConnectionForm), None)

    def post(self, request: HttpRequest) -> HttpResponse:
        """On to the credential of the new connection, or the form with what is wrong."""
        form = ConnectionForm(request.POST)
        if not form.is_valid():
            return self.page(request, form, None, 422)
        try:
            made = add_connection(user=request.user, origin=origin_of(request), values=form.cleaned_data)
        except AuditUnavailable as error:
            show_refusal(form, error)
            return self.page(request, form, None, 503)
        messages.success(request, f"{made.name} added. Now enter its credential.")
        return redirect("connections:reset", connection=made.slug)


class ConnectionEditPage(ConnectionFormPage):
    """Edit a connection at /connections/<slug>/edit/."""

    access = "connection.update"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Show the form with the stored values."""
        found = get_connection_or_404(request, connection)
        form = drafted(
            request, lambda data: ConnectionForm(data, instance=found, fixed=_is_address_fixed(request))
        )
        return self.page(request, form, found)

    def post(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Back to the connection's page, or the form with what is wrong."""
        found = get_connection_or_404(request, connection)
        # Checking a model form writes onto its instance: what is stored is shown beside it.
        stored = Connection.objects.get(pk=found.pk)
        form = ConnectionForm(request.POST, instance=stored, fixed=_is_address_fixed(request))
        if not form.is_valid():
            return self.page(request, form, found, 422)
        try:
            changed, destroyed = update_connection(
                user=request.user,
                origin=origin_of(request),
                connection=found,
                values=form.cleaned_data,
                seen=request.POST.get("seen", ""),
            )
        except ChangedConcurrently:
            return self.page(request, compare_with_stored(form, found), found, 409)
        except AuditUnavailable as error:
            show_refusal(form, error)
            return self.page(request, form, found, 503)
        if destroyed:
            messages.warning(
                request, "The address was changed, so the stored credential was deleted. Enter it again."
            )
        messages.success(request, f"{changed.name} saved.")
        return redirect("connections:page", connection=changed.slug)


class ConnectionPauseView(ConnectionPage):
    """Make a connection read-only, or end that, at /connections/<slug>/pause/ and …/resume/."""

    access = "connection.update"
    http_method_names = ["post"]
    paused: ClassVar[bool] = True

    def post(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Back to the connection's page, or it asks why."""
        found, form = get_connection_or_404(request, connection), PauseForm(request.POST, paused=self.paused)
        if not form.is_valid():
            return self.page(request, connection, form=form, status=422)
        set_connection_paused(
            user=request.user,
            origin=origin_of(request),
            connection=found,
            paused=self.paused,
            reason=form.cleaned_data["reason"],
        )
        result = (
            "is paused: it is read-only. Nobody can send changes." if self.paused else "is no longer paused."
        )
        messages.success(request, f"{found.name} {result}")
        return redirect("connections:page", connection=found.slug)


def _is_address_fixed(request: HttpRequest) -> bool:
    """Return whether this user must not change the base URL, which decides where credentials are sent."""
    return not request.user.has_perm(RIGHT)


def compare_with_stored(form: ConnectionForm, stored: Connection) -> ConnectionForm:
    """Return the form as typed, with the stored value beside each field that differs."""
    form.add_error(
        None,
        "Someone changed this connection after you opened the form, so your changes were not saved. "
        "Check them and save again if you still want to.",
    )
    for name in FIELDS:
        if getattr(form.instance, name) != getattr(stored, name):
            form.add_error(name, f"Currently stored: “{getattr(stored, name)}”.")
    return form


def get_connection_or_404(request: HttpRequest, slug: str) -> Connection:
    """Return the connection of the address. Raises HiddenNotFound if there is none for this user."""
    found = next((known for known in get_connections(request) if known.slug == slug), None)
    if found is None:
        raise HiddenNotFound(beyond=is_connection_hidden(request, slug))
    return found


def load_connections(request: HttpRequest) -> QuerySet[Connection]:
    """Return the user's connections with all versions, newest first, without the encrypted columns."""
    versions = Credential.objects.defer("sealed_api_key", "sealed_password").order_by("-version")
    rows = Connection.objects.filter(pk__in=[known.pk for known in get_connections(request)]).order_by("name")
    return rows.prefetch_related(Prefetch("credentials", queryset=versions))


def find_version(connection: Connection, *states: Any) -> Credential | None:
    """Return the version in one of these states; the connection must have its versions loaded."""
    return next((known for known in connection.credentials.all() if known.state in states), None)
