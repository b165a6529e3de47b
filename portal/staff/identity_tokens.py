"""Checks of the OpenID provider's metadata and identity tokens.

OpenID Connect Core 3.1.3.7 and Discovery 4.3 say what a client has to look at.
"""

from typing import Any

import jwt
from allauth.socialaccount.internal.jwtkit import verify_jti
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.conf import settings

# How far the clocks of provider and portal may be apart, in seconds.
CLOCK_TOLERANCE = 60
# Signature algorithms that the portal accepts, with the key type and curve that each needs. None of them is
# symmetric: the client secret must not be able to make tokens.
ALGORITHMS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
_SHORTEST_RSA_KEY = 2048  # bits
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


class MetadataRefused(ValueError):  # noqa: N818 - reads as what happened
    """The discovery document does not belong to the configured provider."""


def check_metadata(metadata: Any) -> None:
    """Raise MetadataRefused unless the document is about OIDC_SERVER_URL and names proper addresses."""
    expected = settings.OIDC_SERVER_URL.partition("/.well-known/")[0]
    if not isinstance(metadata, dict) or not isinstance(metadata.get("issuer"), str):
        raise MetadataRefused("The discovery document does not name an issuer.")
    # The setting has no slash at its end, but some issuers have one.
    if metadata["issuer"].removesuffix("/") != expected.removesuffix("/"):
        raise MetadataRefused("The issuer of the discovery document is not OIDC_SERVER_URL.")
    scheme = expected.partition("://")[0]
    for name in _ENDPOINTS:
        address = metadata.get(name)
        if not isinstance(address, str) or not address.startswith(("https://", f"{scheme}://")):
            raise MetadataRefused(f"{name} in the discovery document is not a {scheme} address.")


def decode_token(*, token: Any, metadata: dict[str, Any], keys: Any, client_id: str) -> dict[str, Any]:
    """Return the claims of an identity token that was issued for this portal. Raise OAuth2Error otherwise."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        announced = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        if not isinstance(announced, list) or algorithm not in announced or algorithm not in ALGORITHMS:
            raise OAuth2Error("The id_token is signed with an algorithm that the provider did not announce.")
        if str(header.get("typ", "JWT")).upper() != "JWT":
            raise OAuth2Error("This is a different kind of token.")
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_find_key(keys, header.get("kid"), algorithm),
            algorithms=[algorithm],
            audience=client_id,
            issuer=metadata["issuer"],
            leeway=CLOCK_TOLERANCE,
            options={"require": _REQUIRED},
        )
    except jwt.PyJWTError as error:
        raise OAuth2Error("Invalid id_token") from error
    # A token for several clients names the one that it was issued to.
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    authorised = claims.get("azp")
    if (authorised is not None or several) and authorised != client_id:
        raise OAuth2Error("The id_token was issued to a different client.")
    check_subject(claims)
    verify_jti(claims)
    return claims


def check_subject(claims: Any) -> None:
    """Raise OAuth2Error unless `claims` are an object with a subject that can be stored."""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    longest = SocialAccount._meta.get_field("uid").max_length
    if not isinstance(subject, str) or not 0 < len(subject) <= longest or not subject.isprintable():
        raise OAuth2Error("The provider's ID for this user cannot be stored.")


def _find_key(keys: Any, kid: Any, algorithm: str) -> Any:
    """Return the published key with the right name, type, curve, purpose and strength."""
    kind, curve = ALGORITHMS[algorithm]
    published = keys.get("keys") if isinstance(keys, dict) else None
    found = []
    for key in published or []:
        if not isinstance(key, dict):
            continue
        operations = key.get("key_ops")
        if (
            (kid is None or key.get("kid") == kid)
            and key.get("kty") == kind
            and (not curve or key.get("crv") == curve)
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and (operations is None or (isinstance(operations, list) and "verify" in operations))
        ):
            found.append(key)
    if len(found) != 1:
        raise OAuth2Error("The provider does not publish exactly one key for this id_token.")
    key = jwt.PyJWK(found[0], algorithm=algorithm).key
    if getattr(key, "key_size", _SHORTEST_RSA_KEY) < _SHORTEST_RSA_KEY and kind == "RSA":
        raise OAuth2Error("The provider's key is too short.")
    return key
