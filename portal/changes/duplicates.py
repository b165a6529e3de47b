"""Finds the create that somebody sent a moment ago and is about to send again, with another submission."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.changes.errors import DuplicateChange
from portal.changes.models import Change, State
from portal.staff.models import User
from provisioning import encryption
from provisioning.gateway.secrets import reveal_all

# The way back from the new entity's page to the form; whoever comes later means it.
REMEMBERED_FOR = timedelta(minutes=10)
# Any other state certainly made nothing.
_MADE = (State.ACCEPTED, State.SENDING, State.UNKNOWN, State.NOT_FOUND)


def body_digest(change: Change, payload: Mapping[str, Any]) -> str:
    """16 hex digits for what is sent and where to, secrets included; keyed, so that they stay secret."""
    return _digests(change, payload)[0]


def is_same_body(first: Change, change: Change, payload: Mapping[str, Any]) -> bool:
    """Return whether `change` would send what `first` sent, under any configured key."""
    return first.body_digest in _digests(change, payload)


def reject_duplicate(change: Change, payload: Mapping[str, Any], person: User) -> None:
    """Raises AlreadySent if this person sent the same body under another submission just now.

    Found under every configured key: the encryption keys may have changed since then.

    Call it in the transaction that writes the change: the lock makes the person's creates queue.
    """
    User.objects.select_for_update().get(pk=person.pk)
    twins = Change.objects.filter(
        actor_id=person.pk,
        body_digest__in=_digests(change, payload),
        state__in=_MADE,
        created_at__gt=timezone.now() - REMEMBERED_FOR,
    )
    twin = twins.exclude(submission=change.submission).first()
    if twin:
        raise DuplicateChange(twin)


def _digests(change: Change, payload: Mapping[str, Any]) -> list[str]:
    """Under each configured key, the current one first."""
    parts = [change.operation, change.connection, change.target, reveal_all(dict(payload))]
    return encryption.fingerprints(json.dumps(parts, sort_keys=True, default=str))
