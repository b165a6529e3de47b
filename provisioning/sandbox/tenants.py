"""listTenants and updateTenant. The API cannot create, disable or archive a tenant."""

from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import (
    TENANT,
    JsonObject,
    get_document,
    get_reachable,
    get_tenants_below,
    save_record,
)
from provisioning.sandbox.validation import validate_body


def list_tenants(key: ApiKey) -> str:
    """Return the sub-tenants of the key's tenant, deeper levels included, without the tenant itself."""
    joined = ",".join(tenant.document for tenant in get_tenants_below(key.tenant))
    return f'{{"success":true,"tenants":[{joined}]}}'


def update(key: ApiKey, body: JsonObject, tenantGuid: str) -> str:  # noqa: N803 - the contract's name
    """Change the sent fields and answer, as documented, with the list of sub-tenants."""
    validate_body("TenantUpdate", body)
    record = get_reachable(key, TENANT, tenantGuid)
    save_record(record, get_document(record) | body)
    return list_tenants(key)
