"""The base of the pages that write: operation, permission, links, and the trace a form leaves."""

import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.template import loader
from django.urls import reverse

from portal.audit.event_types import KINDS
from portal.changes import workflow
from portal.changes.explanations import refusal_words
from portal.changes.form_input import complete_typed, labels_of, typed_data, typed_of
from portal.changes.gateway_pages import GatewayView
from portal.changes.kept_secrets import kept_secrets
from portal.changes.models import Change, State
from portal.changes.permissions import visible_changes
from portal.core.forms import PayloadForm
from portal.core.links import entity_url
from portal.directory.models import IndexedEntity
from portal.directory.services import get_parents
from portal.form_drafts.forms import note_secrets, require_secrets, secret_names
from portal.form_drafts.services import KeptSecrets, OpenDraft, fill_secrets, open_draft, save_posted
from provisioning.operations import Operation, get_operation


class WriteView(GatewayView):
    """Base of the writing pages. `operation` gives kind and permission; undeclared, the page cannot exist.

    What is typed into them is kept as a draft (portal.form_drafts) until it is taken.
    """

    operation: ClassVar[str] = ""
    form_class: ClassVar[type[PayloadForm]]
    template_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "operation" in cls.__dict__ and "access" not in cls.__dict__:
            cls.access = get_operation(cls.operation).permission

    @property
    def spec(self) -> Operation:
        """The operation of the table."""
        return get_operation(self.operation)

    @property
    def connection(self) -> str:
        """Slug of the connection in the address."""
        return str(self.kwargs["connection"])

    def page_url(self, *, connection: str, guid: str) -> str:
        """The entity's page, where a success lands."""
        return entity_url(self.spec.kind, connection, guid)

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """More template variables; `entry` is the parent of a create, the entity otherwise."""
        return {}

    @cached_property
    def draft(self) -> OpenDraft | None:
        """The draft that this page continues."""
        return open_draft(self.request)

    @cached_property
    def typed_secrets(self) -> KeptSecrets:
        """The secrets typed before, into the draft or the change that this page continues."""
        if self.draft and self.draft.secrets.names:
            return self.draft.secrets
        change = self.resumed() if hasattr(self, "form_class") else None
        return kept_secrets(change, self.form_class()) if change else KeptSecrets()

    @cached_property
    def posted(self) -> QueryDict:
        """What was posted, completed with the secrets typed before."""
        return fill_secrets(self.request.POST, self.typed_secrets)[0]

    def resume_form(self, change: Change, make: Callable[..., PayloadForm]) -> PayloadForm:
        """The form with what was typed for `change`, saying what was not kept."""
        data = typed_data(change.typed)
        missing = complete_typed(make(), data, change.body) if change.typed else []
        form = make(data=data)
        for name in missing:
            form.add_error(
                name, "This was not kept, because it may contain secrets. Enter your changes again."
            )
        return form

    def require_secrets(self, form: PayloadForm) -> None:
        """Refuse a posted form without the secrets that were typed once and are no longer kept."""
        require_secrets(form, fill_secrets(self.request.POST, self.typed_secrets)[1])

    def typed_in_vain(self, form: PayloadForm) -> list[str]:
        """The secrets of a posted form that are not kept: the form came without a draft token."""
        if save_posted(self.request, self.posted):
            return []
        return [name for name in secret_names(form) if self.request.POST.get(name)]

    def back_url(self) -> str:
        """The form, after a post with what was typed."""
        saved = save_posted(self.request, self.posted) if self.request.method == "POST" else None
        return saved.url if saved else super().back_url()

    def draft_title(self, entry: IndexedEntity | None) -> str:
        """What an unsent form is called at Home."""
        name = entry.name if entry else ""
        return f"{self.spec.kind.replace('_', ' ').capitalize()} {name} in {self.connection}"

    def show(self, entry: IndexedEntity | None, *, status: int = 200, **context: Any) -> HttpResponse:
        """Renders the page: entry, parents (its breadcrumbs), operation and what a subclass adds."""
        frame = {
            "entry": entry,
            "parents": get_parents(entry) if entry else [],
            "operation": self.spec,
            "kind_words": KINDS.get(self.spec.kind, ""),
            "draft_title": self.draft_title(entry),
            "resumed": self.resumed(),
        }
        if "form" in context:
            self._note_secrets(context["form"], status)
        return render(
            self.request, self.template_name, {**frame, **context, **self.page_context(entry)}, status=status
        )

    def _note_secrets(self, form: PayloadForm, status: int) -> None:
        """Keep a form that was not taken, and say at its secret fields which values are kept."""
        kept = self.typed_secrets
        if self.request.method == "POST" and status >= 400:
            saved = save_posted(self.request, self.posted)
            kept = saved.secrets if saved else KeptSecrets(self.typed_in_vain(form))
        note_secrets(form, kept)

    def trace(self, form: PayloadForm | None = None) -> workflow.FormState:
        """Where this was typed, for "Back to edit" and "Correct it"."""
        query = self.request.GET.copy()
        for name in ("change", "draft"):
            query.pop(name, None)
        path = f"{self.request.path}?{query.urlencode()}" if query else self.request.path
        return workflow.FormState(path, typed_of(form), labels_of(form)) if form else workflow.FormState(path)

    def resumed(self) -> Change | None:
        """The change named in `?change=`, or in the form that was opened there and kept as a draft."""
        named = self.request.GET.get("change") or self.request.POST.get("change")
        try:
            wanted = uuid.UUID(named or (self.draft.fields.get("change", "") if self.draft else ""))
        except ValueError:
            return None
        own = visible_changes(self.request.user).filter(actor_id=self.request.user.pk)
        return own.filter(pk=wanted, connection=self.connection, operation=self.operation).first()


def unrecorded_page(change: Change) -> HttpResponse | None:
    """Return the page for an outcome that the database could not take; None for one that it has.

    The page needs no database: what it tells is known from the gateway's answer.
    """
    if change.is_recorded:
        return None
    words = loader.render_to_string("changes/unrecorded.html", {"change": change})
    statuses = {State.ACCEPTED: 200, State.REFUSED: 422}
    return HttpResponse(words, status=statuses.get(State(change.state), 503))


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
