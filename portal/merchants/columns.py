"""The columns of the list of merchants."""

from portal.core.tables import Column, NameColumn, TextColumn, TimeColumn

COLUMNS = (
    NameColumn(
        label="Merchant",
        value=lambda row: row["name"],
        link=lambda row: row["url"],
        sort="name",
        is_default=True,
    ),
    Column(label="Status", value=lambda row: row["badge"], sort="status"),
    TextColumn(label="Tenant", value=lambda row: row["tenant"]),
    Column(label="Country", value=lambda row: row["fields"].get("country") or "", sort="country"),
    Column(label="Currency", value=lambda row: row["fields"].get("defaultCurrency") or "", sort="currency"),
    TextColumn(
        label="External ID", value=lambda row: row["fields"].get("externalId") or "", sort="externalId"
    ),
    TimeColumn(label="Created", value=lambda row: row["created_at"], sort="created", descending_first=True),
)
