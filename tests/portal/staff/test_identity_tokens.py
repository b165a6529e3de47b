"""What the provider's metadata and tokens must be: anything else opens nothing and breaks nothing."""

from typing import Any

import pytest
from django.test import Client

from portal.audit.models import Event
from portal.staff.models import User
from tests.openid.forger import Forger, symmetric_key


@pytest.fixture(scope="module")
def running():
    """One server for all tests of this file."""
    forger = Forger()
    yield forger
    forger.server.shutdown()


@pytest.fixture
def forger(running, settings, db):
    """The provider, and a portal that believes it."""
    settings.OIDC_SERVER_URL = running.url
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = running.client_id, running.secret
    settings.OIDC_ROLE_GROUPS = {"portal-admins": "Admin", "support": "Support agent"}
    running.forget()
    return running


def came_in(forger: Forger, **wrong: Any) -> bool:
    """Sign in through the provider; whether that opened the portal. A refusal is a page, never a 500."""
    for name, value in wrong.items():
        current = getattr(forger, name)
        setattr(forger, name, current | value if isinstance(current, dict) else value)
    browser = Client()
    leaving = browser.post("/accounts/sso/")
    answer = browser.get(forger.back(leaving.context["address"])) if leaving.status_code == 200 else leaving
    assert answer.status_code in (302, 400, 403, 502), answer.content
    inside = browser.get("/accounts/profile/").status_code == 200
    assert inside == (answer.status_code == 302)
    if not inside:
        assert not User.objects.exists()
        assert Event.objects.filter(action="session.sign_in_failed", outcome="failed").count() == 1
    return inside


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "EdDSA"])
def test_a_proper_token_opens_the_portal_whatever_its_algorithm(forger, algorithm):
    assert came_in(forger, algorithm=algorithm)


PROPER = [
    {"claims": {"aud": ["portal"]}},
    {"claims": {"aud": ["portal", "other"], "azp": "portal"}},
    {"claims": {"azp": "portal"}},
    {"claims": {"exp": ("now", -20)}},  # clocks differ
    {"claims": {"iat": ("now", 20), "nbf": ("now", 20)}},
    {"claims": {"groups": "support"}},
    {"header": {"kid": None}},
    {"header": {"typ": "jwt"}},
    {"key": {"use": None, "alg": None}},
    {"key": {"key_ops": ["verify"]}},
    {"metadata": {"id_token_signing_alg_values_supported": None}},  # RS256 is what every provider must offer
    {"metadata": {"id_token_signing_alg_values_supported": ["ES256", "RS256"]}},
    {"claims": {"sub": "x" * 191}},
]


@pytest.mark.parametrize("right", PROPER, ids=str)
def test_what_the_standard_allows_opens_the_portal(forger, right):
    assert came_in(forger, **right)


EVIL = "https://evil.example/realm"
WRONG_METADATA = [
    {"issuer": EVIL}, {"issuer": None}, {"issuer": ""}, {"issuer": 7}, {"issuer": ["x"]},
    {"token_endpoint": None}, {"jwks_uri": 7}, {"userinfo_endpoint": "ftp://evil.example/"},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"id_token_signing_alg_values_supported": ["ES256"]}, {"id_token_signing_alg_values_supported": []},
    {"id_token_signing_alg_values_supported": "RS256"},
    {"id_token_signing_alg_values_supported": {"RS256": 1}},
]  # fmt: skip


@pytest.mark.parametrize("metadata", WRONG_METADATA, ids=str)
def test_a_discovery_document_of_another_provider_is_refused(forger, metadata):
    assert not came_in(forger, metadata=metadata)


def test_an_issuer_is_compared_as_a_whole(forger):
    assert not came_in(forger, metadata={"issuer": forger.url + ".evil.example"})


WRONG_CLAIMS = [
    {"exp": None}, {"exp": ("now", -3600)},
    {"exp": "never"}, {"exp": True}, {"iat": None}, {"iat": ("now", 3600)},
    {"iat": "now"}, {"nbf": ("now", 3600)}, {"iss": EVIL}, {"iss": None}, {"iss": ["x"]}, {"aud": None},
    {"aud": "other"}, {"aud": []}, {"aud": ["other"]}, {"aud": ["portal", "other"]}, {"aud": {"portal": 1}},
    {"azp": "other"}, {"azp": ""}, {"azp": ["portal"]}, {"aud": ["portal", "other"], "azp": "other"},
    {"nonce": None}, {"nonce": "another"}, {"nonce": 0},
    {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": ["nora"]}, {"sub": "x" * 192}, {"sub": "x" * 5000},
    {"sub": "a\x00b"}, {"sub": "\ud800"},
]  # fmt: skip


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=lambda claims: ascii(claims)[:60])
def test_a_token_with_a_wrong_claim_opens_nothing(forger, claims):
    info = {"sub": "nora-1"} if claims.get("sub", "") is None else {}
    assert not came_in(forger, claims=claims, info=info)


@pytest.mark.parametrize(
    "groups",
    [{"portal-admins": 1}, [["portal-admins"]], ["portal-admins", 1], 7, True, None, [], ""],
    ids=str,
)
def test_groups_are_a_list_of_strings(forger, groups):
    assert not came_in(forger, claims={"groups": groups})


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}, {"kid": "k2"}, {"typ": "at+jwt"}], ids=str
)
def test_a_token_with_a_wrong_header_opens_nothing(forger, header):
    assert not came_in(forger, header=header, metadata={"id_token_signing_alg_values_supported": ["RS256"]})


@pytest.mark.parametrize("announced", ["HS256", "none"])
def test_algorithms_without_a_key_pair_are_refused_even_if_announced(forger, announced):
    offered = {"id_token_signing_alg_values_supported": [announced, "RS256"]}
    keys = [symmetric_key(forger.secret)]
    assert not came_in(forger, header={"alg": announced}, metadata=offered, more_keys=keys)


@pytest.mark.parametrize(
    "key",
    [{"use": "enc"}, {"alg": "RS512"}, {"alg": "RSA-OAEP"}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"},
     {"kid": None}, {"kid": "k2"}, {"kty": "EC"}, {"n": None}, {"n": "!"}, {"e": 3}],
    ids=str,
)  # fmt: skip
def test_a_key_for_something_else_has_not_signed(forger, key):
    assert not came_in(forger, key=key)


def test_two_keys_of_one_name_are_refused(forger):
    assert not came_in(forger, more_keys=[forger.answer("/keys")["keys"][0]])


def test_a_short_key_is_refused(forger):
    assert not came_in(forger, private="short")


@pytest.mark.parametrize(
    "info", [{"sub": "somebody else"}, {"sub": "x" * 5000}, {"sub": None}, {"sub": "a\x00b"}], ids=str
)
def test_another_person_s_details_open_nothing(forger, info):
    assert not came_in(forger, info=info)


def test_what_no_database_stores_breaks_nothing(forger):
    odd = {
        "given_name": "No\x00ra",
        "more": ["\x00", "\ud800", float("nan")],
        "email": ["x"],
        "family_name": {},
    }
    assert came_in(forger, claims=odd, info={"more": "\x00"})
    assert came_in(forger, claims=odd, info={"more": "\x00"})  # known by now
