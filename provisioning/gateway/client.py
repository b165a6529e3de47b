"""The one place that speaks HTTP to the gateway. Called by `provisioning.service` alone.

One base URL, certificates always verified, no redirects, no cookies, nothing from the environment, one
deadline, a cap on the decoded size. Every failure leaves as an error without request or credential.
"""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from provisioning.gateway import transport
from provisioning.gateway.answers import (
    UNAUTHORISED,
    Answer,
    UnreadableError,
    judge,
    parsed,
    sealed,
    turned_down,
)
from provisioning.gateway.bodies import decoded
from provisioning.gateway.calls import Call
from provisioning.gateway.errors import REDIRECTED, TIMED_OUT, NotSent, OutcomeUnknown, ProvisioningError
from provisioning.gateway.reach import PUBLIC, Reach
from provisioning.gateway.secrets import Sealed, scrub
from provisioning.gateway.waiting import waiting

SIZE_CAP = 1024 * 1024
LIST_SIZE_CAP = 64 * SIZE_CAP
MESSAGE_CAP = 2000
# What a connection that had gone stale in the pool looks like: a read may try once more.
_STALE = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)

_STALE_DETAIL = "the connection was reset"
_TOO_LATE = "The gateway did not answer completely in the time allowed."
_BROKEN = "The connection to the gateway broke off before a complete answer."
_REDIRECT = "The gateway pointed to another address, which is never followed."
_UNREADABLE = "The gateway's answer could not be read."
_MEANING_OF_WRITE = " The change may or may not have been made: look at the gateway before you send it again."
_MEANING_OF_READ = " Nothing was changed. Try again in a moment."


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """Speaks to one gateway. `deadline`: seconds of wall clock for a whole call, a repeated read included.

    `reach`: where the gateway may be besides the public internet.
    """

    base_url: str
    api_key: Sealed = field(repr=False)
    password: Sealed = field(repr=False)
    deadline: float = 15.0
    ca_file: str = ""
    reach: Reach = PUBLIC

    def send(self, call: Call) -> Answer:
        """Sends `call`: a write once, a read at most twice. Raises NotSent, Refused or OutcomeUnknown."""
        started = time.monotonic()
        try:
            with transport.deadline(self.deadline), transport.within(self.reach):
                return self._answered(call, started)
        except ProvisioningError as error:
            problem = _completed(error, call, started)
        except (
            Exception
        ) as error:  # a slip of this program after sending is no reason to claim nothing happened
            problem = _completed(_broken_off(error), call, started)
        # Raised out here: no traceback leads to the request and its Authorization header.
        raise problem

    def _answered(self, call: Call, started: float) -> Answer:
        url, data = call.address(self.base_url), call.body()
        with waiting():
            status, headers, raw = self._exchange(call, url, data)
        try:
            body = sealed(parsed(raw, strict=call.writes), call.secrets)
        except UnreadableError as error:
            if status == UNAUTHORISED:
                raise turned_down() from None
            raise OutcomeUnknown(_UNREADABLE, f"HTTP {status}: {error}", http_status=status) from None
        answer = Answer(body, status, _request_id(headers), _milliseconds(started))
        try:
            judge(status, body, result=call.result, writes=call.writes, fields=call.fields)
        except ProvisioningError as error:
            error.http_status, error.request_id = status, answer.request_id
            self._scrubbed(error, call)
            raise
        return answer

    def _exchange(self, call: Call, url: str, data: bytes | None) -> tuple[int, Any, bytes]:
        """Status, headers and decoded body. Raises NotSent or OutcomeUnknown."""
        if call.writes:
            session = _session(self.ca_file)
            try:
                return self._once(session, call, url, data)
            finally:
                session.close()
        session = _pooled(self.base_url, self.ca_file)
        try:
            return self._once(session, call, url, data)
        except NotSent:
            return self._once(session, call, url, data)
        except OutcomeUnknown as error:
            if error.detail != _STALE_DETAIL:
                raise
            return self._once(session, call, url, data)

    def _once(
        self, session: requests.Session, call: Call, url: str, data: bytes | None
    ) -> tuple[int, Any, bytes]:
        try:
            request = requests.Request(call.method, url, headers=self._headers(call), data=data).prepare()
            with session.send(request, stream=True, allow_redirects=False, timeout=self.deadline) as response:
                if 300 <= response.status_code < 400:
                    raise OutcomeUnknown(_REDIRECT, REDIRECTED, http_status=response.status_code)
                return response.status_code, response.headers, _body(response, call.large)
        except ProvisioningError:
            raise
        except transport.NeverSentError as error:
            raise NotSent(str(error), error.cause) from None
        except UnreadableError as error:
            raise OutcomeUnknown(_UNREADABLE, str(error)) from None
        except Exception as error:
            raise _broken_off(error) from None

    def _scrubbed(self, error: ProvisioningError, call: Call) -> None:
        """Takes out of what the gateway wrote whatever secret it quotes."""
        secrets = (self.api_key, self.password, Sealed(self._pair()), call.payload)
        error.gateway_message = scrub(error.gateway_message, *secrets)[:MESSAGE_CAP]
        error.field = scrub(error.field, *secrets)
        error.detail = scrub(error.detail, *secrets)
        if isinstance(error.code, str):
            error.code = scrub(error.code, *secrets)

    def _pair(self) -> str:
        return f"{self.api_key.reveal()}:{self.password.reveal()}"

    def _headers(self, call: Call) -> dict[str, str]:
        # RFC 7617 with UTF-8; requests' own basic auth would encode as Latin-1.
        headers = {
            "Authorization": "Basic " + base64.b64encode(self._pair().encode()).decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "provisioning-portal",
        }
        if call.writes:
            headers |= {"Content-Type": "application/json", "Connection": "close"}
        return headers


class _Adapter(HTTPAdapter):
    """requests' way to urllib3, over the connections of `transport`, whose TLS context verifies."""

    def __init__(self, ca_file: str) -> None:
        self._ca_file = ca_file
        super().__init__(pool_connections=1, pool_maxsize=16, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        """The pools whose connections keep the deadline."""
        context = transport.tls_context(self._ca_file)
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=context
        )
        self.poolmanager.pool_classes_by_scheme = dict(transport.POOL_CLASSES)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """The pool by address alone: there is no other way to verify than the context's."""
        host_params, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host_params, {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to set, and above all nothing to switch off."""


def _session(ca_file: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy, CA bundle or .netrc of the environment
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    adapter = _Adapter(ca_file)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@lru_cache(maxsize=32)
def _pooled(base_url: str, ca_file: str) -> requests.Session:
    """The session that reads from this gateway share; it holds connections, never credentials."""
    return _session(ca_file)


def _completed(error: ProvisioningError, call: Call, started: float) -> ProvisioningError:
    error.duration_ms = _milliseconds(started)
    if isinstance(error, OutcomeUnknown):
        error.explanation += _MEANING_OF_WRITE if call.writes else _MEANING_OF_READ
    elif isinstance(error, NotSent):
        error.explanation += " Nothing was sent."
    elif not call.writes:
        error.explanation = error.explanation.removesuffix(" Nothing was changed.")
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _broken_off(error: Exception) -> OutcomeUnknown:
    """By class names alone: the texts of requests and urllib3 quote requests."""
    chain = list(_chain(error))
    if any(isinstance(link, TimeoutError) for link in chain):
        return OutcomeUnknown(_TOO_LATE, TIMED_OUT)
    if any(isinstance(link, _STALE) for link in chain):
        return OutcomeUnknown(_BROKEN, _STALE_DETAIL)
    return OutcomeUnknown(_BROKEN, " < ".join(dict.fromkeys(type(link).__name__ for link in chain)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        link = todo.pop(0)
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            todo += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]
            yield link


def _body(response: requests.Response, large: bool) -> bytes:
    try:
        return _read(response, large)
    except Exception:
        if response.status_code == UNAUTHORISED:  # that says it all, whatever became of the rest
            return b""
        raise


def _read(response: requests.Response, large: bool) -> bytes:
    coding = response.headers.get("Content-Encoding", "")
    return decoded(response.raw, coding=coding, cap=LIST_SIZE_CAP if large else SIZE_CAP)


def _request_id(headers: Any) -> str:
    value = str(headers.get("X-Request-Id", ""))
    return value[:100] if value.isascii() and value.isprintable() else ""


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
