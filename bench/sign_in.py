"""Signing in: how long it takes with 20 people at once, what that does to pages; known and unknown names.

python -m bench.sign_in       this alone
"""

import threading
from collections.abc import Callable

from bench.figures import report, spread
from bench.load import Browser, csrf_token, percentile
from bench.stack import Stack

PEOPLE, WAVES, READS, TRIES = 20, 5, 150, 20
PAGE, LOGIN = "/sandbox/merchants/", "/accounts/login/"
# Twenty separate users, because no user signs in twenty times at once.
_PEOPLE = f"""
from django.contrib.auth.models import Group
from portal.staff.models import User
from django.contrib.auth.hashers import make_password
encoded, group = make_password({{password!r}}), Group.objects.get(name="Support agent")
for number in range({PEOPLE}):
    User.objects.create(username=f"bench{{{{number}}}}", password=encoded).groups.add(group)
"""


def sign_in_measure(stack: Stack) -> None:
    """Measure sign-ins and print three paragraphs."""
    stack.manage("shell", "-c", _PEOPLE.format(password=stack.passphrase))
    _names_measure(stack)
    reader = Browser(stack.base)
    reader.sign_in("agent", stack.passphrase)
    for _ in range(20):
        reader.get(PAGE)
    alone = [reader.get(PAGE).milliseconds for _ in range(READS)]
    waves, meanwhile = _while_reading(reader, lambda: _waves(stack))
    report(
        f"Signing in, {PEOPLE} people at once",
        f"{spread(waves)}, longest {max(waves):.0f} ms",
        "p95 ≤ 1000 ms",
        f"{WAVES} waves: {PEOPLE} people send the form in the same moment, each from a browser of their own",
    )
    slower = percentile(meanwhile, 0.5) / percentile(alone, 0.5)
    report(
        "Another page meanwhile",
        f"{spread(meanwhile)}; alone {spread(alone)}; slower {slower:.1f} times (p50)",
        "at most 2 times",
        f"merchants list, one reader without a pause: {READS} GETs alone, {len(meanwhile)} during the waves",
    )


def _waves(stack: Stack) -> list[float]:
    taken: list[float] = []
    for _ in range(WAVES):
        browsers = [_at_the_form(stack) for _ in range(PEOPLE)]
        gate = threading.Barrier(PEOPLE)

        def send(
            number: int, browser: Browser, fields: dict[str, str], gate: threading.Barrier = gate
        ) -> None:
            gate.wait()
            answer = browser.post(LOGIN, fields | {"login": f"bench{number}", "password": stack.passphrase})
            if answer.status != 302:
                raise RuntimeError(f"sign-in answered {answer.status}")
            taken.append(answer.milliseconds)

        threads = [
            threading.Thread(target=send, args=(number, *each)) for number, each in enumerate(browsers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(taken) != WAVES * PEOPLE:
        raise RuntimeError(f"only {len(taken)} of {WAVES * PEOPLE} people got in")
    return taken


def _names_measure(stack: Stack) -> None:
    """Send wrong passwords in turn for existing and for unknown user names."""
    taken: dict[str, list[float]] = {"bench": [], "nobody": []}
    for turn in range(TRIES):
        for name, found in taken.items():
            browser, fields = _at_the_form(stack)
            answer = browser.post(LOGIN, fields | {"login": f"{name}{turn % PEOPLE}", "password": "wrong"})
            found.append(answer.milliseconds)
    report(
        "A wrong password, known and unknown names",
        f"known {spread(taken['bench'])}; unknown {spread(taken['nobody'])}",
        "the same answer and time",
        f"{TRIES} forms each, in turn, alone; a test counts that each costs one hash",
    )


def _at_the_form(stack: Stack) -> tuple[Browser, dict[str, str]]:
    browser = Browser(stack.base)
    return browser, {"csrfmiddlewaretoken": csrf_token(browser.get(LOGIN).text)}


def _while_reading(reader: Browser, act: Callable[[], list[float]]) -> tuple[list[float], list[float]]:
    """Return the result of `act`, and the times of a reader while it ran."""
    seen: list[float] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            seen.append(reader.get(PAGE).milliseconds)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        return act(), seen
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    started = Stack(200)
    try:
        sign_in_measure(started)
    finally:
        started.stop()
