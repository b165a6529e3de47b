"""createNtEnrollment: network tokenization is asked for here and decided elsewhere."""

from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.error_responses import Refusal
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    ENROLLMENT,
    MERCHANT,
    USER,
    add_record,
    get_document,
    get_reachable,
    new_guid,
    save_record,
    tenant_values,
)
from provisioning.sandbox.validation import validate_body

ABILITY_CREATE = "tokenization.network-tokenization.enrollment.create"
ABILITY_ACCEPT = "tokenization.network-tokenization.enrollment.auto-accept-via-provisioning-api"


def create(key: ApiKey, body: JsonObject) -> JsonObject:
    """Records the request. It stays pending unless the tenant may accept by itself."""
    abilities = tenant_values(key.tenant, "abilities")
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
