"""Generated routing documents: whole ones, and ones with a single part broken."""

import copy
from typing import Any

from hypothesis import strategies as st

from provisioning.contract import schema

_CONNECTORS = ("CO-1234-1234-1234-1234-1234-1234", "CO-5678-5678-5678-5678-5678-5678")
_NEEDS_ENTITIES = ("DebitPreauthCountOrVolumePerConnector",)
_BROKEN: tuple[Any, ...] = (0, 7.5, "", "nonsense", [], {}, True, ["x"], {"unknown": 1})


def conditions() -> list[dict[str, Any]]:
    """Every condition with the parameters its page shows as an example."""
    entries = schema("RoutingCondition")["x-condition-catalogue"]
    return [
        {"constraint": entry["identifier"], "params": example}
        for entry in entries
        for example in schema(entry["params"].rsplit("/", 1)[1])["examples"]
        if entry["identifier"] not in _NEEDS_ENTITIES
    ]


def routing_documents() -> st.SearchStrategy[dict[str, Any]]:
    """Documents the contract accepts, over the seeded connectors."""
    routes = st.fixed_dictionaries(
        {"connector": st.just(_CONNECTORS[0])},
        optional={"onFail": st.just([{"connector": _CONNECTORS[1]}])},
    )
    leaves = st.fixed_dictionaries({"route": routes}, optional={"id": st.none(), "if": st.none()})
    trees = st.recursive(leaves, _condition_nodes, max_leaves=6)
    optional = {
        "default": st.one_of(st.none(), st.just({"connector": _CONNECTORS[0]})),
        "rerouteRecurring": st.booleans(),
        "tree": st.one_of(st.none(), trees),
    }
    return st.fixed_dictionaries({"version": st.just("1")}, optional=optional)


@st.composite
def broken_documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document in which one part is of a kind that is accepted nowhere near it."""
    document = copy.deepcopy(draw(routing_documents()))
    parts = list(_parts(document))
    holder, key = draw(st.sampled_from(parts))
    value = draw(st.sampled_from([value for value in _BROKEN if type(value) is not type(holder[key])]))
    holder[key] = copy.deepcopy(value)
    return document


def _condition_nodes(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"if": st.sampled_from(conditions()), "then": children},
        optional={"else": st.one_of(st.none(), children)},
    )


def _parts(value: Any) -> Any:
    if isinstance(value, dict):
        for key, child in value.items():
            if key not in ("params",):
                yield value, key
                yield from _parts(child)
