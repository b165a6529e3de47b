"""createNtEnrollment: network tokenization is asked for here and decided elsewhere."""

from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.error_responses import Refusal
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    ENROLLMENT,
    MERCHANT,
    USER,
    document_of,
    new_guid,
    reachable,
    record_add,
    record_save,
    tenant_values,
)
from provisioning.sandbox.validation import body_check

ABILITY_CREATE = "tokenization.network-tokenization.enrollment.create"
ABILITY_ACCEPT = "tokenization.network-tokenization.enrollment.auto-accept-via-provisioning-api"


def create(key: ApiKey, body: JsonObject) -> JsonObject:
    """Records the request. It stays pending unless the tenant may accept by itself."""
    abilities = tenant_values(key.tenant, "abilities")
    if ABILITY_CREATE not in abilities:
        # The page names NOT_ALLOWED, but neither field nor status; the contract puts it into errorCode.
        raise Refusal("NOT_ALLOWED", "The tenant may not request network tokenization")
    body_check("NtEnrollmentCreate", body)
    merchant = reachable(key, MERCHANT, body["merchantGuid"])
    reachable(key, USER, body["userGuid"])
    accepted = ABILITY_ACCEPT in abilities
    guid = new_guid(ENROLLMENT)
    document = {"guid": guid, "state": "accepted" if accepted else "pending", "request": body}
    record_add(kind=ENROLLMENT, parent=merchant.guid, document=document)
    if accepted:
        trids = {"visa": "40010005027", "mastercard": "51234567890"}
        enabled = {"networkTokenizationEnabled": "enabled", "trids": trids}
        record_save(merchant, document_of(merchant) | enabled)
    return {"success": True, "enrollmentId": guid}
