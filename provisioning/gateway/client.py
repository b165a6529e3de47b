"""The only module that sends HTTP requests to the gateway. Called only by `provisioning.credentials.sending`.

One base URL, certificates always verified, no redirects, no cookies, nothing from the environment, one
deadline, a cap on the decoded size. Every failure leaves as an error without request or credential.
"""

import base64
import time
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager

from provisioning import contract
from provisioning.contract.key_aliases import apply_aliases
from provisioning.gateway import retry_after, transport
from provisioning.gateway.decoding import decode_body
from provisioning.gateway.error_codes import STATUS_CAUSES
from provisioning.gateway.errors import (
    REDIRECTED,
    TIMED_OUT,
    TOO_LARGE,
    AnswerTooLarge,
    NotSent,
    OutcomeUnknown,
    ProvisioningError,
)
from provisioning.gateway.network_policy import PUBLIC, NetworkPolicy
from provisioning.gateway.requests import Call
from provisioning.gateway.responses import (
    UNAUTHORISED,
    Answer,
    TooLargeError,
    UnreadableError,
    classify_response,
    credential_rejected,
    parse_body,
    seal_body,
    seal_undeclared,
)
from provisioning.gateway.secrets import Scrubber, Sealed, clear_texts, sealed_texts
from provisioning.gateway.timing import get_time_left, measure_gateway_time

SIZE_CAP = 1024 * 1024
LIST_SIZE_CAP = 64 * SIZE_CAP
MESSAGE_CAP = 2000
# A write is not started with less time than this (seconds): its outcome would probably be unknown.
WRITE_NEEDS = 4.0
# A shorter secret of the call occurs in an answer by chance.
SHORTEST_SECRET = 6
# What a connection that had gone stale in the pool looks like: a read may try once more.
_STALE = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)

_STALE_DETAIL = "the connection was reset"
_TOO_LATE = "The gateway did not answer completely in the time allowed."
_BROKEN = "The connection to the gateway was lost before a complete response."
_REDIRECT = "The gateway pointed to another address, which is never followed."
_UNREADABLE = "The gateway's answer could not be read."
_MEANING_OF_WRITE = " The change may or may not have been made: look at the gateway before you send it again."
_MEANING_OF_READ = " Try again in a moment."
_MEANING_OF_SIZE = " Trying again does not help: the gateway has no way to ask for a part of a list."
_NO_TIME_LEFT = "This page has waited for the gateway as long as it may."


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """HTTP client of one gateway. `deadline`: seconds for a whole call, a repeated read included.

    `network_policy`: the addresses allowed besides the public internet.
    """

    base_url: str
    api_key: Sealed = field(repr=False)
    password: Sealed = field(repr=False)
    deadline: float = 15.0
    ca_file: str = ""
    network_policy: NetworkPolicy = PUBLIC

    def send(self, call: Call) -> Answer:
        """Send `call`: a write once, a read at most twice. Raises NotSent, Refused or OutcomeUnknown."""
        started = time.monotonic()
        left = get_time_left()
        seconds = self.deadline if left is None else min(self.deadline, left)
        try:
            if left is not None and left < (min(WRITE_NEEDS, self.deadline) if call.writes else 0.1):
                raise NotSent(_NO_TIME_LEFT, "timeout")
            with transport.deadline(seconds), transport.use_network_policy(self.network_policy):
                return self._exchange(call, started)
        except ProvisioningError as error:
            problem = error
        except Exception as error:
            # After sending, an error of this program must not hide that the gateway may have acted.
            problem = _describe_failure(error)
        problem.duration_ms = _get_milliseconds(started)
        # Say what the failure means for this call.
        if isinstance(problem, OutcomeUnknown):
            meaning = _MEANING_OF_SIZE if isinstance(problem, AnswerTooLarge) else _MEANING_OF_READ
            problem.explanation += _MEANING_OF_WRITE if call.writes else meaning
        elif isinstance(problem, NotSent):
            problem.explanation += " Nothing was sent."
        elif not call.writes:
            problem.explanation = problem.explanation.removesuffix(" Nothing was changed.")
        if problem.retry_at:
            problem.explanation = problem.explanation.removesuffix(" Try again in a moment.")
            problem.explanation += f" {retry_after.words(problem.retry_at, longer=problem.longer)}"
        # Raised outside of the except block and without its history, because tracebacks and chained
        # exceptions could contain the request with its Authorization header.
        problem.__traceback__ = problem.__context__ = problem.__cause__ = None
        raise problem

    def _exchange(self, call: Call, started: float) -> Answer:
        """Send the request, read the response and judge it. Secrets are masked in answers and errors."""
        url, data = call.address(self.base_url), call.body()
        with measure_gateway_time():
            status, headers, raw = self._request(call, url, data)
        request_id = str(headers.get("X-Request-Id", ""))
        try:
            body = _parse_body(raw, status, call)
            classify_response(status, body, result=call.result, writes=call.writes, fields=call.fields)
        except ProvisioningError as error:
            error.http_status = status
            wait = retry_after.parse(status, str(headers.get("Retry-After", "")))
            error.retry_at, error.longer = wait
            # The gateway may quote secrets of the request in its message.
            scrubber = self._get_scrubber(call.payload)
            error.gateway_message = scrubber.text(error.gateway_message)[:MESSAGE_CAP]
            error.field, error.detail = scrubber.text(error.field), scrubber.text(error.detail)
            error.request_id = _clean_request_id(request_id, scrubber)
            if isinstance(error.code, str):
                error.code = scrubber.text(error.code)
            raise
        body, scrubber = self._scrub_answer(body, raw, call)
        return Answer(body, status, _clean_request_id(request_id, scrubber), _get_milliseconds(started))

    def _request(self, call: Call, url: str, data: bytes | None) -> tuple[int, Any, bytes]:
        """Return status, headers and decoded body; repeat a read whose pooled connection was stale.

        Raises NotSent or OutcomeUnknown.
        """
        if call.writes:
            session = _create_session(self.ca_file)
            try:
                return self._request_once(session, call, url, data)
            finally:
                session.close()
        session = _get_pooled_session(self.base_url, self.ca_file)
        try:
            return self._request_once(session, call, url, data)
        except (NotSent, OutcomeUnknown) as first:
            stale = isinstance(first, NotSent) or first.detail == _STALE_DETAIL
            if not stale or transport.time_is_up():
                raise
            try:
                return self._request_once(session, call, url, data)
            except NotSent:
                # The repetition may have failed only because no time was left, so report the first failure.
                raise first from None

    def _request_once(
        self, session: requests.Session, call: Call, url: str, data: bytes | None
    ) -> tuple[int, Any, bytes]:
        cap = call.size_cap or (LIST_SIZE_CAP if call.large else SIZE_CAP)
        own_headers = {
            "Authorization": "Basic " + self._get_token(),
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "provisioning-portal",
        }
        if call.writes:
            own_headers |= {"Content-Type": "application/json", "Connection": "close"}
        try:
            request = requests.Request(call.method, url, headers=own_headers, data=data).prepare()
            with session.send(request, stream=True, allow_redirects=False, timeout=self.deadline) as response:
                status = response.status_code
                if 300 <= status < 400:
                    raise OutcomeUnknown(_REDIRECT, REDIRECTED, http_status=status)
                try:
                    coding = response.headers.get("Content-Encoding", "")
                    raw = decode_body(response.raw, coding=coding, cap=cap)
                except Exception as error:
                    if status == UNAUTHORISED:
                        raw = b""  # this status is enough to know the outcome
                    elif isinstance(error, UnreadableError):
                        raise _describe_unreadable(error, status, call) from None
                    else:
                        raise
                return status, response.headers, raw
        except ProvisioningError:
            raise
        except transport.NeverSentError as error:
            raise NotSent(str(error), error.cause) from None
        except Exception as error:
            raise _describe_failure(error) from None

    def _get_scrubber(self, *more: Any) -> Scrubber:
        """Return a scrubber for the credential, also as encoded, and for the texts sealed in `more`."""
        return Scrubber(
            self.api_key, self.password, Sealed(self._get_pair()), Sealed(self._get_token()), *more
        )

    def _scrub_answer(self, body: dict[str, Any], raw: bytes, call: Call) -> tuple[dict[str, Any], Scrubber]:
        """Mask the call's secrets in an accepted answer, and in a write's answer all undeclared values.

        Return the answer, and the scrubber for its headers.
        """
        if not call.writes:
            scrubber = self._get_scrubber()
            return (dict(scrubber.value(body)) if scrubber.suspects(raw) else body), scrubber
        body = seal_undeclared(apply_aliases(body), contract.schema(call.schema)) if call.schema else body
        # A text that was also sent unencrypted is visible in the change, so masking it would hide nothing.
        clear = "\n".join(clear_texts(call.payload))
        texts = list(sealed_texts(call.payload))
        for path in call.secrets:  # what the gateway itself generated
            node: Any = body
            for name in path:
                node = node.get(name) if isinstance(node, dict) else None
            if isinstance(node, Sealed) and isinstance(node.reveal(), str):
                texts.append(node.reveal())
        secrets = [Sealed(text) for text in texts if len(text) >= SHORTEST_SECRET and text not in clear]
        scrubber = self._get_scrubber(*secrets)
        return dict(scrubber.value(body)), scrubber

    def _get_pair(self) -> str:
        return f"{self.api_key.reveal()}:{self.password.reveal()}"

    def _get_token(self) -> str:
        # RFC 7617 with UTF-8; requests' own basic auth would encode as Latin-1.
        return base64.b64encode(self._get_pair().encode()).decode("ascii")


class _Adapter(HTTPAdapter):
    """Make requests use the connections of `transport`, whose TLS context verifies certificates."""

    def __init__(self, ca_file: str) -> None:
        self._ca_file = ca_file
        super().__init__(pool_connections=1, pool_maxsize=16, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        """Use pools whose connections keep the deadline."""
        context = transport.tls_context(self._ca_file)
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=context
        )
        self.poolmanager.pool_classes_by_scheme = dict(transport.POOL_CLASSES)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Choose the pool by address only, because the TLS context alone decides how to verify."""
        host_params, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host_params, {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: certificates are verified by the TLS context, and this must not switch it off."""


def _create_session(ca_file: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy, CA bundle or .netrc of the environment
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    adapter = _Adapter(ca_file)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@lru_cache(maxsize=32)
def _get_pooled_session(base_url: str, ca_file: str) -> requests.Session:
    """Return the session shared by reads from this gateway. It holds connections, never credentials."""
    return _create_session(ca_file)


def _describe_failure(error: Exception) -> OutcomeUnknown:
    """Return the outcome for an exception. Only class names are used: the texts may quote the request."""
    chain: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        link = todo.pop(0)
        if isinstance(link, BaseException) and link not in chain:
            chain.append(link)
            todo += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]
    if any(isinstance(link, TimeoutError) for link in chain):
        return OutcomeUnknown(_TOO_LATE, TIMED_OUT)
    if any(isinstance(link, _STALE) for link in chain):
        return OutcomeUnknown(_BROKEN, _STALE_DETAIL)
    return OutcomeUnknown(_BROKEN, " < ".join(dict.fromkeys(type(link).__name__ for link in chain)))


def _parse_body(raw: bytes, status: int, call: Call) -> dict[str, Any]:
    """Return the parsed body with its secrets sealed. Raises NotAuthorised or OutcomeUnknown."""
    try:
        return seal_body(parse_body(raw, strict=call.writes, large=call.large), call.secrets)
    except UnreadableError as error:
        if status == UNAUTHORISED:
            raise credential_rejected() from None
        raise _describe_unreadable(error, status, call) from None
    except RecursionError:
        raise _describe_unreadable(UnreadableError("the answer is nested too deeply"), status, call) from None


def _describe_unreadable(error: UnreadableError, status: int, call: Call) -> OutcomeUnknown:
    """Return the outcome of an unreadable answer, explained by its status where possible."""
    if isinstance(error, TooLargeError):
        kind = OutcomeUnknown if call.writes else AnswerTooLarge
        words = f"The gateway's answer is larger than allowed: {error}."
        return kind(words, TOO_LARGE, http_status=status)
    return OutcomeUnknown(
        STATUS_CAUSES.get(status, _UNREADABLE), f"HTTP {status}: {error}", http_status=status
    )


def _clean_request_id(text: str, scrubber: Scrubber) -> str:
    """Return the gateway's request ID without secrets; "" if it cannot be shown."""
    cleaned = scrubber.text(text)[:100]
    return cleaned if cleaned.isprintable() else ""


def _get_milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
