"""What a password must be and how it is kept: long, not in the list of common ones, and Argon2id."""

import re
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

PASSWORD_MAX_LENGTH = 128  # characters
_REPEATED = re.compile(r"(.+?)\1+.?", re.S)


class Argon2idHasher(Argon2PasswordHasher):
    """Argon2id with 46 MiB, twice over, in one lane: above what OWASP asks for, below 300 ms.

    Several lanes would only make the threads of a busy portal wait for each other.
    """

    time_cost = 2
    memory_cost = 46 * 1024  # KiB
    parallelism = 1


class LengthLimitValidator:
    """Not longer than PASSWORD_MAX_LENGTH: hashing must not become a way to keep the portal busy."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        if len(password) > PASSWORD_MAX_LENGTH:
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        """The rule, for people."""
        return f"Your password can have {PASSWORD_MAX_LENGTH} characters at most."


class CommonWordsValidator(CommonPasswordValidator):
    """Refuses what is in Django's list of 20,000, also repeated or padded with digits to be long."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError. What is too long is refused elsewhere, and costly to look at."""
        if len(password) > PASSWORD_MAX_LENGTH:
            return
        word = password.lower().strip()
        bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", word)
        for tried in (word, bare, _unit(word), _unit(bare)):
            if len(tried) < 2 or tried in self.passwords:
                raise ValidationError(
                    "This password is too easy to guess: it is a common one, or made of one."
                )


class LetterAndDigitValidator:
    """For those whose rules ask for it, PCI DSS 8.3.6 for example; see PASSWORD_LETTER_AND_DIGIT."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        if not (any(sign.isalpha() for sign in password) and any(sign.isdigit() for sign in password)):
            raise ValidationError(self.get_help_text())

    def get_help_text(self) -> str:
        """The rule, for people."""
        return "Your password needs a letter and a digit."


def _unit(text: str) -> str:
    """What `text` is a repetition of; itself if of nothing."""
    match = _REPEATED.fullmatch(text)
    return match[1] if match else text
