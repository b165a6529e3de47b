"""Prints the portal's figures with their method: `make bench`. Nothing here is a test."""

import os
import platform

from bench import figures
from bench.audit import audit_measure
from bench.load import Browser
from bench.sign_in import sign_in_measure
from bench.stack import Stack
from bench.trail import entities_find

MERCHANTS = 10_000


def main() -> None:
    """Start the stack, measure each promise and print a paragraph about it."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    print(f"Load averages before the start: {load} (anything but about 0 makes the figures worse)")
    print(f"Portal and embedded gateway as `make run` starts them; {MERCHANTS} merchants in one tenant.\n")
    stack = Stack(MERCHANTS)
    try:
        measure(stack)
    finally:
        stack.stop()
    audit_measure()


def measure(stack: Stack) -> None:
    """Measure all figures, first those that need an idle portal."""
    figures.start_measure(stack)
    agent = Browser(stack.base)
    agent.sign_in("agent", stack.passphrase)
    large = f"/sandbox/merchants/?tenant={stack.large_tenant}"
    figures.list_measure(agent, large)
    entities = entities_find(agent, without=stack.large_tenant)
    figures.entity_measure(agent, entities)
    figures.large_tenant_measure(agent, large)
    figures.weight_measure(stack)
    sign_in_measure(stack)
    readers = figures.readers_measure(stack, large)
    pages = [some[0] for some in entities.values()]
    figures.memory_measure(
        stack, readers, [large, f"{large}&page=7", "/sandbox/tenants/", "/changes/", *pages]
    )


if __name__ == "__main__":
    main()
