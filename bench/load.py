"""A small load generator: signed-in keep-alive readers in threads, and the percentiles of what they saw."""

import gzip
import http.client
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit


@dataclass
class Answer:
    """One exchange: status, headers (lower case), body as it came, wall clock from first to last byte."""

    status: int
    headers: dict[str, str]
    raw: bytes
    milliseconds: float

    @property
    def wire_bytes(self) -> int:
        """Return the size of the body on the wire, in bytes."""
        return len(self.raw)

    @property
    def text(self) -> str:
        """Return the body, decompressed on demand: readers under load share the portal's cores."""
        coded = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.raw) if coded else self.raw).decode()

    @property
    def timings(self) -> dict[str, float]:
        """Return the times of the Server-Timing header in milliseconds, by name."""
        found = re.findall(r"(\w+);dur=([\d.]+)", self.headers.get("server-timing", ""))
        return {name: float(value) for name, value in found}


@dataclass
class Browser:
    """One keep-alive connection with cookies, like a browser tab."""

    base: str
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def get(self, path: str) -> Answer:
        """Get a page. Raises RuntimeError for any status but 200."""
        headers = {"Accept-Encoding": "gzip"}
        try:
            answer = self._exchange("GET", path, None, dict(headers))
        except ConnectionError:
            # The server ends connections that idle; a browser tries once more, too.
            self._connection.close()
            answer = self._exchange("GET", path, None, dict(headers))
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        return answer

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Submit a form and return the answer."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": self.base + path}
        return self._exchange("POST", path, urlencode(fields), headers)

    def sign_in(self, login: str, password: str) -> None:
        """Sign in through the form. Raises RuntimeError if that fails."""
        page = self.get("/accounts/login/")
        answer = self.post(
            "/accounts/login/",
            {"login": login, "password": password, "csrfmiddlewaretoken": csrf_token(page.text)},
        )
        if answer.status != 302:
            raise RuntimeError(f"sign-in as {login} answered {answer.status}")

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        start = time.perf_counter()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        raw = response.read()
        milliseconds = (time.perf_counter() - start) * 1000
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = {key.lower(): value for key, value in response.getheaders()}
        return Answer(response.status, found, raw, milliseconds)


def csrf_token(page: str) -> str:
    """Return the CSRF token of the first form of a page."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return found.group(1) if found else ""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the percentile `share` (0–1) of the values, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def readers_run(browsers: list[Browser], paths: list[str], requests_each: int) -> tuple[list[float], float]:
    """Let all browsers read `paths` in turn, in parallel. Returns milliseconds per answer and requests/s.

    Raises RuntimeError if an answer was not 200.
    """
    milliseconds: list[float] = []
    failures: list[str] = []
    gate = threading.Barrier(len(browsers) + 1)

    def read(browser: Browser, first: int) -> None:
        gate.wait()
        try:
            for turn in range(first, first + requests_each):
                milliseconds.append(browser.get(paths[turn % len(paths)]).milliseconds)
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            failures.append(f"{type(error).__name__}: {error}")

    threads = [
        threading.Thread(target=read, args=each) for each in zip(browsers, range(len(browsers)), strict=True)
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    if failures:
        raise RuntimeError(f"{len(failures)} readers failed, the first with {failures[0]}")
    return milliseconds, len(milliseconds) / elapsed
