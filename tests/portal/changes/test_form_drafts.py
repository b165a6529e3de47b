"""Input is not lost: forms survive sign-out, step-up, refusals and a browser crash."""

import re
from datetime import timedelta

import pytest
from django.core import signing
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from portal.changes import execution
from portal.changes.models import Change, State
from portal.changes.outcomes import settle_stale_changes
from portal.form_drafts.models import FormDraft
from portal.form_drafts.services import MAX_DRAFTS, MAX_SIGNED_OUT_SAVES, remove_expired
from provisioning import service
from provisioning.credentials.models import Connection
from tests.conftest import PASSPHRASE
from tests.factories import connector_made, read
from tests.portal.changes.conftest import hidden
from tests.portal.hostile.leaks import database_bytes, found_in, packed_bytes

SECRET = 'canary"<&/secret ü'
TYPED = {"name": "Card", "adapter": "Nowhere", "method": "Creditcard", "apiKey": "draft-key"}


@pytest.fixture(autouse=True)
def rooms(settings):
    """Use the portal's own pages."""
    settings.GATEWAY_TIMEOUT = 2.0


@pytest.fixture
def ana(person):
    return person("ana", "Support agent", PASSPHRASE)


@pytest.fixture
def browser(ana):
    """Return a browser in which Ana signed in through the page."""
    return signed_in("ana")


@pytest.fixture
def address(merchant):
    return f"/sandbox/merchants/{merchant.guid}/connectors/new/"


def signed_in(name, browser=None):
    browser = browser or Client()
    browser.post("/accounts/login/", {"login": name, "password": PASSPHRASE})
    return browser


def typed_into(page, **values):
    """Return what a browser posts from the page's form."""
    found = {name: hidden(page, name) for name in ("draft_token", "submission", "base", "draft")
             if f'name="{name}" value' in page.content.decode()}  # fmt: skip
    return found | values


def connector_typed(connector):
    """Return what the edit form of a connector posts."""
    names = ("name", "adapter", "method", "apiKey", "postbackFormat", "publicIntegrationKey")
    return {name: connector.values[name] for name in names if connector.values.get(name)}


def draft_url(response):
    return re.search(r'data-draft-page="([^"]*)"', response.content.decode())[1].replace("&amp;", "&")


def later(**passed):
    """Let time pass since the draft was saved."""
    row = FormDraft.objects.get()
    row.updated_at -= timedelta(**passed)
    row.secrets_until -= timedelta(**passed)
    row.save()


def test_secrets_of_a_refused_create_are_kept_for_the_retry(browser, connection, address):
    typed = TYPED | {"config.password": SECRET, "apiKey": "kept-after-refusal"}
    refused = browser.post(address, typed_into(browser.get(address), **typed))
    page = refused.content.decode()
    assert refused.status_code == 422 and "Kept until" in page and "Leave blank to use it" in page
    assert not found_in(refused.content, {"password": SECRET})
    again = TYPED | {"adapter": "Simulator", "apiKey": "kept-after-refusal", "config.password": ""}
    answer = browser.post(address, typed_into(refused, **again))
    change = Change.objects.get(state=State.ACCEPTED)
    assert answer.status_code == 302 and change.body["config"]["password"] == "••••••"
    assert not FormDraft.objects.exists()


def test_an_expired_secret_must_be_typed_again_or_left_out(browser, connection, address, relay):
    refused = browser.post(address, typed_into(browser.get(address), **TYPED, **{"config.password": SECRET}))
    later(minutes=11)
    writes = relay.writes
    again = typed_into(refused, **TYPED | {"adapter": "Simulator", "apiKey": "again"})
    blocked = browser.post(address, again)
    assert blocked.status_code == 422 and "Enter it again" in blocked.content.decode()
    assert relay.writes == writes
    browser.post(address, typed_into(blocked, **again, leave_secret="config.password"))
    assert "password" not in Change.objects.get(state=State.ACCEPTED).body.get("config", {})


def test_a_retyped_secret_replaces_the_stored_one(browser, connection, address):
    refused = browser.post(address, typed_into(browser.get(address), **TYPED, sharedSecret="first-secret"))
    again = TYPED | {"adapter": "Simulator", "apiKey": "anew", "sharedSecret": "second-secret"}
    browser.post(address, typed_into(refused, **again))
    change = Change.objects.get(state=State.ACCEPTED)
    made = read(connection, "connector", change.parent_guid, change.object_guid)
    assert made.values["sharedSecret"].reveal() == "second-secret"


@pytest.mark.parametrize("way", ["refused", "refused after an autosave", "autosaved"])
def test_secrets_of_an_earlier_form_are_never_sent_with_another(way, browser, connection, address):
    """Two tabs, or a form given up and opened again: both have the same address."""
    first = TYPED | {"apiKey": "given-up", "config.password": SECRET, "sharedSecret": "of-the-first"}
    browser.post(address, typed_into(browser.get(address), **first))
    second = TYPED | {"apiKey": f"meant-{way[-8:]}".replace(" ", ""), "name": "Meant"}
    page = browser.get(address)
    if way != "refused":
        browser.post("/drafts/save/", typed_into(page, **second, draft_secrets="sharedSecret"))
    if way == "autosaved":
        draft = FormDraft.objects.latest("updated_at")
        assert draft.sealed_secrets == ""
        page = browser.get(f"{address}?draft={draft.pk}")
        second |= {"leave_secret": "sharedSecret"}
    else:
        page = browser.post(address, typed_into(page, **second))
        assert "Kept until" not in page.content.decode() and "leave_secret" not in page.content.decode()
    browser.post(address, typed_into(page, **second | {"adapter": "Simulator"}))
    change = Change.objects.latest("created_at")
    assert change.state == State.ACCEPTED
    assert "password" not in change.body.get("config", {}) and "sharedSecret" not in change.body


def test_a_form_posted_after_the_session_ended_is_filled_in_after_sign_in(
    browser, connection, address, relay
):
    page = browser.get(address)
    browser.cookies.pop("portal-session")
    answer = browser.post(address, typed_into(page, **TYPED, **{"config.password": SECRET}))
    assert answer["Location"].startswith("/accounts/login/?next=") and not Change.objects.exists()
    sign_in = browser.get(answer["Location"])
    assert "Your input is" in sign_in.content.decode()
    back = re.search(r'name="next" value="([^"]*)"', sign_in.content.decode())[1].replace("&amp;", "&")
    login = {"login": "ana", "password": PASSPHRASE, "next": back}
    landed = browser.post("/accounts/login/", login)
    assert landed["Location"] == back
    form = browser.get(back)
    text = form.content.decode()
    assert 'value="draft-key"' in text and "Nothing was changed" in text and "Kept until" in text
    assert not found_in(form.content, {"password": SECRET})
    browser.post(back, typed_into(form, **TYPED | {"adapter": "Simulator", "apiKey": "after-sign-in"}))
    assert Change.objects.get().body["config"]["password"] == "••••••"
    assert relay.writes == 1


def test_another_user_who_signs_in_sees_no_draft(browser, person, connection, address):
    page = browser.get(address)
    browser.cookies.clear()
    answer = browser.post(address, typed_into(page, **TYPED))
    person("ben", "Support agent", PASSPHRASE)
    ben = signed_in("ben", browser)
    location = answer["Location"].partition("next=")[2].replace("%3F", "?").replace("%3D", "=")
    assert "draft-key" not in ben.get(location).content.decode()
    assert "Unsent forms" not in ben.get("/").content.decode()
    ben.post(f"/drafts/{FormDraft.objects.get().pk}/discard/")
    assert FormDraft.objects.count() == 1
    assert ben.post("/drafts/save/", typed_into(page, name="x")).status_code == 409
    assert "Unsent forms" in signed_in("ana").get("/").content.decode()


def test_without_a_valid_token_nothing_is_written_for_anybody(browser, ana, connection, address):
    page, nobody = browser.get(address), Client()
    forged = signing.dumps([ana.pk, address, "x", []], salt="something.else")
    for token in ("", "x", forged, hidden(page, "draft_token")[:-1]):
        nobody.post(address, TYPED | {"draft_token": token})
    assert not FormDraft.objects.exists()


def test_saves_without_a_session_are_bounded(browser, ana, connection, address):
    typed, nobody = typed_into(browser.get(address), **TYPED), Client()
    for number in range(MAX_SIGNED_OUT_SAVES + 5):
        nobody.post(address, typed | {"name": f"Try {number}"})
    row = FormDraft.objects.get()
    assert row.signed_out_saves == MAX_SIGNED_OUT_SAVES
    assert f"Try {MAX_SIGNED_OUT_SAVES - 1}" in browser.get(f"{address}?draft={row.pk}").content.decode()
    nobody.post(address, typed | {"name": "x" * 400_000})
    assert FormDraft.objects.get().updated_at == row.updated_at
    ana.is_active = False
    ana.save()
    FormDraft.objects.all().delete()
    nobody.post(address, typed)
    assert not FormDraft.objects.exists()


def test_a_person_has_a_few_drafts_only(browser, ana, connection, address):
    salt = "portal.form_drafts"
    for number in range(MAX_DRAFTS + 3):
        token = signing.dumps([ana.pk, f"/?form={number}", "x", []], salt=salt)
        assert browser.post("/drafts/save/", {"draft_token": token, "name": "x"}).status_code == 200
    assert FormDraft.objects.count() == MAX_DRAFTS
    assert not FormDraft.objects.filter(path="/?form=0").exists()


def test_a_form_of_an_older_session_is_kept_on_the_expired_page(browser, connection, address):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["portal-session"] = browser.cookies["portal-session"].value
    page = strict.get(address)
    answer = strict.post(address, typed_into(page, **TYPED, csrfmiddlewaretoken="x" * 64))
    text = answer.content.decode()
    assert answer.status_code == 403 and "Your input is saved" in text
    url = re.search(r'href="([^"]*draft=[^"]*)"', text)[1].replace("&amp;", "&")
    assert 'value="draft-key"' in strict.get(url).content.decode()


def test_step_up_returns_to_the_confirmation_filled_in(browser, connection, merchant, relay):
    connection.kind = "production"
    connection.save()
    browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"})
    change = Change.objects.get()
    page = browser.get(f"/changes/{change.pk}/")
    session = browser.session
    session["proved_at"] = 0
    session.save()
    given = {"reason": "Court order 7", "confirmation": merchant.name}
    answer = browser.post(f"/changes/{change.pk}/send/", typed_into(page, **given))
    confirm = browser.get(answer["Location"]).content.decode()
    assert "Nothing was sent yet" in confirm
    back = re.search(r'name="next" value="([^"]*)"', confirm)[1]
    landed = browser.post("/accounts/confirm/", {"password": PASSPHRASE, "next": back})
    text = browser.get(landed["Location"]).content.decode()
    assert "Court order 7" in text and f'value="{merchant.name}"' in text and "Nothing was changed" in text
    assert relay.writes == 0


@pytest.mark.parametrize("state", [State.UNKNOWN, State.NOT_FOUND])
def test_what_a_person_saw_at_the_gateway_survives_the_end_of_the_session(
    browser, connection, merchant, state
):
    browser.post(f"/sandbox/merchants/{merchant.guid}/disable/", {"reason": "Fraud"})
    change = Change.objects.get()
    Change.objects.filter(pk=change.pk).update(state=state, finished_at=timezone.now())
    page = browser.get(f"/changes/{change.pk}/")
    seen = {"seen": "not_there", "reason": "Looked twice, ticket 88"}
    browser.cookies.pop("portal-session")
    answer = browser.post(f"/changes/{change.pk}/close/", typed_into(page, **seen))
    assert answer["Location"].startswith("/accounts/login/")
    signed_in("ana", browser)
    address = f"/changes/{change.pk}/?draft={FormDraft.objects.get().pk}"
    shown = browser.get(address)
    text = shown.content.decode()
    assert "Looked twice, ticket 88" in text and "Nothing was changed" in text
    assert re.search(r'value="not_there"[^>]*checked', text)
    browser.post(f"/changes/{change.pk}/close/", typed_into(shown, **seen))
    change.refresh_from_db()
    assert "Looked twice, ticket 88" in change.explanation and not FormDraft.objects.exists()


def test_what_is_saved_while_typing_is_offered_on_the_page_and_at_home(browser, connection, address):
    page = browser.get(address)
    typed = typed_into(page, name="Half a connector", draft_secrets="config.password")
    assert browser.post("/drafts/save/", typed).json()["saved"]
    offer = browser.get(address).content.decode()
    assert "You have an unsent form from" in offer and "Half a connector" not in offer
    home = browser.get("/").content.decode()
    assert "Unsent forms" in home and "New connector of" in home
    url = re.search(r'href="([^"]*draft=[^"]*)"', offer)[1]
    form = browser.get(url)
    text = form.content.decode()
    assert "Half a connector" in text and "Enter it again" in text and "This field is required" not in text
    blocked = browser.post(url, typed_into(form, **TYPED | {"adapter": "Simulator"}))
    assert blocked.status_code == 422 and not Change.objects.exists()


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.usefixtures("connection")
def test_a_form_whose_answer_failed_is_never_called_unsent(browser, address, relay, monkeypatch, sent):
    """An error after the request left: the draft cannot say that nothing was sent."""

    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("portal.changes.generic_views.messages.success", fail)
    browser.raise_request_exception = False
    typed = TYPED | {"apiKey": f"failed-answer-{sent}", "adapter": "Simulator" if sent else "Nowhere"}
    answer = browser.post(address, typed_into(browser.get(address), **typed))
    assert answer.status_code == (500 if sent else 422) and relay.writes == 1
    url = f"{address}?draft={FormDraft.objects.get().pk}"
    for is_saved_while_typing in (False, True):
        page = browser.get(url)
        assert ("This form may have been sent" in page.content.decode()) == sent
        known = not sent and not is_saved_while_typing
        assert ("Nothing was changed" in page.content.decode()) == known
        browser.post("/drafts/save/", typed_into(page, **typed))


@pytest.mark.usefixtures("connection")
def test_a_form_is_not_called_unsent_after_its_server_was_killed(browser, address, relay, monkeypatch):
    """The page had saved a draft; nobody was left to delete it after the request left."""

    class Killed(BaseException):
        pass

    def perform(*args, **kwargs):
        perform_really(*args, **kwargs)
        raise Killed

    perform_really = execution.service.perform
    typed = TYPED | {"apiKey": "killed-server", "adapter": "Simulator"}
    page = browser.get(address)
    browser.post("/drafts/save/", typed_into(page, **typed))
    url = f"{address}?draft={FormDraft.objects.get().pk}"
    words = browser.get(url).content.decode()
    assert "Your entries from" in words and "Nothing was" not in words
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(execution.service, "perform", perform)
        browser.post(address, typed_into(page, **typed))
    assert relay.writes == 1
    sign_in = Client().get(Client().get(url)["Location"]).content.decode()
    assert "Your input is saved" in sign_in and "Nothing was" not in sign_in
    words = browser.get(url).content.decode()
    assert "This form may have been sent" in words
    assert "Nothing was" not in words
    Change.objects.update(state=State.NOT_SENT)
    assert "may have been sent" not in browser.get(url).content.decode()


def test_a_discarded_draft_is_gone(browser, connection, address):
    browser.post("/drafts/save/", typed_into(browser.get(address), name="Gone"))
    draft = FormDraft.objects.get()
    answer = browser.post(f"/drafts/{draft.pk}/discard/", {"stay": "1"})
    assert answer["Location"] == address and not FormDraft.objects.exists()
    assert "You have an unsent form" not in browser.get(address).content.decode()
    assert browser.post(f"/drafts/{draft.pk}/discard/")["Location"] == "/"
    assert browser.get(f"{address}?draft={draft.pk}").status_code == 200


def test_drafts_end_after_a_day_and_their_secrets_after_ten_minutes(browser, connection, address):
    browser.post(address, typed_into(browser.get(address), **TYPED, sharedSecret="x-secret"))
    later(minutes=9)
    remove_expired()
    assert FormDraft.objects.get().sealed_secrets
    later(minutes=2)
    remove_expired()
    assert FormDraft.objects.get().sealed_secrets == ""
    later(hours=25)
    assert "You have an unsent form" not in browser.get(address).content.decode()
    remove_expired()
    assert not FormDraft.objects.exists()


def test_an_edit_is_continued_on_what_the_gateway_has_now(browser, connection, merchant):
    address = f"/sandbox/merchants/{merchant.guid}/edit/"
    page = browser.get(address)
    values = {"name": merchant.name, "homepage": "https://shop.example", "timezone": "UTC", "city": "Wels"}
    browser.post("/drafts/save/", typed_into(page, **values))
    place = {"connection": "sandbox", "target": merchant.guid, "parent": merchant.parent}
    service.perform("merchant.update", **place, payload={"zipCode": "4600"})
    draft = FormDraft.objects.get()
    text = browser.get(f"{address}?draft={draft.pk}").content.decode()
    assert 'value="Wels"' in text and 'value="4600"' in text and "Someone changed this" in text


@pytest.mark.parametrize("fail", ["gateway", "paused", "invalid"])
def test_an_edit_survives_refusals_and_a_gateway_that_is_away(browser, connection, merchant, fail):
    connector = connector_made(connection, merchant)
    address = f"/sandbox/connectors/{connector.guid}/edit/"
    page = browser.get(address)
    typed = connector_typed(connector)
    typed |= {"name": "" if fail == "invalid" else "Renamed", "config.password": SECRET}
    Connection.objects.update(is_paused=fail == "paused")
    if fail == "gateway":
        Connection.objects.update(base_url="http://127.0.0.1:9/api/provisioning")
    answer = browser.post(address, typed_into(page, **typed))
    assert answer.status_code == (422 if fail == "invalid" else 503)
    assert "Kept until" in answer.content.decode()
    assert FormDraft.objects.get().path == address


def test_a_refused_change_keeps_its_secrets_for_the_correction(browser, connection, merchant, fault):
    connector = connector_made(connection, merchant)
    address = f"/sandbox/connectors/{connector.guid}/edit/"
    typed = connector_typed(connector) | {"adapter": "Nowhere", "sharedSecret": "kept-for-correction"}
    browser.post(address, typed_into(browser.get(address), **typed))
    change = Change.objects.get()
    answer = browser.post(f"/changes/{change.pk}/send/", follow=True)
    change.refresh_from_db()
    assert change.state == State.REFUSED and "Kept until" in answer.content.decode()
    url = f"{address}?change={change.pk}"
    browser.post(url, typed_into(answer, **typed | {"adapter": "Simulator", "sharedSecret": ""}))
    second = Change.objects.exclude(pk=change.pk).get()
    assert second.body["sharedSecret"] == "••••••"
    Change.objects.filter(pk=change.pk).update(finished_at=timezone.now() - timedelta(minutes=11))
    settle_stale_changes()
    change.refresh_from_db()
    assert change.sealed_payload == ""
    blocked = browser.post(url, typed_into(answer, **typed | {"adapter": "Simulator", "sharedSecret": ""}))
    assert blocked.status_code == 422 and "Enter it again" in blocked.content.decode()


def test_no_secret_of_a_draft_is_stored_in_plain_text(committed_db, browser, connection, address, caplog):
    canaries = {"password": SECRET, "shared": "canary-shared/secret+1"}
    typed = TYPED | {"config.password": SECRET, "sharedSecret": canaries["shared"]}
    page = browser.get(address)
    pages = [browser.post(address, typed_into(page, **typed))]
    nobody = Client()
    pages.append(nobody.post(address, typed_into(page, **typed)))
    pages += [
        browser.get(pages[0].context["request"].path),
        browser.get("/"),
        browser.get(draft_url(pages[0])),
    ]
    pages.append(browser.get(f"/changes/{Change.objects.get().pk}/"))
    assert FormDraft.objects.get().sealed_secrets
    seen = b"\n".join(page.content + str(page.headers).encode() for page in pages)
    seen += packed_bytes() + caplog.text.encode()
    assert not found_in(seen, canaries)
    if database.vendor == "sqlite":
        database.close()
    assert not found_in(database_bytes(), canaries)


def test_a_draft_opens_for_its_own_row_and_person_only(browser, person, connection, address):
    browser.post(address, typed_into(browser.get(address), **TYPED))
    row = FormDraft.objects.get()
    person("ben", "Support agent", PASSPHRASE)
    ben = signed_in("ben")
    FormDraft.objects.create(user_id=ben.session["_auth_user_id"], path=address, updated_at=timezone.now(),
                             sealed_fields=row.sealed_fields)  # fmt: skip
    assert "You have an unsent form" not in ben.get(address).content.decode()


def test_settings_that_may_hold_secrets_are_not_taken_away_by_a_correction(browser, connection, merchant):
    connector = connector_made(connection, merchant, settings={"tx:expiration-minutes": 30})
    address = f"/sandbox/connectors/{connector.guid}/edit/"
    typed = connector_typed(connector) | {"adapter": "Nowhere"}
    typed["settings"] = '{"tx:expiration-minutes": 30, "acme:key": "canary-of-a-setting"}'
    browser.post(address, typed_into(browser.get(address), **typed))
    change = Change.objects.get()
    browser.post(f"/changes/{change.pk}/send/", {"reason": "x"})
    page = browser.get(f"{address}?change={change.pk}")
    text = page.content.decode()
    assert "Enter your changes again" in text and "tx:expiration-minutes" in text
    assert "canary-of-a-setting" not in text


SETTING = '{"tx:expiration-minutes": 30, "kount:api_key": "canary-of-a-setting"}'


@pytest.mark.parametrize("way", ["refused", "signed out", "autosaved"])
def test_settings_typed_with_a_secret_are_never_dropped_in_silence(way, browser, connection, address, relay):
    typed = TYPED | {"apiKey": f"setting-key-{way[:3]}", "settings": SETTING}
    page = browser.get(address)
    if way == "refused":
        page = browser.post(address, typed_into(page, **typed))
    elif way == "signed out":
        Client().post(address, typed_into(page, **typed))
        page = browser.get(f"{address}?draft={FormDraft.objects.get().pk}")
    else:
        browser.post("/drafts/save/", typed_into(page, **typed))
        page = browser.get(f"{address}?draft={FormDraft.objects.get().pk}")
    text, writes = page.content.decode(), relay.writes
    assert "canary-of-a-setting" not in text
    assert 'name="leave_secret" value="settings"' in text
    retry = typed | {"adapter": "Simulator", "settings": ""}
    answer = browser.post(address, typed_into(page, **retry))
    if way == "autosaved":
        assert answer.status_code == 422 and relay.writes == writes
        answer = browser.post(address, typed_into(answer, **retry, leave_secret="settings"))
        assert "settings" not in Change.objects.latest("created_at").body
    else:
        assert Change.objects.latest("created_at").body["settings"].keys() == {
            "tx:expiration-minutes",
            "kount:api_key",
        }
    assert answer.status_code == 302


def test_leaving_out_a_secret_setting_of_an_edit_changes_no_setting(browser, connection, merchant):
    connector = connector_made(connection, merchant, settings={"tx:expiration-minutes": 30})
    address = f"/sandbox/connectors/{connector.guid}/edit/"
    typed = connector_typed(connector) | {"name": "x", "settings": SETTING}
    refused = browser.post(address, typed_into(browser.get(address), **typed))
    assert refused.status_code == 422
    typed |= {"name": "Another name", "settings": "", "leave_secret": "settings"}
    browser.post(address, typed_into(refused, **typed))
    assert Change.objects.get().changed_values == {"name": "Another name"}
