"""Which addresses an API key may go to: those of the public internet, and networks that are named.

An IPv6 address can carry an IPv4 one that some router on the way takes out again: it is judged by that one.
"""

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the well-known prefix of NAT64
# Special ranges of the IANA registries that Python 3.11 takes for global, or not in every release of it.
_SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4, given up
        "192.175.48.0/24",  # AS112
        "::/96",  # IPv4-compatible, given up; unspecified and loopback
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
        "64:ff9b:1::/48",  # NAT64 inside a network, which chooses the position of the IPv4 address
        "100::/64",  # discarded
        "2001::/23",  # protocol assignments, Teredo among them
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, given up
    )
)


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """Where a gateway may be: on the public internet, and inside `networks`."""

    networks: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Return whether an API key may go there. An address that contains another is judged by that one."""
        inner = get_inner_address(address)
        if any(inner in network for network in self.networks):
            return True
        special = inner.is_multicast or any(inner in network for network in _SPECIAL)
        return inner.is_global and not special


def get_inner_address(address: Address) -> Address:
    """Return the IPv4 address inside one that is mapped, of 6to4 or of NAT64; any other address itself."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


PUBLIC = NetworkPolicy()
