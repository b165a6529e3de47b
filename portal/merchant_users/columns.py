"""The columns of lists of merchant users."""

from portal.core.tables import Column, TextColumn
from portal.directory.columns import MERCHANT, STATUS, build_name_column

COLUMNS = (
    build_name_column("Username"),
    MERCHANT,
    STATUS,
    Column(
        label="Type",
        value=lambda row: "API (machine)" if row["fields"].get("type") == "api" else "Web (person)",
        sort="type",
    ),
    TextColumn(
        label="Name",
        value=lambda row: f"{row['fields'].get('firstName', '')} {row['fields'].get('lastName', '')}",
        sort="lastName",
    ),
    TextColumn(label="Email", value=lambda row: row["fields"].get("email") or "–", sort="email"),
)
