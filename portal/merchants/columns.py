"""The columns of the list of merchants."""

from portal.core.tables import Column, TextColumn, TimeColumn
from portal.directory.columns import STATUS, build_name_column

COLUMNS = (
    build_name_column("Merchant"),
    STATUS,
    TextColumn(label="Tenant", value=lambda row: row["tenant"]),
    Column(label="Country", value=lambda row: row["fields"].get("country") or "", sort="country"),
    Column(label="Currency", value=lambda row: row["fields"].get("defaultCurrency") or "", sort="currency"),
    TextColumn(
        label="External ID", value=lambda row: row["fields"].get("externalId") or "", sort="externalId"
    ),
    TimeColumn(label="Created", value=lambda row: row["created_at"], sort="created", descending_first=True),
)
