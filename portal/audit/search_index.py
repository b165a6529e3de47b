"""The search index of the audit list: changed fields, words, objects and names of events.

It is derived from the events in the same transaction. It is not part of the chain and can be rebuilt.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from portal.audit.models import Event, KnownName, Term
from portal.core.text import fold
from provisioning.gateway.secrets import MASK

# This many characters of each text are indexed, more than the longest reason or note.
MAX_TEXT = 2000
MAX_FIELDS, MAX_NAME = 200, 150
# Names per query.
NAMES_AT_ONCE = 100
# Vowel signs belong to the word they stand in; `re` knows them as no letters.
_MARKS = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
_WORD = re.compile(rf"\w[\w{_MARKS}]+")
# Scripts without blanks between words, Thai to Khmer, kana, Han and Hangul: any two of their characters that
# stand side by side can be looked for.
_PAIR = re.compile(
    "(?=([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]{2}))"
)
_MAX_PAIRS = 12


@lru_cache(maxsize=4096)
def _word_terms(text: str) -> frozenset[str]:
    """Return the words of a text for the index: folded, of at least two characters. Cached for names."""
    text = fold(text)
    words = [word[:60] for word in _WORD.findall(text)]
    return frozenset(f"w:{word}" for word in (words if text.isascii() else words + _PAIR.findall(text)))


def split_words(text: str) -> list[str]:
    """Return the words to search for; of scripts without blanks, their pairs of characters."""
    words = list[str]()
    for word in _WORD.findall(fold(text)):
        words += _PAIR.findall(word)[:_MAX_PAIRS] or [word[:60]]
    return list(dict.fromkeys(words))


@lru_cache(maxsize=64)
def get_changed_fields(before: str, after: str) -> tuple[str, ...]:
    """Return the names of changed fields, nested ones with dots, and also their first part.

    Asked for twice for each event, and an outcome often has the values of its intent.
    """
    if not before and not after:
        return ()
    old, new = (flatten_values(json.loads(text) if text else None) for text in (before, after))
    touched = [
        name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]
    ]
    # A masked secret looks the same before and after, and occurs only if a new one was entered.
    touched += [name for name in new if name in old and new[name] == old[name] == MASK]
    firsts = [name.partition(".")[0] for name in touched]
    return tuple(name[:MAX_NAME] for name in dict.fromkeys(touched + firsts))[:MAX_FIELDS]


def flatten_values(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested objects under dotted names; lists are not split, since their order matters."""
    if isinstance(value, dict) and (value or not path):
        flat: dict[str, Any] = {}
        for key, child in value.items():
            flat |= flatten_values(child, f"{path}.{key}" if path else str(key))
        return flat
    return {path: value} if path else {}


def get_terms(event: Event) -> set[str]:
    """Return the terms of an event: `w:` words, `f:` changed fields, `o:` guids of the object and above."""
    texts = (event.actor_name, event.object_name, event.parent_name, event.reason, event.message)
    terms = set[str]().union(*[_word_terms(text[:MAX_TEXT]) for text in texts if text])
    terms.update([f"f:{name}" for name in get_changed_fields(event.before, event.after)])
    # Migrations index events from before there were ancestors.
    above = getattr(event, "ancestors", "").split()
    return terms | {f"o:{guid[:128]}" for guid in (get_identity(event), event.parent_guid, *above) if guid}


def get_identity(event: Event) -> str:
    """Return what identifies the event's object: its guid, or its name if it has none."""
    return event.object_guid or event.object_name[:128]


def get_known_names(event: Event) -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, connection, guid, name) of each name that occurs in the event."""
    if event.actor_name:
        yield ("actor", "", "", event.actor_name[:200])
    if event.actor_role:
        yield ("role", "", "", event.actor_role[:200])
    if event.outcome:
        yield ("outcome", "", "", event.outcome[:200])
    if event.object_kind:
        yield ("kind", "", "", event.object_kind[:200])
    yield from (("field", "", "", name) for name in get_changed_fields(event.before, event.after))
    if get_identity(event):
        yield (
            f"object:{event.object_kind}"[:64],
            event.connection,
            get_identity(event),
            event.object_name[:200],
        )
    if event.parent_guid:
        yield ("object:", event.connection, event.parent_guid, event.parent_name[:200])


def write_index(events: Iterable[Event]) -> None:
    """Store the terms and names of new events, in the open transaction that has locked the chain head."""
    events = list(events)
    Term.objects.bulk_create(
        [Term(term=term, event=event) for event in events for term in sorted(get_terms(event))],
        batch_size=5000,
    )
    store_known_names(dict.fromkeys(row for event in events for row in get_known_names(event)))


def store_known_names(rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Store the names that do not exist yet. The database refuses to replace a row."""
    asked = list(rows)
    for begin in range(0, len(asked), NAMES_AT_ONCE):
        part = asked[begin : begin + NAMES_AT_ONCE]
        there = set(KnownName.objects.filter(pk__in=part).values_list("kind", "connection", "guid", "name"))
        KnownName.objects.bulk_create(
            KnownName(kind=kind, connection=place, guid=guid, name=name, folded=fold(name))
            for kind, place, guid, name in part
            if (kind, place, guid, name) not in there
        )
