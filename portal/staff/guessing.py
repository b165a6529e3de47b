"""What makes a long password easy to guess: runs on a keyboard, repetition, a few common words in a row."""

from collections.abc import Callable, Collection

_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)  # fmt: skip
_RUNS = "|".join((*_ROWS, *(row[::-1] for row in _ROWS)))
_SHORTEST = 4  # of a run, and of a word of the list
_LONGEST = 20
_MOST_WORDS = 3
# Between the words of "thisisapassword"; they add nothing to guess.
_LITTLE = {
    "a", "am", "and", "are", "for", "i", "in", "is", "it", "me", "my", "of", "on", "that", "the", "this",
    "to", "we", "with", "you", "your",
}  # fmt: skip


def is_runs(text: str) -> bool:
    """Whether `text`, in small letters, is made of runs along a keyboard or the alphabet alone."""
    return _fewest_pieces(text, lambda piece: 1 if len(piece) >= _SHORTEST and piece in _RUNS else None) > 0


def is_few_words(text: str, *vocabularies: Collection[str]) -> bool:
    """Whether `text`, in small letters, is three words of the vocabularies at most, little ones aside."""

    def weight(piece: str) -> int | None:
        if piece in _LITTLE:
            return 0
        known = len(piece) >= _SHORTEST and any(piece in words for words in vocabularies)
        return 1 if known else None

    return 0 < _fewest_pieces(text, weight) <= _MOST_WORDS


def unit_of(text: str) -> str:
    """What `text` repeats, whole or cut off at its end, give or take a last sign; itself if nothing."""
    for whole in (text, text[:-1]):
        for size in range(1, len(whole) // 2 + 1):
            if whole[size:] == whole[:-size]:
                return whole[:size]
    return text


def _fewest_pieces(text: str, weight: Callable[[str], int | None]) -> int:
    """The least weight of pieces that `text` falls into without a rest; 0 if there are none."""
    least: list[int | None] = [0] + [None] * len(text)
    for end in range(1, len(text) + 1):
        for begin in range(max(0, end - _LONGEST), end):
            before, piece = least[begin], weight(text[begin:end])
            if before is not None and piece is not None:
                known = least[end]
                least[end] = before + piece if known is None else min(known, before + piece)
    return least[-1] or 0
