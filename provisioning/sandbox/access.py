"""Who calls: HTTP Basic as in RFC 7617, then the key's service and its list of allowed addresses."""

import base64
import binascii

from django.http import HttpRequest

from provisioning.sandbox.error_responses import Code, Refusal
from provisioning.sandbox.keys import PROVISIONING, is_address_allowed, verify_key
from provisioning.sandbox.models import ApiKey


def caller(request: HttpRequest) -> ApiKey:
    """The API key of the request. Raises Refusal 401/1000.

    What an unlisted address or a key of another service gets is not documented. Here it is 401/1000 as well,
    because the documentation lists no 403; only the message tells the cases apart.
    """
    key, password = _credentials(request.headers.get("Authorization", ""))
    found = verify_key(key=key, password=password)
    if found is None:
        raise _unauthorized()
    if found.service != PROVISIONING:
        raise _unauthorized(f"Unauthorized: the API key is for the service '{found.service}'")
    if not is_address_allowed(found, request.META.get("REMOTE_ADDR", "")):
        raise _unauthorized("Unauthorized: the caller's address is not allowed for this API key")
    return found


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _unauthorized()
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _unauthorized() from None
    key, colon, password = text.partition(":")
    if not colon:
        raise _unauthorized()
    return key, password


def _unauthorized(message: str = "Unauthorized") -> Refusal:
    return Refusal(Code.UNAUTHORIZED, message, status=401)
