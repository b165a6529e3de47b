"""The audit trail at a million events: pages, searches, exports, verification, writing, and their promises.

BENCH_AUDIT_EVENTS=100000   a shorter trail
BENCH_AUDIT_KEEP=folder     keeps the trails (and a database portal_bench_audit) for the next run
python -m bench.audit       this alone
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from bench.load import Browser, csrf_token, percentile
from bench.stack import cpu_of
from bench.trail_stack import TrailStack, seconds_in, trail_stack

EVENTS = int(os.environ.get("BENCH_AUDIT_EVENTS", "1000000"))
KEEP = os.environ.get("BENCH_AUDIT_KEEP", "")
READS = 60
EXPORTED = 100_000
# Milliseconds: p50 and p95 of a page, p95 of a search by words.
PROMISES = {"PostgreSQL": (25, 60, 60), "SQLite": (150, 150, 1000)}


def audit_measure() -> None:
    """Print the figures of each database."""
    for title in PROMISES:
        with trail_stack(title, KEEP) as stack:
            if stack is None:
                print(f"Audit trail on {title}: SKIPPED, none answers\n")
                continue
            stack.seed(EVENTS)
            seeded = f"seeded in {stack.seeding:.0f} s" if stack.seeding else "kept from an earlier run"
            served = f"gunicorn {stack.describe_server()}"
            print(f"Audit trail of {EVENTS:,} events on {title} ({seeded}), {served}", flush=True)
            with stack.served() as browser:
                _pages_measure(title, stack, browser)
                _combined_measure(stack, browser)
                _exports_measure(stack, browser)
            _verify_measure(stack)
            _writers_measure(stack)
            print()


def _pages_measure(title: str, stack: TrailStack, browser: Browser) -> None:
    middle, slow, words = PROMISES[title]
    print(f"  {READS} GETs of each page, one after the other on one connection, full answer read;")
    print(
        "  the machine may be busy with something else if the best or the CPU of the portal is far below p50"
    )
    for name, query in _pages().items():
        most = words if "word" in name else slow
        taken, cpu = _read(stack, browser, query)
        kept = percentile(taken, 0.5) <= middle and percentile(taken, 0.95) <= most
        _line(name, _spread(taken, cpu), f"p50 ≤ {middle} ms, p95 ≤ {most} ms", kept)


def _combined_measure(stack: TrailStack, browser: Browser) -> None:
    print("  several filters at once, bounded by design: a search is left off after 0.2 s, and says so")
    for name, query in _combined().items():
        taken, cpu = _read(stack, browser, query)
        _line(name, _spread(taken, cpu), "p95 ≤ 1,000 ms", percentile(taken, 0.95) <= 1000)


def _exports_measure(stack: TrailStack, browser: Browser) -> None:
    """Export a span of EXPORTED rows, then all rows, to see whether memory grows with them."""
    before = stack.worker_peak()
    span = timedelta(days=365) * min(1, EXPORTED / EVENTS)
    end = datetime.now(UTC)
    query = urlencode({"from": f"{end - span:%Y-%m-%dT%H:%MZ}"}) if span < timedelta(days=365) else ""
    for form in ("csv", "jsonl", "html"):
        seconds, rows, size = min(_exported(browser, query, form) for _ in range(3))
        per = seconds * EXPORTED / max(rows, 1)
        promise = ("≤ 2 s per 100,000 rows", per <= 2) if form == "csv" else ("", True)
        _line(form, f"{rows:,} rows, {size / 1e6:.0f} MB in {seconds:.2f} s, the best of 3", *promise)
    some = stack.worker_peak()
    seconds, rows, _ = _exported(browser, "", "csv")
    most = stack.worker_peak()
    _line("all as csv", f"{rows:,} rows in {seconds:.1f} s", "", True)
    flat = most - before <= 32
    _line(
        "memory", f"a worker's peak {before} MiB before, {some} after those, {most} after all", "flat", flat
    )


def _exported(browser: Browser, query: str, form: str) -> tuple[float, int, int]:
    """Return (seconds, rows, bytes) of an uncompressed export."""
    path = f"/audit/export/?{query}"
    token = csrf_token(browser.get(path).text)
    fields = {"form": form, "reason": "measured", "csrfmiddlewaretoken": token}
    started = time.perf_counter()
    answer = browser.post(path, fields)
    seconds = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    ends = answer.raw.count(b"<tr><td>") if form == "html" else answer.raw.count(b"\n")
    return seconds, ends - {"csv": 7, "jsonl": 1, "html": 0}[form], len(answer.raw)


def _verify_measure(stack: TrailStack) -> None:
    stack.manage("audit_anchor")  # an invented trail has none, and a verification warns of that
    seconds = seconds_in(stack.manage("verify_audit"))
    per = seconds * 100_000 / EVENTS
    _line("verify", f"the whole chain in {seconds:.1f} s, {per:.2f} s per 100,000 rows", "≤ 10 s", per <= 10)


def _writers_measure(stack: TrailStack) -> None:
    printed = stack.manage("shell", "-v0", "-c", "from bench.writers import writers_run; writers_run()")
    rate, commits = map(float, printed.split())
    figures = f"{rate:.0f} events/s at the end of this trail; the disk takes {commits:.0f} bare commits/s"
    _line("8 writers", figures, "≥ 200 events/s", rate >= 200)


def _read(stack: TrailStack, browser: Browser, query: str) -> tuple[list[float], float]:
    """Return the milliseconds of each answer, and the milliseconds of CPU time per answer."""
    path = f"/audit/?{query}"
    for _ in range(3):
        browser.get(path)
    before = cpu_of(stack.folder)
    taken = [browser.get(path).milliseconds for _ in range(READS)]
    return taken, (cpu_of(stack.folder) - before) * 1000 / READS


def _spread(taken: list[float], cpu: float) -> str:
    middle, slow = percentile(taken, 0.5), percentile(taken, 0.95)
    return f"p50 {middle:6.1f} ms  p95 {slow:6.1f} ms  best {min(taken):6.1f} ms  CPU {cpu:5.1f} ms"


def _line(name: str, figures: str, promise: str, kept: bool) -> None:
    verdict = ("kept" if kept else "MISSED") if promise else ""
    print(f"    {name:28} {figures:66} {promise:26} {verdict}".rstrip(), flush=True)


def _pages() -> dict[str, str]:
    """Return the promised views by name; the values they ask for come from bench.audit_events."""
    month = datetime.now(UTC) - timedelta(days=120)
    return {
        "newest": "",
        "deep, 5,000 pages down": f"before={max(EVENTS - 5000 * 50, EVENTS // 2)}",
        "by actor": "actor=Ana+Adler",
        "by object": "object=ME-SEED-0007",
        "by a name of objects": "object=Alpine+Books+12",
        "by month": f"from={month:%Y-%m-%d}&to={month + timedelta(days=30):%Y-%m-%d}",
        "rare word": "words=zanzibar",
        "common word": "words=review",
    }


def _combined() -> dict[str, str]:
    month = datetime.now(UTC) - timedelta(days=120)
    return {
        "actor, common word": "actor=Ana+Adler&words=review",
        "role, outcome": "role=Admin&outcome=refused",
        "month, common word": f"from={month:%Y-%m-%d}&to={month + timedelta(days=30):%Y-%m-%d}&words=review",
        "object, field": "object=ME-SEED-0007&field=currency",
        "two words that never meet": "words=migration+relaunch",
        "role, kind, action, word": "role=Manager&kind=connector&action=change.&words=quarterly",
    }


if __name__ == "__main__":
    audit_measure()
    sys.exit(0)
