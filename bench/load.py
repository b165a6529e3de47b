"""A small load generator: signed-in keep-alive readers in threads, and the percentiles of what they saw."""

import gzip
import http.client
import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit


@dataclass
class Answer:
    """One exchange: status, headers (lower case), decoded body, bytes on the wire, wall clock in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    wire_bytes: int
    seconds: float

    @property
    def timings(self) -> dict[str, float]:
        """The Server-Timing header in milliseconds by name."""
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

    def get(self, path: str, encoding: str = "gzip") -> Answer:
        """GETs a page."""
        return self._exchange("GET", path, None, {"Accept-Encoding": encoding})

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """POSTs a form."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Referer": self.base + path}
        return self._exchange("POST", path, urlencode(fields), headers)

    def sign_in(self, login: str, password: str) -> None:
        """Signs in through the form. Raises RuntimeError if that fails."""
        page = self.get("/accounts/login/", encoding="identity")
        answer = self.post(
            "/accounts/login/",
            {"login": login, "password": password, "csrfmiddlewaretoken": csrf_token(page.body)},
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
        seconds = time.perf_counter() - start
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = {key.lower(): value for key, value in response.getheaders()}
        decoded = gzip.decompress(raw) if found.get("content-encoding") == "gzip" else raw
        return Answer(response.status, found, decoded, len(raw), seconds)


def csrf_token(page: bytes) -> str:
    """The CSRF token of the first form of a page."""
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return found.group(1).decode() if found else ""


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0–1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def readers_run(browsers: list[Browser], path: str, requests_each: int) -> tuple[list[float], float]:
    """All browsers read `path` at the same time. Returns seconds per answer and requests/s."""
    seconds: list[float] = []
    failures: list[int] = []
    gate = threading.Barrier(len(browsers) + 1)

    def read(browser: Browser) -> None:
        gate.wait()
        for _ in range(requests_each):
            answer = browser.get(path)
            seconds.append(answer.seconds)
            if answer.status != 200:
                failures.append(answer.status)

    threads = [threading.Thread(target=read, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    if failures:
        raise RuntimeError(f"{len(failures)} answers of {path} were not 200: {sorted(set(failures))}")
    return seconds, len(seconds) / elapsed
