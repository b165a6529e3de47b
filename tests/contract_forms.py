"""Compare an entity form with the request schema of the contract; the tests of each entity app use it."""

import re
from typing import Any

from django import forms

from portal.core.forms import PayloadForm
from provisioning import contract

_INT64 = 2**63
# Labels that everybody understands: a help text would only repeat them.
_PLAIN = frozenset({"zipCode", "firstName", "lastName"})


def form_follows_contract(form_class: type[PayloadForm], *, foreign: tuple[str, ...] = ()) -> list[str]:
    """Every way in which the form differs from its schema; [] if in none.

    `foreign` names fields that are known not to be properties (answers to questions of the page alone).
    """
    form = form_class()
    names = set(form.fields) | set(form_class.base_fields) | set(form_class.nested)
    properties = _properties(form_class.schema, names)
    problems = [
        f"{name} is neither a field nor left out" for name in properties if not _told(name, form_class, names)
    ]
    problems += [f"{name} is no property" for name in sorted(names - set(properties) - set(foreign))]
    problems += [
        f"{name} is left out without reason" for name, why in form_class.unsupported.items() if len(why) < 10
    ]
    problems += [f"{name} is left out and a field" for name in set(form_class.unsupported) & names]
    for name in sorted(names & set(properties)):
        field = form.fields.get(name) or form_class.base_fields.get(name) or form_class.nested[name]
        problems += [f"{name}: {problem}" for problem in _differences(field, properties[name])]
    problems += [f"{name} is not explained" for name in form.fields if not _explained(name, form)]
    return problems + _required(form_class, form) + _sections(form_class, names)


def _explained(name: str, form: PayloadForm) -> bool:
    """Whether the field has words of its own, or a section that is about it alone has them."""
    field = form.fields[name]
    alone = any(section.fields == (name,) and section.help for section in form.sections)
    return bool(field.help_text or field.widget.is_hidden or alone or name in _PLAIN)


def _told(name: str, form_class: type[PayloadForm], names: set[str]) -> bool:
    """Whether the property is a field, left out, or an object whose properties are."""
    return name in names or name in form_class.unsupported


def _properties(schema: str, names: set[str]) -> dict[str, dict[str, Any]]:
    """Dotted name → schema. An object is opened where the form has fields inside it."""
    found: dict[str, dict[str, Any]] = {}

    def walk(node: dict[str, Any], prefix: str) -> None:
        for key, reference in node.get("properties", {}).items():
            name, child = f"{prefix}{key}", contract.resolve(reference)
            if child.get("properties") and any(field.startswith(f"{name}.") for field in names):
                walk(child, f"{name}.")
            else:
                found[name] = child

    walk(contract.resolve(contract.schema(schema)), "")
    return found


def _differences(field: forms.Field, spec: dict[str, Any]) -> list[str]:
    problems = []
    for bound, attribute in (("minLength", "min_length"), ("maxLength", "max_length")):
        stated, kept = spec.get(bound), getattr(field, attribute, None)
        trivially = bound == "minLength" and stated == 1 and (field.required or kept is None)
        if stated is not None and kept != stated and not trivially and not hasattr(field, "choices"):
            problems.append(f"{bound} is {kept}, the contract says {stated}")
    limits = getattr(field, "min_value", None), getattr(field, "max_value", None)
    if spec.get("format") == "int64" and limits != (-_INT64, _INT64 - 1):
        problems.append("is not bounded by 64 bits")
    return problems + _choices(field, spec) + _pattern(field, spec)


def _choices(field: forms.Field, spec: dict[str, Any]) -> list[str]:
    """An enum must be offered whole, and nothing beside it."""
    items = contract.resolve(spec["items"]) if "items" in spec else {}
    enum = spec.get("enum") or items.get("enum")
    if not enum or isinstance(field, forms.BooleanField):
        return []
    offered = {str(value) for value in _flat(getattr(field, "choices", [])) if value != ""}
    wanted = {str(value) for value in enum}
    return [] if offered == wanted else [f"offers {sorted(offered ^ wanted)} differently from the contract"]


def _pattern(field: forms.Field, spec: dict[str, Any]) -> list[str]:
    """Choices must satisfy the pattern, free text must be checked against it."""
    if "pattern" not in spec:
        return []
    if hasattr(field, "choices"):
        wrong = [
            value for value in _flat(field.choices) if value and not re.search(spec["pattern"], str(value))
        ]
        return [f"offers {wrong[:3]}, which the pattern forbids"] if wrong else []
    patterns = {getattr(getattr(check, "regex", None), "pattern", "") for check in field.validators}
    return [] if spec["pattern"] in patterns else [f"does not check the pattern {spec['pattern']}"]


def _flat(choices: Any) -> list[Any]:
    found: list[Any] = []
    for value, label in choices:
        found += [inner for inner, _ in label] if isinstance(label, list | tuple) else [value]
    return found


def _required(form_class: type[PayloadForm], form: PayloadForm) -> list[str]:
    """What the schema requires is required on the form, unless it is left out."""
    required = contract.schema(form_class.schema).get("required", [])
    return [
        f"{name} is required by the contract"
        for name in required
        if name in form.fields and not form.fields[name].required
    ]


def _sections(form_class: type[PayloadForm], names: set[str]) -> list[str]:
    grouped = [name for section in form_class.sections for name in section.fields]
    problems = [f"{name} is in a section but no field" for name in grouped if name not in names]
    problems += [f"{name} is in no section" for name in sorted(names - set(grouped))]
    return problems + [f"{name} is in two sections" for name in set(grouped) if grouped.count(name) > 1]
