"""Which base URLs may get an API key, and the portal's own addresses as the gateway's allow-list wants them.

Called by Connection, before it is saved, and by `sending`, which checks again before each call.
"""

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from django.conf import settings

from provisioning.gateway.network_policy import NetworkPolicy

# A name whose last part looks like this is taken for an IPv4 address, in the old spellings of inet_aton.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
EGRESS_LIMIT = 1000  # characters; what the gateway's page takes


def validate_base_url(url: str) -> str:
    """Return `url` without a trailing slash. Raises ValueError, in words for people, if it must not be used.

    Plain http is for this very machine, outside production (the embedded gateway of a demo). Names are
    looked up with each connection: what they lead to is checked there.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("The address contains spaces or invisible characters.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("This is not a complete address.") from None
    # As the look-up of names reads it: letters in their plain form, no dot at the end.
    name = unicodedata.normalize("NFKC", host).replace("\u3002", ".").rstrip(".").lower()
    if not name or parts.scheme not in {"http", "https"}:
        raise ValueError("Enter a complete address beginning with https://.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("The address must not contain a username, a password, “?” or “#”.")
    try:
        address = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        # Some resolvers take a number, or several, for an address and others do not.
        if _NUMBER.fullmatch(name.rpartition(".")[2]):
            raise ValueError(
                "Enter an IPv4 address as four numbers up to 255, such as 198.51.100.7."
            ) from None
        address = None
    if parts.scheme == "http" and (settings.PRODUCTION or not (address and address.is_loopback)):
        raise ValueError(
            "The address must begin with https://. Otherwise the API key would be sent unencrypted."
        )
    if address and not get_network_policy().allows(address):
        raise ValueError(
            "The address is not on the public internet. If the gateway is inside your own network, "
            "add that network to GATEWAY_PRIVATE_NETWORKS."
        )
    return url.rstrip("/")


def get_network_policy() -> NetworkPolicy:
    """Return where gateways may be: the public internet, and the networks that the settings name."""
    return NetworkPolicy(tuple(settings.GATEWAY_PRIVATE_NETWORKS))


def validate_egress_addresses(text: str) -> str:
    """Return addresses and CIDR ranges as the gateway's allow-list wants them: separated by commas.

    Lines, blanks and commas separate what was typed; each address counts once. Raises ValueError, in words.
    """
    found: dict[str, None] = {}
    for part in text.replace(",", " ").split():
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError(
                f"“{part[:60]}” is not an IP address or a range such as 203.0.113.0/28."
            ) from None
        if "/" in part and ipaddress.ip_interface(part).ip != network.network_address:
            raise ValueError(
                f"“{part}” is inside the range {network}. Enter the range or the single address."
            )
        if network.prefixlen == 0:
            raise ValueError(f"“{part}” is the whole internet. Enter the IP addresses of this portal.")
        found[str(network)] = None
    listed = ",".join(found)
    if len(listed) > EGRESS_LIMIT:
        raise ValueError(f"The addresses are longer than {EGRESS_LIMIT} characters in total.")
    return listed
