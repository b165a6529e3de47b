"""The reset of a credential, step by step: every step is stored, so it can be left and come back to."""

from abc import ABC, abstractmethod
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from portal.audit.recording import AuditUnavailable, origin_of
from portal.connections import credential_actions
from portal.connections.credential_diagnosis import Diagnosis, get_diagnosis
from portal.connections.forms import CredentialForm, ShutForm
from portal.connections.optimistic_lock import ChangedConcurrently, get_connection_digest
from portal.connections.views import find_version, get_connection_or_404, load_connections
from portal.core.forms import show_refusal
from portal.core.views import PortalView
from provisioning.credentials.credential_lifecycle import InvalidCredentialState, get_expiry
from provisioning.credentials.models import Connection, Credential
from provisioning.encryption import KeyringError

CHANGED = (
    "Someone changed this connection after you opened the page, so nothing was stored or sent. Check the "
    "address below. If the API key and password should be sent there, enter both again."
)


class ResetView(PortalView):
    """Take one step of the reset. If another user was faster, the reset page says so."""

    access = "credential.reset"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the step and show why the credential cannot be used."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except InvalidCredentialState as stop:
            messages.warning(request, f"Nothing was done. {stop}")
            return redirect("connections:reset", connection=kwargs["connection"])

    def page(
        self,
        connection: str,
        *,
        form: CredentialForm | None = None,
        finding: Diagnosis | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """Show the state of the reset, without entered values."""
        subject = get_object_or_404(load_connections(self.request), slug=connection)
        waiting = find_version(subject, *Credential.ON_ITS_WAY)
        context = {
            "subject": subject,
            "seen": get_connection_digest(subject),
            "form": form or CredentialForm(),
            "waiting": waiting,
            "expires_at": get_expiry(waiting) if waiting else None,
            # A bad paste is about now: what an earlier test found does not stand above it.
            "finding": finding or get_diagnosis(waiting.test_problem if waiting and not form else ""),
            "active": find_version(subject, Credential.State.ACTIVE),
            "origin": _origin(subject.base_url),
        }
        return render(self.request, "connections/reset.html", context, status=status)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class CredentialResetPage(ResetView):
    """A new API key and password, tested as soon as they are entered and activated in a separate step."""

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Show the state of the reset."""
        credential_actions.destroy_expired_credentials()
        return self.page(connection)

    def post(self, request: HttpRequest, connection: str) -> HttpResponse:
        """On to the activation if the gateway accepted the pair, otherwise the page with the reason."""
        found = get_connection_or_404(request, connection)
        form = CredentialForm(request.POST)
        if not form.is_valid():
            return self.page(connection, form=form, status=422)
        acting: dict[str, Any] = {"user": request.user, "origin": origin_of(request)}
        try:
            seen = request.POST.get("seen", "")
            taken = credential_actions.store_credential(
                **acting, connection=found, seen=seen, **form.cleaned_data
            )
            finding = credential_actions.test_credential(**acting, credential=taken)
        except ChangedConcurrently:
            show_refusal(form, CHANGED)
            return self.page(connection, form=form, status=409)
        except (AuditUnavailable, KeyringError) as error:
            show_refusal(form, f"The active credential was not changed. {error}")
            return self.page(connection, form=form, status=503)
        if finding:
            return self.page(connection, finding=finding, status=422)
        return redirect("connections:reset", connection=connection)


class VersionStepView(ResetView, ABC):
    """Handle a button of one credential version. A subclass carries it out in `step`."""

    def post(self, request: HttpRequest, connection: str, version: int) -> HttpResponse:
        """Do it, and goes where its result is shown."""
        versions = Credential.objects.select_related("connection")
        found = get_connection_or_404(request, connection)
        credential = get_object_or_404(versions, connection=found, version=version)
        try:
            return self.step(credential, {"user": request.user, "origin": origin_of(request)})
        except AuditUnavailable as error:
            messages.error(request, str(error))
            return redirect("connections:page", connection=connection)

    @abstractmethod
    def step(self, credential: Credential, acting: dict[str, Any]) -> HttpResponse:
        """Carry out the step and return the next page."""


class VersionTestView(VersionStepView):
    """Test a version again that is not active yet."""

    def step(self, credential: Credential, acting: dict[str, Any]) -> HttpResponse:
        """Test the credential and show the gateway's answer on the reset page."""
        finding = credential_actions.test_credential(**acting, credential=credential)
        if finding:
            return self.page(credential.connection.slug, finding=finding, status=422)
        return redirect("connections:reset", connection=credential.connection.slug)


class VersionActivateView(VersionStepView):
    """Activate a tested version."""

    def step(self, credential: Credential, acting: dict[str, Any]) -> HttpResponse:
        """Activate the version and go to the connection's page."""
        active = credential_actions.activate_credential(**acting, credential=credential)
        messages.success(self.request, f"Version {active.version} is now active.")
        return redirect("connections:page", connection=active.connection.slug)


class VersionRollbackView(VersionStepView):
    """Activate the previous version again, if the gateway still accepts it."""

    def step(self, credential: Credential, acting: dict[str, Any]) -> HttpResponse:
        """Roll back and show the connection's page, with the gateway's answer if that failed."""
        finding = credential_actions.roll_back_credential(**acting, credential=credential)
        number = credential.version
        if finding:
            words = (
                f"Version {number} was not activated. The active version was not changed. {finding.happened}"
            )
            messages.error(self.request, words)
        else:
            messages.success(self.request, f"Version {number} is active again.")
        return redirect("connections:page", connection=credential.connection.slug)


class VersionRevokeView(VersionStepView):
    """Delete the value of an inactive version, after a page that explains the consequences."""

    def get(self, request: HttpRequest, connection: str, version: int) -> HttpResponse:
        """Show what will be lost and whether the active version has worked."""
        subject = get_object_or_404(load_connections(request), slug=connection)
        credential = get_object_or_404(subject.credentials, version=version)
        if credential.state in (Credential.State.ACTIVE, Credential.State.REVOKED):
            raise InvalidCredentialState(f"Version {version} is “{credential.get_state_display().lower()}”.")
        active = find_version(subject, Credential.State.ACTIVE)
        context = {
            "subject": subject,
            "credential": credential,
            "active": active,
            "proven": active is not None and worked_since_activation(active),
            "discards": credential.state != Credential.State.PREVIOUS,
            "same_key": active is not None and active.api_key_fingerprint == credential.api_key_fingerprint,
            "origin": _origin(subject.base_url),
        }
        return render(request, "connections/revoke_version.html", context)

    def step(self, credential: Credential, acting: dict[str, Any]) -> HttpResponse:
        """Revoke the version and go to the connection's page."""
        credential_actions.revoke_credential(**acting, credential=credential)
        words = f"Version {credential.version} was revoked. Its value was deleted from the portal."
        active = Credential.objects.filter(
            connection=credential.connection, state=Credential.State.ACTIVE
        ).first()
        if not active or active.api_key_fingerprint != credential.api_key_fingerprint:
            words += (
                " Also delete its API key at the gateway (System Setup → API Keys). It still works there."
            )
        messages.success(self.request, words)
        return redirect("connections:page", connection=credential.connection.slug)


class ShutPage(ResetView):
    """Revoke a credential in an emergency at /connections/<slug>/revoke-now/, after a confirmation."""

    def get(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Show what revoking does and which words to type."""
        found = get_connection_or_404(request, connection)
        return self.form_page(found, ShutForm(words=found.name))

    def post(self, request: HttpRequest, connection: str) -> HttpResponse:
        """Pause the connection, delete its stored values and go to its page."""
        found = get_connection_or_404(request, connection)
        form = ShutForm(request.POST, words=found.name)
        if not form.is_valid():
            return self.form_page(found, form, 422)
        try:
            credential_actions.shut_down_connection(
                user=request.user,
                origin=origin_of(request),
                connection=found,
                reason=form.cleaned_data["reason"],
            )
        except AuditUnavailable as error:
            show_refusal(form, error)
            return self.form_page(found, form, 503)
        messages.warning(
            request,
            f"{found.name} is paused and its credential is deleted. Now reset or delete the key at the "
            "gateway: anyone who knows the password can still use it there.",
        )
        return redirect("connections:page", connection=found.slug)

    def form_page(self, subject: Connection, form: ShutForm, status: int = 200) -> HttpResponse:
        """Render the page that asks for confirmation."""
        return render(
            self.request, "connections/revoke_now.html", {"subject": subject, "form": form}, status=status
        )


def worked_since_activation(active: Credential) -> bool:
    """Return whether a call with the active version is known to have succeeded after it was activated."""
    return bool(
        active.last_success_at and active.activated_at and active.last_success_at >= active.activated_at
    )


def _origin(base_url: str) -> str:
    """Scheme and host: where the gateway's own pages usually are."""
    return "/".join(base_url.split("/")[:3])
