"""The columns of lists of connectors."""

from collections.abc import Mapping
from typing import Any

from portal.core.tables import Column, KeyColumn, NameColumn, TextColumn
from portal.core.templatetags.portal import badge


def get_mode(row: Mapping[str, Any]) -> str:
    """Return the mode in words: a connector without testMode is live."""
    config = row["fields"].get("config")
    if row["fields"].get("isMetaConnector"):
        return "Meta"
    return badge("test_mode" if isinstance(config, dict) and config.get("testMode") else "live")


COLUMNS = (
    NameColumn(
        label="Connector",
        value=lambda row: row["name"],
        link=lambda row: row["url"],
        sort="name",
        is_default=True,
    ),
    TextColumn(
        label="Merchant",
        value=lambda row: row["merchant_name"],
        link=lambda row: row["merchant_url"],
        sort="merchant",
    ),
    Column(label="Status", value=lambda row: row["badge"], sort="status"),
    Column(label="Mode", value=get_mode),
    TextColumn(
        label="Adapter · method",
        value=lambda row: f"{row['fields'].get('adapter') or '–'} · {row['fields'].get('method') or '–'}",
        sort="adapter",
    ),
    KeyColumn(label="API key", value=lambda row: row["fields"].get("apiKey"), sort="apiKey"),
)
