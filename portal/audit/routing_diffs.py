"""What a new routing document means: rules added, removed, changed and moved instead of lines of JSON.

An event of a routing operation holds its documents whole, as before["routing"] and after["routing"]. Their
schema is RoutingDocument and MultiMethodRoutingDocument of the contract.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.audit.diffs import describe_value
from portal.audit.models import Event

DOCUMENT = "routing"
_PARTIAL = "routing.update_multi_method"  # only the methods and values that are sent change
_NOT_SETTINGS = {"version", "tree", "methods", "method", "routing", "availability"}


@dataclass(frozen=True)
class RoutingChange:
    """One thing that becomes different. `kind` is added, removed, changed, moved or setting; `where` the
    payment method and the tree, "" for a document with one tree."""

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


def get_routing_changes(event: Event) -> list[RoutingChange]:
    """Return the differences of the event's two documents; [] for an event without documents."""
    before, after = ((values or {}).get(DOCUMENT) for values in (event.before_data, event.after_data))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    if event.operation == _PARTIAL:
        after = _completed(before, after)
    return [*_settings_changed(before, after), *_rules_changed(list(_rules(before)), list(_rules(after)))]


def _completed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What was not sent stays as it was; the spelling of a method is that of the gateway."""
    methods = {_method(method): method for method in before.get("methods") or []}
    for sent in after.get("methods") or []:
        stored = methods.get(_method(sent), {})
        methods[_method(sent)] = {**stored, **sent, "method": stored.get("method") or sent.get("method")}
    given = {name: value for name, value in after.items() if value is not None}
    return {**before, **given, "methods": list(methods.values())}


def _method(block: Mapping[str, Any]) -> str:
    return str(block.get("method", "")).casefold()


def _settings_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[RoutingChange]:
    old, new = dict(_settings(before)), dict(_settings(after))
    for place in dict.fromkeys([*old, *new]):
        if old.get(place) != new.get(place):
            where, name = place
            words = [f"{name}: {side.get(place, '—')}" for side in (old, new)]
            yield RoutingChange("setting", where, *words)


def _settings(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Return the values of all settings outside of rules by (where, name)."""
    for where, block in [("", document), *((m.get("method", ""), m) for m in document.get("methods") or [])]:
        for name, value in block.items():
            if name not in _NOT_SETTINGS:
                yield (where, name), _target(value) if isinstance(value, dict) else describe_value(value)


def _rules(document: Mapping[str, Any]) -> Iterator[_Rule]:
    yield from _walked(document.get("tree"), "", ())
    for method in document.get("methods") or []:
        for tree in ("availability", "routing"):
            root = (method.get(tree) or {}).get("tree")
            yield from _walked(root, f"{method.get('method', '')}, {tree}", ())


def _walked(node: Any, where: str, conditions: tuple[str, ...]) -> Iterator[_Rule]:
    if not isinstance(node, dict):
        return
    asked = node.get("if")
    if not isinstance(asked, dict):
        leads = node.get("route") or node.get("action")
        yield _Rule(where, conditions, _target(leads), str(node.get("id") or ""))
        return
    words = _condition(asked)
    yield from _walked(node.get("then"), where, (*conditions, words))
    yield from _walked(node.get("else"), where, (*conditions, f"not {words}"))


def _condition(asked: Mapping[str, Any]) -> str:
    """ "AmountCurrency >= 100 USD": the comparator first, then the other parameters by name."""
    params = dict(asked.get("params") or {})
    comparator = params.pop("comparator", "")
    values = [describe_value(params[name]) for name in sorted(params)]
    return " ".join(part for part in (str(asked.get("constraint", "")), str(comparator), *values) if part)


def _target(leads: Any) -> str:
    """Return a connector with its fallbacks, or an action such as "disable"."""
    if not isinstance(leads, dict):
        return describe_value(leads)
    spares = [_target(spare) for spare in leads.get("onFail") or []]
    return ", if that fails ".join([str(leads.get("connector", "—")), *spares])


def _rules_changed(before: list[_Rule], after: list[_Rule]) -> Iterator[RoutingChange]:
    pairs = _paired(before, after)
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


def _paired(before: list[_Rule], after: list[_Rule]) -> dict[_Rule, _Rule]:
    """Match each new rule with its old one, by id, else by conditions."""
    pairs: dict[_Rule, _Rule] = {}
    for key in (_by_id, _by_conditions):
        free = {key(rule): rule for rule in before if key(rule) and rule not in pairs.values()}
        for rule in after:
            if rule not in pairs and key(rule) in free:
                pairs[rule] = free.pop(key(rule))
    return pairs


def _by_id(rule: _Rule) -> Any:
    return rule.id and (rule.where, rule.id)


def _by_conditions(rule: _Rule) -> Any:
    return rule.where, frozenset(rule.conditions)
