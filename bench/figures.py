"""One function per promise: measures, and prints what was measured, what was promised, and how."""

import re
import time
from collections.abc import Sequence

from bench.load import Answer, Browser, percentile, readers_run
from bench.stack import Stack
from bench.trail import links_of

ENTITY_READS = 150
LIST_READS = 200
LARGE_READS = 40
READERS = 16
LONGEST_LOADING = 120  # seconds
READS_EACH = 150
# Of both workers together, so that each has served about 10,000.
MEMORY_READS = 20_000


def report(name: str, figures: str, promise: str, method: str) -> None:
    """Print a figure: its name, value, promise and method."""
    print(f"{name}\n  measured  {figures}\n  promised  {promise}\n  method    {method}\n", flush=True)


def spread(milliseconds: Sequence[float]) -> str:
    """Return median and 95th percentile of some measurements as text."""
    return f"p50 {percentile(milliseconds, 0.5):.1f} ms, p95 {percentile(milliseconds, 0.95):.1f} ms"


def start_measure(stack: Stack) -> None:
    """Measure how long a second `make run` takes."""
    report(
        "A start with the data of an earlier one",
        f"{stack.start_again():.1f} s",
        "≤ 5 s",
        "from the command to the first 200 of /healthz/ready",
    )


def list_measure(agent: Browser, path: str) -> None:
    """Read the merchants list of the large tenant as the only user. A worker loads it at the first visit."""
    start = time.perf_counter()
    first = agent.get(path).milliseconds
    while not links_of(agent, path, "merchants"):
        if time.perf_counter() - start > LONGEST_LOADING:
            raise RuntimeError("the list of the large tenant was not loaded")
        time.sleep(0.2)
    loading = time.perf_counter() - start
    answers = [agent.get(path) for _ in range(LIST_READS)]
    report(
        "Merchants list of a tenant with 10,000 merchants, alone",
        f"{spread([each.milliseconds for each in answers])}; the first visit took {first:.0f} ms, "
        f"and a worker had loaded the list after {loading:.1f} s",
        "p95 ≤ 150 ms",
        f"{LIST_READS} GETs one after the other on one connection, full answer read",
    )


def entity_measure(agent: Browser, entities: dict[str, list[str]]) -> None:
    """Measure the portal's own share of entity pages, from the Server-Timing header of each answer."""
    answers: list[Answer] = []
    for kind, pages in entities.items():
        read = _read(agent, pages, ENTITY_READS)
        answers += read
        print(f"  {kind} page: own {spread(_own(read))}; gateway {spread(_gateway(read))}")
    report(
        "Entity pages, the portal's own time above the gateway's answer",
        spread(_own(answers)),
        "p50 ≤ 15 ms, p95 ≤ 40 ms",
        f"{ENTITY_READS} GETs of each kind in ordinary tenants; Server-Timing, total minus gateway",
    )


def large_tenant_measure(agent: Browser, path: str) -> None:
    """Measure the same in the large tenant, where the API returns all 10,000 entities for each one."""
    answers = _read(agent, links_of(agent, path, "merchants")[:5], LARGE_READS)
    report(
        "Merchant page in the tenant with 10,000 merchants",
        f"own {spread(_own(answers))}; gateway {spread(_gateway(answers))}",
        "nothing: the API has no call that reads one merchant, so the whole list is read for it",
        f"{LARGE_READS} GETs, as above",
    )


def weight_measure(stack: Stack) -> None:
    """Measure the compressed bytes of the first and the repeated page load, as a browser fetches them."""
    browser = Browser(stack.base)
    browser.sign_in("agent", stack.passphrase)
    page = browser.get("/sandbox/merchants/")
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assets = {link.split("#")[0] for link in links}
    static = sum(browser.get(asset).wire_bytes for asset in assets)
    report(
        "Page weight, compressed with gzip",
        f"first load {(page.wire_bytes + static) / 1000:.0f} kB, repeat {page.wire_bytes / 1000:.0f} kB",
        "first ≤ 150 kB, repeat ≤ 30 kB",
        f"merchants list with {len(assets)} static files, which a browser then keeps",
    )


def readers_measure(stack: Stack, path: str) -> list[Browser]:
    """Measure the throughput with many signed-in readers at once. Returns the readers."""
    readers = [Browser(stack.base) for _ in range(READERS)]
    for reader in readers:
        reader.sign_in("agent", stack.passphrase)
    readers_run(readers, [path], READS_EACH // 10)
    portal, own = stack.portal_cpu(), time.process_time()
    milliseconds, rate = readers_run(readers, [path], READS_EACH)
    portal, own = stack.portal_cpu() - portal, time.process_time() - own
    each = 1000 / len(milliseconds)
    report(
        f"Merchants list of the large tenant, {READERS} signed-in readers at once",
        f"{rate:.0f} requests/s, {spread(milliseconds)}; "
        f"CPU per request {portal * each:.1f} ms in the portal, {own * each:.1f} ms in the load generator",
        "≥ 120 requests/s",
        f"{READERS} keep-alive connections × {READS_EACH} GETs; the load generator shares the same cores",
    )
    return readers


def memory_measure(stack: Stack, readers: list[Browser], paths: list[str]) -> None:
    """Measure the memory of a worker after many requests, and whether it still grows."""
    half = MEMORY_READS // 2 // len(readers)
    readers_run(readers, paths, half)
    middle = max(stack.worker_memory())
    readers_run(readers, paths, half)
    end = max(stack.worker_memory())
    report(
        "Memory of one worker",
        f"{end / 1024:.0f} MiB after about 10,000 requests, {middle / 1024:.0f} MiB half-way",
        "≤ 150 MiB, flat",
        f"VmRSS of the larger worker; {MEMORY_READS} GETs of lists and entity pages, shared by both workers",
    )


def _read(agent: Browser, pages: list[str], count: int) -> list[Answer]:
    # The first reads of a page fill the index and warm the templates of both workers.
    for page in pages * 2:
        agent.get(page)
    return [agent.get(pages[index % len(pages)]) for index in range(count)]


def _own(answers: Sequence[Answer]) -> list[float]:
    return [answer.timings["total"] - answer.timings["gateway"] for answer in answers]


def _gateway(answers: Sequence[Answer]) -> list[float]:
    return [answer.timings["gateway"] for answer in answers]
