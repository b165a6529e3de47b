"""EntityCreateView: the page of a new entity. One submission is one request, however often it is clicked."""

import uuid
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.audit.event_types import KINDS
from portal.audit.recording import origin_of
from portal.changes import workflow
from portal.changes.confirmation import is_production
from portal.changes.errors import AuditWriteError, ConnectionPaused, DuplicateChange
from portal.changes.gateway_pages import stop_noted
from portal.changes.generic_views import WriteView, change_url, refuse, unrecorded_page
from portal.changes.models import Change, State
from portal.core.forms import PayloadForm
from portal.core.links import entity_url
from portal.core.next_steps import notice_with_links
from portal.directory.models import IndexedEntity
from portal.directory.services import find_entity
from portal.form_drafts.forms import show_unchecked
from provisioning.gateway.errors import ProvisioningError


class EntityCreateView(WriteView):
    """The page of a new entity below a parent: GET an empty form, POST sends it.

    In production the POST prepares it instead, and a person reviews and sends it.

    `parent_kind` is the parent's kind; `parent_guid()` says which one (by default the address's guid).
    Template context: form, submission, entry (the parent), parents, cancel_url, reviewed; twin and
    twin_url if the person sent the same a moment ago.
    """

    template_name = "changes/create.html"
    parent_kind: ClassVar[str] = ""

    def parent_guid(self) -> str:
        """Guid of the parent."""
        return str(self.kwargs["guid"])

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """What the empty form suggests."""
        return {}

    def form(self, parent: IndexedEntity, **kwargs: Any) -> PayloadForm:
        """The form; kwargs are `data` or `initial`."""
        return self.form_class(**kwargs)

    def draft_title(self, entry: IndexedEntity | None) -> str:
        """What an unsent form is called at Home."""
        return f"New {KINDS[self.spec.kind]} of {entry.name if entry else ''} in {self.connection}"

    def name_of(self, payload: dict[str, Any]) -> str:
        """What the new entity is called in lists and in the audit trail."""
        return str(payload.get("name") or payload.get("username") or "")

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """(label, address) of what people do next; shown with the new entity."""
        url = entity_url(parent.kind, self.connection, parent.guid)
        return [(f"Back to {parent.name}", url)] if url else []

    def may_create(self, kind: str) -> bool:
        """Whether the person may create entities of that kind."""
        user: Any = self.request.user
        return bool(user.has_perm(f"{kind}.create"))

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The form: empty, or with what was typed before (`?draft=`, `?change=`)."""
        parent = self.parent()
        if self.draft:
            form = self.form(parent, data=self.draft.fields, initial=self.initial(parent))
            show_unchecked(form)
            return self.form_page(parent, form)
        change = self.resumed()
        if change is None:
            return self.form_page(parent, self.form(parent, initial=self.initial(parent)))
        form = self.resume_form(change, partial(self.form, parent, initial=self.initial(parent)))
        if change.state == State.REFUSED:
            refuse(form, change)
        return self.form_page(parent, form, change=change)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Sends a valid form once per submission and goes to its entity's page, or to the review."""
        parent = self.parent()
        form = self.form(parent, data=self.posted, initial=self.initial(parent))
        self.require_secrets(form)
        if not form.is_valid():
            return self.form_page(parent, form, status=422)
        try:
            return self.answer(parent, form, self.submit(parent, form))
        except DuplicateChange as stop:
            return self.twin_page(parent, form, stop)
        except (AuditWriteError, ConnectionPaused, ProvisioningError) as stop:
            stop_noted(self.request, stop)
            form.add_error(None, stop.explanation)
            return self.form_page(parent, form, status=503, submission=_submission(request))

    def parent(self) -> IndexedEntity:
        """The parent's row. Raises UnknownEntity, which is a 404."""
        place = {"connection": self.connection, "guid": self.parent_guid()}
        return find_entity(user=self.request.user, kind=self.parent_kind, **place)

    def submit(self, parent: IndexedEntity, form: PayloadForm) -> Change:
        """Hands the form to portal.changes.workflow."""
        payload = form.payload()
        return workflow.change_submit(
            user=self.request.user,
            origin=origin_of(self.request),
            operation=self.operation,
            connection=self.connection,
            target=parent.guid,
            parent_name=parent.name,
            tenant_guid=parent.tenant_guid or (parent.guid if parent.kind == "tenant" else ""),
            object_name=self.name_of(payload),
            payload=payload,
            submission=_submission(self.request),
            trace=self.trace(form),
            again=self.request.POST.get("again") == "1",
            replaces=self.resumed(),
        )

    def answer(self, parent: IndexedEntity, form: PayloadForm, change: Change) -> HttpResponse:
        """Accepted → the entity’s page; refused → the form again; anything else → the change’s page."""
        if page := unrecorded_page(change):
            return page
        if change.state == State.ACCEPTED and change.object_guid and change.is_indexed and not change.inquiry:
            url = self.page_url(connection=self.connection, guid=change.object_guid)
            links = self.next_links(parent, change)
            messages.success(self.request, notice_with_links("Created.", links))
            return redirect(url or change_url(change))
        if change.state == State.REFUSED:
            refuse(form, change)
            return self.form_page(parent, form, status=422, change=change)
        return redirect(change_url(change))

    def twin_page(self, parent: IndexedEntity, form: PayloadForm, stop: DuplicateChange) -> HttpResponse:
        """The form as it was typed, with what became of the one sent before, and a box to tick."""
        twin: Change = stop.twin
        url = self.page_url(connection=self.connection, guid=twin.object_guid) if twin.object_guid else ""
        context: dict[str, Any] = {"twin": twin, "twin_url": url or change_url(twin)}
        context |= {"twin_differs": not stop.same, "retype": self.typed_in_vain(form)}
        return self.form_page(parent, form, status=stop.status, **context)

    def form_page(
        self,
        parent: IndexedEntity,
        form: PayloadForm,
        *,
        status: int = 200,
        submission: uuid.UUID | None = None,
        **context: Any,
    ) -> HttpResponse:
        """The page with a form whose next submission is a new one, unless nothing came of the last."""
        cancel = entity_url(parent.kind, self.connection, parent.guid)
        return self.show(
            parent,
            status=status,
            form=form,
            submission=submission or uuid.uuid4(),
            cancel_url=cancel,
            reviewed=is_production(self.connection),
            **context,
        )


def _submission(request: HttpRequest) -> uuid.UUID:
    """The form's id; a form without a usable one is a submission of its own."""
    try:
        return uuid.UUID(request.POST.get("submission", ""))
    except ValueError:
        return uuid.uuid4()
