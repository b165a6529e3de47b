"""EntityEditView and EntityActionView: pages that prepare an update of what the gateway has right now."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.audit.recording import origin_of
from portal.changes import workflow
from portal.changes.confirmation import clean_reason
from portal.changes.errors import AuditWriteError, ConnectionPaused, InvalidState, ReasonRequired
from portal.changes.explanations import read_failure_words
from portal.changes.form_input import labels_of, merged_initial, without_digests
from portal.changes.gateway_pages import stop_noted
from portal.changes.generic_views import WriteView, change_url, refuse
from portal.changes.models import Change, State
from portal.changes.review_rows import label_of
from portal.changes.snapshots import Difference, base_read, base_sign, differences, snapshot_of
from portal.core.forms import PayloadForm
from portal.core.links import entity_url
from portal.directory.models import IndexedEntity
from portal.directory.services import find_entity, get_parents
from portal.form_drafts.forms import show_unchecked
from portal.form_drafts.services import OpenDraft
from provisioning import contract, service
from provisioning.entities import ENTITY_KINDS, Entity
from provisioning.gateway.errors import EntityNotFound, ProvisioningError


class UpdateView(WriteView):
    """What edits and actions share: the entity, read fresh, and preparing a change of it."""

    def entry(self) -> IndexedEntity:
        """The entity's row. Raises UnknownEntity, which is a 404."""
        place = {"connection": self.connection, "guid": str(self.kwargs["guid"])}
        return find_entity(user=self.request.user, kind=self.spec.kind, **place)

    def entity(self, entry: IndexedEntity) -> Entity:
        """The entity as the gateway has it now. Raises ProvisioningError."""
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
        """Writes the change down and goes to its review page."""
        parents = get_parents(entry)
        change = workflow.change_prepare(
            user=self.request.user,
            origin=origin_of(self.request),
            operation=self.operation,
            connection=self.connection,
            entity=entity,
            payload=payload,
            parent_name=parents[-1].name if parents else "",
            tenant_guid=entry.tenant_guid or (entry.guid if entry.kind == "tenant" else ""),
            reason=reason,
            trace=self.trace(form),
            replaces=self.resumed(),
        )
        return redirect(change_url(change))


class EntityEditView(UpdateView):
    """The edit page of one entity: GET its form, POST prepares what differs and goes to the review.

    Template context: form, entity, entry, parents, base (hidden field), meanwhile (differences made by
    others since the form was opened), unchanged (nothing was edited), cancel_url.
    """

    template_name = "changes/edit.html"

    def form(self, entity: Entity, **kwargs: Any) -> PayloadForm:
        """The form; kwargs are `initial` and perhaps `data`."""
        return self.form_class(**kwargs)

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The form with the gateway's values, or with what was typed before (`?draft=`, `?change=`)."""
        entry = self.entry()
        entity = self.entity(entry)
        if self.draft:
            return self.continue_draft(entry, entity, self.draft)
        change = self.resumed()
        if change is not None and change.typed:
            return self.resume(entry, entity, change)
        return self.form_page(
            entry, entity, self.form(entity, initial=self.form_class.initial_from(entity.values))
        )

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Prepares the differences; stops when somebody else was faster or nothing differs."""
        entry = self.entry()
        base = base_read(
            request.POST.get("base", ""), connection=self.connection, kind=self.spec.kind, guid=entry.guid
        )
        try:
            entity = self.entity(entry)
        except EntityNotFound:
            raise
        except ProvisioningError as error:
            return self.kept(entry, base, error)
        form = self.form(entity, data=self.posted, initial=self.form_class.initial_from(entity.values))
        self.require_secrets(form)
        if base is None:
            form.add_error(None, "This form is out of date. Check the values and submit again.")
        valid, meanwhile = form.is_valid(), self.meanwhile(base, entity)
        if base is None or not valid or meanwhile:
            return self.again(entry, entity, form, base, meanwhile)
        payload = form.changes_from(entity.values)
        if not payload:
            return self.form_page(entry, entity, form, unchanged=True)
        try:
            return self.prepare(entry, entity, payload, form)
        except (AuditWriteError, ConnectionPaused, ProvisioningError) as stop:
            stop_noted(self.request, stop)
            form.add_error(None, stop.explanation)
            return self.form_page(entry, entity, form, status=503)

    def kept(
        self, entry: IndexedEntity, base: dict[str, Any] | None, error: ProvisioningError
    ) -> HttpResponse:
        """The gateway is away just now: the form stays as typed, on the values it was opened with."""
        if base is None:
            raise error
        seen = ENTITY_KINDS[self.spec.kind].entity_class(
            guid=entry.guid, parent=entry.parent_guid, values=without_digests(base)
        )
        form = self.form(seen, data=self.posted, initial=self.form_class.initial_from(seen.values))
        form.add_error(None, f"Nothing was sent: the gateway could not be read. {read_failure_words(error)}")
        return self.form_page(entry, seen, form, status=503, base=self.request.POST["base"])

    def continue_draft(self, entry: IndexedEntity, entity: Entity, draft: OpenDraft) -> HttpResponse:
        """The form as it was typed, on what the gateway has now."""
        initial = self.form_class.initial_from(entity.values)
        form = self.form(entity, data=draft.fields, initial=initial)
        base = base_read(
            draft.fields.get("base", ""), connection=self.connection, kind=self.spec.kind, guid=entry.guid
        )
        meanwhile = self.meanwhile(base, entity)
        if meanwhile and base and form.is_valid():
            form = self.form(entity, initial=merged_initial(form, base, entity.values))
        else:
            show_unchecked(form)
        return self.form_page(entry, entity, form, meanwhile=meanwhile)

    def resume(self, entry: IndexedEntity, entity: Entity, change: Change) -> HttpResponse:
        """The form as it was typed, on what the gateway has now, with a refusal on its field."""
        initial = self.form_class.initial_from(entity.values)
        form = self.resume_form(change, partial(self.form, entity, initial=initial))
        meanwhile = self.meanwhile(change.base, entity)
        if form.is_valid() and meanwhile:
            form = self.form(entity, initial=merged_initial(form, change.base, entity.values))
        elif change.state == State.REFUSED:
            refuse(form, change)
        return self.form_page(entry, entity, form, meanwhile=meanwhile, change=change)

    def again(
        self,
        entry: IndexedEntity,
        entity: Entity,
        form: PayloadForm,
        base: Mapping[str, Any] | None,
        meanwhile: list[Difference],
    ) -> HttpResponse:
        """The form once more; what others changed and this person did not touch is shown as it is now."""
        if form.is_valid() and base is not None:
            form = self.form(entity, initial=merged_initial(form, base, entity.values))
        status = 409 if meanwhile else 422
        return self.form_page(entry, entity, form, status=status, meanwhile=meanwhile)

    def meanwhile(self, base: Mapping[str, Any] | None, entity: Entity) -> list[Difference]:
        """What changed at the gateway since `base`."""
        return differences(base, snapshot_of(entity)) if base else []

    def form_page(
        self, entry: IndexedEntity, entity: Entity, form: PayloadForm, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """The page; its `base` is what the gateway has now, so sending it again is a decision about that."""
        context.setdefault("base", self.base_of(entity))
        context["meanwhile"] = labelled(context.get("meanwhile") or [], form)
        cancel = self.page_url(connection=self.connection, guid=entry.guid)
        return self.show(entry, status=status, form=form, entity=entity, cancel_url=cancel, **context)

    def base_of(self, entity: Entity) -> str:
        """The hidden field that remembers what the person saw."""
        kind, seen = self.spec.kind, snapshot_of(entity)
        return base_sign(connection=self.connection, kind=kind, guid=entity.guid, snapshot=seen)


class EntityActionView(UpdateView):
    """One small update without a form, such as disabling: GET explains and asks why, POST prepares it.

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
        """The body: the fixed values, and what the contract marks as documented-required."""
        body = dict(self.changes)
        required = contract.schema(self.spec.spec.request_schema or "").get("x-documented-required", [])
        for name in required:
            if entity.values.get(name) is not None:
                body.setdefault(name, entity.values[name])
        return body

    def possible(self, entity: Entity) -> bool:
        """Whether there is anything to do: an already disabled merchant is not disabled again."""
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
        """What will happen, and the question why."""
        entry = self.entry()
        reason = self.draft.fields.get("reason", "") if self.draft else ""
        return self.action_page(entry, self.entity(entry), reason=reason)

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Prepares the change and goes to its review."""
        entry = self.entry()
        entity = self.entity(entry)
        posted = request.POST.get("reason", "")
        try:
            reason = clean_reason(posted)
            if self.reason_required and not reason:
                raise ReasonRequired("Please give a reason.")
        except ReasonRequired as stop:
            return self.action_page(
                entry, entity, status=stop.status, reason=posted, reason_problem=stop.explanation
            )
        if not self.possible(entity):
            raise InvalidState("There is nothing to change: the gateway already has this state.")
        return self.prepare(entry, entity, self.payload(entity), None, reason)

    def action_page(
        self, entry: IndexedEntity, entity: Entity, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """The page of the action."""
        words = {
            "title": self.title,
            "consequence": self.consequence,
            "button": self.button,
            "reason_required": self.reason_required,
            "nothing_to_do": not self.possible(entity),
            "cancel_url": entity_url(entry.kind, self.connection, entry.guid),
        }
        return self.show(entry, status=status, entity=entity, **words, **context)


def labelled(meanwhile: list[Difference], form: PayloadForm) -> list[dict[str, Any]]:
    """Differences with the labels of the form's fields."""
    labels = labels_of(form)
    return [
        {**difference.as_row(), "label": labels.get(difference.field) or label_of(difference.field)}
        for difference in meanwhile
    ]
