"""The columns of lists of merchant users."""

from portal.core.tables import Column, NameColumn, TextColumn

COLUMNS = (
    NameColumn(
        label="Username",
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
