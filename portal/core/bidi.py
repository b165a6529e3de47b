"""Isolates foreign text, so that a name with a direction override reorders nothing else on a page.

Templates need do nothing: the loader below marks every variable that stands in the text of a page. Sentences
that are built in code call `isolated` for each foreign part.
"""

import re
from collections.abc import Iterable
from typing import Any

from django.template.base import Node, NodeList, Template, TextNode, VariableNode, render_value_in_context
from django.template.context import Context
from django.template.loader_tags import BlockNode
from django.template.loaders import cached
from django.utils.html import escape, format_html
from django.utils.safestring import SafeData, SafeString

# Letters written from right to left, and characters that set the direction of what follows.
_TURNING = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Within these, and within attributes, markup would be shown as it is.
_PLAIN_ELEMENTS = "title|option|textarea|script|style"
_PLAIN_BLOCKS = {"title"}
_MARKUP = re.compile(
    rf"<!--.*?-->|<(?P<plain>{_PLAIN_ELEMENTS})\b|</(?P<end>{_PLAIN_ELEMENTS})\b|<(?=[a-zA-Z/!])", re.DOTALL
)
_WITHIN_TAG = re.compile(r"[\"'>]")


def isolate(value: object) -> SafeString:
    """Return the text escaped, and within <bdi> if some of it runs or turns from right to left."""
    text = str(value)
    if isinstance(value, SafeData) or text.isascii() or not _TURNING.search(text):
        return SafeString(text) if isinstance(value, SafeData) else escape(text)
    return format_html("<bdi>{}</bdi>", text)


class IsolatedVariable(VariableNode):
    """A variable in the text of a page."""

    def render(self, context: Context) -> str:
        """Return the value, isolated where it needs to be and is no markup already."""
        value: Any = self.filter_expression.resolve(context)
        rendered = str(render_value_in_context(value, context))
        filters = self.filter_expression.filters
        markup = isinstance(value, SafeData) and not (filters and filters[-1][0].__name__ == "linebreaksbr")
        if rendered.isascii() or markup or not context.autoescape:
            return rendered
        return f"<bdi>{rendered}</bdi>" if _TURNING.search(rendered) else rendered


class Loader(cached.Loader):
    """Django's cached loader, with every variable in text isolated."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        """Return the template; each file is looked through once."""
        template = super().get_template(template_name, skip)
        if not getattr(template, "isolates", False) and str(template_name).endswith(".html"):
            _VariableMarker().mark(template.nodelist)
        template.isolates = True  # type: ignore[attr-defined]
        return template


class _VariableMarker:
    """The position in the markup of a template: in text, in a tag, or in an element without markup."""

    def __init__(self) -> None:
        self.in_tag, self.quote, self.plain = False, "", ""

    def mark(self, nodes: NodeList | Iterable[Node]) -> None:
        """Mark the variables in text of these nodes, in their order."""
        for node in nodes:
            if isinstance(node, TextNode):
                self._read(node.s)
            elif isinstance(node, VariableNode):
                if not self.in_tag and not self.plain:
                    node.__class__ = IsolatedVariable
            elif isinstance(node, BlockNode) and node.name in _PLAIN_BLOCKS:
                before, self.plain = self.plain, "title"
                self.mark(node.nodelist)
                self.plain = before
            else:
                for name in node.child_nodelists:
                    self.mark(getattr(node, name, None) or ())

    def _read(self, text: str) -> None:
        """Follow the markup in a piece of text to the position at its end."""
        place = 0
        while place < len(text):
            found = (_WITHIN_TAG if self.in_tag else _MARKUP).search(text, place)
            if found is None:
                return
            place, sign = found.end(), found[0]
            if not self.in_tag:
                if not sign.startswith("<!--"):
                    self.in_tag = True
                    self.plain = "" if found["end"] else found["plain"] or self.plain
            elif sign == ">":
                self.in_tag = bool(self.quote)
            elif not self.quote:
                self.quote = sign
            elif self.quote == sign:
                self.quote = ""
