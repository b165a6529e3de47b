"""The base of the pages that write: operation, permission, links, and the trace a form leaves."""

import uuid
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from portal.audit.actions import KINDS
from portal.changes import services
from portal.changes.authority import changes_seen
from portal.changes.explanations import refusal_words
from portal.changes.gateway_pages import GatewayView
from portal.changes.models import Change
from portal.changes.typed import labels_of, typed_of
from portal.console.forms import PayloadForm
from portal.console.links import entity_url
from portal.directory.models import Entry
from portal.directory.services import entry_parents
from provisioning.operations import Operation, operation_named


class WriteView(GatewayView):
    """Base of the writing pages. `operation` gives kind and permission; undeclared, the page cannot exist."""

    operation: ClassVar[str] = ""
    template_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "operation" in cls.__dict__ and "access" not in cls.__dict__:
            cls.access = operation_named(cls.operation).permission

    @property
    def spec(self) -> Operation:
        """The operation of the table."""
        return operation_named(self.operation)

    @property
    def connection(self) -> str:
        """Slug of the connection in the address."""
        return str(self.kwargs["connection"])

    def page_url(self, *, connection: str, guid: str) -> str:
        """The entity's page, where a success lands."""
        return entity_url(self.spec.kind, connection, guid)

    def page_context(self, entry: Entry | None) -> dict[str, Any]:
        """More template variables; `entry` is the parent of a create, the entity otherwise."""
        return {}

    def show(self, entry: Entry | None, *, status: int = 200, **context: Any) -> HttpResponse:
        """Renders the page: entry, parents (its breadcrumbs), operation and what a subclass adds."""
        frame = {
            "entry": entry,
            "parents": entry_parents(entry) if entry else [],
            "operation": self.spec,
            "kind_words": KINDS.get(self.spec.kind, ""),
        }
        return render(
            self.request, self.template_name, {**frame, **context, **self.page_context(entry)}, status=status
        )

    def trace(self, form: PayloadForm | None = None) -> services.FormTrace:
        """Where this was typed, for "Back to edit" and "Correct it"."""
        query = self.request.GET.copy()
        query.pop("change", None)
        path = f"{self.request.path}?{query.urlencode()}" if query else self.request.path
        return services.FormTrace(path, typed_of(form), labels_of(form)) if form else services.FormTrace(path)

    def resumed(self) -> Change | None:
        """The change named in `?change=`: one of this page, to be gone on with."""
        try:
            wanted = uuid.UUID(self.request.GET.get("change", ""))
        except ValueError:
            return None
        own = changes_seen(self.request.user).filter(actor_id=self.request.user.pk)
        return own.filter(pk=wanted, connection=self.connection, operation=self.operation).first()


def change_url(change: Change) -> str:
    """The page of a change: review or outcome."""
    return reverse("changes:page", args=[change.pk])


def refuse(form: PayloadForm, change: Change) -> None:
    """Puts the gateway's refusal onto the field it names."""
    form.is_valid()
    words = refusal_words(
        code=change.code, gateway_message=change.gateway_message, explanation=change.explanation
    )
    form.refuse(field=change.field, message=words)
