"""Why the gateway did not take a credential: the causes a test can tell apart, what happened and what to do.

Stored with the version as its `test_problem`, so that the page can show it again later.
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
class Diagnosis:
    """A cause: its name, what happened, what to do next. `error` is what was said this time, if known."""

    name: str
    happened: str
    next_step: str
    error: ProvisioningError | None = None

    @property
    def accepted(self) -> bool | None:
        """Whether the gateway accepted the credential nevertheless; None if its answer does not show that."""
        return _TAKEN.get(self.name)


_RIGHT_PERHAPS = "The API key and password may be right. "
FINDINGS: dict[str, tuple[str, str]] = {
    "credential": (
        "The gateway does not accept this API key and password.",
        "The password may be out of date or only partly copied. Reset it on the gateway's page and paste "
        "both again. The gateway may also say this if the key is for a service other than "
        "“Provisioning API”, or if the portal's addresses are not on the key's list of allowed addresses.",
    ),
    "unusual": (
        "This API key and password were rejected in a response that does not look like the gateway's.",
        "The password may be out of date or only partly copied. Reset it on the gateway's page and paste "
        "both again. If that does not help, a proxy between the portal and the gateway may have responded, "
        "or the base URL may be wrong.",
    ),
    "address": (
        "The gateway does not let this key be used from the portal's address.",
        "On the gateway's API Keys page, add the addresses shown on this connection to the key's list of "
        "allowed addresses, then test again. You don't need to enter the password again.",
    ),
    "service": (
        "This key is for a different service of the gateway.",
        "Create a key for the service “Provisioning API” on the gateway's API Keys page and use that one.",
    ),
    "tenant": (
        "The gateway accepts the key, but the key has no access to this connection's tenant.",
        "The key belongs to a different company or environment, or the tenant GUID of this connection "
        "is wrong.",
    ),
    "elsewhere": (
        "The server at the connection's address is not an IXOPAY Provisioning API.",
        _RIGHT_PERHAPS + "Check the base URL, especially its path. For IXOPAY it ends in /api/provisioning.",
    ),
    "name": (
        "The host name in the connection's address could not be resolved.",
        _RIGHT_PERHAPS + "Check the spelling of the base URL and the DNS settings of the portal's server.",
    ),
    "name_slow": (
        "The DNS server did not respond in time for the connection's address.",
        _RIGHT_PERHAPS + "Check the DNS settings of the portal's server, then test again.",
    ),
    "private": (
        "The connection's address is in a private network.",
        _RIGHT_PERHAPS + "If the gateway really is there, add the network to GATEWAY_PRIVATE_NETWORKS.",
    ),
    "refused": (
        "The server at the connection's address refused the connection.",
        _RIGHT_PERHAPS + "Check the port in the base URL and whether the gateway is running.",
    ),
    "unreachable": (
        "The portal's server has no route to the connection's address.",
        _RIGHT_PERHAPS + "Check the base URL and the network of the portal's server, then test again.",
    ),
    "connect_slow": (
        "Nothing accepted a connection at the connection's address in time.",
        _RIGHT_PERHAPS + "A firewall between the portal and the gateway may block the connection.",
    ),
    "timeout": (
        "The gateway did not respond in time.",
        _RIGHT_PERHAPS
        + "A firewall between the portal and the gateway may block the connection, or the gateway is slow.",
    ),
    "certificate": (
        "The gateway's certificate was not accepted, so nothing was sent to it.",
        _RIGHT_PERHAPS
        + "The certificate's name, date or issuer is wrong, so this may be a different server. Ask the "
        "gateway's operator. If you use your own certificate authority, set GATEWAY_CA_FILE.",
    ),
    "tls": (
        "The portal could not open an encrypted connection to this address.",
        _RIGHT_PERHAPS + "The server there may not support TLS. Check the port in the base URL.",
    ),
    "tls_slow": (
        "The gateway accepted the connection but did not complete the TLS handshake in time.",
        _RIGHT_PERHAPS + "The server there is overloaded or does not support TLS. Check the port in the base "
        "URL, then test again.",
    ),
    "limited": (
        "The gateway asked to wait before the next request.",
        _RIGHT_PERHAPS + "Wait until the time shown below, then test again.",
    ),
    "disturbed": (
        "The gateway's response could not be understood.",
        _RIGHT_PERHAPS + "Try again in a moment. If this continues, the gateway may have a problem.",
    ),
    "not_sent": (
        "Nothing was sent, so the credential could not be tested.",
        _RIGHT_PERHAPS + "The reason is shown below.",
    ),
    "other": (
        "The gateway knows the credential but refused the test, which lists tenants.",
        "The gateway's message gives the reason. The key may lack a permission.",
    ),
}
_TAKEN = {"tenant": True, "other": True} | dict.fromkeys(
    ("credential", "unusual", "address", "service"), False
)
# Only for explanations: the contract gives all three the code 1000. No decision depends on a message.
_ADDRESS = re.compile(r"\b(ip|address|whitelist|allow-?list)", re.IGNORECASE)
_SERVICE = re.compile(r"\bservice\b", re.IGNORECASE)


def diagnose(error: ProvisioningError) -> Diagnosis:
    """Return the cause of a failed test."""
    return Diagnosis(*_get_finding(_get_name(error)), error)


def get_diagnosis(name: str) -> Diagnosis | None:
    """Return a stored cause; None for an empty name."""
    return Diagnosis(*_get_finding(name)) if name else None


def _get_finding(name: str) -> tuple[str, str, str]:
    known = name if name in FINDINGS else "disturbed"
    return known, *FINDINGS[known]


def _get_name(error: ProvisioningError) -> str:
    if isinstance(error, NotSent):
        return error.detail if error.detail in FINDINGS else "not_sent"
    if isinstance(error, NotAuthorised):
        words = error.gateway_message
        guess = "service" if _SERVICE.search(words) else "address" if _ADDRESS.search(words) else "credential"
        return "unusual" if error.detail == UNUSUAL else guess
    if isinstance(error, EntityNotFound):
        return "tenant"
    return _get_name_by_status(error)


def _get_name_by_status(error: ProvisioningError) -> str:
    unknown = isinstance(error, OutcomeUnknown)
    if unknown and error.detail == TIMED_OUT:
        return "timeout"
    if error.http_status == 403:
        return "address"
    if error.http_status == 429 or (unknown and error.retry_at):
        return "limited"
    if unknown:
        return "elsewhere" if error.detail == REDIRECTED or 0 < error.http_status < 500 else "disturbed"
    return "elsewhere" if isinstance(error, Refused) and error.http_status in (404, 405) else "other"
