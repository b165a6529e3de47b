"""Forms about people, roles and connections survive a step-up, too."""

import re

import pytest
from django.test import Client

from portal.staff.models import User
from provisioning.credentials.models import Connection
from tests.conftest import PASSPHRASE

PAGES = [
    ("/staff/new/", {"username": "petra", "email": "petra@example.org", "role": "Manager"}),
    ("/staff/roles/new/", {"name": "Night shift"}),
    ("/connections/new/", {"slug": "second", "name": "Second", "base_url": "https://gateway.example/api"}),
    ("/connections/sandbox/edit/", {"name": "Renamed sandbox"}),
]


@pytest.fixture
def browser(person):
    """Ada's browser; she signed in just now."""
    person("ada", "Admin", PASSPHRASE)
    Connection.objects.create(slug="sandbox", name="Sandbox", base_url="https://gateway.example/api")
    browser = Client()
    browser.post("/accounts/login/", {"login": "ada", "password": PASSPHRASE})
    return browser


def token_of(page):
    return re.search(r'name="draft_token" value="([^"]*)"', page.content.decode())[1]


@pytest.mark.parametrize(("address", "typed"), PAGES)
def test_a_form_is_filled_in_after_the_step_up(browser, address, typed):
    posted = typed | {"draft_token": token_of(browser.get(address))}
    session = browser.session
    session["proved_at"] = 0
    session.save()
    answer = browser.post(address, posted)
    confirm = browser.get(answer["Location"]).content.decode()
    assert "Your input is" in confirm.replace("What", "what")
    back = re.search(r'name="next" value="([^"]*)"', confirm)[1]
    landed = browser.post("/accounts/confirm/", {"password": PASSPHRASE, "next": back})
    page = browser.get(landed["Location"]).content.decode()
    assert "Nothing was changed" in page
    assert all(f'value="{value}"' in page for value in typed.values())
    assert "data-form-errors" not in page
    assert User.objects.count() == 1 and Connection.objects.get().name == "Sandbox"


@pytest.mark.parametrize(("address", "typed"), PAGES)
def test_a_form_is_filled_in_after_sign_in(browser, address, typed):
    posted = typed | {"draft_token": token_of(browser.get(address))}
    browser.cookies.clear()
    answer = browser.post(address, posted)
    sign_in = browser.get(answer["Location"]).content.decode()
    back = re.search(r'name="next" value="([^"]*)"', sign_in)[1]
    browser.post("/accounts/login/", {"login": "ada", "password": PASSPHRASE, "next": back})
    page = browser.get(back).content.decode()
    assert all(f'value="{value}"' in page for value in typed.values())


OTHERS = [
    ("/staff/{}/details/", {"first_name": "Petronella", "last_name": "Huber", "email": "p@example.org"}),
    ("/staff/{}/tenants/", {"where": "limited", "reason": "Only the northern shops"}),
    ("/staff/access/review/", {"note": "Asked every team lead"}),
]


@pytest.mark.parametrize("way", ["step-up", "sign-out"])
@pytest.mark.parametrize("case", OTHERS)
def test_findings_and_reasons_are_filled_in_again(browser, person, case, way):
    address, typed = case
    other = person("petra", "Support agent", PASSPHRASE)
    address = address.format(other.pk)
    posted = typed | {"draft_token": token_of(browser.get(address))}
    session = browser.session
    session["proved_at"] = 0
    session.save()
    if way == "sign-out":
        browser.cookies.clear()
    answer = browser.post(address, posted)
    back = re.search(r'name="next" value="([^"]*)"', browser.get(answer["Location"]).content.decode())[1]
    again = "/accounts/confirm/" if way == "step-up" else "/accounts/login/"
    browser.post(again, {"login": "ada", "password": PASSPHRASE, "next": back})
    page = browser.get(back)
    assert page.status_code == 200 and {name: page.context["form"].data.get(name) for name in typed} == typed
    assert "Nothing was changed" in page.content.decode() and not page.context["form"].errors
