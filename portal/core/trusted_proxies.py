"""Trusted proxies: forwarding headers of other peers are removed.

Also finds callers that are near enough to see the results of health checks (portal.core.health).
"""

import logging
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# The headers that a trusted proxy may set. All others of this kind are removed.
BELIEVED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")
_FORWARDED = re.compile(r"HTTP_X_FORWARDED\w*|HTTP_FORWARDED\w*|HTTP_X_REAL_IP")
_VIA = "HTTP_VIA"
_UNKNOWN_PROXIES_KEPT = 5
_log = logging.getLogger(__name__)
# Peers that sent X-Forwarded-… without being in TRUSTED_PROXIES, as seen by this process.
unknown_proxies: list[str] = []


class ProxyMiddleware:
    """Keep X-Forwarded-… from TRUSTED_PROXIES only: anyone else could invent it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Run first, so that no other middleware reads a forged header."""
        found = [name for name in request.META if _FORWARDED.fullmatch(name)]
        request.passed_on = bool(found) or _VIA in request.META  # type: ignore[attr-defined]
        peer = request.META.get("REMOTE_ADDR", "")
        address = _parse(peer)
        # A peer without an address came through a socket of this machine.
        is_trusted = not peer if address is None else any(address in one for one in settings.TRUSTED_PROXIES)
        believed = BELIEVED if is_trusted else ()
        is_unknown = bool(found) and not is_trusted and peer not in unknown_proxies
        if is_unknown and len(unknown_proxies) < _UNKNOWN_PROXIES_KEPT:
            # Behind such a proxy every page redirects to itself, because nothing says that the browser used
            # https. Logged once per process and peer, and for a few peers at most.
            unknown_proxies.append(peer)
            _log.warning("X-Forwarded-… from %s, which TRUSTED_PROXIES does not name, is ignored.", peer)
        for name in found:
            if name not in believed:
                del request.META[name]
        return self.get_response(request)


def get_address(request: HttpRequest) -> str:
    """Return the address of the caller; behind trusted proxies, the one that the outermost proxy saw."""
    return _forwarded_for(request) or str(request.META.get("REMOTE_ADDR", ""))


def is_near(request: HttpRequest) -> bool:
    """Return whether the request comes from this machine or from a network of HEALTH_NETWORKS.

    A request that a proxy on this machine forwards counts as one of the proxy's caller, if the proxy is
    trusted to name it, and otherwise as one from elsewhere.
    """
    passed_on = getattr(request, "passed_on", True)
    if passed_on and not _forwarded_for(request):
        return False
    address = _parse(get_address(request))
    if address is None:
        return False
    here = address.is_loopback and not passed_on
    return here or any(address in network for network in settings.HEALTH_NETWORKS)


def _forwarded_for(request: HttpRequest) -> str:
    """Return the address that the outermost trusted proxy saw, or ""."""
    proxies: int = getattr(settings, "ALLAUTH_TRUSTED_PROXY_COUNT", 0)
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    return str(hops[-proxies]) if proxies and len(hops) >= proxies else ""


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
