"""Only addresses that keep the API key secret become connections, under names that are free."""

import pytest
from django.core.exceptions import ValidationError

from provisioning.connections.addresses import base_url_checked
from provisioning.connections.services import connection_create


@pytest.mark.parametrize(
    "url",
    ["https://gateway.ixopay.com/api/provisioning", "https://gateway.example.org:8443", "https://[::1]:1/x"],
)
def test_https_is_always_allowed(url):
    assert base_url_checked(url + "/", loopback_http=False) == url


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "localhost", "[::1]:8001", "127.9.9.9"])
def test_plain_http_is_for_this_very_machine_outside_production(host):
    assert base_url_checked(f"http://{host}/api", loopback_http=True) == f"http://{host}/api"
    with pytest.raises(ValueError, match="https"):
        base_url_checked(f"http://{host}/api", loopback_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example.org",
        "ftp://gateway.example.org",
        "https://",
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
        base_url_checked(url, loopback_http=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "slug",
    ["changes", "audit", "connections", "staff", "accounts", "healthz", "metrics", "static", "search",
     "Upper", "a b", "-a", "a--b", "", "ä", "a\n", "x" * 41],
)  # fmt: skip
def test_a_slug_that_belongs_to_the_portal_or_does_not_fit_an_address_is_refused(slug):
    with pytest.raises(ValidationError):
        connection_create(slug=slug, name="Office", base_url="https://gateway.example.org")


@pytest.mark.django_db
def test_a_slug_is_taken_once_and_the_address_is_checked():
    connection_create(slug="office", name="Office", base_url="https://gateway.example.org/")
    with pytest.raises(ValidationError, match="already exists"):
        connection_create(slug="office", name="Office", base_url="https://gateway.example.org")
    with pytest.raises(ValidationError, match="in clear"):
        connection_create(slug="other", name="Other", base_url="http://gateway.example.org")
