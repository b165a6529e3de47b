"""Registries for tests, to stand in for those that the apps filled."""

from collections.abc import Mapping
from typing import TypeVar

from provisioning.registry import Registry

T = TypeVar("T")


def registry_of(items: Mapping[str, T], base: Registry[T] | None = None) -> Registry[T]:
    """Return a registry of the items of `base`, if any, and of `items`, which take precedence."""
    registry: Registry[T] = Registry("test items")
    for name, item in (dict(base.items() if base else ()) | dict(items)).items():
        registry.register(name, item)
    return registry
