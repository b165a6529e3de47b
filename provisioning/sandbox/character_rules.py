"""Which characters a value may hold (1004). The contract names the code and leaves them open."""

import re
from collections.abc import Iterator

from provisioning.sandbox.error_responses import Code, Refusal, field_refusal

# Control characters, lone surrogates and the noncharacters at the end of the plane.
_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LINE_BREAKS = re.compile(r"[\t\n\r]")
_MARKUP = re.compile(r"[<>]")
_BLANK = re.compile(r"\s")
_NOT_ALIAS = re.compile(r"[^A-Za-z0-9 _()\[\]]")

_NAMES = ("name", "username", "firstName", "lastName", "city", "mailSenderName", "externalId")
_RULES: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(_NAMES, _MARKUP),
    "apiKey": _BLANK,
    "publicIntegrationKey": _BLANK,
    "alias": _NOT_ALIAS,
}
# Places where several lines are usual: texts, postal addresses, private keys, templates.
_MULTI_LINE = ("description", "address", "config", "settings", "addSettings", "removeSettings")

Path = tuple[object, ...]


def check_characters(body: object) -> list[Refusal]:
    """Return a 1004 refusal for every text of the body that holds a character it may not."""
    found = []
    for path, text in _iterate_texts(body, ()):
        rule = _RULES.get(str(path[0])) if len(path) == 1 else None
        broken = _LINE_BREAKS.search(text) and path[0] not in _MULTI_LINE
        if broken or _UNUSABLE.search(text) or (rule and rule.search(text)):
            words = f"{_make_printable(path[-1])}Invalid characters"
            found.append(field_refusal(Code.INVALID_CHARACTERS, map(_make_printable, path), words))
    return found


def _iterate_texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text with its path; the names of fields count as texts too, since maps have free names."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield (*path, name), name if _UNUSABLE.search(name) else ""
            yield from _iterate_texts(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _iterate_texts(child, (*path, index))


def _make_printable(part: object) -> str:
    return _UNUSABLE.sub("?", str(part))
