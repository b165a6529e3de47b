"""Pages of the connections: the list, one connection, and the reset of its credential."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from portal.audit.services import AuditUnavailable, history_of, origin_of
from portal.connections.forms import CredentialForm
from portal.connections.services import Failure, credential_prove_and_reset
from portal.console.views import PortalView
from provisioning.connections.models import Connection, Credential
from provisioning.keyring import KeyringError


class ConnectionListPage(PortalView):
    """Which gateways there are and how their credentials fare."""

    access = "connection.view"

    def get(self, request: HttpRequest) -> HttpResponse:
        """All of them: there are a handful."""
        return render(request, "connections/list.html", {"rows": _with_credentials()})


class ConnectionPage(PortalView):
    """One gateway: address, own tenant, the credential's fingerprint, age and fate. Never its values."""

    access = "connection.view"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """The connection, the versions of its credential and what happened to it."""
        found = get_object_or_404(_with_credentials(), slug=connection)
        events = history_of(connection=found.slug, guid=found.slug)
        return render(request, "connections/page.html", {"subject": found, "events": events})


@method_decorator(sensitive_post_parameters(), name="dispatch")
class CredentialResetPage(PortalView):
    """A new API key and password: tested at the gateway, then active in every worker at once."""

    access = "credential.reset"

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """The empty form."""
        return self._page(request, get_object_or_404(_with_credentials(), slug=connection), CredentialForm())

    def post(self, request: HttpRequest, connection: str) -> HttpResponse:
        """To the connection's page if the gateway accepted the pair, otherwise the form with the reason."""
        found = get_object_or_404(_with_credentials(), slug=connection)
        form = CredentialForm(request.POST)
        if not form.is_valid():
            return self._page(request, found, form, status=422)
        try:
            done = credential_prove_and_reset(
                connection=found, origin=origin_of(request), **form.cleaned_data
            )
        except (AuditUnavailable, KeyringError) as error:
            form.add_error(None, f"The old credential stays in use. {error}")
            return self._page(request, found, form, status=503)
        if isinstance(done, Failure):
            return self._page(request, found, form, failure=done, status=422)
        messages.success(
            request, f"The gateway accepted the credential. Version {done.version} is in use now."
        )
        return redirect("connections:page", connection=found.slug)

    def _page(
        self, request: HttpRequest, subject: Connection, form: CredentialForm, status: int = 200, **more: Any
    ) -> HttpResponse:
        """The form, without anything that was typed."""
        context = {"subject": subject, "form": form, **more}
        return render(request, "connections/reset.html", context, status=status)


def _with_credentials() -> QuerySet[Connection]:
    """Connections with all versions, newest first; the sealed columns stay in the database."""
    versions = Credential.objects.defer("sealed_api_key", "sealed_password").order_by("-version")
    return Connection.objects.order_by("name").prefetch_related(Prefetch("credentials", queryset=versions))
