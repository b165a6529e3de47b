"""Rules for passwords and their hash: long, not common or guessable, stored with Argon2id.

Guessable are keyboard runs, repetition and a few common words, however long.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

_ROWS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)  # fmt: skip
_RUNS = "|".join((*_ROWS, *(row[::-1] for row in _ROWS)))
_SHORTEST = 4  # of a run, and of a word of the list
_LONGEST = 20
_MAX_WORDS = 3
# Sayings from common lists of passphrases, with or without blanks.
SAYINGS = frozenset(
    saying.replace(" ", "")
    for saying in (
        "may the force be with you", "to be or not to be", "to be or not to be that is the question",
        "i love you so much", "i love you more than anything", "live long and prosper", "winter is coming",
        "the quick brown fox", "the quick brown fox jumps over the lazy dog", "one ring to rule them all",
        "you shall not pass", "open sesame open sesame", "let me in let me in", "trust no one trust no one",
        "all your base are belong to us", "never gonna give you up", "never gonna let you down",
        "in god we trust", "once upon a time", "hello world hello world", "luke i am your father",
        "i am your father", "i am the one who knocks", "the cake is a lie", "houston we have a problem",
        "life is like a box of chocolates", "carpe diem carpe diem", "what we do in the shadows",
        "let there be light", "our father who art in heaven", "the lord is my shepherd",
        "we the people of the united states", "keep calm and carry on",
        "an apple a day keeps the doctor away",
        "if you can dream it you can do it", "there is no place like home", "theres no place like home",
        "home sweet home", "rock and roll all night", "sweet home alabama", "stairway to heaven",
        "dark side of the moon", "bohemian rhapsody", "imagine all the people", "let it be let it be",
        "game of thrones", "lord of the rings", "star wars the force awakens", "harry potter and the",
        "to infinity and beyond", "i will be back", "hasta la vista baby", "just do it just do it",
        "this too shall pass", "the truth is out there", "good morning sunshine", "god save the queen",
        "god save the king", "four score and seven years ago", "practice makes perfect", "time is money",
        "knowledge is power", "better late than never", "the early bird catches the worm", "merry christmas",
        "happy birthday to you", "happy new year", "twinkle twinkle little star", "mary had a little lamb",
    )
)  # fmt: skip
# Small words, as in "thisisapassword", which add nothing.
_LITTLE = {
    "a", "all", "am", "an", "and", "any", "are", "as", "at", "be", "big", "but", "by", "can", "day", "did",
    "do", "for", "from", "get", "go", "god", "had", "has", "have", "he", "her", "here", "him", "his", "how",
    "i", "if", "in", "is", "it", "its", "just", "let", "man", "may", "me", "more", "my", "new", "no", "not",
    "now", "of", "off", "old", "on", "one", "or", "our", "out", "over", "own", "said", "see", "she", "so",
    "than", "that", "the", "them", "then", "there", "they", "this", "to", "two", "up", "us", "was", "way",
    "we", "what", "when", "who", "will", "with", "yes", "you", "your",
}  # fmt: skip


# Digits and signs that are often used for letters.
_LOOKALIKES = [
    str.maketrans({"0": "o", "1": one, "!": one, "|": "l", "3": "e", "4": "a", "@": "a", "5": "s", "$": "s",
                   "7": "t", "+": "t", "8": "b", "9": "g", "6": "g", "2": "z", "(": "c", "€": "e"})
    for one in "il"
]  # fmt: skip


def readings_of(text: str) -> set[str]:
    """Return `text`, in small letters, as it is and with lookalikes read as letters: p4ssw0rd is password."""
    return {text, *(text.translate(table) for table in _LOOKALIKES)}


def is_runs(text: str) -> bool:
    """Return whether lower-case `text` consists of runs along a keyboard or the alphabet."""
    pieces = _fewest_pieces(text, lambda piece: 1 if len(piece) >= _SHORTEST and piece in _RUNS else None)
    return bool(pieces)


def is_few_words(text: str, *vocabularies: Collection[str]) -> bool:
    """Return whether lower-case `text` has at most three words of the vocabularies, without small ones."""

    def weight(piece: str) -> int | None:
        if piece in _LITTLE:
            return 0
        known = len(piece) >= _SHORTEST and any(piece in words for words in vocabularies)
        return 1 if known else None

    pieces = _fewest_pieces(text, weight)
    return pieces is not None and pieces <= _MAX_WORDS


def unit_of(text: str) -> str:
    """Return the unit that `text` repeats, except a last sign; `text` itself if it does not."""
    for whole in (text, text[:-1]):
        for size in range(1, len(whole) // 2 + 1):
            if whole[size:] == whole[:-size]:
                return whole[:size]
    return text


def _fewest_pieces(text: str, weight: Callable[[str], int | None]) -> int | None:
    """Return the least weight of pieces that make up `text`; None if there are none."""
    least: list[int | None] = [0] + [None] * len(text)
    for end in range(1, len(text) + 1):
        for begin in range(max(0, end - _LONGEST), end):
            before, piece = least[begin], weight(text[begin:end])
            if before is not None and piece is not None:
                known = least[end]
                least[end] = before + piece if known is None else min(known, before + piece)
    return least[-1]


PASSWORD_MAX_LENGTH = 128  # characters
# Words that an attacker of this portal tries first; listed in docs/security.md.
_OF_THIS_PLACE = re.compile(
    "(?:provisioning|portal|gateway|ixopay|merchant|connector|password|passphrase|admin|support|agent|manager)+"
)
_FAMOUS = "correcthorsebatterystaple"
_OF_THE_DEMO = "demopassphraseforall"  # `make run` prints it
_EASY = "This password is too easy to guess: it is a common one, or made of one."


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: one of the equally strong settings of OWASP.

    46 MiB took three times as long, most of it to get the memory: too long for twenty people at once on two
    cores. Several lanes would only make busy threads wait for each other.
    """

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1


class LengthLimitValidator:
    """At most PASSWORD_MAX_LENGTH characters, so that hashing cannot be used to overload the portal."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if it breaks the rule."""
        if len(password) > PASSWORD_MAX_LENGTH:
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        """Return the rule for the page."""
        return f"Your password can have {PASSWORD_MAX_LENGTH} characters at most."


class CommonWordsValidator(CommonPasswordValidator):
    """Refuse Django's 20,000 common passwords, also repeated, padded or joined, and words of this portal.

    Runs on a keyboard and the user's own names are as common.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError. A password that is too long is skipped: another validator refuses it."""
        if len(password) > PASSWORD_MAX_LENGTH:
            return
        word = password.lower().strip()
        bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", word)
        plain = {word, bare, unit_of(word), unit_of(bare)}
        for reading in readings_of(word):
            plain |= {reading, unit_of(reading), re.sub(r"^[\W\d_]+|[\W\d_]+$", "", unit_of(reading))}
        if any(len(tried) < 2 or tried in self.passwords for tried in plain):
            raise ValidationError(_EASY)
        if any(self._made_of(reading, user) for reading in readings_of(word)):
            raise ValidationError(_EASY)
        if _OF_THIS_PLACE.fullmatch(re.sub(r"[\W\d_]+", "", word)):
            raise ValidationError(
                "This password is too easy to guess: it is made of words that everyone here uses."
            )

    def _made_of(self, word: str, user: Any) -> bool:
        """Return whether it is common words joined. Words with blanks between them are welcome."""
        letters = re.sub(r"[\W\d_]+", "", word)
        if letters == _OF_THE_DEMO:
            return not getattr(user, "is_demo", False)
        if letters == _FAMOUS or letters in SAYINGS or is_runs(re.sub(r"[\W_]+", "", word)):
            return True
        own = " ".join(
            str(getattr(user, name, "")) for name in ("username", "first_name", "last_name", "email")
        )
        names = set(re.split(r"[\W\d_]+", own.lower()))
        joined = len(letters) >= 10 and not re.search(r"\s", word)
        return joined and is_few_words(letters, self.passwords, names)


class LetterAndDigitValidator:
    """A letter and a digit, as PCI DSS 8.3.6 requires; see PASSWORD_LETTER_AND_DIGIT."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if it breaks the rule."""
        if not (any(sign.isalpha() for sign in password) and any(sign.isdigit() for sign in password)):
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        """Return the rule for the page."""
        return "Your password needs a letter and a digit."
