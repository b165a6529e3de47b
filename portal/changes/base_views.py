"""The bases of pages that call the gateway, and what they do with the input of forms.

GatewayView is for all pages, WriteView for forms that write. Input is stored without its secrets, restored,
and merged with the changes of others.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.template import loader
from django.urls import reverse
from django.utils import timezone

from portal.audit.event_types import KINDS
from portal.changes import workflow
from portal.changes.comparison import DIGEST, iterate_leaves
from portal.changes.errors import ChangeStopped, ConnectionPaused
from portal.changes.models import CORRECTABLE, Change, State
from portal.changes.outcomes import KEPT_FOR
from portal.changes.permissions import visible_changes
from portal.changes.records import unseal_payload
from portal.core.errors import NotFound
from portal.core.forms import ABSENT, PayloadForm, look_up, show_refusal
from portal.core.links import entity_url
from portal.core.view_access import set_refusal
from portal.core.views import PortalView
from portal.directory.models import IndexedEntity
from portal.directory.services import get_parents
from portal.form_drafts.forms import note_secrets, require_secrets, secret_names
from portal.form_drafts.services import (
    SECRETS_KEPT_FOR,
    KeptSecrets,
    OpenDraft,
    draft_at,
    fill_secrets,
    find_result,
    list_shown_secrets,
    open_draft,
    owns,
    posted_token,
    save_posted,
)
from provisioning import contract
from provisioning.encryption import KeyringError
from provisioning.gateway.error_codes import describe_refusal, get_read_advice, get_read_cause
from provisioning.gateway.errors import EntityNotFound, NotAuthorised, ProvisioningError
from provisioning.gateway.secrets import MASK, Sealed, reveal_all
from provisioning.operations import Operation, get_operation

_LOOK_AGAIN = "Someone may have archived or moved it. Its history shows what was done in this portal."


class GatewayView(PortalView):
    """A page whose `get` and `post` may raise ProvisioningError or ChangeStopped.

    EntityNotFound becomes a 404; other failures show changes/gateway_unavailable.html (503, or 502 for an
    unusable answer); ChangeStopped shows changes/action_blocked.html with its own status.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the handler and turn these errors into pages."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except EntityNotFound as error:
            raise NotFound(str(error), advice=_LOOK_AGAIN) from error
        except ProvisioningError as error:
            return gateway_unavailable_page(request, error, back=self.back_url())
        except ChangeStopped as stop:
            return self.show_stop(stop)

    def show_stop(self, stop: ChangeStopped) -> HttpResponse:
        """Return the page that says why this step was stopped."""
        record_paused_attempt(self.request, stop)
        context = {"stop": stop, "back": self.back_url()}
        return render(self.request, "changes/action_blocked.html", context, status=stop.status)

    def back_url(self) -> str:
        """Return the address for "Back" and "Try again": this page."""
        return self.request.get_full_path()


def gateway_unavailable_page(
    request: HttpRequest, error: ProvisioningError, *, back: str = ""
) -> HttpResponse:
    """Return the page for a failed read: what happened, what it means, what to do."""
    context = {
        "error": error,
        "cause": get_read_cause(error),
        "advice": get_read_advice(error),
        "back": back or request.get_full_path(),
    }
    answered = error.http_status and not isinstance(error, NotAuthorised)
    return render(request, "changes/gateway_unavailable.html", context, status=502 if answered else 503)


def record_paused_attempt(request: HttpRequest, stop: Exception) -> None:
    """Record the attempt if it was to write to a connection that an admin has paused."""
    if isinstance(stop, ConnectionPaused):
        set_refusal(request, f"got the answer: {stop.explanation}", code="paused")


def add_refusal(
    request: HttpRequest, form: PayloadForm, refusal: ChangeStopped | ProvisioningError | Change
) -> int:
    """Show in a form why it was not carried out, at the field concerned; return the status of the page.

    Every refusal becomes a form error here: what the workflow raised, or the refused change.
    """
    if isinstance(refusal, Change):
        form.is_valid()
        words = describe_refusal(
            code=refusal.code, gateway_message=refusal.gateway_message, explanation=refusal.explanation
        )
        field, status = refusal.field, 422
    elif isinstance(refusal, ChangeStopped):
        record_paused_attempt(request, refusal)
        words, field, status = refusal.explanation, "", refusal.status
    else:
        words, field, status = refusal.explanation, refusal.field, 503
    show_refusal(form, words, field=field)
    return status


class WriteView(GatewayView):
    """Base of pages that write. `operation` determines the entity kind and the required permission.

    Input is stored as a draft (portal.form_drafts) until the form is accepted.
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
        """The row of provisioning.operations for `operation`."""
        return get_operation(self.operation)

    @property
    def connection(self) -> str:
        """Slug of the connection in the address."""
        return str(self.kwargs["connection"])

    def page_url(self, *, connection: str, guid: str) -> str:
        """Return the address of the entity's page, where a success leads."""
        return entity_url(self.spec.kind, connection, guid)

    def page_context(self, entry: IndexedEntity | None) -> dict[str, Any]:
        """Return more template variables; `entry` is the parent of a create, the entity otherwise."""
        return {}

    @cached_property
    def draft(self) -> OpenDraft | None:
        """The unsent form that this page continues, if there is one."""
        return open_draft(self.request)

    @cached_property
    def kept_secrets(self) -> KeptSecrets:
        """The secrets typed before, into the unsent form or the change that this page continues."""
        if self.draft and self.draft.secrets.names:
            return self.draft.secrets
        if self.draft is None and (names := list_shown_secrets(self.request)):
            return KeptSecrets(names)
        change = self.get_resumed_change() if hasattr(self, "form_class") else None
        return load_kept_secrets(change, self.form_class()) if change else KeptSecrets()

    @cached_property
    def posted_data(self) -> QueryDict:
        """The posted form, completed with the secrets typed before."""
        return fill_secrets(self.request.POST, self.kept_secrets)[0]

    def restore_form(self, change: Change, make: Callable[..., PayloadForm]) -> PayloadForm:
        """Return the form as typed for `change`, with an error at each field that was not stored."""
        data = restore_form_data(change.typed)
        missing = complete_form_data(make(), data, change.body) if change.typed else []
        form = make(data=data)
        for name in missing:
            form.add_error(
                name, "This was not kept, because it may contain secrets. Enter your changes again."
            )
        return form

    def require_secrets(self, form: PayloadForm) -> None:
        """Add an error at each secret that was typed once, is no longer stored and was not typed again."""
        require_secrets(form, fill_secrets(self.request.POST, self.kept_secrets)[1])

    def get_lost_secrets(self, form: PayloadForm) -> list[str]:
        """Return the typed secrets that are not stored, because the form came without its token."""
        saved = save_posted(self.request, self.posted_data)
        if saved:
            return []
        return [name for name in secret_names(form) if self.request.POST.get(name)]

    def back_url(self) -> str:
        """Return the form's address; after a post, with the input."""
        saved = save_posted(self.request, self.posted_data) if self.request.method == "POST" else None
        return saved.url if saved else super().back_url()

    def draft_title(self, entry: IndexedEntity | None) -> str:
        """Return the name of an unsent form on the home page."""
        name = entry.name if entry else ""
        return f"{self.spec.kind.replace('_', ' ').capitalize()} {name} in {self.connection}"

    def render_page(self, entry: IndexedEntity | None, *, status: int = 200, **context: Any) -> HttpResponse:
        """Render the page with the entry, its parents for the breadcrumbs, the operation and more context."""
        page = {
            "entry": entry,
            "parents": get_parents(entry) if entry else [],
            "operation": self.spec,
            "kind_words": KINDS.get(self.spec.kind, ""),
            "draft_title": self.draft_title(entry),
            "resumed": self.get_resumed_change(),
        }
        if "form" in context:
            kept = self.kept_secrets
            if self.request.method == "POST" and status >= 400:
                # The form was not accepted: its input, and the secrets in it, are stored as an unsent form.
                saved = save_posted(self.request, self.posted_data)
                kept = saved.secrets if saved else KeptSecrets(self.get_lost_secrets(context["form"]))
            note_secrets(context["form"], kept)
        return render(
            self.request, self.template_name, {**page, **context, **self.page_context(entry)}, status=status
        )

    def form_state(self, form: PayloadForm | None = None) -> workflow.FormState:
        """Return where this was typed, for "Back to edit" and "Correct it"."""
        query = self.request.GET.copy()
        for name in ("change", "draft"):
            query.pop(name, None)
        path = f"{self.request.path}?{query.urlencode()}" if query else self.request.path
        token = posted_token(self.request)
        nonce = token.nonce if token else ""
        if form is None:
            return workflow.FormState(path, nonce=nonce)
        return workflow.FormState(path, get_form_data(form), get_labels(form), nonce)

    def review_url(self, change: Change) -> str:
        """Return the address of a change, filled in with the reason typed at the review that it replaces."""
        url = change_url(change)
        draft = draft_at(self.request.user.pk, url)
        return draft.url if draft else url

    def get_resumed_change(self) -> Change | None:
        """Return the author's own change of this form, named in `?change=` or in the posted or unsent form.

        A change typed into another form would bring its values, secrets included, to the wrong entity.
        """
        named = self.request.GET.get("change") or self.request.POST.get("change")
        try:
            wanted = uuid.UUID(named or (self.draft.fields.get("change", "") if self.draft else ""))
        except ValueError:
            return None
        own = visible_changes(self.request.user).filter(actor_id=self.request.user.pk)
        change = own.filter(pk=wanted, connection=self.connection, operation=self.operation).first()
        return change if change and change.form_path.partition("?")[0] == self.request.path else None

    def get_replaced_change(self) -> Change | None:
        """Return the unsent change that the posted form replaces, if there is one.

        It is the one that the same form prepared before, if the browser's Back has shown it again; otherwise
        the one from which the author went back to edit. The workflow checks that it is of the same form.
        """
        own = visible_changes(self.request.user).filter(actor_id=self.request.user.pk, state=State.PREPARED)
        result = find_result(self.request)
        for change in own.filter(connection=self.connection, operation=self.operation) if result else ():
            if change_url(change) == result:
                return change
        return self.get_resumed_change()


def unrecorded_page(change: Change) -> HttpResponse | None:
    """Return the page for an outcome that could not be recorded; None if it was.

    The page needs no database: the outcome is known from the gateway's answer.
    """
    if change.is_recorded:
        return None
    words = loader.render_to_string("changes/unrecorded.html", {"change": change})
    statuses = {State.ACCEPTED: 200, State.REFUSED: 422}
    return HttpResponse(words, status=statuses.get(State(change.state), 503))


def change_url(change: Change) -> str:
    """Return the address of a change: its review or its outcome."""
    return reverse("changes:page", args=[change.pk])


def get_form_data(form: PayloadForm) -> dict[str, list[str]]:
    """Return name → strings of a bound form, as posted, without secrets and undeclared fields.

    Fields with the attribute `may_hold_secrets` are left out as well.
    """
    data: Any = form.data
    left_out = [
        name
        for name, field in form.fields.items()
        if is_secret_field(form, name) or getattr(field, "may_hold_secrets", False)
    ]
    return {
        key: data.getlist(key)
        for key in data
        if any(owns(name, key) for name in form.fields) and not any(owns(name, key) for name in left_out)
    }


def restore_form_data(typed: Mapping[str, list[str]]) -> QueryDict:
    """Return stored input as form data."""
    data = QueryDict(mutable=True)
    for key, values in typed.items():
        data.setlist(key, values)
    return data


def complete_form_data(form: PayloadForm, data: QueryDict, body: Mapping[str, Any]) -> list[str]:
    """Add initial values for fields that were not stored because they may hold secrets; return their names.

    Such a field is in the change's `body`, perhaps under its add… or remove… name. With the initial value,
    submitting the form again removes nothing. `data` is changed in place.
    """
    sent = {name.lower().removeprefix("add").removeprefix("remove") for name in body}
    missing = [
        name
        for name in form.fields
        if name.lower() in sent
        and not is_secret_field(form, name)
        and not any(owns(name, key) for key in data)
    ]
    for name in missing:
        data[name] = form.fields[name].prepare_value(form.initial.get(name)) or ""
    return missing


def is_secret_field(form: PayloadForm, name: str) -> bool:
    """Return whether a field is a password field, or in a property that the contract marks as secret."""
    parts = tuple(name.split("."))
    inside = any(parts[: len(path)] == path for path in contract.secret_paths(form.schema))
    return inside or getattr(form.fields[name].widget, "input_type", "") == "password"


def get_labels(form: PayloadForm) -> dict[str, str]:
    """Return field → label, for the review page."""
    return {name: str(field.label or name) for name, field in form.fields.items()}


def merge_initial(form: PayloadForm, base: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial data of a valid form that is shown again after someone else's change.

    Fields that the user edited (they differ from `base`, the values seen) stay as typed; the others get the
    current values, `fresh`.
    """
    seen = form.initial_from(drop_digests(base))
    touched = {
        name: form.cleaned_data.get(name)
        for name in form.fields
        if not is_secret_field(form, name)
        and form.differs(name, form.cleaned_data.get(name), seen.get(name, ABSENT))
    }
    return {**form.initial_from(fresh), **touched}


def drop_digests(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a snapshot without its secrets."""
    kept: dict[str, Any] = {}
    for key, value in base.items():
        if isinstance(value, Mapping):
            if DIGEST not in value:
                kept[key] = drop_digests(value)
        else:
            kept[key] = value
    return kept


def load_kept_secrets(change: Change, form: PayloadForm) -> KeptSecrets:
    """Return the secrets of the change under the names of the form's fields."""
    sent = dict(iterate_leaves(change.body))
    names = [
        name
        for name in secret_names(form)
        if any(value == MASK and (key == name or key.startswith(f"{name}.")) for key, value in sent.items())
    ]
    until = change.created_at + KEPT_FOR
    if change.state in CORRECTABLE:
        until = (change.finished_at or change.created_at) + SECRETS_KEPT_FOR
    if not names or not change.sealed_payload or until <= timezone.now():
        return KeptSecrets(names)
    try:
        payload = unseal_payload(change, change.sealed_payload)
    except KeyringError:
        return KeptSecrets(names)
    values = {}
    for name in names:
        value = look_up(payload, name)
        if value is not ABSENT:
            plain = reveal_all(value) if not isinstance(value, Sealed) else value.reveal()
            values[name] = [plain if isinstance(plain, str) else json.dumps(plain)]
    return KeptSecrets(names, values, until)
