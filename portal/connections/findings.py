"""Why the gateway did not take a credential: the causes a test can tell apart, what happened and what to do.

Stored with the version as its `test_problem`, so that the page says it again when somebody comes back.
"""

import re
from dataclasses import dataclass

from provisioning.gateway.errors import REDIRECTED, TIMED_OUT, UNUSUAL
from provisioning.service import (
    EntityNotFound,
    NotAuthorised,
    NotSent,
    OutcomeUnknown,
    ProvisioningError,
    Refused,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause: its name, what happened, what to do next. `error` is what was said this time, if known."""

    name: str
    happened: str
    next_step: str
    error: ProvisioningError | None = None

    @property
    def accepted(self) -> bool | None:
        """Whether the gateway took the credential nevertheless; None where it said nothing about that."""
        return _TAKEN.get(self.name)


_RIGHT_PERHAPS = "The API key and password may be right. "
FINDINGS: dict[str, tuple[str, str]] = {
    "credential": (
        "The gateway does not accept this API key and password.",
        "Most often the password is an old one, or not copied whole: reset it on the gateway's page and "
        "paste both again. A gateway may say the same when the key is for another service than "
        "“Provisioning API”, or when the portal's addresses are not on the key's list.",
    ),
    "unusual": (
        "This API key and password were turned down, in an answer that is not of the usual form.",
        "Most often the password is an old one, or not copied whole: reset it on the gateway's page and "
        "paste both again. If that does not help, a proxy between portal and gateway may have answered, or "
        "the base URL leads elsewhere.",
    ),
    "address": (
        "The gateway does not let this key be used from the portal's address.",
        "On the gateway's API Keys page, put the addresses shown on this connection onto the key's list of "
        "allowed addresses, then test again. The password need not be entered again.",
    ),
    "service": (
        "This key is for another service of the gateway.",
        "Create a key for the service “Provisioning API” on the gateway's API Keys page, and paste that one.",
    ),
    "tenant": (
        "The gateway accepts the key, but the key does not see this connection's tenant.",
        "It is the key of another company or environment, or the tenant's GUID of this connection is wrong.",
    ),
    "elsewhere": (
        "What answers at the connection's address is not an IXOPAY Provisioning API.",
        _RIGHT_PERHAPS + "Check the base URL, its path above all; for IXOPAY it ends in /api/provisioning.",
    ),
    "name": (
        "The name in the connection's address is not known to the portal's name servers.",
        _RIGHT_PERHAPS + "Check the spelling of the base URL, and the name look-up on the portal's machine.",
    ),
    "name_slow": (
        "The portal's name servers did not answer in time when asked for the connection's address.",
        _RIGHT_PERHAPS + "Check the name look-up on the portal's machine, then test again.",
    ),
    "private": (
        "The connection's address leads into a private network.",
        _RIGHT_PERHAPS + "If the gateway really is there, GATEWAY_PRIVATE_NETWORKS has to name the network.",
    ),
    "refused": (
        "Nothing listens at the connection's address: the connection was refused.",
        _RIGHT_PERHAPS + "Check the port in the base URL, and whether the gateway is running.",
    ),
    "timeout": (
        "Nothing came back in the time allowed.",
        _RIGHT_PERHAPS
        + "A firewall between portal and gateway may swallow the connection, or the gateway is slow.",
    ),
    "certificate": (
        "The gateway's certificate was not accepted, so nothing was sent to it.",
        _RIGHT_PERHAPS
        + "The certificate's name, date or authority is wrong: somebody else may be answering. Ask the "
        "gateway's operator; for an authority of your own set GATEWAY_CA_FILE.",
    ),
    "tls": (
        "No encrypted connection could be made to the connection's address.",
        _RIGHT_PERHAPS + "What answers there may not speak TLS: check the port in the base URL.",
    ),
    "tls_slow": (
        "The gateway accepted the connection but did not complete the TLS handshake in time.",
        _RIGHT_PERHAPS + "What answers there is overloaded or does not speak TLS: check the port in the base "
        "URL, then test again.",
    ),
    "limited": (
        "The gateway asks to be called less often.",
        _RIGHT_PERHAPS + "Wait until the time in the line below, then test again.",
    ),
    "disturbed": (
        "The gateway gave no usable answer.",
        _RIGHT_PERHAPS + "Try again in a moment; if it persists, the gateway is disturbed.",
    ),
    "not_sent": (
        "Nothing was sent, so the credential could not be tested.",
        _RIGHT_PERHAPS + "The line below says what stood in the way.",
    ),
    "other": (
        "The gateway knows the credential but refused the test, which lists tenants.",
        "The gateway's own words say why; the key may lack a right.",
    ),
}
_TAKEN = {"tenant": True, "other": True} | dict.fromkeys(
    ("credential", "unusual", "address", "service"), False
)
# Read for people alone: the contract gives all three the code 1000, and nothing is decided on a message.
_ADDRESS = re.compile(r"\b(ip|address|whitelist|allow-?list)", re.IGNORECASE)
_SERVICE = re.compile(r"\bservice\b", re.IGNORECASE)


def finding_of(error: ProvisioningError) -> Finding:
    """The cause of a test that failed."""
    return Finding(*_described(_name(error)), error)


def finding_named(name: str) -> Finding | None:
    """A cause found earlier; None without one."""
    return Finding(*_described(name)) if name else None


def _described(name: str) -> tuple[str, str, str]:
    known = name if name in FINDINGS else "disturbed"
    return known, *FINDINGS[known]


def _name(error: ProvisioningError) -> str:
    if isinstance(error, NotSent):
        return error.detail if error.detail in FINDINGS else "not_sent"
    if isinstance(error, OutcomeUnknown):
        return _unknown(error)
    if isinstance(error, NotAuthorised):
        return "unusual" if error.detail == UNUSUAL else _not_authorised(error.gateway_message)
    if isinstance(error, EntityNotFound):
        return "tenant"
    return _refused(error)


def _unknown(error: OutcomeUnknown) -> str:
    if error.detail == TIMED_OUT:
        return "timeout"
    if error.http_status == 403:
        return "address"
    if error.http_status == 429 or error.retry_at:
        return "limited"
    return "elsewhere" if error.detail == REDIRECTED or 0 < error.http_status < 500 else "disturbed"


def _not_authorised(words: str) -> str:
    if _SERVICE.search(words):
        return "service"
    return "address" if _ADDRESS.search(words) else "credential"


def _refused(error: ProvisioningError) -> str:
    if error.http_status == 429:
        return "limited"
    if error.http_status == 403:
        return "address"
    return "elsewhere" if isinstance(error, Refused) and error.http_status in (404, 405) else "other"
