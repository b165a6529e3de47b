"""The steps of a change: prepare, send, both at once (submit), cancel, retry.

Every function authorises again, fresh from the database, and raises PermissionDenied. An error of
portal.changes.errors means that nothing was sent. Unknown outcomes are settled in
portal.changes.reconciliation.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from portal.audit.recording import Origin
from portal.changes import execution
from portal.changes.comparison import take_snapshot
from portal.changes.errors import (
    AuditWriteError,
    ChangeStopped,
    DuplicateChange,
    InvalidState,
    ReasonRequired,
)
from portal.changes.gates import (
    Attempt,
    Stage,
    clean_reason,
    get_confirmation,
    is_production,
    run_gates,
)
from portal.changes.models import Change, State
from portal.changes.outcomes import settle_stale_changes
from portal.changes.permissions import Person, authorise, authorise_change, authorise_new_change
from portal.changes.reconciliation import check_change
from portal.changes.records import (
    durable_record,
    get_body_digests,
    get_old_values,
    is_same_body,
    record_change_event,
    seal_payload,
    unseal_payload,
)
from portal.changes.review import build_rows
from portal.core.text import database_safe
from portal.form_drafts.services import close_drafts, move_draft, relink_closed_forms
from portal.staff.models import User
from provisioning import service
from provisioning.encryption import KeyringError
from provisioning.entities import Entity
from provisioning.gateway.secrets import mask
from provisioning.operations import get_operation

# The columns that a retry takes over from the change that was not carried out.
_RETRIED_COLUMNS = (
    "connection", "target", "object_guid", "object_name", "parent_guid", "parent_name", "tenant_guid",
    "operation", "before", "base", "rows", "typed", "form_path", "dangerous", "reason",
    "body_digest", "group_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FormState:
    """The form in which a change was typed, so that its author can go back to it.

    `path` is the form's address, `typed` its data without secrets (name → list of strings), `labels` the
    labels of its fields, `nonce` different each time a form is opened.
    """

    path: str = ""
    typed: Mapping[str, list[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""


_NO_FORM = FormState()


def prepare_change(
    *,
    user: Person,
    origin: Origin,
    operation: str,
    connection: str,
    payload: dict[str, Any],
    entity: Entity | None = None,
    target: str = "",
    object_name: str = "",
    parent_name: str = "",
    tenant_guid: str = "",
    submission: uuid.UUID | None = None,
    reason: str = "",
    form_state: FormState = _NO_FORM,
    allow_duplicate: bool = False,
    replaces: Change | None = None,
    group: str = "",
) -> Change:
    """Write down a change for review; nothing is sent.

    For an update, `entity` is the fresh read on which it was decided. For a create, `target` is the parent's
    guid and `object_name` the new entity's name. The same `submission` makes one change: a repetition returns
    it, whatever its state. `replaces` is the change from which the author came back to the form; it is
    discarded if it is their own, unsent, and of the same form and entity. Raises DuplicateChange (not with
    `allow_duplicate`), PermissionDenied, ConnectionPaused, InvalidState, NotSent, AuditWriteError, KeyError.
    """
    described = get_operation(operation)
    person = authorise(user=user, permission=described.permission)
    before = mask(dict(entity.values)) if entity else {}
    change = Change(
        state=State.PREPARED,
        submission=submission or uuid.uuid4(),
        operation=operation,
        connection=connection,
        target=entity.guid if entity else target,
        object_guid=entity.guid if entity else "",
        object_name=database_safe(entity.name if entity else object_name)[:400],
        parent_guid=entity.parent if entity else target,
        parent_name=database_safe(parent_name)[:400],
        tenant_guid=tenant_guid,
        group_id=group,
        actor=person,
        actor_name=_get_actor_name(person),
        reason=database_safe(reason).strip()[:2000],
        typed=database_safe(dict(form_state.typed)),
        form_path=form_state.path[:1000],
        form_nonce=form_state.nonce,
        before=database_safe(before),
        base=take_snapshot(entity) if entity else {},
    )
    attempt = Attempt(change, person, payload, allow_duplicate=allow_duplicate)
    run_gates(Stage.START, attempt)
    _set_payload(change, payload)
    change.rows = database_safe(build_rows(described, before, change.body, form_state.labels))
    change.dangerous = bool(change.dangers)
    if described.creates:
        change.body_digest = get_body_digests(change, payload)[0]
    authorise_new_change(user=person, change=change, payload=payload)
    return _record_prepared(attempt, origin, replaces)


def submit_change(
    *, user: Person, origin: Origin, payload: dict[str, Any], allow_duplicate: bool = False, **details: Any
) -> Change:
    """Prepare a change and send it without a review; takes the arguments of `prepare_change`.

    Where a person has to review it first, in production or because it needs a reason, it is returned
    "prepared". A repetition may return it while another request sends it. If something stops it before it is
    sent, it is discarded. Raises what prepare_change and send_change raise.
    """
    change = prepare_change(
        user=user, origin=origin, payload=payload, allow_duplicate=allow_duplicate, **details
    )
    author = _authorise_author(user, change)
    return _send_without_review(change, author, payload, origin, allow_duplicate=allow_duplicate)


def send_change(
    *,
    user: Person,
    origin: Origin,
    change: Change,
    reason: str = "",
    confirmation: str = "",
    allow_duplicate: bool = False,
) -> Change:
    """Send a prepared change once, if its entity is still as its author saw it.

    Return it accepted, refused, not sent, unknown, in conflict, back in "prepared" (the gateway could not be
    read), or as it is if another request sent it. Raises PermissionDenied, ConcurrentChange, ReasonRequired,
    ConnectionPaused, InvalidState, AuditWriteError, and DuplicateChange for a create that the author sent a
    moment ago, unless `allow_duplicate`.
    """
    person = _authorise_author(user, change)
    settle_stale_changes()
    change.refresh_from_db()
    if change.state != State.PREPARED:
        return change
    run_gates(Stage.START, Attempt(change, person))
    reason = clean_reason(reason) or change.reason
    run_gates(Stage.CONFIRMATION, Attempt(change, person, reason=reason, confirmation=confirmation))
    payload = _open_payload(change)
    return _send_prepared(Attempt(change, person, payload, reason, confirmation, allow_duplicate), origin)


def cancel_change(*, user: Person, origin: Origin, change: Change) -> Change:
    """Discard a prepared change of one's own; in another state it is returned as it is.

    Raises PermissionDenied, AuditWriteError.
    """
    _authorise_author(user, change)
    with durable_record("it was not discarded"):
        _discard_unsent(change, origin)
    change.refresh_from_db()
    return change


def retry_change(*, user: Person, origin: Origin, change: Change, confirmed: bool = False) -> Change:
    """Try a change again that was not sent or not found.

    A create is sent at once; an update, and in production a create, waits for review. A create that was not
    found may still be carried out by the gateway: it is looked for once more, and only sent again if that was
    `confirmed`; if it turned up, `change` itself is returned. The new change's submission is derived from the
    old one, so a double click makes one. Raises InvalidState when the change may have happened or its payload
    is no longer stored, ReasonRequired without confirmation, ProvisioningError if the gateway cannot be read.
    """
    person = authorise_change(user=user, change=change)
    submission = uuid.uuid5(change.pk, "again")
    earlier = Change.objects.filter(submission=submission).first()
    if earlier:
        return earlier
    if change.state not in (State.NOT_SENT, State.NOT_FOUND) or not change.sealed_payload:
        raise InvalidState("This change cannot be sent again as it is. Use its form again.")
    run_gates(Stage.START, Attempt(change, person))
    payload = _open_payload(change)
    if change.state == State.NOT_FOUND and change.is_create:
        if not confirmed:
            raise ReasonRequired("Tick the box to confirm that two of the same could exist afterwards.")
        change = check_change(user=user, origin=origin, change=change)
        if change.state != State.NOT_FOUND:
            return change
    retry = Change(
        state=State.PREPARED, actor=person, actor_name=_get_actor_name(person), submission=submission
    )
    for name in _RETRIED_COLUMNS:
        setattr(retry, name, getattr(change, name))
    _set_payload(retry, payload)
    retry = _record_prepared(Attempt(retry, person, payload, allow_duplicate=True), origin)
    if retry.is_create:
        retry = _send_without_review(retry, person, payload, origin, allow_duplicate=True)
    if retry.is_recorded:
        Change.objects.filter(pk=change.pk).update(sealed_payload="")
    return retry


def find_retry(change: Change) -> Change | None:
    """Return the change that was made by retrying this one, if there is one."""
    if change.state not in (State.NOT_SENT, State.NOT_FOUND):
        return None
    return Change.objects.filter(submission=uuid.uuid5(change.pk, "again")).first()


def dismiss_change(*, user: Person, change: Change) -> None:
    """Take a refused change of one's own off the home page. Raises PermissionDenied for another's."""
    if change.actor_id != user.pk:
        raise PermissionDenied("only the author takes a change off their home page")
    Change.objects.filter(pk=change.pk, state=State.REFUSED).update(dismissed_at=timezone.now())


def _set_payload(change: Change, payload: dict[str, Any]) -> None:
    """Set the request of an unsaved change: masked for people, sealed for sending."""
    preview = service.preview_request(
        change.operation, connection=change.connection, target=change.target, payload=payload
    )
    change.request = database_safe(preview)
    change.sealed_payload = seal_payload(change, payload)


def _open_payload(change: Change) -> dict[str, Any]:
    """Return the stored body of a change. Raises InvalidState if it cannot be decrypted."""
    try:
        return unseal_payload(change, change.sealed_payload)
    except KeyringError as error:
        raise InvalidState(
            f"The stored values of this change cannot be decrypted, so nothing was sent. {error} "
            "Use the form to make the change again."
        ) from error


def _record_prepared(attempt: Attempt, origin: Origin, replaces: Change | None = None) -> Change:
    """Write down a change and, in the same transaction, discard the one that it replaces.

    The change that has the same submission is returned instead. If its author typed other values in
    between, it is replaced while it is unsent.
    """
    change, person = attempt.change, attempt.person
    first = Change.objects.filter(submission=change.submission).first()
    if first is not None:
        own = first.actor_id == person.pk and first.operation == change.operation
        if not own or first.state not in (State.PREPARED, State.CANCELLED):
            _reject_other_form(first, attempt)
            return first
        if first.state == State.PREPARED and is_same_body(first, change, attempt.payload):
            return first
        if first.state == State.PREPARED:
            replaces = first
        change.submission = uuid.uuid4()
    with durable_record():
        run_gates(Stage.RECORD, attempt)
        try:
            with transaction.atomic():
                change.save(force_insert=True)
        except IntegrityError:
            first = Change.objects.get(submission=change.submission)
        else:
            record_change_event(
                "change.prepared", change, origin, before=get_old_values(change), after=change.changed_values
            )
            if replaces and _get_form_key(replaces) == _get_form_key(change):
                _discard_unsent(replaces, origin, successor=change)
            return change
    _reject_other_form(first, attempt)
    return first


def _send_without_review(
    change: Change, author: User, payload: dict[str, Any], origin: Origin, *, allow_duplicate: bool
) -> Change:
    """Send a change that its author prepared just now, unless a person has to review it."""
    required = get_confirmation(change)
    if change.state != State.PREPARED or is_production(change.connection) or required.reason_required:
        return change
    try:
        return _send_prepared(
            Attempt(change, author, payload, change.reason, allow_duplicate=allow_duplicate), origin
        )
    except ChangeStopped:
        with suppress(AuditWriteError):
            cancel_change(user=author, origin=origin, change=change)
        raise


def _send_prepared(attempt: Attempt, origin: Origin) -> Change:
    """Claim a prepared change, record its intent and send it; see send_change."""
    change = attempt.change
    claimed = execution.claim_change(attempt)
    if claimed:
        intended = execution.look_and_record_intent(attempt, origin)
        if intended:
            execution.carry_out_change(change=change, payload=attempt.payload, origin=origin)
    if change.is_recorded:
        change.refresh_from_db()
        if change.state != State.PREPARED:
            # The outcome is recorded. Home does not offer an unsent form that could not be deleted.
            with suppress(DatabaseError):
                close_drafts(_get_review_path(change))
    return change


def _discard_unsent(change: Change, origin: Origin, *, successor: Change | None = None) -> None:
    """Discard a change that is still unsent, inside the caller's transaction.

    The reason typed at its review, but not the confirmation, is offered at the review of its `successor`.
    """
    unsent = Change.objects.filter(pk=change.pk, state=State.PREPARED)
    discarded = unsent.update(state=State.CANCELLED, finished_at=timezone.now(), sealed_payload="")
    if discarded:
        record_change_event("change.cancelled", change, origin, outcome=State.CANCELLED.value)
        path = _get_review_path(change)
        if successor:
            review = _get_review_path(successor)
            move_draft(change.actor_id, path, review, title=successor.title, names=["reason"])
            relink_closed_forms(change.actor_id, path, review)
        close_drafts(path)


def _get_review_path(change: Change) -> str:
    return reverse("changes:page", args=[change.pk])


def _get_form_key(change: Change) -> tuple[Any, ...]:
    """Return what two changes have in common if the same person typed them into the same form."""
    page = change.form_path.partition("?")[0]
    target = "" if change.is_create else change.target  # the parent may be chosen in the form
    return change.actor_id, change.operation, change.connection, target, page


def _reject_other_form(first: Change, attempt: Attempt) -> None:
    """Raise unless the author of `first` repeats its submission with the same body.

    The same submission with another body is neither a repetition nor a new request: dropping it silently
    would lose what the person typed. Raises InvalidState, DuplicateChange.
    """
    if first.actor_id != attempt.person.pk or first.operation != attempt.change.operation:
        raise InvalidState("This form was already sent by someone else. Open it again.")
    if first.body_digest and not is_same_body(first, attempt.change, attempt.payload):
        raise DuplicateChange(first, same=False)


def _authorise_author(user: Person, change: Change) -> User:
    """Return the author, fresh from the database. Raises PermissionDenied for everyone else."""
    person = authorise_change(user=user, change=change)
    if change.actor_id != person.pk:
        raise PermissionDenied(f"only {change.actor_name}, who prepared this change, sends or discards it")
    return person


def _get_actor_name(person: User) -> str:
    return person.get_full_name() or person.get_username()
