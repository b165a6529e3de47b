"""What a browser posts for a value that a page shows, if nobody edits it."""

import re
from collections.abc import Iterable
from typing import Any

from django import forms

_LOCAL_TIME = re.compile(r"\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?", re.ASCII)
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def get_posted_values(widget: forms.Widget, value: Any) -> Any:
    """Return the data that an untouched control posts for `value`, line ends as "\\n".

    A widget with several controls defines a method `posted_back` instead.
    """
    own = getattr(widget, "posted_back", None)
    if own is not None:
        return own(value)
    if isinstance(widget, forms.CheckboxInput):
        return widget.check_test(value)
    if isinstance(widget, forms.Select | forms.CheckboxSelectMultiple | forms.RadioSelect):
        return _chosen(widget, value)
    text = "" if value is None else str(value).replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(widget, forms.Textarea):
        return text
    # A one-line input posts no line breaks, and "" for a value that its type does not allow.
    text = text.replace("\n", "")
    kind: Any = getattr(widget, "attrs", {}).get("type") or getattr(widget, "input_type", "text")
    if kind in ("email", "url"):
        return text.strip(" \t\f")
    pattern = {"number": _NUMBER, "datetime-local": _LOCAL_TIME}.get(kind)
    return text if pattern is None or pattern.fullmatch(text) else ""


def is_untouched(widget: forms.Widget, posted: Any, shown: Any) -> bool:
    """Tell whether `posted` is what the untouched control of a shown value posts.

    What was posted is taken as it is: a value that the control does not offer was typed by a script, and is
    never treated as no input.
    """
    expected = get_posted_values(widget, shown)
    if posted is None or hasattr(widget, "posted_back") or isinstance(widget, forms.CheckboxInput):
        return bool(get_posted_values(widget, posted) == expected)
    if isinstance(posted, list | tuple):
        return bool(sorted(map(str, posted)) == expected)
    return str(posted).replace("\r\n", "\n").replace("\r", "\n") in (expected, shown)


def _chosen(widget: forms.Select | forms.RadioSelect, value: Any) -> Any:
    offered = list(_values(widget.choices))
    if widget.allow_multiple_selected:
        given = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return sorted(text for text in map(str, given) if text in offered)
    text = "" if value is None else str(value)
    if text in offered or not offered:
        return text
    # A list shows its first entry if none is selected; radio buttons post nothing.
    return "" if isinstance(widget, forms.RadioSelect) else offered[0]


def _values(choices: Iterable[Any]) -> Iterable[str]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _values(label)
        else:
            yield "" if value is None else str(value)
