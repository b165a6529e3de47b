"""How the portal speaks to gateways, and how long it keeps a credential that was replaced."""

from ipaddress import ip_network

from django.core.exceptions import ImproperlyConfigured

from portal.settings.environment import PRODUCTION, env

# One deadline for a whole exchange with the gateway, in seconds of wall clock.
GATEWAY_TIMEOUT = env.float("GATEWAY_TIMEOUT", old="GATEWAY_DEADLINE", default=15.0)
# Whose certificates vouch for the gateway: a PEM file instead of the public list.
GATEWAY_CA_FILE = env.file("GATEWAY_CA_FILE")
# A change still being sent after this many seconds was interrupted: its outcome is unknown.
CHANGE_INTERRUPTED_AFTER = env.int("CHANGE_INTERRUPTED_AFTER", default=30)
if not 0 < GATEWAY_TIMEOUT <= 15 or not GATEWAY_TIMEOUT < CHANGE_INTERRUPTED_AFTER <= 60:
    # Absence at the gateway proves something only once no exchange can still be running.
    raise ImproperlyConfigured(
        "GATEWAY_TIMEOUT must be at most 15 seconds, and CHANGE_INTERRUPTED_AFTER longer but at most 60."
    )
# Gateways are on the public internet, or in these networks; the demo's runs on this machine.
_LOOPBACK = [] if PRODUCTION else [ip_network("127.0.0.0/8"), ip_network("::1/128")]
GATEWAY_PRIVATE_NETWORKS = env.networks("GATEWAY_PRIVATE_NETWORKS", default=[]) + _LOOPBACK
# Hours during which a replaced credential can be restored before it is deleted.
CREDENTIAL_ROLLBACK_HOURS = env.int("CREDENTIAL_ROLLBACK_HOURS", old="CREDENTIAL_KEPT_HOURS", default=72)
