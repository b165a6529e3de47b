"""Write access to the database opens nothing: a flipped bit, a swapped row or another key is refused."""

import base64
import secrets
import socket

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from django.urls import reverse

from portal.audit.models import Event
from portal.staff.mfa import unlock_secrets
from provisioning.credentials.credential_lifecycle import replace_credential
from provisioning.credentials.models import Connection, Credential
from provisioning.credentials.services import create_connection
from tests.access_table import TABLE
from tests.conftest import PASSPHRASE
from tests.portal.staff.test_mfa import code_of, is_in
from tests.running.production import key

CODE = "/accounts/second-factor/code/"


def bit_flipped(token):
    """The token with one bit of its ciphertext turned, any of them."""
    head, _, box = token.rpartition(".")
    data = bytearray(base64.urlsafe_b64decode(box + "=" * (-len(box) % 4)))
    data[secrets.randbelow(len(data))] ^= 1 << secrets.randbelow(8)
    return f"{head}.{base64.urlsafe_b64encode(data).decode().rstrip('=')}"


@pytest.fixture
def two_gateways(sealed):
    """The addresses of two connections that nobody answers at, and the credentials stored for them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        Connection.objects.update(base_url=address)
        other = create_connection(slug="other", name="Other", base_url=address)
        replace_credential(connection=other, api_key="other-key", password="canary-other", by="tests")
        yield listener


def flip(field):
    stored = Credential.objects.get(connection__slug="sandbox")
    Credential.objects.filter(pk=stored.pk).update(**{field: bit_flipped(getattr(stored, field))})


def swap(field):
    """Between the connections: both now hold what belongs to the other."""
    one, other = Credential.objects.order_by("connection__slug")
    Credential.objects.filter(pk=one.pk).update(**{field: getattr(other, field)})
    Credential.objects.filter(pk=other.pk).update(**{field: getattr(one, field)})


@pytest.mark.parametrize("field", ["sealed_api_key", "sealed_password"])
@pytest.mark.parametrize("harm", [flip, swap])
def test_a_damaged_credential_is_reported_and_nothing_is_sent(two_gateways, sealed, client_of, harm, field):
    harm(field)
    page = client_of(sealed.ana).post("/sandbox/merchants/", follow=True)
    assert b"The stored API key cannot be used." in page.content
    assert b"was altered, belongs to another row, or the key is wrong" in page.content
    with pytest.raises(BlockingIOError):  # nobody connected: not even an empty request
        two_gateways.accept()


def test_a_credential_under_another_key_of_the_same_name_is_said_and_nothing_is_sent(
    two_gateways, sealed, client_of, keys
):
    browser = client_of(sealed.ana)
    keys("a", a=key())
    page = browser.post("/sandbox/merchants/", follow=True)
    assert b"the key is wrong" in page.content
    with pytest.raises(BlockingIOError):
        two_gateways.accept()


@pytest.fixture
def bob(sealed, person):
    """Bob, with an app of his own."""
    bob = person("bob", "Admin", PASSPHRASE)
    with unlock_secrets(bob):
        TOTP.activate(bob, generate_totp_secret())
    return bob


def app_flip(bob, keys):
    stored = Authenticator.objects.get(type="totp", user__username="ana")
    stored.data["secret"] = bit_flipped(stored.data["secret"])
    stored.save()


def app_swap(bob, keys):
    """Ana's row now stands in Bob's name, and his in hers: the owner of Ana's app tries to sign in as Bob."""
    Authenticator.objects.filter(type="totp", user=bob).update(type="webauthn")
    Authenticator.objects.filter(type="totp").update(user=bob)
    Authenticator.objects.filter(type="webauthn").update(
        user_id=Authenticator.objects.get(type="recovery_codes").user_id, type="totp"
    )


def app_wrong_key(bob, keys):
    keys("a", a=key())


@pytest.mark.parametrize("harm", [app_flip, app_swap, app_wrong_key])
def test_a_damaged_authenticator_is_refused_with_a_message(sealed, bob, keys, harm):
    harm(bob, keys)
    for name in ("ana", "bob") if harm is not app_flip else ("ana",):
        browser = Client()
        browser.post("/accounts/login/", {"login": name, "password": PASSPHRASE})
        page = browser.post(CODE, {"code": code_of(sealed.secret)})
        assert page.status_code == 200 and b"cannot decrypt its copy of your second factor" in page.content
        assert not is_in(browser)
    event = Event.objects.filter(action="second_factor.failed").first()
    assert event.code == "does_not_open"


@pytest.mark.parametrize("credential", [{"junk": 1}, {"id": "a", "rawId": "\uffff", "response": {}}])
def test_a_passkey_that_cannot_be_read_is_said_where_another_is_added(sealed, client_of, credential):
    data = {"name": "old laptop", "credential": credential}
    Authenticator.objects.create(user=sealed.ana, type="webauthn", data=data)
    browser = client_of(sealed.ana)
    browser.post("/accounts/confirm/", {"password": PASSPHRASE})
    browser.post("/accounts/second-factor/confirm/", {"code": code_of(sealed.secret)})
    for send in (browser.get, browser.post):
        page = send("/accounts/second-factor/passkeys/add/", follow=True)
        assert page.status_code == 200 and b"can no longer be read" in page.content


def test_a_harmed_app_leaves_the_recovery_codes_their_use(sealed, bob, keys):
    app_flip(bob, keys)
    browser = Client()
    browser.post("/accounts/login/", {"login": "ana", "password": PASSPHRASE})
    assert browser.post(CODE, {"code": sealed.code}).status_code == 302
    assert is_in(browser)


@pytest.mark.parametrize("harm", [app_flip, app_swap, app_wrong_key])
def test_no_page_breaks_on_a_harmed_factor(sealed, bob, keys, client_of, harm):
    codes = Authenticator.objects.get(type="recovery_codes")
    codes.data["seed"] = bit_flipped(codes.data["seed"])
    codes.save()
    browser, admins = client_of(sealed.ana), client_of(bob)
    browser.raise_request_exception = admins.raise_request_exception = False
    harm(bob, keys)
    paths = [reverse(name) for name, row in TABLE.items() if name.startswith("mfa_") and not row.kwargs]
    assert [path for path in paths if browser.get(path).status_code >= 500] == []
    assert [path for path in paths if browser.post(path, {"code": "1"}).status_code >= 500] == []
    assert admins.get(f"/staff/{sealed.ana.pk}/").status_code in (200, 302)
