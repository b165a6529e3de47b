"""The columns of the list of tenants."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.tables import Column
from portal.core.templatetags.portal import badge
from portal.directory.columns import build_name_column

COLUMNS = (
    build_name_column(
        "Tenant",
        suffix=lambda row: badge("own") if row["fields"].get("own") else SafeString(),
    ),
    Column(label="Currency", value=lambda row: row["fields"].get("defaultCurrency") or "–", sort="currency"),
    Column(label="Domain", value=lambda row: row["fields"].get("domain") or "–"),
    Column(
        label="Merchants",
        value=lambda row: format_html(
            '<a href="{}">Show<span class="visually-hidden"> merchants of {}</span></a>',
            row["merchants_url"],
            row["name"],
        ),
    ),
)
