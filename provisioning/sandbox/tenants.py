"""listTenants and updateTenant. The API cannot create, disable or archive a tenant."""

from provisioning.sandbox.bodies import JsonObject
from provisioning.sandbox.models import ApiKey
from provisioning.sandbox.records import TENANT, document_of, reachable, record_save, tenants_below
from provisioning.sandbox.validation import body_check


def listed(key: ApiKey) -> str:
    """The sub-tenants of the key's tenant, deeper levels included; the own tenant is not among them."""
    joined = ",".join(tenant.document for tenant in tenants_below(key.tenant))
    return f'{{"success":true,"tenants":[{joined}]}}'


def update(key: ApiKey, body: JsonObject, tenantGuid: str) -> str:  # noqa: N803 - the contract's name
    """Change the sent fields and answers, as documented, with the list of sub-tenants."""
    body_check("TenantUpdate", body)
    record = reachable(key, TENANT, tenantGuid)
    record_save(record, document_of(record) | body)
    return listed(key)
