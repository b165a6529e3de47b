"""Keyset pagination: a page starts after the last row seen, so new rows do not make a row appear twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import QueryDict

from portal.core.text import query_param

# A larger number in `?page=` means the last page.
_MAX_PAGES = 1_000_000


@dataclass(slots=True)
class KeysetPage:
    """One page of rows. `start_index` and `end_index` count from 1; `count` is the number of rows.

    `before` and `after` are the GUIDs in the `?before=` and `?after=` of the previous and next page.
    """

    object_list: list[Any]
    number: int = 1
    num_pages: int = 1
    start_index: int = 0
    end_index: int = 0
    count: int = 0
    before: str = ""
    after: str = ""

    @property
    def numbers(self) -> list[int]:
        """The page numbers to link to; 0 marks a gap."""
        pages = Paginator(range(self.num_pages), 1).get_elided_page_range(
            min(self.number, self.num_pages), on_each_side=2, on_ends=1
        )
        return [number if isinstance(number, int) else 0 for number in pages]


def keyset_page(rows: QuerySet[Any], columns: Sequence[str], *, size: int, query: QueryDict) -> KeysetPage:
    """Return the page that follows the row `?after=`, or precedes `?before=`; otherwise the one of `?page=`.

    `columns` are the columns of the order, "-" in front of descending ones; the last one is "guid". Rows are
    dicts that contain these columns. Rows without a value come last, in both directions. If the named row has
    been deleted, the page number decides.
    """
    count, earlier = rows.count(), -1
    ordered = rows.order_by(*[_order(column, backwards=False) for column in columns])
    page: list[Any] = []
    for name, backwards in (("after", False), ("before", True)):
        anchor = rows.filter(guid=query_param(query, name)).first() if query.get(name) else None
        if anchor:
            found = rows.filter(_beyond(columns, _values(anchor, columns), backwards=backwards))
            page = list(found.order_by(*[_order(column, backwards=backwards) for column in columns])[:size])
            page = page[::-1] if backwards else page
            break
    if not page:
        text, last = query_param(query, "page"), max(1, -(-count // size))
        wanted = int(text[:12]) if text.isascii() and text.isdigit() else 1
        earlier = (max(1, min(wanted, last, _MAX_PAGES)) - 1) * size
        page = list(ordered[earlier : earlier + size])
    if not page:
        return KeysetPage([])
    if earlier < 0:
        earlier = rows.filter(_beyond(columns, _values(page[0], columns), backwards=True)).count()
    end = earlier + len(page)
    return KeysetPage(
        page,
        number=earlier // size + 1,
        num_pages=max(1, -(-count // size)),
        start_index=earlier + 1,
        end_index=end,
        count=max(count, end),
        before=page[0]["guid"] if earlier else "",
        after=page[-1]["guid"] if end < count else "",
    )


def _order(column: str, *, backwards: bool) -> Any:
    name, descending = column.removeprefix("-"), column.startswith("-")
    if descending != backwards:
        return F(name).desc(nulls_first=True) if backwards else F(name).desc(nulls_last=True)
    return F(name).asc(nulls_first=True) if backwards else F(name).asc(nulls_last=True)


def _beyond(columns: Sequence[str], values: Sequence[Any], *, backwards: bool) -> Q:
    """Return the condition for rows that come after (or before) the row with these values."""
    found, same = Q(pk__in=[]), Q()
    for column, value in zip(columns, values, strict=True):
        name, descending = column.removeprefix("-"), column.startswith("-")
        comparison = "lt" if descending != backwards else "gt"
        if value is None:
            beyond = Q(**{f"{name}__isnull": False}) if backwards else Q(pk__in=[])
            equal = Q(**{f"{name}__isnull": True})
        else:
            beyond = Q(**{f"{name}__{comparison}": value})
            if not backwards:
                beyond |= Q(**{f"{name}__isnull": True})
            equal = Q(**{name: value})
        found |= same & beyond
        same &= equal
    return found


def _values(row: Any, columns: Sequence[str]) -> list[Any]:
    return [row[column.removeprefix("-")] for column in columns]
