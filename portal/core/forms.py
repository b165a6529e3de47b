"""PayloadForm: a Django form whose fields are properties of a contract schema, so that it is the body.

Field names are the API's property names, nested ones with dots ("config.username"). Every entity room
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
MAX_STRANGERS = 5


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
        self._offer_stored_choices()

    @property
    def left_blank(self) -> list[str]:
        """Names of the fields that the person decided to leave as they are stored, after typing into them."""
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
        """Refuses on an update what the contract has no words for: emptying a value that may not be empty.

        How to clear a field is a gap of the documentation (README of the contract, "Gaps"). Refuses a posted
        name that is no field, too: dropping it would let a script believe that it was sent.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._accept_untouched()
        for stranger in self._strangers()[:MAX_STRANGERS]:
            self.add_error(None, self._stranger_words(stranger))
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
        if body:
            self._add_documented_required(body, current)
        return body

    def partner_changes(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """What an update sends for fields in `by_difference`: the contract's add… and remove… partners."""
        return {}

    def differs(self, name: str, value: Any, stored: Any) -> bool:
        """Tell whether the typed value of one field is another than the stored one (ABSENT for none).

        The stored value is compared as this field would read it from an untouched form: browsers change line
        ends, and fields drop outer blanks, without anybody having edited anything.
        """
        if self.is_secret(name):
            return not _blank(value) and stored != Sealed(value)
        if stored is ABSENT or stored is None:
            return not _blank(value) and value is not False
        wanted = _comparable(value)
        return bool(
            wanted != _comparable(stored) and wanted != _comparable(self._untouched_value(name, stored))
        )

    def is_secret(self, name: str) -> bool:
        """Whether the contract marks the property as secret."""
        return tuple(name.split(".")) in contract.secret_paths(self.schema)

    @classmethod
    def initial_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Initial data of an edit form from an entity's values; secrets stay out."""
        initial = {}
        for name in [*cls.base_fields, *cls.nested]:
            value = look_up(values, name)
            if isinstance(value, Mapping):
                # An object of secrets only is drawn empty, and must not count as emptied when it comes back.
                value = {key: each for key, each in value.items() if not isinstance(each, Sealed)} or ABSENT
            if value is not ABSENT and not isinstance(value, Sealed):
                initial[name] = value
        return initial

    def refuse(self, *, field: str, message: str) -> None:
        """Add a refusal of the gateway to the field that it names, or to the form."""
        self.add_error(field if field in self.fields else None, message)

    def _accept_untouched(self) -> None:
        """Take back the refusals of stored values that nobody edited.

        What a field would refuse today, such as an address from before a rule, must not block other edits.
        """
        for name in [name for name in self.errors if self.updates and name in self.fields]:
            if not self.is_secret(name) and self.is_untouched(name):
                del self.errors[name]
                self.cleaned_data[name] = self.initial.get(name)

    def typed_initial(self) -> dict[str, Any]:
        """Return what was typed, valid or not, as initial values of a fresh form; secrets stay out."""
        self.full_clean()
        return {
            name: self.cleaned_data.get(name, self[name].data)
            for name in self.fields
            if not self.is_secret(name)
        }

    def is_untouched(self, name: str) -> bool:
        """Tell whether what was posted for a field is what a browser posts if nobody edits it."""
        bound = self[name]
        if name in self.left_blank and not bound.data:
            return True
        shown = bound.field.prepare_value(self.initial.get(name))
        return browser_values.is_untouched(bound.field.widget, bound.data, shown)

    def _untouched_value(self, name: str, stored: Any) -> Any:
        """Return what the field makes of a stored value that comes back from an untouched form."""
        field = self.fields[name]
        try:
            return field.clean(get_posted_values(field.widget, field.prepare_value(stored)))
        except ValidationError:
            return stored

    def _offer_stored_choices(self) -> None:
        """Keep a stored value that a list does not know selectable, instead of losing it to the first one."""
        for name, field in self.fields.items():
            if not isinstance(field, forms.ChoiceField):
                continue
            stored = self.initial.get(name)
            values = stored if isinstance(stored, list) else [stored] if stored else []
            missing = [value for value in values if not field.valid_value(value)]
            if missing:
                known = list(field.choices)  # type: ignore[arg-type]
                field.choices = known + [(value, f"{value} (as stored)") for value in missing]

    def _strangers(self) -> list[str]:
        """Posted names with a value that no field takes, unless it is the value the entity has anyway."""
        taken = PAGE_FIELDS | self.fields.keys()
        return [
            name
            for name in self.data
            if name not in taken
            and str(self.data[name]).strip() not in ("", str(self.initial.get(name, "")))
            and not any(_claims(field, own, name) for own, field in self.fields.items())
        ]

    def _stranger_words(self, name: str) -> str:
        shown = f"“{name[:60]}”"
        if name in self.unsupported:
            return f"Unknown field {shown}. {self.unsupported[name]} Nothing was sent."
        if name in self.base_fields:
            return f"The field {shown} does not apply here. Nothing was sent."
        meant = [own for own in self.fields if own.endswith(f".{name}")]
        hint = f" Did you mean “{meant[0]}”?" if meant else ""
        return f"Unknown field {shown}. Nothing was sent.{hint}"

    def _may_be_empty(self, name: str) -> bool:
        body: dict[str, Any] = {}
        place(body, name, [] if isinstance(self.initial.get(name), list) else "")
        path = name.split(".")
        errors = contract.validator(self.schema).iter_errors(body)
        return not any(list(error.absolute_path)[: len(path)] == path for error in errors)

    def _outgoing(self, name: str, value: Any) -> Any:
        value = "" if value is None else value
        return Sealed(value) if self.is_secret(name) else value

    def _add_documented_required(self, body: dict[str, Any], current: Mapping[str, Any]) -> None:
        for name in contract.schema(self.schema).get("x-documented-required", []):
            value = look_up(current, name)
            if name not in body and value is not ABSENT and value is not None:
                body[name] = value


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name, or ABSENT."""
    node: Any = values
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return ABSENT
        node = node[part]
    return node


def place(body: dict[str, Any], name: str, value: Any) -> None:
    """Sets a value at a dotted name, making the objects in between."""
    *parents, leaf = name.split(".")
    for part in parents:
        body = body.setdefault(part, {})
    body[leaf] = value


def _claims(field: forms.Field, own: str, posted: str) -> bool:
    """Return whether the field's widget also posts under this name, as rows of a table do."""
    claims = getattr(field.widget, "claims", None)
    return bool(claims and claims(own, posted))


def _blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _comparable(value: Any) -> Any:
    """Sets of choices compare without order; None and "" are both nothing."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return sorted(value)
    return "" if value is None else value
