"""What an event changed: field by field, and of a routing document rule by rule.

An event of a routing operation holds its documents whole, as before["routing"] and after["routing"]. Their
schema is RoutingDocument and MultiMethodRoutingDocument of the contract. Instead of lines of JSON the
differences name rules that were added, removed, changed and moved.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.audit.models import Event
from portal.audit.search_index import flatten_values
from provisioning.gateway.secrets import MASK

DOCUMENT = "routing"
_PARTIAL = "routing.update_multi_method"  # only the methods and values that are sent change
_NOT_SETTINGS = {"version", "tree", "methods", "method", "routing", "availability"}


@dataclass(frozen=True)
class FieldChange:
    """One field, old → new, as text; a secret only says that it changed.

    Of a list `added` and `removed` say more, unless only its order changed.
    """

    name: str
    old: str
    new: str
    secret: bool = False
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RoutingChange:
    """One thing that becomes different. `kind` is added, removed, changed, moved or setting.

    `where` is the payment method and the tree, "" for a document with one tree.
    """

    kind: str
    where: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class _Rule:
    """A way through a tree: the conditions in the order of asking, and where it leads."""

    where: str
    conditions: tuple[str, ...]
    target: str
    id: str

    @property
    def words(self) -> str:
        return f"{' and '.join(self.conditions) or 'always'} → {self.target}"


def get_field_changes(event: Event, *, without: str = "") -> list[FieldChange]:
    """Return the fields that differ between before and after, sorted by name; [] without values.

    `without` leaves out what lies below that name: a document that is compared in its own way.
    """
    before, after = flatten_values(event.before_data), flatten_values(event.after_data)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        if without and f"{name}.".startswith(f"{without}."):
            continue
        old, new = before.get(name), after.get(name)
        if MASK in (old, new):
            changes.append(FieldChange(name, "", "", secret=True))
        elif old != new:
            added, removed = [], []
            if all(value is None or isinstance(value, list) for value in (old, new)):
                added = [describe_value(item) for item in new or [] if item not in (old or [])]
                removed = [describe_value(item) for item in old or [] if item not in (new or [])]
            changes.append(
                FieldChange(name, describe_value(old), describe_value(new), added=added, removed=removed)
            )
    return changes


def get_routing_changes(event: Event) -> list[RoutingChange]:
    """Return the differences of the event's two documents; [] for an event without documents."""
    before, after = ((values or {}).get(DOCUMENT) for values in (event.before_data, event.after_data))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    if event.operation == _PARTIAL:
        # What was not sent stays as it was; a method is spelled as the gateway spells it.
        methods = {_get_method(method): method for method in before.get("methods") or []}
        for sent in after.get("methods") or []:
            stored = methods.get(_get_method(sent), {})
            method = stored.get("method") or sent.get("method")
            methods[_get_method(sent)] = {**stored, **sent, "method": method}
        given = {name: value for name, value in after.items() if value is not None}
        after = {**before, **given, "methods": list(methods.values())}
    changes = []
    old, new = dict(_settings(before)), dict(_settings(after))
    for place in dict.fromkeys([*old, *new]):
        if old.get(place) != new.get(place):
            where, name = place
            words = [f"{name}: {side.get(place, '—')}" for side in (old, new)]
            changes.append(RoutingChange("setting", where, *words))
    return [*changes, *_compare_rules(list(_rules(before)), list(_rules(after)))]


def describe_value(value: Any) -> str:
    """Return a value as text for a page; "—" for none."""
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(describe_value(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _get_method(block: Mapping[str, Any]) -> str:
    return str(block.get("method", "")).casefold()


def _settings(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Return the values of all settings outside of rules by (where, name)."""
    for where, block in [("", document), *((m.get("method", ""), m) for m in document.get("methods") or [])]:
        for name, value in block.items():
            if name not in _NOT_SETTINGS:
                yield (where, name), _target(value) if isinstance(value, dict) else describe_value(value)


def _rules(document: Mapping[str, Any]) -> Iterator[_Rule]:
    yield from _walk_tree(document.get("tree"), "", ())
    for method in document.get("methods") or []:
        for tree in ("availability", "routing"):
            root = (method.get(tree) or {}).get("tree")
            yield from _walk_tree(root, f"{method.get('method', '')}, {tree}", ())


def _walk_tree(node: Any, where: str, conditions: tuple[str, ...]) -> Iterator[_Rule]:
    if not isinstance(node, dict):
        return
    asked = node.get("if")
    if not isinstance(asked, dict):
        leads = node.get("route") or node.get("action")
        yield _Rule(where, conditions, _target(leads), str(node.get("id") or ""))
        return
    # The comparator first, then the other parameters by name: "AmountCurrency >= 100 USD".
    params = dict(asked.get("params") or {})
    comparator = params.pop("comparator", "")
    values = [describe_value(params[name]) for name in sorted(params)]
    words = " ".join(part for part in (str(asked.get("constraint", "")), str(comparator), *values) if part)
    yield from _walk_tree(node.get("then"), where, (*conditions, words))
    yield from _walk_tree(node.get("else"), where, (*conditions, f"not {words}"))


def _target(leads: Any) -> str:
    """Return a connector with its fallbacks, or an action such as "disable"."""
    if not isinstance(leads, dict):
        return describe_value(leads)
    spares = [_target(spare) for spare in leads.get("onFail") or []]
    return ", if that fails ".join([str(leads.get("connector", "—")), *spares])


def _compare_rules(before: list[_Rule], after: list[_Rule]) -> Iterator[RoutingChange]:
    """Yield the differences, after matching each new rule with its old one, by id, else by conditions."""
    pairs: dict[_Rule, _Rule] = {}
    keys: tuple[Callable[[_Rule], Any], ...] = (
        lambda rule: rule.id and (rule.where, rule.id),
        lambda rule: (rule.where, frozenset(rule.conditions)),
    )
    for key in keys:
        free = {key(rule): rule for rule in before if key(rule) and rule not in pairs.values()}
        for rule in after:
            if rule not in pairs and key(rule) in free:
                pairs[rule] = free.pop(key(rule))
    for rule in after:
        old = pairs.get(rule)
        if old is None:
            yield RoutingChange("added", rule.where, new=rule.words)
        elif (set(old.conditions), old.target) != (set(rule.conditions), rule.target):
            yield RoutingChange("changed", rule.where, old.words, rule.words)
        elif old.conditions != rule.conditions:  # asked in another order: another place in the tree
            yield RoutingChange("moved", rule.where, old.words, rule.words)
    for rule in before:
        if rule not in pairs.values():
            yield RoutingChange("removed", rule.where, old=rule.words)
