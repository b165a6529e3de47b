"""The generic views that entity apps subclass: create, edit, actions without a form, and the history."""

import uuid
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from portal.audit.event_types import KINDS
from portal.audit.history import History, get_history
from portal.audit.recording import origin_of
from portal.changes import workflow
from portal.changes.base_views import (
    WriteView,
    add_refusal,
    change_url,
    drop_digests,
    get_labels,
    merge_initial,
    unrecorded_page,
)
from portal.changes.comparison import (
    Difference,
    find_differences,
    read_original,
    sign_original,
    take_snapshot,
)
from portal.changes.errors import ChangeStopped, DuplicateChange, InvalidState, ReasonRequired
from portal.changes.gates import clean_reason, is_production
from portal.changes.models import Change, State
from portal.changes.outcomes import settle_stale_changes
from portal.changes.review import get_label
from portal.core.forms import PayloadForm, show_refusal
from portal.core.links import entity_url, notice_with_links
from portal.directory.detail import EntityDetailView
from portal.directory.models import IndexedEntity
from portal.directory.services import find_entity, get_parents
from portal.form_drafts.forms import show_unchecked
from portal.form_drafts.services import OpenDraft
from provisioning import contract, service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.error_codes import describe_read_failure
from provisioning.gateway.errors import EntityNotFound, ProvisioningError


class EntityCreateView(WriteView):
    """The page of a new entity below a parent: GET shows an empty form, POST sends it once.

    In production the POST prepares it instead, and a person reviews and sends it.

    `parent_kind` is the parent's kind; `parent_guid()` says which one (by default the address's guid).
    Template context: form, submission, entry (the parent), parents, cancel_url, reviewed; duplicate
    and duplicate_url if the person sent the same a moment ago.
    """

    template_name = "changes/create.html"
    parent_kind: ClassVar[str] = ""

    def parent_guid(self) -> str:
        """Return the guid of the parent."""
        return str(self.kwargs["guid"])

    def initial(self, parent: IndexedEntity) -> dict[str, Any]:
        """Return the initial values of the empty form."""
        return {}

    def form(self, parent: IndexedEntity, **kwargs: Any) -> PayloadForm:
        """Return the form; kwargs are `data` or `initial`."""
        return self.form_class(**kwargs)

    def draft_title(self, entry: IndexedEntity | None) -> str:
        """Return the name of an unsent form on the home page."""
        return f"New {KINDS[self.spec.kind]} of {entry.name if entry else ''} in {self.connection}"

    def name_of(self, payload: dict[str, Any]) -> str:
        """Return the new entity's name for lists and the audit trail."""
        return str(payload.get("name") or payload.get("username") or "")

    def next_links(self, parent: IndexedEntity, change: Change) -> list[tuple[str, str]]:
        """Return (label, address) of the likely next steps; shown with the new entity."""
        url = entity_url(parent.kind, self.connection, parent.guid)
        return [(f"Back to {parent.name}", url)] if url else []

    def may_create(self, kind: str) -> bool:
        """Return whether the user may create entities of that kind."""
        user: Any = self.request.user
        return bool(user.has_perm(f"{kind}.create"))

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the form: empty, or with earlier input (`?draft=`, `?change=`)."""
        parent = self.parent()
        if self.draft:
            form = self.form(parent, data=self.draft.fields, initial=self.initial(parent))
            show_unchecked(form)
            return self.form_page(parent, form)
        change = self.get_resumed_change()
        if change is None:
            return self.form_page(parent, self.form(parent, initial=self.initial(parent)))
        form = self.restore_form(change, partial(self.form, parent, initial=self.initial(parent)))
        if change.state == State.REFUSED:
            add_refusal(request, form, change)
        return self.form_page(parent, form, change=change)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Send a valid form once per submission and go to its entity's page, or to the review."""
        parent = self.parent()
        form = self.form(parent, data=self.posted_data, initial=self.initial(parent))
        self.require_secrets(form)
        if not form.is_valid():
            return self.form_page(parent, form, status=422)
        try:
            return self.respond(parent, form, self.submit(parent, form))
        except DuplicateChange as stop:
            return self.duplicate_page(parent, form, stop)
        except (ChangeStopped, ProvisioningError) as stop:
            status = add_refusal(request, form, stop)
            submission = _submission(request) if status == 503 else None  # worth sending again as it is
            return self.form_page(parent, form, status=status, submission=submission)

    def parent(self) -> IndexedEntity:
        """Return the parent's row. Raises UnknownEntity, which is a 404."""
        place = {"connection": self.connection, "guid": self.parent_guid()}
        return find_entity(user=self.request.user, kind=self.parent_kind, **place)

    def submit(self, parent: IndexedEntity, form: PayloadForm) -> Change:
        """Submit the form to portal.changes.workflow."""
        payload = form.payload()
        return workflow.submit_change(
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
            form_state=self.form_state(form),
            allow_duplicate=self.request.POST.get("again") == "1",
            replaces=self.get_replaced_change(),
        )

    def respond(self, parent: IndexedEntity, form: PayloadForm, change: Change) -> HttpResponse:
        """Go to the entity's page if accepted, show the form if refused, else go to the change's page."""
        if page := unrecorded_page(change):
            return page
        if change.state == State.ACCEPTED and change.object_guid and change.is_indexed and not change.inquiry:
            url = self.page_url(connection=self.connection, guid=change.object_guid)
            links = self.next_links(parent, change)
            messages.success(self.request, notice_with_links("Created.", links))
            return redirect(url or change_url(change))
        if change.state == State.REFUSED:
            status = add_refusal(self.request, form, change)
            return self.form_page(parent, form, status=status, change=change)
        return redirect(self.review_url(change))

    def duplicate_page(self, parent: IndexedEntity, form: PayloadForm, stop: DuplicateChange) -> HttpResponse:
        """Show the form as typed, the outcome of the one sent before, and a box to tick."""
        duplicate: Change = stop.duplicate
        guid = duplicate.object_guid
        url = self.page_url(connection=self.connection, guid=guid) if guid else ""
        context: dict[str, Any] = {"duplicate": duplicate, "duplicate_url": url or change_url(duplicate)}
        context |= {"duplicate_differs": not stop.same, "retype": self.get_lost_secrets(form)}
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
        """Show the form. Its next submission is a new one unless `submission` is given."""
        cancel = entity_url(parent.kind, self.connection, parent.guid)
        return self.render_page(
            parent,
            status=status,
            form=form,
            submission=submission or uuid.uuid4(),
            cancel_url=cancel,
            reviewed=is_production(self.connection),
            **context,
        )


def _submission(request: HttpRequest) -> uuid.UUID:
    """Return the form's id; a form without a valid one gets a new id."""
    try:
        return uuid.UUID(request.POST.get("submission", ""))
    except ValueError:
        return uuid.uuid4()


class UpdateView(WriteView):
    """Base of edits and actions: read the entity fresh and prepare a change of it."""

    def entry(self) -> IndexedEntity:
        """Return the entity's row. Raises UnknownEntity, which is a 404."""
        place = {"connection": self.connection, "guid": str(self.kwargs["guid"])}
        return find_entity(user=self.request.user, kind=self.spec.kind, **place)

    def entity(self, entry: IndexedEntity) -> Entity:
        """Read the entity from the gateway. Raises ProvisioningError."""
        return service.read_entity(
            connection=self.connection, kind=entry.kind, parent=entry.parent_guid, guid=entry.guid
        )

    def prepare(
        self,
        entry: IndexedEntity,
        entity: Entity,
        payload: dict[str, Any],
        form: PayloadForm | None,
        reason: str = "",
    ) -> HttpResponse:
        """Prepare the change and go to its review page."""
        parents = get_parents(entry)
        change = workflow.prepare_change(
            user=self.request.user,
            origin=origin_of(self.request),
            operation=self.operation,
            connection=self.connection,
            entity=entity,
            payload=payload,
            parent_name=parents[-1].name if parents else "",
            tenant_guid=entry.tenant_guid or (entry.guid if entry.kind == "tenant" else ""),
            reason=reason,
            form_state=self.form_state(form),
            replaces=self.get_replaced_change(),
        )
        return redirect(self.review_url(change))


class EntityEditView(UpdateView):
    """The edit page of one entity: GET shows its form, POST prepares what differs and goes to the review.

    Template context: form, entity, entry, parents, base (hidden field), concurrent_changes (made by
    others since the form was opened), unchanged (nothing was edited), cancel_url.
    """

    template_name = "changes/edit.html"

    def form(self, entity: Entity, **kwargs: Any) -> PayloadForm:
        """Return the form; kwargs are `initial` and perhaps `data`."""
        return self.form_class(**kwargs)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the form with the gateway's values, or with earlier input (`?draft=`, `?change=`)."""
        entry = self.entry()
        entity = self.entity(entry)
        if self.draft:
            return self.show_draft(entry, entity, self.draft)
        change = self.get_resumed_change()
        if change is not None and change.typed:
            return self.show_resumed(entry, entity, change)
        return self.form_page(
            entry, entity, self.form(entity, initial=self.form_class.initial_from(entity.values))
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Prepare the differences; stop if someone else was faster or nothing differs."""
        entry = self.entry()
        base = read_original(
            request.POST.get("base", ""), connection=self.connection, kind=self.spec.kind, guid=entry.guid
        )
        try:
            entity = self.entity(entry)
        except EntityNotFound:
            raise
        except ProvisioningError as error:
            return self.show_unread(entry, base, error)
        form = self.form(entity, data=self.posted_data, initial=self.form_class.initial_from(entity.values))
        self.require_secrets(form)
        if base is None:
            form.add_error(None, "This form is out of date. Check the values and submit again.")
        valid, concurrent_changes = form.is_valid(), self.find_concurrent_changes(base, entity)
        if base is None or not valid or concurrent_changes:
            return self.show_again(entry, entity, form, base, concurrent_changes)
        payload = form.changes_from(entity.values)
        if not payload:
            return self.form_page(entry, entity, form, unchanged=True)
        try:
            return self.prepare(entry, entity, payload, form)
        except (ChangeStopped, ProvisioningError) as stop:
            status = add_refusal(request, form, stop)
            return self.form_page(entry, entity, form, status=status)

    def show_unread(
        self, entry: IndexedEntity, base: dict[str, Any] | None, error: ProvisioningError
    ) -> HttpResponse:
        """Show the form as typed, on the values it was opened with: the gateway cannot be read now."""
        if base is None:
            raise error
        seen = ENTITY_KINDS[self.spec.kind].entity_class(
            guid=entry.guid, parent=entry.parent_guid, values=drop_digests(base)
        )
        form = self.form(seen, data=self.posted_data, initial=self.form_class.initial_from(seen.values))
        show_refusal(form, f"Nothing was sent: the gateway could not be read. {describe_read_failure(error)}")
        return self.form_page(entry, seen, form, status=503, base=self.request.POST["base"])

    def show_draft(self, entry: IndexedEntity, entity: Entity, draft: OpenDraft) -> HttpResponse:
        """Show the form as typed in an unsent form, on the gateway's current values."""
        initial = self.form_class.initial_from(entity.values)
        form = self.form(entity, data=draft.fields, initial=initial)
        base = read_original(
            draft.fields.get("base", ""), connection=self.connection, kind=self.spec.kind, guid=entry.guid
        )
        concurrent_changes = self.find_concurrent_changes(base, entity)
        if concurrent_changes and base and form.is_valid():
            form = self.form(entity, initial=merge_initial(form, base, entity.values))
        else:
            show_unchecked(form)
        return self.form_page(entry, entity, form, concurrent_changes=concurrent_changes)

    def show_resumed(self, entry: IndexedEntity, entity: Entity, change: Change) -> HttpResponse:
        """Show the form as typed for a change, on current values, with a refusal at its field."""
        initial = self.form_class.initial_from(entity.values)
        form = self.restore_form(change, partial(self.form, entity, initial=initial))
        concurrent_changes = self.find_concurrent_changes(change.base, entity)
        if form.is_valid() and concurrent_changes:
            form = self.form(entity, initial=merge_initial(form, change.base, entity.values))
        elif change.state == State.REFUSED:
            add_refusal(self.request, form, change)
        return self.form_page(entry, entity, form, concurrent_changes=concurrent_changes, change=change)

    def show_again(
        self,
        entry: IndexedEntity,
        entity: Entity,
        form: PayloadForm,
        base: Mapping[str, Any] | None,
        concurrent_changes: list[Difference],
    ) -> HttpResponse:
        """Show the form again; fields that the user did not edit show the current values."""
        if form.is_valid() and base is not None:
            form = self.form(entity, initial=merge_initial(form, base, entity.values))
        status = 409 if concurrent_changes else 422
        return self.form_page(entry, entity, form, status=status, concurrent_changes=concurrent_changes)

    def find_concurrent_changes(self, base: Mapping[str, Any] | None, entity: Entity) -> list[Difference]:
        """Return what changed at the gateway since `base`."""
        return find_differences(base, take_snapshot(entity)) if base else []

    def form_page(
        self, entry: IndexedEntity, entity: Entity, form: PayloadForm, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """Show the form. Its hidden `base` is the current state, so the next submission is based on that."""
        context.setdefault("base", self.sign_values(entity))
        context["concurrent_changes"] = label_differences(context.get("concurrent_changes") or [], form)
        cancel = self.page_url(connection=self.connection, guid=entry.guid)
        return self.render_page(entry, status=status, form=form, entity=entity, cancel_url=cancel, **context)

    def sign_values(self, entity: Entity) -> str:
        """Return the hidden field with the values that the user sees."""
        kind, seen = self.spec.kind, take_snapshot(entity)
        return sign_original(connection=self.connection, kind=kind, guid=entity.guid, snapshot=seen)


class EntityActionView(UpdateView):
    """A small update without a form, such as disabling: GET explains it and asks why, POST prepares it.

    `changes` is the payload; `title`, `consequence` and `button` are words for the page. Template
    context: entity, entry, parents, title, consequence, button, reason_required, cancel_url, nothing_to_do.
    """

    template_name = "changes/action.html"
    changes: ClassVar[Mapping[str, Any]] = {}
    title: ClassVar[str] = ""
    consequence: ClassVar[str] = ""
    button: ClassVar[str] = "Continue to review"
    reason_required: ClassVar[bool] = False

    def payload(self, entity: Entity) -> dict[str, Any]:
        """Return the body: the fixed values, and the properties marked as documented-required."""
        body = dict(self.changes)
        required = contract.schema(self.spec.spec.request_schema or "").get("x-documented-required", [])
        for name in required:
            if entity.values.get(name) is not None:
                body.setdefault(name, entity.values[name])
        return body

    def is_possible(self, entity: Entity) -> bool:
        """Return whether anything would change; a disabled merchant cannot be disabled again."""
        names = [
            name for name in self.changes if name in entity.values or isinstance(self.changes[name], bool)
        ]
        return not names or any(
            bool(entity.values.get(name)) != self.changes[name]
            if isinstance(self.changes[name], bool)
            else entity.values.get(name) != self.changes[name]
            for name in names
        )

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the consequence and ask for a reason, or show the one typed before."""
        entry = self.entry()
        change = self.get_resumed_change()
        reason = change.reason if change else ""
        if self.draft:
            reason = self.draft.fields.get("reason", "")
        return self.action_page(entry, self.entity(entry), reason=reason)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Prepare the change and go to its review."""
        entry = self.entry()
        entity = self.entity(entry)
        typed_reason = request.POST.get("reason", "")
        try:
            reason = clean_reason(typed_reason)
            if self.reason_required and not reason:
                raise ReasonRequired("Please give a reason.")
        except ReasonRequired as stop:
            return self.action_page(
                entry, entity, status=stop.status, reason=typed_reason, reason_problem=stop.explanation
            )
        if not self.is_possible(entity):
            raise InvalidState("There is nothing to change: the gateway already has this state.")
        return self.prepare(entry, entity, self.payload(entity), None, reason)

    def action_page(
        self, entry: IndexedEntity, entity: Entity, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """Show the page of the action."""
        words = {
            "title": self.title,
            "consequence": self.consequence,
            "button": self.button,
            "reason_required": self.reason_required,
            "nothing_to_do": not self.is_possible(entity),
            "cancel_url": entity_url(entry.kind, self.connection, entry.guid),
        }
        return self.render_page(entry, status=status, entity=entity, **words, **context)


def label_differences(differences: list[Difference], form: PayloadForm) -> list[dict[str, Any]]:
    """Return the differences as rows with the labels of the form's fields."""
    labels = get_labels(form)
    return [
        {**difference.as_row(), "label": labels.get(difference.field) or get_label(difference.field)}
        for difference in differences
    ]


class EntityHistoryView(EntityDetailView):
    """The latest audit events of an entity. Context: also history."""

    tab = "history"

    def get_tab_context(self) -> dict[str, Any]:
        """Load the events of the entity for the tab."""
        history = load_entity_history(
            connection=self.entry.connection,
            guid=self.entry.guid,
            query=self.request.GET,
            child_kinds=self.get_child_kinds(),
        )
        return {"history": history}

    def get_child_kinds(self) -> Collection[str] | None:
        """Return the object kinds of children whose events are included; None for the entity's own events."""
        return None


def load_entity_history(
    *, connection: str, guid: str, query: QueryDict, child_kinds: Collection[str] | None = None
) -> History:
    """Return the history of an entity, after interrupted changes are settled."""
    settle_stale_changes()
    return get_history(connection=connection, guid=guid, query=query, elsewhere=True, child_kinds=child_kinds)
