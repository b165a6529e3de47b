"""listMerchantUsers, createMerchantUser and updateMerchantUser: web users sign in, api users call APIs."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC

from provisioning.sandbox.error_responses import Code, field_refusal
from provisioning.sandbox.models import ApiKey, Mail, Record
from provisioning.sandbox.records import (
    MERCHANT,
    USER,
    JsonObject,
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
from provisioning.sandbox.validation import parse_datetime, validate_body

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
# Field that asks for a mail → its subject and text.
_MAILS = {
    "sendInitialPassword": (
        "Your new account",
        "Set your password with the link in this mail. Valid for 7 days.",
    ),
    "resetPassword": ("Reset your password", "Choose a new password with this link. Valid for 24 hours."),
}


def list_merchant_users(key: ApiKey, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Return the merchant's own users, as a list under the singular key."""
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    return {
        "success": True,
        "merchantUser": [_describe_user(user) for user in get_children(USER, merchant.guid)],
    }


def create(key: ApiKey, body: JsonObject, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Create a user of the merchant."""
    validate_body("MerchantUserCreate", body)
    merchant = get_reachable(key, MERCHANT, merchantGuid)
    _check_applicable(body, body["type"])
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
    record = create_record(kind=USER, parent=merchant.guid, document=document, private=private)
    return _store(key, body, record)


def update(key: ApiKey, body: JsonObject, merchantUserGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields; permissions and multiMerchantAccess replace, their partners add and remove."""
    validate_body("MerchantUserUpdate", body)
    record = get_reachable(key, USER, merchantUserGuid)
    document = get_document(record)
    if body.get("type", document["type"]) != document["type"]:
        raise field_refusal(Code.NOT_APPLICABLE, ["type"], "the type of a user cannot be changed")
    _check_applicable(body, document["type"])
    if document["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived user stays disabled")
    return _store(key, body, record)


def _store(key: ApiKey, body: JsonObject, record: Record) -> JsonObject:
    """Apply the sent fields to a new or stored user, save it, and return the answer."""
    document, private = get_document(record), get_private(record)
    document |= {field: body[field] for field in _PLAIN if field in body}
    # Login names are unique over the whole gateway, whatever their capitals.
    unique = document["username"].casefold()[:255]
    if is_name_taken(USER, unique, document["guid"]):
        raise field_refusal(Code.RULE_BROKEN, ["username"], "already in use")
    if "validUntil" in body:
        found = parse_datetime(body["validUntil"])
        found = found.astimezone(UTC) if found.tzinfo else found
        document["validUntil"] = f"{found.year:04d}-{found:%m-%d %H:%M:%S}"
    if "apiUserSettings" in body:
        document["apiUserSettings"] = body["apiUserSettings"] or []
    granted: list[str] = document["permissions"]
    permissions = list(body.get("permissions", granted)) + body.get("addPermissions", [])
    revoked = body.get("removePermissions", [])
    document["permissions"] = [name for name in dict.fromkeys(permissions) if name not in revoked]
    for field in ("multiMerchantAccess", "addMultiMerchantAccess", "removeMultiMerchantAccess"):
        for guid in body.get(field, []):
            get_reachable(key, MERCHANT, guid)
    # The home merchant always stays: the published answers contain it too.
    visible: list[str] = private["access"]
    access = list(body.get("multiMerchantAccess", visible)) + body.get("addMultiMerchantAccess", [])
    removed = body.get("removeMultiMerchantAccess", [])
    kept = [guid for guid in access if guid not in removed]
    private["access"] = list(dict.fromkeys([record.parent, *kept]))
    if "password" in body:
        private["password"] = _hash_password(body["password"])
    record.unique_name = unique
    save_record(record, document, private)
    # What the gateway would mail goes to the outbox page instead.
    for field, (subject, text) in _MAILS.items():
        if body.get(field):
            Mail.objects.create(
                recipient=document["email"], user_guid=document["guid"], subject=subject, body=text
            )
    return {"success": True, "merchantUser": _describe_user(record)}


def _describe_user(record: Record) -> JsonObject:
    """Return the user with the names of the merchants it may see, which are read when asked for."""
    access = get_private(record)["access"]
    merchants = {found.guid: get_document(found) for found in Record.objects.filter(guid__in=access)}
    links = [{"guid": guid, "name": merchants[guid]["name"]} for guid in access if guid in merchants]
    return get_document(record) | {"merchantAccess": links}


def _check_applicable(body: JsonObject, user_type: str) -> None:
    for field in _WEB_ONLY if user_type == "api" else ():
        if field in body:
            raise field_refusal(Code.NOT_APPLICABLE, [field], "not applicable to an api user")


def _hash_password(password: str) -> str:
    """Check the password policy and return salt and scrypt hash. Raises the 1002 refusal."""
    missing = [need for need in _PASSWORD_NEEDS if not any(need(character) for character in password)]
    if len(password) < _PASSWORD_LENGTH or missing:
        text = "at least 12 characters with lower case, upper case and a special character"
        raise field_refusal(Code.RULE_BROKEN, ["password"], text)
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1).hex()}"


def add_user_record(*, document: JsonObject, merchant: str, access: list[str]) -> None:
    """Store a user from seed data as given, without a password."""
    private = {"access": access, "password": ""}
    unique = document["username"].casefold()[:255]
    add_record(kind=USER, parent=merchant, document=document, private=private, unique_name=unique)
