"""Merchants: list, create, update with what archiving does to connectors and users, and enrollments.

createNtEnrollment: network tokenization is asked for here and decided elsewhere.
"""

from provisioning.sandbox.error_responses import Code, Refusal, field_refusal
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    CONNECTOR,
    ENROLLMENT,
    MERCHANT,
    TENANT,
    USER,
    JsonObject,
    add_record,
    get_children,
    get_document,
    get_reachable,
    get_tenant_values,
    get_texts,
    iso_now,
    new_guid,
    save_record,
)
from provisioning.sandbox.validation import validate_body

ABILITY_CREATE = "tokenization.network-tokenization.enrollment.create"
ABILITY_ACCEPT = "tokenization.network-tokenization.enrollment.auto-accept-via-provisioning-api"
_DEFAULTS: JsonObject = {
    "archived": False,
    "disabled": False,
    "disabledTransactionTypes": [],
    "isPciEnabled": False,
    "networkTokenizationEnabled": "not_enabled",
}


def list_merchants(key: ApiKey, tenantGuid: str) -> str:  # noqa: N803 - the contract's name
    """Return all merchants of a tenant, disabled and archived ones included, those of sub-tenants not."""
    tenant = get_reachable(key, TENANT, tenantGuid)
    return f'{{"success":true,"merchants":{get_texts(MERCHANT, tenant.guid)}}}'


def create(key: ApiKey, body: JsonObject, tenantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Create a merchant. Neither name nor externalId is unique, so sending twice makes two merchants."""
    validate_body("MerchantCreate", body)
    tenant = get_reachable(key, TENANT, tenantGuid)
    _check_mandatory(tenant.guid, body)
    start: JsonObject = {"guid": new_guid(MERCHANT), "createdAt": iso_now()}
    document = start | _DEFAULTS | body
    if document["archived"]:
        document["disabled"] = True
    add_record(kind=MERCHANT, parent=tenant.guid, document=document)
    return {"success": True, "merchant": document}


def update(key: ApiKey, body: JsonObject, merchantGuid: str) -> JsonObject:  # noqa: N803 - the contract's name
    """Change the sent fields; a change of `archived` reaches the merchant's connectors and users."""
    validate_body("MerchantUpdate", body)
    record = get_reachable(key, MERCHANT, merchantGuid)
    before = get_document(record)
    document = before | body
    _check_mandatory(record.parent, document, of=set(body))
    if before["archived"] and document["archived"] and body.get("disabled") is False:
        raise field_refusal(Code.NOT_APPLICABLE, ["disabled"], "an archived merchant stays disabled")
    if document["archived"] and not before["archived"]:
        document["disabled"] = True
    if document["archived"] != before["archived"]:
        # Un-archiving leaves everything disabled, because the platform's question which of them to restore
        # cannot be asked through the API.
        for child in [*get_children(CONNECTOR, record.guid), *get_children(USER, record.guid)]:
            inherited = {"archived": document["archived"], "disabled": True}
            save_record(child, get_document(child) | inherited)
    save_record(record, document)
    return {"success": True, "merchant": document}


def _check_mandatory(tenant: str, document: JsonObject, of: set[str] | None = None) -> None:
    """Refuse (1005) a merchant without a field its tenant makes mandatory; `of` limits it to fields sent."""
    for name in sorted(get_tenant_values(tenant, "mandatoryMerchantFields")):
        if not document.get(name) and (of is None or name in of):
            raise field_refusal(Code.MANDATORY_MISSING, [name], "mandatory, but missing")


def create_enrollment(key: ApiKey, body: JsonObject) -> JsonObject:
    """Record the request. It stays pending unless the tenant may accept by itself."""
    abilities = get_tenant_values(key.tenant, "abilities")
    if ABILITY_CREATE not in abilities:
        # The page names NOT_ALLOWED, but neither field nor status; the contract puts it into errorCode.
        raise Refusal("NOT_ALLOWED", "The tenant may not request network tokenization")
    validate_body("NtEnrollmentCreate", body)
    merchant = get_reachable(key, MERCHANT, body["merchantGuid"])
    get_reachable(key, USER, body["userGuid"])
    accepted = ABILITY_ACCEPT in abilities
    guid = new_guid(ENROLLMENT)
    document = {"guid": guid, "state": "accepted" if accepted else "pending", "request": body}
    add_record(kind=ENROLLMENT, parent=merchant.guid, document=document)
    if accepted:
        trids = {"visa": "40010005027", "mastercard": "51234567890"}
        enabled = {"networkTokenizationEnabled": "enabled", "trids": trids}
        save_record(merchant, get_document(merchant) | enabled)
    return {"success": True, "enrollmentId": guid}
