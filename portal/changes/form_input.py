"""What was typed into a form: kept without its secrets, and merged with what others changed meanwhile."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from portal.changes.snapshots import DIGEST
from portal.core.forms import ABSENT, PayloadForm
from portal.form_drafts.services import owns
from provisioning import contract


def typed_of(form: PayloadForm) -> dict[str, list[str]]:
    """Name → strings of a bound form, as they were posted; only of declared fields that are no secrets.

    A field whose attribute `may_hold_secrets` is set is left out as well.
    """
    data: Any = form.data
    left_out = [
        name
        for name, field in form.fields.items()
        if secret_field(form, name) or getattr(field, "may_hold_secrets", False)
    ]
    return {
        key: data.getlist(key)
        for key in data
        if any(owns(name, key) for name in form.fields) and not any(owns(name, key) for name in left_out)
    }


def typed_data(typed: Mapping[str, list[str]]) -> QueryDict:
    """The same as form data again."""
    data = QueryDict(mutable=True)
    for key, values in typed.items():
        data.setlist(key, values)
    return data


def complete_typed(form: PayloadForm, data: QueryDict, body: Mapping[str, Any]) -> list[str]:
    """Fill in, in place, what was left out of a change's typed data because it may hold secrets.

    Such a field is in the change's `body`, perhaps as its add… or remove… partner, and was not kept. It gets
    the form's initial value, so that sending the form again takes nothing away. Returns the fields' names.
    """
    sent = {name.lower().removeprefix("add").removeprefix("remove") for name in body}
    missing = [
        name
        for name in form.fields
        if name.lower() in sent and not secret_field(form, name) and not any(owns(name, key) for key in data)
    ]
    for name in missing:
        data[name] = form.fields[name].prepare_value(form.initial.get(name)) or ""
    return missing


def secret_field(form: PayloadForm, name: str) -> bool:
    """Whether a field is, or lies within, something the contract marks as secret, or is typed unseen."""
    parts = tuple(name.split("."))
    inside = any(parts[: len(path)] == path for path in contract.secret_paths(form.schema))
    return inside or getattr(form.fields[name].widget, "input_type", "") == "password"


def labels_of(form: PayloadForm) -> dict[str, str]:
    """Field → label, for the review page."""
    return {name: str(field.label or name) for name, field in form.fields.items()}


def merged_initial(form: PayloadForm, base: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """Initial data for showing a valid form again after somebody else's change.

    What the person touched (it differs from `base`, the values they saw) stays as typed; everything else is
    as it is now in `fresh`.
    """
    seen = form.initial_from(without_digests(base))
    touched = {
        name: form.cleaned_data.get(name)
        for name in form.fields
        if not secret_field(form, name)
        and form.differs(name, form.cleaned_data.get(name), seen.get(name, ABSENT))
    }
    return {**form.initial_from(fresh), **touched}


def without_digests(base: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot's values without its secrets."""
    kept: dict[str, Any] = {}
    for key, value in base.items():
        if isinstance(value, Mapping):
            if DIGEST not in value:
                kept[key] = without_digests(value)
        else:
            kept[key] = value
    return kept
