"""Prints the portal's figures with their method: `make bench`. Nothing here is a test."""

import os
import platform
import re
import time

from bench.load import Browser, percentile, readers_run
from bench.stack import Stack

MERCHANTS = 10_000
ENTITY_READS = 300
LIST_READS = 200
READERS = 16
READS_EACH = 100
WARM_READS = 10_000


def main() -> None:
    """Starts the stack, measures one promise after the other, prints a line each."""
    print(f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    print(f"Portal and embedded gateway as `make run` starts them; {MERCHANTS} merchants in one tenant.\n")
    stack = Stack(MERCHANTS)
    try:
        agent = Browser(stack.base)
        agent.sign_in("agent", stack.passphrase)
        tenant = list_measure(agent, stack)
        entity_measure(agent)
        weight_measure(stack)
        readers_measure(stack, tenant)
        memory_measure(stack, agent)
    finally:
        stack.stop()


def report(name: str, figures: str, promise: str, method: str) -> None:
    """One figure: what, how much, what was promised, how it was measured."""
    print(f"{name}\n  measured  {figures}\n  promised  {promise}\n  method    {method}\n", flush=True)


def list_measure(agent: Browser, stack: Stack) -> str:
    """The merchants list of the large tenant, read by one person alone. Returns its address."""
    path = f"/sandbox/merchants/?tenant={stack.seed['tenants'][0]}"
    start = time.perf_counter()
    first = agent.get(path)
    loading = time.perf_counter() - start
    seconds = [agent.get(path).seconds for _ in range(LIST_READS)]
    report(
        f"Merchants list of a tenant with {MERCHANTS} merchants, alone",
        f"p50 {1000 * percentile(seconds, 0.5):.0f} ms, p95 {1000 * percentile(seconds, 0.95):.0f} ms; "
        f"first visit, which loads the index, {loading:.2f} s (status {first.status})",
        "p95 ≤ 150 ms",
        f"{LIST_READS} GETs one after the other on one connection, full answer read",
    )
    return path


def entity_measure(agent: Browser) -> None:
    """The portal's own share of entity pages, from the Server-Timing header of each answer."""
    pages = re.findall(rb'href="(/sandbox/connectors/CO-[^"/]+/)"', agent.get("/sandbox/connectors/").body)
    paths = [page.decode() for page in dict.fromkeys(pages)][:5]
    own = []
    for index in range(ENTITY_READS):
        timings = agent.get(paths[index % len(paths)]).timings
        own.append(timings["total"] - timings.get("gateway", 0.0))
    report(
        "Entity page, the portal's own time above the gateway's answer",
        f"p50 {percentile(own, 0.5):.1f} ms, p95 {percentile(own, 0.95):.1f} ms",
        "p50 ≤ 15 ms, p95 ≤ 40 ms",
        f"{ENTITY_READS} GETs of connector pages; total minus gateway of the Server-Timing header",
    )


def weight_measure(stack: Stack) -> None:
    """Bytes of the first and the repeated page load, compressed, as a browser would fetch them."""
    browser = Browser(stack.base)
    browser.sign_in("agent", stack.passphrase)
    page = browser.get("/sandbox/merchants/")
    links = re.findall(rb'(?:href|src)="(/static/[^"]+)"', page.body)
    assets = {link.decode().split("#")[0] for link in links}
    static = sum(browser.get(asset).wire_bytes for asset in assets)
    report(
        "Page weight, compressed (gzip; brotli is smaller)",
        f"first load {(page.wire_bytes + static) / 1000:.0f} kB, repeat {page.wire_bytes / 1000:.0f} kB",
        "first ≤ 150 kB, repeat ≤ 30 kB",
        f"merchants list with {len(assets)} static files, which a browser then keeps",
    )


def readers_measure(stack: Stack, path: str) -> None:
    """Throughput with many signed-in readers at once."""
    browsers = [Browser(stack.base) for _ in range(READERS)]
    for browser in browsers:
        browser.sign_in("agent", stack.passphrase)
    seconds, rate = readers_run(browsers, path, READS_EACH)
    report(
        f"Merchants list, {READERS} signed-in readers at once",
        f"{rate:.0f} requests/s, p95 {1000 * percentile(seconds, 0.95):.0f} ms",
        "≥ 120 requests/s",
        f"{READERS} keep-alive connections × {READS_EACH} GETs; the load generator shares the same cores",
    )


def memory_measure(stack: Stack, agent: Browser) -> None:
    """Memory of a worker after many requests, and whether it still grows."""
    middle: list[int] = []
    for count in range(WARM_READS):
        agent.get("/sandbox/merchants/" if count % 10 == 0 else "/sandbox/tenants/")
        if count == WARM_READS // 2:
            middle = stack.worker_memory()
    end = stack.worker_memory()
    report(
        "Memory of one worker",
        f"{end[0] / 1024:.0f} MiB after {WARM_READS} requests, {middle[0] / 1024:.0f} MiB half-way",
        "≤ 150 MiB, flat",
        "VmRSS of the largest gunicorn process of the portal",
    )


if __name__ == "__main__":
    main()
