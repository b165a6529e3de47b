"""CSV lines in which a spreadsheet finds no formula.

Some spreadsheets split a cell at semicolons or tabs even inside quotes, so each piece is escaped.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Any

# What a spreadsheet would take for a formula.
_FORMULA = frozenset("=+-@\t\r\n\0")
_GAP = "\x1f"
_formula_begins = re.compile(f"{_GAP}[{re.escape(''.join(sorted(_FORMULA)))}]").search
# Where a piece of a cell begins that would be taken for one; quotes before it are taken off.
_piece_begins = re.compile("""([;\t\r\n])(?=["'\\s]*[=+@-])""").sub
_JSON_BEGINS = frozenset(("{", "[", ""))


class _Echo:
    """Hands back what the CSV writer writes."""

    def write(self, text: str) -> str:
        return text


SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_writers = {sign: csv.writer(_Echo(), delimiter=sign) for sign in SEPARATORS.values()}


def defuse_cell(value: Any) -> str:
    """Return a value as text that a spreadsheet takes for a formula neither as a whole nor in part."""
    text = _piece_begins(r"\1'", "" if value is None else str(value))
    return f"'{text}" if text[:1] in _FORMULA else text


def format_csv_line(cells: Iterable[Any], separator: str = ",") -> str:
    """Return a line of CSV with defused cells."""
    line: str = _writers[separator].writerow([defuse_cell(cell) for cell in cells])
    return line


def format_event_line(
    before: Sequence[str], documents: Sequence[str], after: Sequence[str], separator: str = ","
) -> str:
    """Return a line like format_csv_line's, but faster when only the JSON cells in `documents` need quotes.

    Semicolons in JSON text are written as \\u003b, which leaves the document unchanged.
    """
    documents = [text.replace(";", r"\u003b") for text in documents]
    if separator != ",":
        return format_csv_line([*before, *documents, *after], separator)
    head, tail = _GAP.join(before), _GAP.join(after)
    plain = f"{_GAP}{head}{_GAP}{tail}"
    quotes = '"' in plain or "," in plain or "\r" in plain or "\n" in plain or ";" in plain or "\t" in plain
    gaps = plain.count(_GAP) != len(before) + len(after)
    json = _JSON_BEGINS.issuperset([text[:1] for text in documents])
    if quotes or gaps or not json or _formula_begins(plain):
        return format_csv_line([*before, *documents, *after])
    doubled = [text.replace('"', '""') for text in documents]
    quoted = ",".join([f'"{text}"' if text else "" for text in doubled])
    return f"{head.replace(_GAP, ',')},{quoted},{tail.replace(_GAP, ',')}\r\n"
