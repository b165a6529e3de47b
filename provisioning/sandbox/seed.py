"""Demo data: the published examples under their GUIDs, and a small company. May be run again."""

from typing import Any

from provisioning.contract import document
from provisioning.sandbox.connectors import new_integration_key, new_shared_secret
from provisioning.sandbox.demo_customers import COMPANY, Customer
from provisioning.sandbox.merchant_users import add_user_record
from provisioning.sandbox.merchants import ABILITY_ACCEPT, ABILITY_CREATE
from provisioning.sandbox.models import Record
from provisioning.sandbox.published_examples import seed_published_examples
from provisioning.sandbox.records import CONNECTOR, MERCHANT, TENANT, add_record, new_guid

JsonObject = dict[str, Any]

OWN_TENANT = "TE-0000-0000-0000-0000-0000-0001"
# A second tree that keys of the first one must not reach; it may not ask for network tokenization either.
FOREIGN_TENANT = "TE-9000-0000-0000-0000-0000-0009"
FOREIGN_MERCHANT = "ME-9000-0000-0000-0000-0000-0009"
# Tenants that differ from the others, for training: one asks for a further merchant field, one has a smaller
# catalogue of routing conditions.
_RULES_OF_TENANTS: dict[str, dict[str, list[str]]] = {
    "TE-b200-0000-0000-0000-0000-0002": {"mandatoryMerchantFields": ["administrativeEmail"]},
    "TE-c300-0000-0000-0000-0000-0003": {
        "withheldConditions": [
            "ChargebackCountOrVolumePerConnector",
            "CreditcardBinLookupStatus",
            "DebitPreauthCountOrVolumePerConnector",
            "RiskScore",
        ]
    },
}


def ensure_root_tenants() -> None:
    """Store the two root tenants unless they exist; keys are bound to one of them."""
    ensure_tenant(OWN_TENANT, "", "Demo Payments", abilities=[ABILITY_CREATE])
    ensure_tenant(FOREIGN_TENANT, "", "Unrelated Payments")


def seed_company() -> None:
    """Store everything the small demo consists of. Entities that exist already stay as they are."""
    ensure_root_tenants()
    tenants = document()["components"]["examples"]["TenantList"]["value"]["tenants"]
    for index, tenant in enumerate(tenants):
        _store_tenant(tenant, OWN_TENANT, {"abilities": [ABILITY_ACCEPT]} if index == 0 else {})
    seed_published_examples(tenants[0]["guid"])
    _ensure_merchant(FOREIGN_MERCHANT, FOREIGN_TENANT, {"name": "Out of Reach Ltd"})
    for tenant_guid, tenant_name, customers in COMPANY:
        ensure_tenant(tenant_guid, OWN_TENANT, tenant_name, **_RULES_OF_TENANTS.get(tenant_guid, {}))
        for customer in customers:
            _seed_customer(tenant_guid, customer)


def count_records() -> dict[str, int]:
    """Return how many entities there are of each kind."""
    kinds = {"tenants": TENANT, "merchants": MERCHANT, "merchantUsers": "user", "connectors": CONNECTOR}
    return {name: Record.objects.filter(kind=kind).count() for name, kind in kinds.items()}


def ensure_tenant(guid: str, parent: str, name: str, **private: list[str]) -> None:
    """Store a tenant with the usual fields, unless it exists. `private`: see `records.get_tenant_values`."""
    domain = f"{name.lower().replace(' ', '-').replace('&', 'and')}.example.org"
    values = {
        "guid": guid,
        "name": name,
        "defaultCurrency": "EUR",
        "mailSenderName": name,
        "mailSenderAddress": f"noreply@{domain}",
        "domain": domain,
    }
    _store_tenant(values, parent, private)


def _store_tenant(values: JsonObject, parent: str, private: dict[str, list[str]]) -> None:
    if not Record.objects.filter(guid=values["guid"]).exists():
        add_record(kind=TENANT, parent=parent, document=values, private=dict(private))


def _ensure_merchant(guid: str, tenant: str, values: JsonObject) -> bool:
    if Record.objects.filter(guid=guid).exists():
        return False
    base: JsonObject = {
        "guid": guid,
        "archived": False,
        "createdAt": "2024-03-04T08:15:00+00:00",
        "disabled": False,
        "disabledTransactionTypes": [],
        "homepage": "https://www.example.org",
        "isPciEnabled": False,
        "networkTokenizationEnabled": "not_enabled",
        "timezone": "UTC",
    }
    add_record(kind=MERCHANT, parent=tenant, document=base | values)
    return True


def _seed_customer(tenant: str, customer: Customer) -> None:
    """Store a merchant with its connectors and two users, unless it exists."""
    host = f"{customer.slug}.example.com"
    values = {
        "name": customer.name,
        "address": customer.address,
        "administrativeEmail": f"office@{host}",
        "city": customer.city,
        "country": customer.country,
        "defaultCurrency": customer.currency,
        "disabled": customer.disabled,
        "externalId": f"crm-{customer.slug}",
        "homepage": f"https://www.{host}",
        "technicalEmail": f"tech@{host}",
        "timezone": customer.timezone,
        "zipCode": customer.zip_code,
    }
    if not _ensure_merchant(customer.guid, tenant, values):
        return
    for method, adapter in customer.connectors:
        _seed_connector(customer, method, adapter)
    _seed_user(customer, "web")
    _seed_user(customer, "api")


def _seed_connector(customer: Customer, method: str, adapter: str) -> None:
    name = f"{customer.name} {customer.country} {method} {adapter}"
    key = f"{customer.slug}-{method}-{adapter}".lower()
    values: JsonObject = {
        "guid": new_guid(CONNECTOR),
        "name": name,
        "adapter": adapter,
        "method": method,
        "apiKey": key,
        "publicIntegrationKey": new_integration_key(),
        "sharedSecret": new_shared_secret(),
        "archived": False,
        "businessCountry": customer.country,
        "config": {
            "username": f"demo-{customer.slug}",
            "password": "demo-password",
            "apiSecret": "demo-api-secret",
            "extraData": [],
            "language": "en",
            "testMode": True,
        },
        "createdAt": "2024-03-05T09:30:00+00:00",
        "description": "Demo connector",
        "disabled": False,
        "disabledTransactionTypes": [],
        "merchantGuid": customer.guid,
        "isMetaConnector": False,
        "postbackFormat": "inherit",
        "scheduleApiAvailable": False,
        "virtualTerminalAvailable": True,
        "settings": [],
        "terminals": [],
    }
    add_record(kind=CONNECTOR, parent=customer.guid, document=values, unique_name=key)


def _seed_user(customer: Customer, user_type: str) -> None:
    web = user_type == "web"
    values: JsonObject = {
        "guid": new_guid("user"),
        "username": f"{customer.slug}.{'office' if web else 'api'}",
        "type": user_type,
        "createdAt": "2024-03-05 10:00:00",
        "archived": False,
        "disabled": False,
        "requirePasswordChange": web,
        "passwordValidUntil": "2050-01-01 00:00:00",
        "permissions": ["frontend.dashboard.show", "frontend.transaction.refund"] if web else [],
        "apiUserSettings": [] if web else {"push-api": True},
    }
    if web:
        values |= {"email": f"office@{customer.slug}.example.com", "firstName": "Robin", "lastName": "Office"}
    add_user_record(document=values, merchant=customer.guid, access=[customer.guid])
