"""System Setup → API Keys, outbox and faults, as a browser meets them."""

import re

import pytest
import requests

from tests.provisioning.sandbox.conftest import Caller


@pytest.fixture
def browser(gateway) -> requests.Session:
    """A browser without credentials."""
    session = requests.Session()
    session.trust_env = False
    return session


def _posted(browser: requests.Session, page: str, url: str, **fields: str) -> requests.Response:
    """Sends a form of the page `page` to `url`, with the page's CSRF token."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(page).text).group(1)
    return browser.post(url, data=fields | {"csrfmiddlewaretoken": token}, allow_redirects=False)


def _shown(page: str, name: str) -> str:
    return re.search(rf'id="{name}">([^<]+)<', page).group(1)


def test_a_key_is_created_and_its_password_shown_exactly_once(gateway, browser) -> None:
    url = f"{gateway.root_url}/system-setup/api-keys/new/"
    fields = {"service": "Provisioning API", "addresses": "127.0.0.1", "tenant": gateway.own_tenant}
    shown = _posted(browser, url, url, name="From the page", **fields)
    key, password = _shown(shown.text, "api-key"), _shown(shown.text, "password")
    assert shown.headers["Cache-Control"] == "no-store"
    assert Caller(gateway, (key, password))("listTenants").status_code == 200
    listed = browser.get(f"{gateway.root_url}/").text
    assert key in listed
    assert 'aria-current="page">API Keys' in listed
    assert "From the page" in listed
    assert password not in listed


def test_a_key_is_for_one_of_the_two_documented_services(gateway, browser) -> None:
    url = f"{gateway.root_url}/system-setup/api-keys/new/"
    offered = re.findall(r"<option(?: selected)?>([^<]+)</option>", browser.get(url).text)
    assert offered == ["Provisioning API", "BI Data Source"]
    fields = {"addresses": "127.0.0.1", "tenant": gateway.own_tenant, "name": "x"}
    assert _posted(browser, url, url, service="Transaction API", **fields).status_code == 422


def test_a_reset_shows_a_new_password_once(gateway, browser) -> None:
    made = gateway.key_created()
    url = f"{gateway.root_url}/system-setup/api-keys/"
    shown = _posted(browser, f"{url}new/", f"{url}{made['apiKey']}/reset/")
    assert shown.headers["Cache-Control"] == "no-store"
    password = _shown(shown.text, "password")
    assert password != made["password"]
    assert Caller(gateway, (made["apiKey"], password))("listTenants").status_code == 200
    assert _posted(browser, f"{url}new/", f"{url}none/reset/").status_code == 404


def test_a_refused_key_keeps_what_was_entered(gateway, browser) -> None:
    url = f"{gateway.root_url}/system-setup/api-keys/new/"
    fields = {"service": "Provisioning API", "addresses": "here, there", "tenant": gateway.own_tenant}
    response = _posted(browser, url, url, name="Kept", **fields)
    assert response.status_code == 422
    assert 'value="here, there"' in response.text
    assert "without blanks" in response.text


@pytest.mark.parametrize("path", ["system-setup/api-keys/new/", "faults/", "system-setup/api-keys/x/reset/"])
def test_forms_without_a_token_are_refused(gateway, browser, path) -> None:
    assert browser.post(f"{gateway.root_url}/{path}", data={"fault": "500"}).status_code == 403


@pytest.mark.parametrize(
    "path", ["system-setup/api-keys/", "system-setup/api-keys/new/", "outbox/", "faults/"]
)
def test_pages_are_strict_about_what_a_browser_may_do(gateway, browser, path) -> None:
    response = browser.get(f"{gateway.root_url}/{path}")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"
    assert "<script" not in response.text
    assert "style=" not in response.text
    assert '<html lang="en">' in response.text


def test_another_host_name_is_refused(gateway, browser) -> None:
    for path in ("/system-setup/api-keys/", "/outbox/", "/faults/"):
        response = browser.get(gateway.root_url + path, headers={"Host": "evil.example.org"})
        assert response.status_code == 400


def test_the_stylesheet_and_the_health_check_answer(gateway, browser) -> None:
    css = browser.get(f"{gateway.root_url}/sandbox.css")
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme" in css.text
    assert browser.get(f"{gateway.root_url}/healthz").json() == {"status": "ok"}


def test_faults_are_armed_and_disarmed_on_their_page(gateway, browser) -> None:
    url = f"{gateway.root_url}/faults/"
    fields = {"fault": "latency", "amount": "0.01", "requests": "3", "operation": "createNtEnrollment"}
    assert _posted(browser, url, url, **fields).status_code == 302
    page = browser.get(url).text
    assert "createNtEnrollment" in page
    assert "next 3" in page
    assert _posted(browser, url, url, disarm="1").status_code == 302
    assert "No faults are armed" in browser.get(url).text


@pytest.mark.parametrize(
    "fields",
    [{"fault": "none"}, {"fault": "500", "requests": "many"}, {"fault": "500", "requests": "0"}],
)
def test_a_fault_that_is_none_is_refused(gateway, browser, fields) -> None:
    url = f"{gateway.root_url}/faults/"
    assert _posted(browser, url, url, **fields).status_code == 422
