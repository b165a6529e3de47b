"""Tables and filter bars of list pages. A list declares its columns; `templates/core/table.html` shows them.

Cells are rendered in Python: a template of its own for each cell would cost more time than the query.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.core.bidi import isolate
from portal.core.datetimes import format_datetime, get_time_zone
from portal.core.templatetags.portal import copyable


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column. `value` returns a row's cell: text, or safe markup that isolates its own names.

    `sort` is the name of the column's order in `?sort=`; "-" before it reverses the order. The list begins in
    the order of the column that `is_default` (without `?sort=`). A column with `descending_first` is sorted
    from the last value to the first by the first click.
    """

    label: str
    value: Callable[[Any], Any]
    sort: str = ""
    is_default: bool = False
    descending_first: bool = False
    # The cell names its row: <th scope="row">.
    is_heading: bool = False
    # The label is for screen readers, as above buttons.
    is_label_hidden: bool = False
    # The label is repeated in each cell on a phone, except in the first column. True repeats it there, too.
    is_label_repeated: bool = False

    css: ClassVar[str] = ""

    def render_content(self, row: Any, table: "Table") -> Any:
        """Return what the cell shows."""
        return self.value(row)

    def get_title(self, row: Any) -> str:
        """Return the text that appears on hover if the cell may be cut off."""
        return ""


@dataclass(frozen=True, kw_only=True)
class TextColumn(Column):
    """Text of any length. It is cut off to fit and never pushes other columns away. `link` is its address."""

    link: Callable[[Any], str] | None = None
    # Markup after the text, such as a badge.
    suffix: Callable[[Any], SafeString] | None = None
    css: ClassVar[str] = "cell-text"

    def render_content(self, row: Any, table: "Table") -> SafeString:
        """Return the text, isolated from the direction of its surroundings."""
        text = format_html("<bdi>{}</bdi>", self.value(row))
        if self.link:
            text = format_html('<a href="{}">{}</a>', self.link(row), text)
        return format_html("{} {}", text, self.suffix(row)) if self.suffix else text

    def get_title(self, row: Any) -> str:
        """Return the whole text."""
        return str(self.value(row))


@dataclass(frozen=True, kw_only=True)
class NameColumn(TextColumn):
    """The name of the row. It is the widest column."""

    css: ClassVar[str] = "cell-name"


@dataclass(frozen=True, kw_only=True)
class KeyColumn(Column):
    """A value in fixed width with a button that copies it; "–" if it is empty."""

    css: ClassVar[str] = "cell-key"

    def render_content(self, row: Any, table: "Table") -> Any:
        """Return the value and its button."""
        value = self.value(row)
        return copyable(value, self.label) if value else "–"

    def get_title(self, row: Any) -> str:
        """Return the whole value."""
        return str(self.value(row) or "")


@dataclass(frozen=True, kw_only=True)
class TimeColumn(Column):
    """A time in the user's zone. `empty` is shown for None."""

    empty: str = "—"

    def render_content(self, row: Any, table: "Table") -> Any:
        """Return the time, or the text for none."""
        value = self.value(row)
        return format_datetime(value, table.zone) if value else secondary(self.empty)


@dataclass(frozen=True, kw_only=True)
class TemplateColumn(Column):
    """A cell with forms or much markup, from a template with `row`. It is slow: for lists of a few rows."""

    value: Callable[[Any], Any] = str
    template: str = ""

    def render_content(self, row: Any, table: "Table") -> SafeString:
        """Render the template, without the context processors of a page."""
        request = table.request
        context = {"row": row, "request": request, "csrf_token": get_token(request)}
        return render_to_string(self.template, context)


def secondary(text: str) -> SafeString:
    """Return text in the secondary colour."""
    return format_html('<span class="text-secondary">{}</span>', text)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column: the address that sorts by it ("" if nothing does) and how it is sorted now."""

    label: str
    is_label_hidden: bool
    url: str = ""
    direction: str = ""


class Table:
    """Rows as a table, for `{% include "core/table.html" %}`. `label` names it for screen readers.

    `sort` is the chosen order. `css` are more classes of the table, `row_css` returns the class of a row.
    """

    def __init__(
        self,
        request: HttpRequest,
        columns: Sequence[Column],
        rows: Iterable[Any],
        *,
        label: str,
        sort: str = "",
        css: str = "table-vcenter card-table",
        row_css: Callable[[Any], str] | None = None,
    ) -> None:
        self.request, self.columns, self.rows = request, columns, list(rows)
        self.label, self.sort, self.css, self.row_css = label, sort, css, row_css
        self.zone = get_time_zone(getattr(request.user, "timezone", ""))

    def __bool__(self) -> bool:
        return bool(self.rows)

    def heads(self) -> list[Head]:
        """Return the heads of the columns."""
        return [self._head(column) for column in self.columns]

    def body(self) -> SafeString:
        """Return the rows as HTML."""
        cells = [(column, *self._get_tags(column, number)) for number, column in enumerate(self.columns)]
        lines = []
        for row in self.rows:
            css = self.row_css(row) if self.row_css else ""
            lines.append(format_html('<tr class="{}">', css) if css else "<tr>")
            for column, opening, closing in cells:
                title = column.get_title(row)
                lines.append(format_html('{} title="{}">', opening, title) if title else f"{opening}>")
                lines.append(isolate(column.render_content(row, self)))
                lines.append(closing)
            lines.append("</tr>\n")
        return SafeString("".join(lines))  # every part is escaped above

    def _head(self, column: Column) -> Head:
        """Return the head of a column. A click on the head of the present order reverses it."""
        if not column.sort:
            return Head(column.label, column.is_label_hidden)
        up, down = "" if column.is_default else column.sort, f"-{column.sort}"
        first = down if column.descending_first else up
        order = first if self.sort != first else down if first == up else up
        query = self.request.GET.copy()
        for name in ("sort", "page", "after", "before"):
            query.pop(name, None)
        if order:
            query["sort"] = order
        direction = "ascending" if self.sort == up else "descending" if self.sort == down else "none"
        return Head(column.label, column.is_label_hidden, f"?{query.urlencode()}", direction)

    def _get_tags(self, column: Column, number: int) -> tuple[SafeString, str]:
        """Return the opening tag of a column's cells, without its ">", and the closing tag."""
        tag = "th" if column.is_heading else "td"
        opening = SafeString('<th scope="row"' if column.is_heading else "<td")
        if column.css:
            opening = format_html('{} class="{}"', opening, column.css)
        if column.is_label_repeated or (number and not column.is_label_hidden):
            opening = format_html('{} data-label="{}"', opening, column.label)
        return opening, f"</{tag}>"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One field of a filter bar: a drop-down if it has `options`, otherwise text.

    `name` is its parameter in the address. The first option is `any_label`, which filters nothing.
    `groups` are further options below headings. `type` is "text", "search", "date" or "checkbox".
    """

    name: str
    label: str
    value: str = ""
    options: Sequence[Any] | None = None
    groups: Sequence[tuple[str, Sequence[Any]]] = ()
    any_label: str = "All"
    type: str = "text"
    placeholder: str = ""
    suggestions: Sequence[str] = ()
    # What is wrong with the value.
    problem: str = ""

    @property
    def input_type(self) -> str:
        """The type of the input. A value that is not a date stays visible as text."""
        if self.type != "date":
            return self.type
        return "date" if not self.value or (len(self.value) == 10 and not self.problem) else "text"


@dataclass(frozen=True, kw_only=True)
class FilterBar:
    """The filters of a list, for `{% include "core/filter_bar.html" %}`. All of them are in the address.

    `more` are in a part that can be closed, `hidden` are further parameters (name, value) to keep.
    `is_narrowed`: a filter is set, so that there is something to clear. `links` (label, address) follow the
    buttons then.
    """

    filters: Sequence[Filter]
    label: str = "Filters"
    more: Sequence[Filter] = ()
    hidden: Sequence[tuple[str, str]] = ()
    is_narrowed: bool = False
    links: Sequence[tuple[str, str]] = ()
