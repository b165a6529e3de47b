"""How a form shows secrets that were typed before: kept, or to be typed again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django import forms
from django.forms.utils import ErrorDict
from django.http import HttpRequest

from portal.core.form_rendering import is_secret
from portal.form_drafts.services import KeptSecrets, open_draft

FormType = TypeVar("FormType", bound=forms.BaseForm)
TYPE_AGAIN = "Enter it again, or tick “Leave it out”. The portal no longer has the value."


@dataclass(frozen=True, slots=True)
class TypedBefore:
    """The note below a secret field. `until` is when the kept value is deleted; None if it already was."""

    until: datetime | None


def secret_names(form: forms.BaseForm) -> list[str]:
    """Return the fields of a form whose values must not be shown."""
    return [name for name in form.fields if is_secret(form[name])]


def show_unchecked(form: forms.BaseForm) -> None:
    """Show a bound form without errors: it has not been submitted yet."""
    form._errors = ErrorDict(renderer=form.renderer)  # type: ignore[attr-defined]
    form.cleaned_data = {}


def drafted(request: HttpRequest, make: Callable[[Any], FormType]) -> FormType:
    """Return the form of a page, made from nothing or from the draft that the address names."""
    draft = open_draft(request)
    form = make(draft.fields if draft else None)
    if draft:
        show_unchecked(form)
    return form


def note_secrets(form: forms.BaseForm, kept: KeptSecrets) -> None:
    """Say at each secret field that was typed before what became of its value."""
    for name in kept.names:
        if name in form.fields:
            has_value = any(key == name or key.startswith(name) for key in kept.values)
            form.fields[name].typed_before = TypedBefore(kept.until if has_value else None)  # type: ignore[attr-defined]


def require_secrets(form: forms.BaseForm, missing: list[str]) -> None:
    """Refuse a form without the secrets that have to be typed again."""
    for name in missing:
        if name in form.fields and name not in form.errors:
            form.add_error(name, TYPE_AGAIN)
