"""The notice after something was created: what happened, and links to what people do next."""

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def notice_with_links(text: str, links: Iterable[tuple[str, str]]) -> SafeString:
    """Return a text followed by links, given as (label, address)."""
    drawn = format_html_join(" · ", '<a href="{1}"><bdi>{0}</bdi></a>', links)
    return format_html("{} {}", text, drawn)
