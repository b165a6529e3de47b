"""Columns that the lists of several kinds of entities share. A value is a row as `prepare_row` returns it."""

from typing import Any

from portal.core.tables import Column, NameColumn, TextColumn

STATUS = Column(label="Status", value=lambda row: row["badge"], sort="status")
MERCHANT = TextColumn(
    label="Merchant",
    value=lambda row: row["merchant_name"],
    link=lambda row: row["merchant_url"],
    sort="merchant",
)


def build_name_column(label: str, **options: Any) -> NameColumn:
    """Return the column that names the entity and links to its page; `options` are those of NameColumn."""
    return NameColumn(
        label=label,
        value=lambda row: row["name"],
        link=lambda row: row["url"],
        sort="name",
        is_default=True,
        **options,
    )
