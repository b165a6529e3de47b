"""The secrets of a change that was not carried out: for the retry they need not be typed again."""

import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.changes.encrypted_payloads import payload_unseal
from portal.changes.models import Change, State
from portal.changes.snapshots import leaves
from portal.core.forms import ABSENT, PayloadForm, look_up
from portal.form_drafts.forms import secret_names
from portal.form_drafts.services import SECRETS_KEPT_FOR, KeptSecrets
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import MASK, Sealed, reveal_all

# Over, so their payload is deleted after SECRETS_KEPT_FOR.
CORRECTABLE = (State.REFUSED, State.CONFLICT)


def kept_secrets(change: Change, form: PayloadForm) -> KeptSecrets:
    """Return the secrets of the change under the names of the form's fields."""
    sent = dict(leaves(change.body))
    names = [
        name
        for name in secret_names(form)
        if any(value == MASK and (key == name or key.startswith(f"{name}.")) for key, value in sent.items())
    ]
    until = _kept_until(change)
    if not names or not change.sealed_payload or until <= timezone.now():
        return KeptSecrets(names)
    try:
        payload = payload_unseal(change, change.sealed_payload)
    except KeyringError:
        return KeptSecrets(names)
    found = {name: look_up(payload, name) for name in names}
    values = {name: [_posted(value)] for name, value in found.items() if value is not ABSENT}
    return KeptSecrets(names, values, until)


def _kept_until(change: Change) -> Any:
    if change.state in CORRECTABLE:
        return (change.finished_at or change.created_at) + SECRETS_KEPT_FOR
    return change.created_at + timedelta(hours=24)


def _posted(value: Any) -> str:
    """A value as the form's field is posted."""
    opened = reveal_all(value) if not isinstance(value, Sealed) else value.reveal()
    return opened if isinstance(opened, str) else json.dumps(opened)
