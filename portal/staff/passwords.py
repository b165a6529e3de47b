"""Rules for passwords and their hash: long, not common or guessable, stored with Argon2id."""

import re
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from portal.staff.password_patterns import SAYINGS, is_few_words, is_runs, readings_of, unit_of

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

    Runs on a keyboard and the person's own names are as common.
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
        joined = len(letters) >= 10 and not re.search(r"\s", word)
        return joined and is_few_words(letters, self.passwords, _names_of(user))


class LetterAndDigitValidator:
    """A letter and a digit, as PCI DSS 8.3.6 requires; see PASSWORD_LETTER_AND_DIGIT."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if it breaks the rule."""
        if not (any(sign.isalpha() for sign in password) and any(sign.isdigit() for sign in password)):
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        """Return the rule for the page."""
        return "Your password needs a letter and a digit."


def _names_of(user: Any) -> set[str]:
    """Return the parts of the user's names, in lower case."""
    names = (getattr(user, name, "") for name in ("username", "first_name", "last_name", "email"))
    return {part for name in names for part in re.split(r"[\W\d_]+", str(name).lower())}
