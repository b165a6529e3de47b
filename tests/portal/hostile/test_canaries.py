"""Secrets sent through every form that takes one, and errors provoked: afterwards they lie nowhere."""

import logging
import re
import time
import uuid
from base64 import b64encode

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.log import AdminEmailHandler

from portal.audit.exports import FORMATS
from portal.changes.models import Change
from portal.connectors.forms import ConnectorCreateForm
from portal.core.logs import JsonFormatter
from portal.staff.mfa import unlock_secrets, wrap_secret
from portal.staff.models import User
from provisioning import service
from tests.access_table import TABLE
from tests.conftest import PASSPHRASE
from tests.portal.changes.conftest import hidden
from tests.portal.hostile.inputs import address
from tests.portal.hostile.leaks import found_in
from tests.portal.hostile.request_log import RequestLog
from tests.portal.staff.test_mfa import code_of, wrong_code_of


@pytest.fixture
def notebook(*, committed_db, house, admin, person, settings):
    """The admin's, with a passphrase, while everything is logged as in production.

    Someone also has Django mail them every error, which the portal itself never does.
    """
    settings.ADMINS = [("Operator", "operator@example.com")]
    admin.set_password(PASSPHRASE)
    admin.save()
    house[1]["staff"] = person("bob", "Support agent").pk
    made = RequestLog(house[0])
    made.browser.force_login(admin)
    written, sent = logging.StreamHandler(made.log), AdminEmailHandler(include_html=True)
    written.setFormatter(JsonFormatter())
    sent.setLevel(logging.ERROR)
    root = logging.getLogger()
    level = root.level
    for handler in (written, sent):
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield made
    root.setLevel(level)
    for handler in (written, sent):
        root.removeHandler(handler)


def credentials(book):
    """Refused by the gateway; pasted with a line break."""
    path = reverse("connections:reset", args=["sandbox"])
    book.post(path, api_key=book["credential key"], password=book["credential password"])
    book.post(path, api_key="key", password=book["pasted badly"] + "\n")


def staff(book, admin):
    """A wrong password at the door, a wrong old one, a new one."""
    book.post("/accounts/login/", browser=Client(), login="ada", password=book["sign-in"])
    path = reverse("account_change_password")
    book.post(path, oldpassword=book["old"], password1=book["chosen"], password2=book["chosen"])
    assert (
        book.post(
            path, oldpassword=PASSPHRASE, password1=book["chosen"], password2=book["chosen"]
        ).status_code
        == 302
    )
    admin.refresh_from_db()
    assert admin.check_password(book["chosen"])


def connectors(book, guids, fault):
    """Accepted, refused, with an unknown outcome, and waiting for a review."""
    path = address("connectors:create", guids)
    form = {"name": "ACME", "adapter": "Simulator", "method": "Creditcard"}

    def create(**values):
        unique = {"apiKey": uuid.uuid4().hex[:12], "submission": str(uuid.uuid4())}
        return book.post(path, **form, **unique, **values)

    assert create(**{"sharedSecret": book["shared"], "config.password": book["config"]}).status_code == 302
    fault("422", "createConnector")
    create(sharedSecret=book["refused"])
    fault("500", "createConnector")
    create(sharedSecret=book["unknown"])
    states = set(Change.objects.values_list("state", flat=True))
    assert {"accepted", "unknown"} <= states and "refused" in states, states
    path = address("connectors:edit", guids)
    page = book.get(path)
    seen = {name: value for name, value in page.context["form"].initial.items() if value is not None}
    book.post(path, **{**seen, "base": hidden(page, "base"), "sharedSecret": book["edited"]})


def machines(book, guids):
    """An API user's password: accepted, the name taken, changed."""
    path = address("merchant_users:create", guids)
    form = {"type": "api", "username": f"m{uuid.uuid4().hex[:9]}"}
    assert book.post(path, **form, password=book["machine"], submission=str(uuid.uuid4())).status_code == 302
    book.post(path, **form, password=book["machine taken"], submission=str(uuid.uuid4()))
    path = address("merchant_users:password", guids)
    page = book.get(path)
    done = book.post(path, base=hidden(page, "base"), password=book["machine new"])
    for change in Change.objects.filter(state="prepared"):
        book.post(f"/changes/{change.pk}/send/", reason="test")
    assert done.status_code == 302


def broken(book, guids, monkeypatch):
    """The program breaks with the secret in its error: while it sends, and while it reads the form.

    The second time nobody catches it: an error page, the log and a mail are about a request with secrets in
    its body, its headers, its cookies and in the variables of the program.
    """

    def breaks(*_, **values):
        held = {"password": book["local"]}
        raise RuntimeError(f"could not go on with {book['broken']} {values} {len(held)}")

    statuses = []
    for owner, name in ((service, "perform"), (ConnectorCreateForm, "payload")):
        form = {"name": "Broken", "adapter": "Simulator", "method": "Creditcard"}
        unique = {"apiKey": uuid.uuid4().hex[:12], "submission": str(uuid.uuid4())}
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, breaks)
            book.browser.defaults |= {"HTTP_AUTHORIZATION": book["header"], "HTTP_X_API_KEY": book["header"]}
            book.browser.cookies["kept"] = book["cookie"]
            answer = book.post(
                address("connectors:create", guids), **form, **unique, sharedSecret=book["broken"]
            )
            book.browser.defaults.clear()
            del book.browser.cookies["kept"]
        statuses.append(answer.status_code)
    assert statuses == [302, 500]
    (told,) = [one for one in mail.outbox if "Internal Server Error" in one.subject]
    assert told.to == ["operator@example.com"]
    for text in (told.body, told.alternatives[0].content):
        assert "builtins.RuntimeError" in text and "test_canaries.py" in text


SET_UP = "the page that sets up an app, left again"
SET_UP_AGAIN = "the page that sets up an app, opened anew"


def second_factor(book, admin):
    """An authenticator app; its secret is on the page that sets it up, for as long as that is open.

    Who types a wrong code sees the same one again, who opens the page again another one, and who has set the
    app up none.
    """
    path = reverse("mfa_activate_totp")
    left, again = (_app_shown(book, path, name) for name in (SET_UP, SET_UP_AGAIN))
    book.secrets |= {"app left": left, "app": again}
    page = book.post(path, code=wrong_code_of(again))
    assert page.context["form"].secret == again and not Authenticator.objects.exists()
    book.seen[-1] = (SET_UP_AGAIN, book.seen[-1][1])
    code_lives = 30 - time.time() % 30
    if code_lives < 3:
        time.sleep(code_lives)
    assert book.post(path, code=code_of(again)).status_code == 302
    with unlock_secrets(admin):
        assert wrap_secret(Authenticator.objects.get(type="totp")) == again
    book.get(path)


def _app_shown(book, path, name):
    """What is on the page, which others may not show."""
    page = book.get(path)
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    book.seen[-1] = (name, book.seen[-1][1])
    return secret


REVEALED = "POST the one page that shows a generated secret, once"


def generated_once(book, guids):
    """A secret that the gateway makes: on the page that shows it once, to the person who asked for it."""
    form = {"name": "Generated", "adapter": "Simulator", "method": "Creditcard"}
    unique = {"apiKey": uuid.uuid4().hex[:12], "submission": str(uuid.uuid4())}
    book.post(address("connectors:create", guids), **form, **unique)
    change = Change.objects.latest("created_at")
    there = service.read_entity(
        connection="sandbox", kind="connector", parent=change.parent_guid, guid=change.object_guid
    )
    book.secrets["generated"] = there.values["sharedSecret"].reveal()
    guids["connectors"] = change.object_guid
    book.post(f"/changes/{change.pk}/reveal/")
    book.seen[-1] = (REVEALED, book.seen[-1][1])
    assert book.post(f"/changes/{change.pk}/reveal/").status_code == 410


LINKED = "POST the one page that shows a one-time link, once"


def one_time_link(book, guids):
    """An admin's link for a new person, opened and used: its key stays on the page that showed it."""
    page = book.post(reverse("staff:link", args=[guids["staff"]])).content.decode()
    key = re.search(r"/set/([\w-]{43})/", page)[1]
    book.secrets["link"] = key
    book.seen[-1] = (LINKED, book.seen[-1][1])
    newcomer = Client()
    opened = newcomer.get(reverse("staff:link_open", args=[key]))
    assert opened.status_code == 302 and key not in opened["Location"]
    path = reverse("staff:password_set")
    book.post(path, browser=newcomer, password1=book["first"], password2=book["first"])
    assert User.objects.get(pk=guids["staff"]).check_password(book["first"])
    return key


def looked_everywhere(book, guids):
    """Every address of the portal, and the trail in each of its forms."""
    for name in TABLE:
        if name != "account_logout":
            book.get(address(name, guids))
    for change in Change.objects.all():
        book.get(f"/changes/{change.pk}/")
    for form in FORMATS:
        answer = book.post(reverse("audit:export"), form=form, reason="A search for canaries")
        assert answer.status_code == 200 and len(book.seen[-1][1]) > 1000, form


def test_no_secret_is_found_anywhere_but_on_the_page_that_shows_it_once(
    *, notebook, house, admin, gateway, fault, monkeypatch
):
    book, guids = notebook, house[1]
    book.secrets["stored password"] = gateway.password
    credentials(book)
    connectors(book, guids, fault)
    machines(book, guids)
    broken(book, guids, monkeypatch)
    second_factor(book, admin)
    staff(book, admin)
    generated_once(book, guids)
    link = one_time_link(book, guids)
    looked_everywhere(book, guids)
    shown = {(REVEALED, "generated"), (LINKED, "link"), (SET_UP, "app left"), (SET_UP_AGAIN, "app")}
    assert book.leaks() == shown
    assert link not in book.log.getvalue()
    assert re.search(r'"status": 500|Internal Server Error', book.log.getvalue()), "nothing was logged"


def test_the_search_finds_what_lies_open_in_any_spelling(notebook, admin):
    book = notebook
    book.secrets = {"open": "Kn\"<&>'/+=%é found-me-Aa1!", "in a session": "found-me-in-a-session"}
    admin.first_name = book["open"]
    admin.save()
    session = book.browser.session
    session["x"] = book["in a session"]
    session.save()
    book.get("/accounts/profile/")
    mail.mail_admins("An error", "in plain", html_message=book["open"])
    logging.getLogger("portal").info("%s", book["open"])
    places = {place for place, _ in book.leaks()}
    assert {"GET /accounts/profile/", "the log", "the database", "packed in the database", "a mail"} <= places
    raw = b"\x00" + book["open"].encode() + b"\x00"
    assert (
        found_in(b64encode(raw), book.secrets) == found_in(b64encode(b"xy" + raw), book.secrets) == ["open"]
    )
