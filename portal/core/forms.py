"""PayloadForm: a Django form whose fields are properties of a contract schema, so that it is the body.

Field names are the API's property names, nested ones with dots ("config.username"). Every entity app
declares its forms on this base; portal.changes sends what `payload()` or `changes_from()` returns.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from portal.core import browser_values
from portal.core.browser_values import get_posted_values
from provisioning import contract
from provisioning.gateway.secrets import Sealed

ABSENT: Any = object()
# What pages post beside a form's own fields.
PAGE_FIELDS = frozenset(
    {"csrfmiddlewaretoken", "submission", "base", "change", "again", "reason", "confirmation"}
    | {"draft", "draft_token", "draft_secrets", "leave_secret"}
)
MAX_UNKNOWN_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of fields, in the order in which they are shown. `advanced` sections start folded."""

    title: str
    fields: tuple[str, ...]
    help: str = ""
    advanced: bool = False


@dataclass(frozen=True, slots=True)
class BoundSection:
    """A section with its bound fields, for templates."""

    section: Section
    fields: list[forms.BoundField]

    @property
    def open(self) -> bool:
        """Whether the section is shown unfolded: not advanced, or something in it needs attention."""
        return not self.section.advanced or any(field.errors for field in self.fields)


class PayloadForm(forms.Form):
    """Base of every form that becomes a request body.

    `schema` names the request schema; `nested` holds fields whose names are not identifiers; `unsupported`
    gives the reason for every property without a field; `sections` groups all fields. A test compares these
    with the contract.
    """

    schema: ClassVar[str] = ""
    nested: ClassVar[Mapping[str, forms.Field]] = {}
    unsupported: ClassVar[Mapping[str, str]] = {}
    sections: ClassVar[tuple[Section, ...]] = ()
    by_difference: ClassVar[frozenset[str]] = frozenset()
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.nested.items():
            self.fields[name] = copy.deepcopy(field)
        for name, field in self.fields.items():
            if not isinstance(field, forms.ChoiceField):
                continue
            # A stored value that the list does not have can stay selected.
            stored = self.initial.get(name)
            values = stored if isinstance(stored, list) else [stored] if stored else []
            missing = [value for value in values if not field.valid_value(value)]
            if missing:
                known = list(field.choices)  # type: ignore[arg-type]
                field.choices = known + [(value, f"{value} (as stored)") for value in missing]

    @property
    def left_blank(self) -> list[str]:
        """Names of secret fields that the user cleared again to keep the stored values."""
        read: Any = getattr(self.data, "getlist", self.data.get)
        return list(read("leave_secret") or [])

    @property
    def updates(self) -> bool:
        """Whether the form changes an existing entity."""
        return self.schema.endswith("Update")

    def bound_sections(self) -> Iterator[BoundSection]:
        """Return the sections with their bound fields."""
        for section in self.sections:
            yield BoundSection(section, [self[name] for name in section.fields if name in self.fields])

    def clean(self) -> dict[str, Any]:
        """Refuse unknown fields and, on an update, an emptied value that the contract does not allow.

        How to clear a field is a gap of the documentation (README of the contract, "Gaps"). An unknown field
        is refused because a script would otherwise believe that it was sent.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        # A stored value that nobody edited is kept, even if its field would refuse it today.
        for name in [name for name in self.errors if self.updates and name in self.fields]:
            if not self.is_secret(name) and self.is_untouched(name):
                del self.errors[name]
                self.cleaned_data[name] = self.initial.get(name)
        for message in self._describe_unknown_fields()[:MAX_UNKNOWN_FIELDS]:
            self.add_error(None, message)
        for name in self.fields if self.updates else ():
            emptied = not _blank(self.initial.get(name)) and _blank(cleaned.get(name))
            if not emptied or name in self.errors or self.is_untouched(name):
                continue
            if not self._may_be_empty(name):
                self.add_error(name, "The API cannot empty this field once it is set. Enter another value.")
        return cleaned

    def payload(self) -> dict[str, Any]:
        """Return the body of a create from the filled-in fields, with secrets sealed. Needs a valid form."""
        body: dict[str, Any] = {}
        for name, value in self.cleaned_data.items():
            if name in self.fields and not _blank(value):
                place(body, name, self._outgoing(name, value))
        return body

    def changes_from(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of an update: the differences from `current` (an entity's values), or {}.

        A blank secret keeps the stored one. What the contract marks as documented-required is added
        once something differs, so that both readings of the contract are satisfied.
        """
        body: dict[str, Any] = {}
        for name in [name for name in self.fields if name not in self.by_difference]:
            value = self.cleaned_data.get(name)
            if self.differs(name, value, look_up(current, name)):
                place(body, name, self._outgoing(name, value))
        body |= self.partner_changes(current)
        for name in contract.schema(self.schema).get("x-documented-required", []) if body else ():
            value = look_up(current, name)
            if name not in body and value is not ABSENT and value is not None:
                body[name] = value
        return body

    def partner_changes(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an update sends for `by_difference`: the contract's add… and remove… partners."""
        return {}

    def differs(self, name: str, value: Any, stored: Any) -> bool:
        """Return whether the typed value of a field differs from the stored one (ABSENT for none).

        The stored value is compared as this field would read it from an untouched form: browsers change line
        ends, and fields drop outer blanks, although nothing was edited.
        """
        if self.is_secret(name):
            return not _blank(value) and stored != Sealed(value)
        if stored is ABSENT or stored is None:
            return not _blank(value) and value is not False
        wanted = _comparable(value)
        return bool(
            wanted != _comparable(stored) and wanted != _comparable(self.untouched_value(name, stored))
        )

    def is_secret(self, name: str) -> bool:
        """Return whether the contract marks the property as secret."""
        return tuple(name.split(".")) in contract.secret_paths(self.schema)

    @classmethod
    def initial_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the initial data of an edit form from an entity's values, without secrets."""
        initial = {}
        for name in [*cls.base_fields, *cls.nested]:
            value = look_up(values, name)
            if isinstance(value, Mapping):
                # An object of secrets only is shown empty, and must not count as emptied when it is posted.
                value = {key: each for key, each in value.items() if not isinstance(each, Sealed)} or ABSENT
            if value is not ABSENT and not isinstance(value, Sealed):
                initial[name] = value
        return initial

    def typed_initial(self) -> dict[str, Any]:
        """Return what was typed, valid or not, as initial values of a new form, without secrets."""
        self.full_clean()
        return {
            name: self.cleaned_data.get(name, self[name].data)
            for name in self.fields
            if not self.is_secret(name)
        }

    def is_untouched(self, name: str) -> bool:
        """Return whether the posted value of a field is the one that a browser posts without an edit."""
        bound = self[name]
        if name in self.left_blank and not bound.data:
            return True
        shown = bound.field.prepare_value(self.initial.get(name))
        return browser_values.is_untouched(bound.field.widget, bound.data, shown)

    def untouched_value(self, name: str, stored: Any) -> Any:
        """Return what the field makes of a stored value that is posted without an edit."""
        field = self.fields[name]
        try:
            return field.clean(get_posted_values(field.widget, field.prepare_value(stored)))
        except ValidationError:
            return stored

    def _describe_unknown_fields(self) -> list[str]:
        """Return a message for each posted name that no field takes, unless the entity has its value."""
        messages = []
        for name in self.data:
            stored = str(self.initial.get(name, ""))
            if name in PAGE_FIELDS or name in self.fields or str(self.data[name]).strip() in ("", stored):
                continue
            # Rows of a table also post under names of their own.
            claims = {own: getattr(field.widget, "claims", None) for own, field in self.fields.items()}
            if any(claim and claim(own, name) for own, claim in claims.items()):
                continue
            shown = f"“{name[:60]}”"
            if name in self.unsupported:
                messages.append(f"Unknown field {shown}. {self.unsupported[name]} Nothing was sent.")
            elif name in self.base_fields:
                messages.append(f"The field {shown} does not apply here. Nothing was sent.")
            else:
                meant = [own for own in self.fields if own.endswith(f".{name}")]
                hint = f" Did you mean “{meant[0]}”?" if meant else ""
                messages.append(f"Unknown field {shown}. Nothing was sent.{hint}")
        return messages

    def _may_be_empty(self, name: str) -> bool:
        """Return whether the contract allows a body with this field empty. Forms override it."""
        body: dict[str, Any] = {}
        place(body, name, [] if isinstance(self.initial.get(name), list) else "")
        path = name.split(".")
        errors = contract.validator(self.schema).iter_errors(body)
        return not any(list(error.absolute_path)[: len(path)] == path for error in errors)

    def _outgoing(self, name: str, value: Any) -> Any:
        value = "" if value is None else value
        return Sealed(value) if self.is_secret(name) else value


def show_refusal(form: forms.BaseForm, refusal: Exception | str, *, field: str = "") -> None:
    """Add the reason why a form was refused: at the field concerned if the form has it, or above the form."""
    form.add_error(field if field in form.fields else None, str(refusal))


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name, or ABSENT."""
    node: Any = values
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return ABSENT
        node = node[part]
    return node


def place(body: dict[str, Any], name: str, value: Any) -> None:
    """Set a value at a dotted name, and create the objects in between."""
    *parents, leaf = name.split(".")
    for part in parents:
        body = body.setdefault(part, {})
    body[leaf] = value


def _blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _comparable(value: Any) -> Any:
    """Return a value for comparison: choices without order, None as ""."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return "" if value is None else value
