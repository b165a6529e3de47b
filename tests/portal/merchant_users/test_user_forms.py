"""The forms of merchant users against the contract: bodies, rules, and the overwrite trap."""

import pytest
from django.http import QueryDict

from portal.merchant_users import passwords, permissions
from portal.merchant_users.forms import MerchantUserCreateForm, MerchantUserEditForm, PasswordForm
from provisioning import contract
from provisioning.gateway.secrets import Sealed, reveal_all
from tests.contract_forms import form_follows_contract

STORED = {
    "guid": "US-1",
    "type": "web",
    "username": "my.user",
    "email": "user@example.org",
    "firstName": "Alex",
    "lastName": "Smith",
    "disabled": False,
    "validUntil": "2030-10-10 00:00:00",
    "merchantAccess": [
        {"guid": "ME-home-0000-0000", "name": "Home"},
        {"guid": "ME-other-0000-0000", "name": "Other"},
    ],
    "permissions": ["frontend.blacklist.show", "frontend.blacklist.edit", "frontend.transaction.show"],
    "apiUserSettings": {"push-api": True, "beta-api": True},
}


def posted(body):
    """A body as a browser posts it: dotted names, boxes only when ticked."""
    data = QueryDict(mutable=True)
    for key, value in body.items():
        if isinstance(value, dict):
            for flag, on in value.items():
                if on:
                    data[f"{key}.{flag}"] = "on"
        elif isinstance(value, list):
            data.setlist(key, value)
        elif value is True:
            data[key] = "on"
        elif value is not False:
            data[key] = value
    return data


def created(**body):
    form = MerchantUserCreateForm(posted(body))
    assert form.is_valid(), form.errors
    return reveal_all(form.payload())


def edited(stored=STORED, **changes):
    """The body that an edit of `stored` sends."""
    initial = MerchantUserEditForm.initial_from(stored)
    form = MerchantUserEditForm(initial=initial)
    form.keep_home("ME-home-0000-0000")
    shown = {name: value for name, value in form.initial.items() if "." not in name}
    shown["permissions"] = [name for name in shown["permissions"] if name in permissions.DESCRIPTIONS]
    flags = {name: True for name, value in form.initial.items() if "." in name and value}
    data = {
        "password": "",
        **{k: v for k, v in shown.items() if v is not None and k in form.fields},
        **flags,
        **changes,
    }
    bound = MerchantUserEditForm(posted(data), initial=initial)
    bound.keep_home("ME-home-0000-0000")
    assert bound.is_valid(), bound.errors
    return bound.changes_from(stored)


@pytest.mark.parametrize("name", ["merchantUserCreateWeb", "merchantUserCreateApi"])
def test_the_documented_create_bodies_pass_through_the_form(name):
    example = contract.contract_examples("createMerchantUser")[name]
    body = created(**example)
    assert {key: body[key] for key in example} == example
    assert {key: value for key, value in body.items() if key not in example} in ({}, {"disabled": False})
    assert not list(contract.validator("MerchantUserCreate").iter_errors(body))


def test_a_password_is_sealed_in_the_body():
    form = MerchantUserCreateForm(
        posted(contract.contract_examples("createMerchantUser")["merchantUserCreateApi"])
    )
    assert form.is_valid()
    assert isinstance(form.payload()["password"], Sealed)


def test_what_does_not_apply_to_an_api_user_is_never_sent():
    machine = {"username": "machine", "type": "api", "password": "Example-Passw0rd!"}
    assert set(created(**machine)) == {"username", "type", "password", "disabled"}
    unfit = {"sendInitialPassword": True, "permissions": ["frontend.dashboard.show"]}
    form = MerchantUserCreateForm(posted({**machine, **unfit}))
    assert len(form.non_field_errors()) == 2


def test_a_web_user_needs_an_email_and_a_password_unless_one_is_mailed():
    form = MerchantUserCreateForm(posted({"username": "abc", "type": "web"}))
    assert set(form.errors) == {"email", "password"}
    body = created(username="abc", type="web", email="a@example.org", sendInitialPassword=True)
    assert body["sendInitialPassword"] is True
    assert "password" not in body


def test_an_api_user_needs_a_password():
    assert set(MerchantUserCreateForm(posted({"username": "abc", "type": "api"})).errors) == {"password"}


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("Short-1", "12 characters"),
        ("alllowercase-1", "upper-case"),
        ("ALLUPPERCASE-1", "lower-case"),
        ("NoSpecial12345", "special"),
    ],
)
def test_a_weak_password_is_refused_before_sending_and_names_the_rule(password, missing):
    form = MerchantUserCreateForm(posted({"username": "abc", "type": "api", "password": password}))
    assert missing in str(form.errors["password"])


def test_the_proposed_password_keeps_every_rule_and_is_another_each_time():
    proposals = {passwords.generate_password() for _ in range(50)}
    assert len(proposals) == 50
    for proposal in proposals:
        passwords.validate_password(proposal)
        assert any(character.isdigit() for character in proposal)


def test_opening_and_sending_an_edit_form_unchanged_sends_nothing():
    assert edited() == {}


def test_permissions_are_sent_as_differences_and_unknown_ones_survive():
    body = edited(permissions=["frontend.blacklist.show", "frontend.dashboard.show"])
    assert body == {
        "addPermissions": ["frontend.dashboard.show"],
        "removePermissions": ["frontend.blacklist.edit"],
        "type": "web",
    }


def test_access_to_merchants_is_sent_as_differences_and_the_home_merchant_stays():
    assert edited(multiMerchantAccess=["ME-next-0000-0000"]) == {
        "addMultiMerchantAccess": ["ME-next-0000-0000"],
        "removeMultiMerchantAccess": ["ME-other-0000-0000"],
        "type": "web",
    }


def test_the_documented_partial_update_is_expressible():
    body = edited(
        username="my.new.user", firstName="Jon", lastName="Toe", disabled=False, multiMerchantAccess=[],
        permissions=["frontend.blacklist.show"], sendInitialPassword=True,
    )  # fmt: skip
    assert body == {
        "username": "my.new.user",
        "firstName": "Jon",
        "lastName": "Toe",
        "removeMultiMerchantAccess": ["ME-other-0000-0000"],
        "removePermissions": ["frontend.blacklist.edit"],
        "sendInitialPassword": True,
        "type": "web",
    }
    assert not list(contract.validator("MerchantUserUpdate").iter_errors(body))


def test_switching_one_api_flag_sends_all_that_are_stored_unknown_ones_too():
    body = edited(**{"apiUserSettings.push-api": False, "apiUserSettings.fees-api": True})
    flags = {"push-api": False, "fees-api": True, "beta-api": True}
    assert body == {"type": "web", "apiUserSettings": flags}


def test_the_permissions_that_only_the_platform_knows_are_listed():
    form = MerchantUserEditForm(initial=MerchantUserEditForm.initial_from(STORED))
    assert form.kept_permissions() == ["frontend.transaction.show"]


def test_an_edit_of_an_api_user_offers_nothing_for_web_users():
    stored = {"type": "api", "username": "machine"}
    form = MerchantUserEditForm(initial=MerchantUserEditForm.initial_from(stored))
    assert not {"permissions", "sendInitialPassword", "resetPassword"} & set(form.fields)
    assert edited(stored, username="machine2") == {"username": "machine2", "type": "api"}


def test_a_stored_end_of_validity_cannot_be_emptied_and_a_web_user_keeps_an_email():
    initial = MerchantUserEditForm.initial_from(STORED)
    form = MerchantUserEditForm(posted({"username": "my.user", "validUntil": ""}), initial=initial)
    assert set(form.errors) == {"validUntil", "email"}


def test_a_password_is_set_or_mailed_but_not_both():
    data = {
        "username": "abc",
        "email": "a@example.org",
        "password": "Example-Passw0rd!",
        "resetPassword": True,
    }
    assert set(MerchantUserEditForm(posted(data)).errors) == {"password"}


def test_a_change_of_only_the_password_also_sends_the_type():
    form = PasswordForm(posted({"password": "Example-Passw0rd!"}))
    assert form.is_valid()
    assert reveal_all(form.changes_from({"type": "api"})) == {"password": "Example-Passw0rd!", "type": "api"}


def test_every_permission_of_the_contract_has_an_area_and_presets_hold_only_known_ones():
    names = contract.schema("MerchantUserPermission")["enum"]
    assert [name for name in names if permissions.get_area(name) == permissions.OTHER] == []
    assert sorted(name for _, rows in permissions.group_permissions() for name, _ in rows) == sorted(names)
    for preset in permissions.PRESETS:
        assert set(preset.permissions) <= set(names)
        assert len(set(preset.permissions)) == len(preset.permissions)


def test_every_permission_of_the_contract_is_described_in_words():
    labels = {name: label for _, rows in permissions.group_permissions() for name, label in rows}
    assert labels["frontend.dashboard.show"] == "View dashboard"
    assert labels["frontend.users.roles"] == "Manage roles"
    assert not [name for name, label in labels.items() if permissions.UNEXPLAINED in label]


def test_a_permission_that_the_contract_does_not_name_is_called_by_the_end_of_its_name():
    assert permissions.describe_permission("frontend.new.some-thing").startswith("Some thing (not explained")
    assert permissions.get_area("frontend.new.thing") == permissions.OTHER


@pytest.mark.parametrize("form_class", [MerchantUserCreateForm, MerchantUserEditForm])
def test_the_forms_follow_the_contract(form_class):
    flags = tuple(name for name in form_class.nested if name.startswith("apiUserSettings."))
    assert form_follows_contract(form_class, foreign=flags) == []
    published = contract.resolve(contract.schema("ApiUserSettingsIn"))["oneOf"][0]["properties"]
    assert {name.split(".")[1] for name in flags} == set(published)
