"""Only addresses that keep the API key secret become connections, under names that are free."""

from ipaddress import ip_address, ip_network

import pytest
from django.core.exceptions import ValidationError

from provisioning.credentials.addresses import (
    get_network_policy,
    validate_base_url,
    validate_egress_addresses,
)
from provisioning.credentials.services import create_connection
from provisioning.gateway.client import GatewayClient
from provisioning.gateway.errors import NotSent
from provisioning.gateway.requests import Call
from provisioning.gateway.secrets import Sealed

PRODUCTION = {"PRODUCTION": True, "GATEWAY_PRIVATE_NETWORKS": []}


@pytest.fixture
def production(settings):
    """Addresses as production sees them."""
    for name, value in PRODUCTION.items():
        setattr(settings, name, value)
    return settings


@pytest.mark.parametrize(
    "url",
    ["https://gateway.ixopay.com/api/provisioning", "https://gateway.example.org:8443", "https://8.8.8.8/x"],
)
def test_https_is_always_allowed(url, production):
    assert validate_base_url(url + "/") == url


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "localhost", "[::1]:8001", "127.9.9.9"])
def test_plain_http_is_for_this_very_machine_outside_production(host, settings):
    assert validate_base_url(f"http://{host}/api") == f"http://{host}/api"
    settings.PRODUCTION = True
    with pytest.raises(ValueError, match="https"):
        validate_base_url(f"http://{host}/api")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.9", "169.254.169.254", "100.64.0.1",
             "[::ffff:10.1.2.3]", "[fd00::1]", "192.0.2.1", "224.0.0.1"],
)  # fmt: skip
def test_an_address_that_is_not_on_the_internet_is_refused_unless_its_network_is_named(host, production):
    with pytest.raises(ValueError, match="GATEWAY_PRIVATE_NETWORKS"):
        validate_base_url(f"https://{host}/api")
    production.GATEWAY_PRIVATE_NETWORKS = [ip_network(text) for text in ("0.0.0.0/0", "::/0")]
    assert validate_base_url(f"https://{host}/api")


@pytest.mark.parametrize(
    "host", ["localhost.", "LOCALHOST..", "127.0.0.1.", "①②⑦.0.0.1", "127。0。0。1",
             "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "\uff11\uff19\uff12.168.0.9"],
)  # fmt: skip
def test_a_private_address_is_known_in_other_letters(host, production):
    with pytest.raises(ValueError, match="GATEWAY_PRIVATE_NETWORKS"):
        validate_base_url(f"https://{host}/api")


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.1", "0x7f.1.", "⑧.8", "10.0x1",
             "256.1.1.1", "gateway.0x", "gateway.7"],
)  # fmt: skip
def test_a_number_that_some_resolver_takes_for_an_address_is_refused(host, production):
    production.GATEWAY_PRIVATE_NETWORKS = [ip_network("0.0.0.0/0")]
    with pytest.raises(ValueError, match="four numbers"):
        validate_base_url(f"https://{host}/api")


@pytest.mark.parametrize(
    "url", ["https://gateway.example.org./api", "https://7.example.org", "https://gateway.0x7f.example",
            "https://büro.example.org"],
)  # fmt: skip
def test_a_name_with_numbers_or_a_dot_at_its_end_is_a_name(url, production):
    assert validate_base_url(url) == url


def test_a_network_that_is_named_lets_nothing_else_in(production):
    production.GATEWAY_PRIVATE_NETWORKS = [ip_network("10.1.0.0/16")]
    assert get_network_policy().allows(ip_address("10.1.2.3"))
    assert not get_network_policy().allows(ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("::ffff:10.0.0.1", "mapped"),
        ("::ffff:169.254.169.254", "mapped"),
        ("64:ff9b::a9fe:a9fe", "NAT64 of 169.254.169.254"),
        ("64:ff9b::7f00:1", "NAT64 of 127.0.0.1"),
        ("64:ff9b::c058:6301", "NAT64 of 192.88.99.1"),
        ("64:ff9b:1::a00:1", "NAT64 inside a network"),
        ("2002:a00:1::", "6to4 of 10.0.0.1"),
        ("2002:7f00:1::1", "6to4 of 127.0.0.1"),
        ("2001:0:808:808::f5ff:fffe", "Teredo of 10.0.0.1"),
        ("2001::1", "Teredo"),
        ("::127.0.0.1", "compatible"),
        ("::8.8.8.8", "compatible"),
        ("::ffff:0:10.0.0.1", "translated"),
        ("fec0::1", "site-local"),
        ("fe80::1", "link-local"),
        ("ff0e::1", "multicast"),
        ("3fff::1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("5f00::1", "segment routing"),
        ("100::1", "discarded"),
        ("192.0.0.8", "protocol assignments"),
        ("192.0.0.170", "protocol assignments"),
        ("192.88.99.1", "relay of 6to4"),
        ("198.18.0.1", "benchmarks"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("0.0.0.0", "unspecified"),  # noqa: S104
    ],
)
def test_a_private_address_is_known_in_any_clothes(address, why, production):
    assert not get_network_policy().allows(ip_address(address)), why
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ValueError, match="GATEWAY_PRIVATE_NETWORKS"):
        validate_base_url(f"https://{host}/api")


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "192.0.1.1", "2001:4860:4860::8888", "2620:fe::fe", "2a00:1450:4001::5", "::ffff:8.8.8.8",
     "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_a_public_address_is_allowed_in_any_clothes(address, production):
    assert get_network_policy().allows(ip_address(address))


def test_a_named_network_lets_in_what_an_address_carries_and_not_its_clothes(production):
    production.GATEWAY_PRIVATE_NETWORKS = [ip_network("10.0.0.0/8"), ip_network("2002::/16")]
    assert get_network_policy().allows(ip_address("64:ff9b::a00:1"))
    assert get_network_policy().allows(ip_address("2002:a00:1::"))
    assert not get_network_policy().allows(ip_address("2002:c0a8:1::"))


def test_a_name_that_leads_into_a_private_network_gets_no_request():
    for url in ("http://127.0.0.1:1/api", "http://localhost:1/api"):
        client = GatewayClient(url, Sealed("key"), Sealed("password"))
        with pytest.raises(NotSent, match="inside a private network") as caught:
            client.send(Call("GET", "/listTenants", result="tenants"))
        assert caught.value.detail == "private"


@pytest.mark.parametrize(
    ("typed", "listed"),
    [
        ("", ""),
        ("203.0.113.7", "203.0.113.7/32"),
        (" 203.0.113.7 ,\n198.51.100.0/24\t203.0.113.7/32 ", "203.0.113.7/32,198.51.100.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
    ],
)  # fmt: skip
def test_egress_addresses_are_kept_in_the_form_the_platform_wants(typed, listed):
    assert validate_egress_addresses(typed) == listed


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("portal.example.org", "not an IP address"),
        ("203.0.113.7/24", "inside the range 203.0.113.0/24"),
        ("0.0.0.0/0", "whole internet"),
        ("300.1.1.1", "not an IP address"),
        (" ".join(f"10.0.{number}.1" for number in range(200)), "longer than 1000"),
    ],
)
def test_an_egress_address_that_cannot_be_meant_is_refused_in_words(typed, said):
    with pytest.raises(ValueError, match=said):
        validate_egress_addresses(typed)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example.org",
        "ftp://gateway.example.org",
        "https://",
        "https://./",
        "https://user@gateway.example.org",
        "https://user:password@gateway.example.org",
        "https://gateway.example.org/?a=b",
        "https://gateway.example.org/#a",
        "https://gateway.example.org/a b",
        "https://gateway.example.org\n",
        "https://gateway.example.org:port",
        "https://[::1",
        "http://gateway.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
    ],
)
def test_an_unsafe_or_broken_address_is_refused(url):
    with pytest.raises(ValueError, match=r"\.$"):
        validate_base_url(url)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "slug",
    ["changes", "audit", "connections", "staff", "accounts", "healthz", "metrics", "static", "search", "new",
     "Upper", "a b", "-a", "a--b", "", "ä", "a\n", "x" * 41],
)  # fmt: skip
def test_a_slug_that_belongs_to_the_portal_or_does_not_fit_an_address_is_refused(slug):
    with pytest.raises(ValidationError):
        create_connection(slug=slug, name="Office", base_url="https://gateway.example.org")


@pytest.mark.django_db
def test_a_slug_is_taken_once_and_the_address_is_checked():
    create_connection(slug="office", name="Office", base_url="https://gateway.example.org/")
    with pytest.raises(ValidationError, match="already exists"):
        create_connection(slug="office", name="Office", base_url="https://gateway.example.org")
    with pytest.raises(ValidationError, match="unencrypted"):
        create_connection(slug="other", name="Other", base_url="http://gateway.example.org")
