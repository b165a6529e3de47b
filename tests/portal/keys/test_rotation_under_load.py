"""Keys change while people sign in with codes and the gateway is asked: not one request fails."""

import threading
import time
from collections import Counter, deque
from types import SimpleNamespace

import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connections

from portal.audit.models import Event
from portal.changes.models import Change, State
from portal.changes.records import seal_payload
from portal.staff.mfa import unlock_secrets
from provisioning.credentials.models import Credential
from provisioning.encrypted_fields import iterate_encrypted_values
from tests.conftest import PASSPHRASE
from tests.portal.keys.serving import answered, listening, manage, served
from tests.portal.staff.test_mfa import code_of
from tests.running.production import key

PEOPLE, CHANGES, HALF_MINUTE = 60, 300, 30
OLD, NEW, OTHER = f"old:{key()}", f"new:{key()}", f"other:{key()}"


@pytest.fixture
def busy_house(*, committed_db, settings, connection, person, client_of, gateway):
    """People with apps, changes that wait, a credential: all sealed with the old key."""
    settings.PORTAL_ENCRYPTION_KEYS = OLD
    Credential.objects.all().delete()
    from provisioning.credentials.credential_lifecycle import replace_credential

    replace_credential(connection=connection, api_key=gateway.api_key, password=gateway.password, by="tests")
    apps = deque()
    for number in range(PEOPLE):
        one = person(f"ana-{number}", "Support agent", PASSPHRASE)
        secret = generate_totp_secret()
        with unlock_secrets(one):
            TOTP.activate(one, secret)
        apps.append((one.username, secret, 0))
    waiting = [Change(operation="merchant.update", state=State.PREPARED, connection="sandbox", actor=one)
               for _ in range(CHANGES)]  # fmt: skip
    for change in waiting:
        change.sealed_payload = seal_payload(change, {"city": "Linz"})
    Change.objects.bulk_create(waiting)
    cookies = client_of(person("ada", "Admin")).cookies
    connections.close_all()
    return SimpleNamespace(apps=apps, cookies={name: morsel.value for name, morsel in cookies.items()})


class Load:
    """Threads that work with the portal until told to stop; `failed` is what went wrong."""

    def __init__(self, url, house):
        self.url, self.house = url, house
        self.over, self.done, self.failed = threading.Event(), Counter(), []
        acts = (self._asks_the_gateway, self._asks_the_gateway, self._signs_in)
        self.threads = [threading.Thread(target=self._until_over, args=(act,)) for act in acts]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def goes_on(self, **least):
        """Wait until that many more of each have been done."""
        before, limit = self.done.copy(), time.monotonic() + 120
        while any(self.done[name] - before[name] < number for name, number in least.items()):
            assert time.monotonic() < limit and not self.failed, (self.done, self.failed[:3])
            time.sleep(0.02)

    def _until_over(self, act):
        browser = requests.Session()
        browser.headers["Connection"] = "close"  # each request may meet another process
        while not self.over.is_set():
            try:
                problem = act(browser)
            except (requests.RequestException, KeyError) as error:
                problem = repr(error)
            if problem:
                self.failed.append((act.__name__, problem))
            self.done[act.__name__.lstrip("_")] += problem is not None
            time.sleep(0.05)

    def _asks_the_gateway(self, browser):
        browser.cookies.update(self.house.cookies)
        page = browser.get(f"{self.url}/sandbox/merchants/", timeout=60)
        token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        answer = browser.post(
            page.url, data={"csrfmiddlewaretoken": token}, timeout=60, headers={"Referer": page.url}
        )
        broken = "cannot be used" in answer.text or "could not" in answer.text
        return f"{answer.status_code} {answer.text[-2000:]}" if answer.status_code != 200 or broken else ""

    def _signs_in(self, browser):
        """What went wrong, or None for a try that says nothing: a code ended on its way."""
        browser.cookies.clear()
        name, secret, used_in = self.house.apps[0]
        if used_in == time.time() // HALF_MINUTE:
            return None  # everybody came in in this half minute, and a code is good for one sign-in only
        self.house.apps.rotate(-1)
        form = browser.get(f"{self.url}/accounts/login/", timeout=60)
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post(form.url, data={"login": name, "password": PASSPHRASE, **token}, timeout=60)
        begun_in = time.time() // HALF_MINUTE
        code = {"code": code_of(secret), "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post(f"{self.url}/accounts/second-factor/code/", data=code, timeout=60)
        ended_in = time.time() // HALF_MINUTE
        self.house.apps[-1] = (name, secret, ended_in)
        own = browser.get(f"{self.url}/accounts/profile/", timeout=60, allow_redirects=False)
        if own.status_code == 200:
            return ""
        return f"{name}: {own.status_code}" if begun_in == ended_in else None


def ended(process):
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 0


def test_a_key_follows_another_while_people_work_and_no_request_fails(busy_house):
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = served(listener, OLD)
        answered(url, process)
        with Load(url, busy_house) as load:
            load.goes_on(asks_the_gateway=2, signs_in=2)
            ended(process)
            process = served(listener, f"{NEW},{OLD}")
            load.goes_on(asks_the_gateway=4, signs_in=2)
            rotated = manage(f"{NEW},{OLD}", "keyring", "rotate")
            assert rotated.returncode == 0, rotated.stderr
            assert "Key “old” encrypts no stored values. You can remove it" in rotated.stdout
            load.goes_on(asks_the_gateway=4, signs_in=2)
            ended(process)
            process = served(listener, NEW)
            load.goes_on(asks_the_gateway=4, signs_in=2)
        ended(process)
    assert load.failed == [], load.failed[:3]
    assert {value.key_id for _, _, value in iterate_encrypted_values()} == {"new"}
    assert len(list(iterate_encrypted_values())) >= PEOPLE + CHANGES
    assert Event.objects.get(action="keyring.rotated").after_data["values"] >= CHANGES


def test_the_web_server_and_commands_refuse_to_start_without_the_key(busy_house):
    said = "Key “old” is missing"
    with listening() as listener:
        process = served(listener, OTHER)
        _, errors = process.communicate(timeout=120)
    assert process.returncode != 0 and said in errors
    command = manage(OTHER, "changes_settle")
    assert command.returncode != 0 and said in command.stderr
    for entry in (OLD, OTHER):
        assert entry.partition(":")[2] not in errors + command.stderr
