"""How much a tenant with 50,000 merchants delays other people's pages: `python -m bench.neighbours`."""

import re
import sys
import threading
import time

from bench.load import Browser, csrf_token, percentile
from bench.stack import Stack
from bench.trail import links_of

MERCHANTS = 50_000
MAX_DELAY = 100.0
LONGEST_PAGE = 20.0
PAGE_READS = 8
QUIET_READS = 200


class Neighbour(threading.Thread):
    """Reads a page of a small tenant again and again, and notes how long each answer takes."""

    def __init__(self, stack: Stack, path: str) -> None:
        super().__init__(daemon=True)
        self.browser = Browser(stack.base)
        self.browser.sign_in("manager", stack.passphrase)
        self.path, self.taken, self.over = path, list[float](), threading.Event()

    def run(self) -> None:
        """Read until `over` is set."""
        while not self.over.is_set():
            self.taken.append(self.browser.get(self.path).milliseconds)
            time.sleep(0.02)

    def stop(self) -> list[float]:
        """End, and return the milliseconds of each answer."""
        self.over.set()
        self.join()
        return self.taken


def neighbours_measure(stack: Stack) -> bool:
    """Print the delay of a neighbour's pages while the large tenant is read; return whether it is small."""
    agent = Browser(stack.base)
    agent.sign_in("agent", stack.passphrase)
    small = next(
        page for page in links_of(agent, "/sandbox/tenants/", "tenants") if stack.large_tenant not in page
    )
    path = f"/sandbox/merchants/?tenant={small.rstrip('/').rpartition('/')[2]}"
    large = f"/sandbox/merchants/?tenant={stack.large_tenant}"
    for _ in range(20):
        agent.get(path)
    quiet = [agent.get(path).milliseconds for _ in range(QUIET_READS)]
    _line("quiet", quiet, quiet)
    kept = True
    for name, work in (
        ("first reading", _first_reading),
        ("reading again", _read_again),
        ("its pages", _pages),
    ):
        neighbour = Neighbour(stack, path)
        neighbour.start()
        seconds, longest = work(agent, large)
        taken = neighbour.stop()
        delay = _line(name, taken, quiet)
        print(
            f"    took {seconds:.1f} s in all; the longest page of the large tenant {longest:.2f} s",
            flush=True,
        )
        kept = kept and delay <= MAX_DELAY and longest <= LONGEST_PAGE
    return kept


def _first_reading(agent: Browser, large: str) -> tuple[float, float]:
    """Open the list until the worker has read all of it: (seconds in all, of the longest page)."""
    return _until_complete(agent, large)


def _read_again(agent: Browser, large: str) -> tuple[float, float]:
    agent.post(large, {"csrfmiddlewaretoken": csrf_token(agent.get(large).text)})
    return _until_complete(agent, large)


def _pages(agent: Browser, large: str) -> tuple[float, float]:
    """Open merchants of the large tenant. The API has no call for one merchant, so its whole list is read."""
    taken = [agent.get(page).milliseconds / 1000 for page in links_of(agent, large, "merchants")[:PAGE_READS]]
    return sum(taken), max(taken)


def _until_complete(agent: Browser, large: str) -> tuple[float, float]:
    started, longest = time.perf_counter(), 0.0
    while True:
        answer = agent.get(large)
        longest = max(longest, answer.milliseconds / 1000)
        if not re.search(r"Reading|Incomplete|Being read", answer.text):
            return time.perf_counter() - started, longest
        if time.perf_counter() - started > 600:
            raise RuntimeError("the list was not read within ten minutes")
        time.sleep(1)


def _line(name: str, taken: list[float], quiet: list[float]) -> float:
    delay = percentile(taken, 0.95) - percentile(quiet, 0.95)
    figures = f"p50 {percentile(taken, 0.5):.0f} ms, p95 {percentile(taken, 0.95):.0f} ms"
    print(f"  {name}: a neighbour's list {figures} ({len(taken)} reads), p95 {delay:+.0f} ms", flush=True)
    return delay


def main() -> int:
    """Measure on a new stack."""
    print(
        f"A tenant with {MERCHANTS:,} merchants beside small ones; promised: p95 +{MAX_DELAY:.0f} ms at most"
    )
    stack = Stack(MERCHANTS)
    try:
        return 0 if neighbours_measure(stack) else 1
    finally:
        stack.stop()


if __name__ == "__main__":
    sys.exit(main())
