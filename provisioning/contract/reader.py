"""The contract as data: every schema, operation and example of openapi.yaml, read once per process."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

CONTRACT_FILE = Path(__file__).with_name("openapi.yaml")
_ENTITIES = frozenset({"TE", "ME", "US", "CO"})  # x-guid-prefix of what the API lists
_BASE_URI = "urn:provisioning-contract"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContractOperation:
    """One operation as the contract states it; schema names refer to `components/schemas`."""

    operation_id: str
    method: str
    path: str
    request_schema: str | None
    response_schema: str
    idempotent: bool
    returns_secrets: bool
    side_effects: str


@cache
def document() -> dict[str, Any]:
    """Return the whole contract as parsed YAML. Treat it as read-only: it is shared by the process."""
    loaded: dict[str, Any] = yaml.load(CONTRACT_FILE.read_bytes(), Loader=_Loader)  # noqa: S506 - safe loader
    return loaded


def schema(name: str) -> Schema:
    """Return the component schema `name`, references unresolved. Raises KeyError for an unknown name."""
    found: Schema = document()["components"]["schemas"][name]
    return found


@cache
def validator(name: str) -> Draft202012Validator:
    """Return a JSON Schema 2020-12 validator of the component schema `name`, formats asserted."""
    schema(name)
    reference = {"$ref": f"{_BASE_URI}#/components/schemas/{name}"}
    return Draft202012Validator(reference, registry=_get_registry(), format_checker=FormatChecker())


@cache
def contract_operations() -> dict[str, ContractOperation]:
    """Return all operations of the contract by operationId."""
    found: dict[str, ContractOperation] = {}
    for path, methods in document()["paths"].items():
        for method, spec in methods.items():
            request = spec.get("requestBody")
            found[spec["operationId"]] = ContractOperation(
                operation_id=spec["operationId"],
                method=method.upper(),
                path=path,
                request_schema=_get_schema_name(request) if request else None,
                response_schema=_get_schema_name(spec["responses"]["200"]),
                idempotent=bool(spec.get("x-idempotent", False)),
                returns_secrets=bool(spec.get("x-returns-secrets", False)),
                side_effects=spec.get("x-side-effects", ""),
            )
    return found


@cache
def secret_paths(name: str) -> frozenset[tuple[str, ...]]:
    """Return the paths of the secret properties of a schema (x-secret), such as ("config", "password").

    Array levels are written "*". A secret object or map is named itself: everything below it is secret.
    """
    return frozenset(_find_secrets(schema(name), (), frozenset()))


@cache
def reference_names(name: str) -> frozenset[str]:
    """Return the properties, at any depth of schema `name`, that hold GUIDs of entities."""
    return frozenset(_find_references(schema(name), set()))


def enum_descriptions(name: str) -> dict[str, str]:
    """Return value → description of an enum schema (x-enum-descriptions), in the contract's order."""
    return dict(schema(name).get("x-enum-descriptions", {}))


def contract_examples(operation_id: str) -> dict[str, Any]:
    """Return request examples of an operation by name: bodies that satisfy the request schema."""
    content = _get_spec(operation_id).get("requestBody", {}).get("content", {}).get("application/json", {})
    return {key: resolve(example)["value"] for key, example in content.get("examples", {}).items()}


def published_examples(operation_id: str) -> dict[str, Any]:
    """Return request bodies as published that contradict the schema (x-as-published-examples)."""
    content = _get_spec(operation_id).get("requestBody", {}).get("content", {}).get("application/json", {})
    return {key: example["value"] for key, example in content.get("x-as-published-examples", {}).items()}


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a local `$ref` (`#/a/b`) until the node itself; siblings of the reference win."""
    while "$ref" in node:
        target: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


@cache
def _get_registry() -> Registry[Any]:
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_BASE_URI, resource)
    return registry


def _get_spec(operation_id: str) -> dict[str, Any]:
    found = contract_operations()[operation_id]
    spec: dict[str, Any] = document()["paths"][found.path][found.method.lower()]
    return spec


def _get_schema_name(part: dict[str, Any]) -> str:
    reference: str = part["content"]["application/json"]["schema"]["$ref"]
    return reference.rsplit("/", 1)[1]


def _find_references(node: Any, seen: set[str]) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _find_references(child, seen)
    if not isinstance(node, dict):
        return
    if (reference := node.get("$ref")) and reference not in seen:
        seen.add(reference)
        yield from _find_references(resolve(node), seen)
    for key, child in node.items():
        for name, described in child.items() if key == "properties" else ():
            declared = resolve(described)
            prefix = resolve(declared.get("items", declared)).get("x-guid-prefix")
            if prefix in _ENTITIES or (not prefix and name.lower().endswith("guid")):
                yield name
        yield from _find_references(child, seen)


def _find_secrets(node: Schema, path: tuple[str, ...], seen: frozenset[str]) -> list[tuple[str, ...]]:
    reference = node.get("$ref", "")
    if reference in seen:
        return []
    seen = seen | {reference} if reference else seen
    node = resolve(node)
    if node.get("x-secret"):
        return [path]
    found: list[tuple[str, ...]] = []
    for key, child in node.get("properties", {}).items():
        found += _find_secrets(child, (*path, key), seen)
    if isinstance(node.get("items"), dict):
        found += _find_secrets(node["items"], (*path, "*"), seen)
    for branch in ("anyOf", "oneOf", "allOf"):
        for child in node.get(branch, []):
            found += _find_secrets(child, path, seen)
    return found
