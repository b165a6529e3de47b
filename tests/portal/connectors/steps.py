"""What a person does on the connectors' pages, step by step, and what the gateway has afterwards."""

import json

from django.urls import reverse

from portal.changes.models import Change
from provisioning import contract
from provisioning.gateway.secrets import reveal_all
from tests.factories import connector_made, read

REGULAR = contract.contract_examples("createConnector")["connectorCreateRegular"]
JSON_FIELDS = ("settings", "config.extraData", "config.vault")
SECRETS = (
    "canary-shared",
    "canary-password",
    "canary-secret",
    "canary-vault",
    "canary-extra",
    "canary-kount",
)
OF_ITS_OWN = ("guid", "createdAt", "apiKey", "name", "sharedSecret", "publicIntegrationKey")


def create_url(merchant):
    return reverse("connectors:create", args=["sandbox", merchant.guid])


def url_of(name, connector):
    return reverse(f"connectors:{name}", args=["sandbox", connector.guid])


def flat(body, prefix=""):
    """A body as a browser posts it."""
    data = {}
    for key, value in body.items():
        name = f"{prefix}{key}"
        if name in JSON_FIELDS:
            data[name] = json.dumps(value)
        elif isinstance(value, dict):
            data |= flat(value, f"{name}.")
        elif name == "terminals":
            for number, row in enumerate(value):
                data |= flat(row, f"terminals.{number}.")
        elif value is not False:
            data[name] = "on" if value is True else value
    return data


def landed(response):
    """The guid of the entity page on which a create lands."""
    assert response.status_code == 302, response.content.decode()[:4000]
    return response["Location"].rstrip("/").rsplit("/", 1)[1]


def edit(browser, connector, **changes):
    """Opens the edit form, changes some fields (None takes one away) and sends it."""
    page = browser.get(url_of("edit", connector))
    data = {"base": page.context["base"]}
    for bound in page.context["form"]:
        value = bound.value()
        if bound.html_name == "terminals":
            data |= flat({"terminals": value or []})
        elif value not in (None, "", False, [], {}):
            data[bound.html_name] = "on" if value is True else value
    data |= flat(changes)
    return browser.post(url_of("edit", connector), {k: v for k, v in data.items() if v is not None})


def sent(browser, response):
    """Confirms the review that an edit led to; returns the finished change."""
    assert response.status_code == 302, response.content.decode()[:4000]
    pk = response["Location"].rstrip("/").rsplit("/", 1)[1]
    browser.post(reverse("changes:send", args=[pk]), {"reason": "New account", "confirmation": ""})
    change = Change.objects.get(pk=pk)
    assert change.state == "accepted", change.explanation
    return change


def stored(connection, merchant, guid):
    return reveal_all(dict(read(connection, "connector", merchant.guid, guid).values))


def with_secrets(connection, merchant, **values):
    """A connector whose every secret is a canary."""
    return connector_made(
        connection,
        merchant,
        sharedSecret="canary-shared",
        settings={"kount:api_key": "canary-kount", "tx:expiration-minutes": 900, "refund:ui-enabled": 1},
        config={
            "username": "shop",
            "password": "canary-password",
            "apiSecret": "canary-secret",
            "testMode": True,
            "vault": {"key": "canary-vault"},
            "extraData": {"key": "canary-extra"},
            **values.pop("config", {}),
        },
        **values,
    )
