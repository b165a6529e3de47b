"""listMerchantUsers, createMerchantUser and updateMerchantUser: web users sign in, api users call APIs."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC

from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.error_responses import Code, field_refusal
from provisioning.sandbox.models import ApiKey, Mail, Record
from provisioning.sandbox.records import (
    MERCHANT,
    USER,
    add_record,
    create_record,
    get_children,
    get_document,
    get_private,
    get_reachable,
    is_name_taken,
    new_guid,
    plain_now,
    save_record,
)
from provisioning.sandbox.validation import validate_body
from provisioning.sandbox.values import parse_datetime

_WEB_ONLY = ("permissions", "addPermissions", "removePermissions", "sendInitialPassword", "resetPassword")
_PLAIN = ("username", "email", "firstName", "lastName", "disabled")
_NEVER = "2050-01-01 00:00:00"
# The manual demands lower case, upper case, digit and special character. The published password
# "MySecret!!!!" has no digit and must be accepted, so a digit is not required.
_PASSWORD_NEEDS: tuple[Callable[[str], bool], ...] = (
    str.islower,
    str.isupper,
    lambda character: not character.isalnum() and not character.isspace(),
)
_PASSWORD_LENGTH = 12


def list_merchant_users(key: ApiKey, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """The merchant's own users, as a list under the singular key."""
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    return {"success": True, "merchantUser": [_shown(user) for user in get_children(USER, merchant.guid)]}


def create(key: ApiKey, body: JsonObject, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """A new user of the merchant."""
    validate_body("MerchantUserCreate", body)
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    _applicable_check(body, body["type"])
    document: JsonObject = {
        "guid": new_guid(USER),
        "username": body.get("username") or body.get("email") or f"api-{secrets.token_hex(4)}",
        "type": body["type"],
        "createdAt": plain_now(),
        "archived": False,
        "disabled": False,
        "requirePasswordChange": body["type"] == "web",
        "passwordValidUntil": _NEVER,
        "permissions": [],
        "apiUserSettings": [],
    }
    private = {"access": [merchant.guid], "password": ""}
    return _stored(
        key, body, create_record(kind=USER, parent=merchant.guid, document=document, private=private)
    )


def update(key: ApiKey, body: JsonObject, merchantUserGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields; permissions and multiMerchantAccess replace, their partners add and remove."""
    validate_body("MerchantUserUpdate", body)
    record = get_reachable(key, USER, merchantUserGuid)
    document = get_document(record)
    if body.get("type", document["type"]) != document["type"]:
        raise field_refusal(Code.NOT_APPLICABLE, ["type"], "the type of a user cannot be changed")
    _applicable_check(body, document["type"])
    if document["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived user stays disabled")
    return _stored(key, body, record)


def _stored(key: ApiKey, body: JsonObject, record: Record) -> JsonObject:
    document, private = get_document(record), get_private(record)
    document |= {field: body[field] for field in _PLAIN if field in body}
    _username_check(document["username"], document["guid"])
    if "validUntil" in body:
        document["validUntil"] = _without_offset(body["validUntil"])
    if "apiUserSettings" in body:
        document["apiUserSettings"] = body["apiUserSettings"] or []
    document["permissions"] = _permissions(body, document["permissions"])
    private["access"] = _access(key, body, private["access"], record.parent)
    if "password" in body:
        private["password"] = _hashed(body["password"])
    record.unique_name = document["username"].casefold()[:255]
    save_record(record, document, private)
    _mail(body, document)
    return {"success": True, "merchantUser": _shown(record)}


def _shown(record: Record) -> JsonObject:
    """The user with the names of the merchants it may see, which are read when asked for."""
    access = get_private(record)["access"]
    merchants = {found.guid: get_document(found) for found in Record.objects.filter(guid__in=access)}
    links = [{"guid": guid, "name": merchants[guid]["name"]} for guid in access if guid in merchants]
    return get_document(record) | {"merchantAccess": links}


def _applicable_check(body: JsonObject, user_type: str) -> None:
    for field in _WEB_ONLY if user_type == "api" else ():
        if field in body:
            raise field_refusal(Code.NOT_APPLICABLE, [field], "not applicable to an api user")


def _username_check(username: str, guid: str) -> None:
    """Login names are unique over the whole gateway, whatever their capitals."""
    if is_name_taken(USER, username.casefold()[:255], guid):
        raise field_refusal(Code.RULE_BROKEN, ["username"], "already in use")


def _permissions(body: JsonObject, stored: list[str]) -> list[str]:
    permissions = list(body.get("permissions", stored))
    permissions += [name for name in body.get("addPermissions", []) if name not in permissions]
    return [name for name in dict.fromkeys(permissions) if name not in body.get("removePermissions", [])]


def _access(key: ApiKey, body: JsonObject, stored: list[str], home: str) -> list[str]:
    """The merchants a user may see. The home merchant always stays: the published answers carry it too."""
    for field in ("multiMerchantAccess", "addMultiMerchantAccess", "removeMultiMerchantAccess"):
        for guid in body.get(field, []):
            get_reachable(key, MERCHANT, guid)
    wanted = list(body.get("multiMerchantAccess", stored)) + body.get("addMultiMerchantAccess", [])
    removed = body.get("removeMultiMerchantAccess", [])
    return list(dict.fromkeys([home, *(guid for guid in wanted if guid not in removed)]))


def _hashed(password: str) -> str:
    """Check the password policy and returns salt and scrypt hash. Raises the 1002 refusal."""
    missing = [need for need in _PASSWORD_NEEDS if not any(need(character) for character in password)]
    if len(password) < _PASSWORD_LENGTH or missing:
        text = "at least 12 characters with lower case, upper case and a special character"
        raise field_refusal(Code.RULE_BROKEN, ["password"], text)
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1).hex()}"


def _without_offset(text: str) -> str:
    found = parse_datetime(text)
    found = found.astimezone(UTC) if found.tzinfo else found
    return f"{found.year:04d}-{found:%m-%d %H:%M:%S}"


def _mail(body: JsonObject, document: JsonObject) -> None:
    """What sendInitialPassword and resetPassword would mail goes to the outbox page instead."""
    letters = {
        "sendInitialPassword": (
            "Your new account",
            "Set your password with the link in this mail. Valid for 7 days.",
        ),
        "resetPassword": ("Reset your password", "Choose a new password with this link. Valid for 24 hours."),
    }
    for field, (subject, text) in letters.items():
        if body.get(field):
            Mail.objects.create(
                recipient=document["email"], user_guid=document["guid"], subject=subject, body=text
            )


def add_user_record(*, document: JsonObject, merchant: str, access: list[str]) -> None:
    """Store a user from seed data as given, without a password."""
    private = {"access": access, "password": ""}
    unique = document["username"].casefold()[:255]
    add_record(kind=USER, parent=merchant, document=document, private=private, unique_name=unique)
