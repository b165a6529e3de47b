"""Real entities at the embedded gateway for tests of pages, and what the gateway has of them afterwards."""

import itertools
import secrets
from typing import Any

from portal.directory.services import store_entity
from provisioning import service
from provisioning.entities import Entity

_NUMBERS = itertools.count(1)


def merchant_made(connection: Any, tenant: str = "", **values: Any) -> Entity:
    """A merchant of its own, below the key's own tenant unless another one is named."""
    body = {"name": f"Shop {unique()}", "homepage": "https://shop.example", "timezone": "UTC", **values}
    return _made("merchant.create", connection, tenant or connection.tenant_guid, body)


def user_made(connection: Any, merchant: Entity, **values: Any) -> Entity:
    """A web user of the merchant, unless `values` say otherwise."""
    web = {"type": "web", "email": "person@example.org", "sendInitialPassword": True}
    body = {"username": f"user-{unique()}", **(web if values.get("type", "web") == "web" else {}), **values}
    return _made("merchant_user.create", connection, merchant.guid, body)


def connector_made(connection: Any, merchant: Entity, **values: Any) -> Entity:
    """A connector of the merchant with the simulator as adapter."""
    body = {
        "name": "Card",
        "adapter": "Simulator",
        "method": "Creditcard",
        "apiKey": f"key-{unique()}",
        **values,
    }
    return _made("connector.create", connection, merchant.guid, body)


def read(connection: Any, kind: str, parent: str, guid: str) -> Entity:
    """The entity as the gateway has it now."""
    return service.read_entity(connection=connection.slug, kind=kind, parent=parent, guid=guid)


def unique() -> str:
    """A word nobody has used at the shared gateway."""
    return f"{secrets.token_hex(3)}-{next(_NUMBERS)}"


def _made(operation: str, connection: Any, parent: str, body: dict[str, Any]) -> Entity:
    outcome = service.perform(
        operation, connection=connection.slug, target=parent, parent=parent, payload=body
    )
    assert isinstance(outcome, service.Accepted), outcome
    assert outcome.entity is not None
    # Known to the index, as after a change of the portal's own: a page then need not search for it.
    store_entity(connection=connection.slug, entity=outcome.entity)
    return outcome.entity
