"""The input of a form: stored without its secrets, restored, merged with the changes of others."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from portal.changes.comparison import DIGEST, iterate_leaves
from portal.changes.encrypted_payloads import unseal_payload
from portal.changes.models import Change, State
from portal.core.forms import ABSENT, PayloadForm, look_up
from portal.form_drafts.forms import secret_names
from portal.form_drafts.services import SECRETS_KEPT_FOR, KeptSecrets, owns
from provisioning import contract
from provisioning.encryption import KeyringError
from provisioning.gateway.secrets import MASK, Sealed, reveal_all

# Finished states after which the form can be corrected. The payload is deleted after SECRETS_KEPT_FOR.
CORRECTABLE = (State.REFUSED, State.CONFLICT)


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
    until = change.created_at + timedelta(hours=24)
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
