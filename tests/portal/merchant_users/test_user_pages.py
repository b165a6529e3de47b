"""The pages of merchant users over real HTTP: creating both types, editing without overwriting, refusals."""

import pytest
from django.urls import reverse

from portal.changes.models import Change
from provisioning import contract, service
from tests.factories import merchant_made, read, unique, user_made

EXAMPLES = contract.contract_examples("createMerchantUser")
CREATED_ANEW = ("guid", "createdAt", "username", "email", "merchantAccess")


def create_url(merchant, **query):
    url = reverse("merchant_users:create", args=["sandbox", merchant.guid])
    return f"{url}?type={query['type']}" if query else url


def url_of(name, user):
    return reverse(f"merchant_users:{name}", args=["sandbox", user.guid])


def posted(body):
    """A body as a browser posts it."""
    data = {}
    for name, value in body.items():
        if isinstance(value, dict):
            data |= {f"{name}.{flag}": "on" for flag, on in value.items() if on}
        elif value is not False:
            data[name] = "on" if value is True else value
    return data


def landed(response):
    """The guid of the entity page on which a create lands."""
    assert response.status_code == 302, response.content.decode()[:4000]
    return response["Location"].rstrip("/").rsplit("/", 1)[1]


def edit(browser, user, **changes):
    """Opens the edit form, changes some fields and sends it; returns the response."""
    form = browser.get(url_of("edit", user)).context["form"]
    data = {"base": browser.get(url_of("edit", user)).context["base"]}
    for bound in form:
        value = bound.value()
        if value not in (None, "", False, []):
            data[bound.html_name] = "on" if value is True else value
    data |= {name: value for name, value in changes.items() if value is not None}
    return browser.post(
        url_of("edit", user), {k: v for k, v in data.items() if changes.get(k, 0) is not None}
    )


def sent(browser, response):
    """Confirms the review that an edit led to; returns the finished change."""
    assert response.status_code == 302, response.content.decode()[:4000]
    pk = response["Location"].rstrip("/").rsplit("/", 1)[1]
    browser.post(reverse("changes:send", args=[pk]), {"reason": "Asked for by mail"})
    return Change.objects.get(pk=pk)


@pytest.mark.parametrize("name", ["merchantUserCreateWeb", "merchantUserCreateApi"])
def test_the_documented_create_bodies_are_stored_as_if_sent_directly(name, browser, connection, merchant):
    example = {**EXAMPLES[name], "username": f"through-{unique()}"}
    guid = landed(browser.post(create_url(merchant), posted(example)))
    direct = service.perform(
        "merchant_user.create",
        connection="sandbox",
        target=merchant.guid,
        parent=merchant.guid,
        payload={**example, "username": f"direct-{unique()}"},
    )
    stored = read(connection, "merchant_user", merchant.guid, guid).values
    twin = read(connection, "merchant_user", merchant.guid, direct.entity.guid).values
    assert stored["username"] == example["username"]
    assert stored.get("email") == example.get("email")
    assert stored["merchantAccess"] == twin["merchantAccess"]
    assert {key: value for key, value in stored.items() if key not in CREATED_ANEW} == {
        key: value for key, value in twin.items() if key not in CREATED_ANEW
    }
    change = Change.objects.get(object_guid=guid)
    assert example["password"] not in str(change.request) + str(change.typed) + str(change.rows)


@pytest.mark.parametrize("kind", ["web", "api"])
def test_the_create_page_shows_only_what_applies_to_the_type(kind, browser, merchant):
    page = browser.get(create_url(merchant, type=kind))
    assert page.status_code == 200
    markup = page.content.decode()
    for name in ("permissions", "sendInitialPassword"):
        assert (f'name="{name}"' in markup) is (kind == "web")
    assert 'name="apiUserSettings.push-api"' in markup
    assert "data-generate-password" in markup


def test_a_preset_ticks_permissions_without_javascript(browser, merchant):
    page = browser.get(create_url(merchant) + "?type=web&preset=finance")
    assert "frontend.transaction.data-export" in page.context["form"]["permissions"].value()
    assert browser.get(create_url(merchant) + "?preset=nonsense").context["form"]["permissions"].value() == []


def test_a_submission_without_a_type_is_of_the_type_in_the_address(browser, connection, merchant):
    data = {"username": f"machine-{unique()}", "password": "Example-Passw0rd!"}
    guid = landed(browser.post(create_url(merchant, type="api"), data))
    assert read(connection, "merchant_user", merchant.guid, guid).values["type"] == "api"


def test_a_duplicate_user_name_is_refused_on_its_field_and_keeps_what_was_typed(
    browser, connection, merchant
):
    taken = user_made(connection, merchant).name
    data = {"type": "web", "username": taken, "email": "a@example.org", "password": "Canary-Passw0rd!"}
    page = browser.post(create_url(merchant), data)
    assert page.status_code == 422
    assert "1002" in str(page.context["form"].errors["username"]) + page.content.decode()
    assert "username" in page.context["form"].errors
    assert taken in page.content.decode()
    assert "Canary-Passw0rd!" not in page.content.decode()


def test_invalid_characters_are_refused_on_their_field(browser, merchant):
    data = {
        "type": "web",
        "username": f"user-{unique()}",
        "email": "a@example.org",
        "sendInitialPassword": "on",
    }
    page = browser.post(create_url(merchant), {**data, "firstName": "<b>"})
    assert page.status_code == 422
    assert "firstName" in page.context["form"].errors


def test_an_edit_sends_differences_so_that_unknown_permissions_survive(browser, connection, merchant):
    other, third = merchant_made(connection), merchant_made(connection)
    user = user_made(
        connection, merchant, multiMerchantAccess=[other.guid],
        permissions=["frontend.blacklist.show", "frontend.blacklist.edit"],
    )  # fmt: skip
    response = edit(
        browser, user, multiMerchantAccess=[third.guid],
        permissions=["frontend.blacklist.show", "frontend.dashboard.show"],
    )  # fmt: skip
    change = sent(browser, response)
    assert change.state == "accepted", change.explanation
    body = change.request["body"]
    assert not {"permissions", "multiMerchantAccess"} & set(body)
    moved = {row["field"]: (row["added"], row["removed"]) for row in change.rows if "added" in row}
    assert moved["removePermissions"] == ([], ["frontend.blacklist.edit"])
    assert moved["addMultiMerchantAccess"] == ([third.guid], [])
    stored = read(connection, "merchant_user", merchant.guid, user.guid).values
    assert sorted(stored["permissions"]) == ["frontend.blacklist.show", "frontend.dashboard.show"]
    assert {link["guid"] for link in stored["merchantAccess"]} == {merchant.guid, third.guid}


def test_the_documented_partial_update_is_stored_as_if_sent_directly(browser, connection, merchant):
    start = {
        "multiMerchantAccess": [merchant_made(connection).guid],
        "permissions": ["frontend.blacklist.show", "frontend.blacklist.edit"],
        "firstName": "Alex",
        "disabled": True,
    }
    mine, twin = user_made(connection, merchant, **start), user_made(connection, merchant, **start)
    example = contract.contract_examples("updateMerchantUser")["merchantUserUpdatePartial"]
    names = {"mine": f"my-{unique()}", "twin": f"twin-{unique()}"}
    change = sent(
        browser,
        edit(
            browser, mine, username=names["mine"], firstName="Jon", lastName="Toe", disabled=None,
            multiMerchantAccess=None, permissions=["frontend.blacklist.show"], sendInitialPassword="on",
        ),
    )  # fmt: skip
    assert change.state == "accepted", change.explanation
    service.perform(
        "merchant_user.update",
        connection="sandbox",
        target=twin.guid,
        payload={**example, "username": names["twin"]},
    )
    stored, wanted = (
        {
            key: value
            for key, value in read(connection, "merchant_user", merchant.guid, user.guid).values.items()
            if key not in ("guid", "createdAt", "username")
        }
        for user in (mine, twin)
    )
    assert stored == wanted


def test_an_unchanged_edit_form_sends_nothing(browser, connection, merchant):
    user = user_made(
        connection, merchant, validUntil="2030-01-01 10:00:00", permissions=["frontend.users.index"]
    )
    page = edit(browser, user)
    assert page.status_code == 200
    assert page.context["unchanged"]


def test_the_page_shows_facts_access_and_permissions(browser, connection, merchant):
    other = merchant_made(connection)
    user = user_made(
        connection, merchant, firstName="Jo", lastName="Doe", validUntil="2020-01-01 00:00:00",
        multiMerchantAccess=[other.guid], permissions=["frontend.users.index"],
        apiUserSettings={"fees-api": True},
    )  # fmt: skip
    markup = browser.get(url_of("page", user)).content.decode()
    for words in ("Jo Doe", "Expired", other.name, "Home merchant", "See the users section", "Fees API"):
        assert words in markup


def test_disable_enable_and_reset_password_go_through_a_review(browser, connection, merchant):
    user = user_made(connection, merchant)
    for name, disabled in (("disable", True), ("enable", False)):
        assert browser.get(url_of(name, user)).status_code == 200
        change = sent(browser, browser.post(url_of(name, user), {"reason": "Left the company"}))
        assert change.state == "accepted", change.explanation
        assert read(connection, "merchant_user", merchant.guid, user.guid).disabled is disabled
    change = sent(browser, browser.post(url_of("reset_password", user), {}))
    assert change.request["body"] == {"resetPassword": True, "type": "web"}
    assert change.state == "accepted"
    assert "resetPassword" in str(browser.get(url_of("history", user)).content) or change.object_name in str(
        browser.get(url_of("history", user)).content
    )


def test_an_api_user_gets_a_new_password_here_and_a_web_user_by_mail(browser, connection, merchant):
    machine = user_made(connection, merchant, type="api", password="Example-Passw0rd!")
    human = user_made(connection, merchant)
    page = browser.get(url_of("password", machine))
    assert page.status_code == 200
    data = {"base": page.context["base"], "password": "Canary-Passw0rd-2!"}
    change = sent(browser, browser.post(url_of("password", machine), data))
    assert change.state == "accepted", change.explanation
    assert "Canary" not in str(change.request) + str(change.typed)
    assert browser.get(url_of("reset_password", machine)).status_code == 409
    assert browser.get(url_of("password", human)).status_code == 409


def test_a_merchant_can_be_named_instead_of_its_guid(browser, connection, merchant):
    other = merchant_made(connection)
    browser.get(reverse("merchants:page", args=["sandbox", other.guid]))
    data = {"type": "api", "username": f"m-{unique()}", "password": "Example-Passw0rd!"}
    guid = landed(browser.post(create_url(merchant), {**data, "multiMerchantAccess": other.name}))
    stored = read(connection, "merchant_user", merchant.guid, guid).values
    assert other.guid in {link["guid"] for link in stored["merchantAccess"]}


def test_the_list_finds_and_filters_users_and_names_their_merchants(browser, connection, merchant):
    person = user_made(connection, merchant)
    machine = user_made(connection, merchant, type="api", password="Example-Passw0rd!")
    browser.get(url_of("page", person))
    url = reverse("merchant_users:list", args=["sandbox"])
    everything = browser.get(f"{url}?merchant={merchant.guid}").content.decode()
    assert person.name in everything
    assert machine.name in everything
    assert merchant.name in everything
    only_api = browser.get(f"{url}?merchant={merchant.guid}&type=api").content.decode()
    assert machine.name in only_api
    assert person.name not in only_api
    assert browser.get(url).status_code == 200
    assert browser.post(f"{url}?merchant={merchant.guid}").status_code == 302
    assert browser.post(url).status_code == 302
    assert "Nothing matches" in browser.get(f"{url}?q=nobody-is-called-this").content.decode()


def test_an_outsider_may_not_and_a_manager_may_only_read(client_of, outsider, manager, connection, merchant):
    user = user_made(connection, merchant)
    for name in ("page", "edit", "history", "disable"):
        assert client_of(outsider).get(url_of(name, user)).status_code == 403
    assert client_of(manager).get(url_of("page", user)).status_code == 200
    assert client_of(manager).get(url_of("edit", user)).status_code == 403
    assert client_of(manager).post(create_url(merchant), {}).status_code == 403


def test_a_stored_password_is_nowhere_on_the_pages(browser, merchant):
    data = {"type": "api", "username": f"m-{unique()}", "password": "Canary-Passw0rd-9!"}
    guid = landed(browser.post(create_url(merchant), data))
    for name in ("page", "edit", "history"):
        page = browser.get(reverse(f"merchant_users:{name}", args=["sandbox", guid]))
        assert page.status_code == 200
        assert "Canary-Passw0rd-9!" not in page.content.decode()


def test_a_moment_is_typed_and_shown_in_the_persons_time_zone(client_of, agent, connection, merchant):
    agent.timezone = "Europe/Vienna"
    agent.save()
    browser = client_of(agent)
    data = {"type": "api", "username": f"m-{unique()}", "password": "Example-Passw0rd!"}
    guid = landed(browser.post(create_url(merchant), {**data, "validUntil": "2031-07-01T12:00"}))
    assert (
        read(connection, "merchant_user", merchant.guid, guid).values["validUntil"] == "2031-07-01 10:00:00"
    )
    page = browser.get(reverse("merchant_users:edit", args=["sandbox", guid]))
    assert 'value="2031-07-01T12:00:00"' in page.content.decode()
