"""The columns of lists of connectors."""

from collections.abc import Mapping
from typing import Any

from portal.core.tables import Column, KeyColumn, TextColumn
from portal.core.templatetags.portal import badge
from portal.directory.columns import MERCHANT, STATUS, build_name_column


def get_mode(row: Mapping[str, Any]) -> str:
    """Return the mode in words: a connector without testMode is live."""
    config = row["fields"].get("config")
    if row["fields"].get("isMetaConnector"):
        return "Meta"
    return badge("test_mode" if isinstance(config, dict) and config.get("testMode") else "live")


COLUMNS = (
    build_name_column("Connector"),
    MERCHANT,
    STATUS,
    Column(label="Mode", value=get_mode),
    TextColumn(
        label="Adapter · method",
        value=lambda row: f"{row['fields'].get('adapter') or '–'} · {row['fields'].get('method') or '–'}",
        sort="adapter",
    ),
    KeyColumn(label="API key", value=lambda row: row["fields"].get("apiKey"), sort="apiKey"),
)
