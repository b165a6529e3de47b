"""Form fields with one rule for text: outer blanks are dropped, invisible characters refused."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinLengthValidator
from jsonschema import FormatChecker

from portal.core.text import clean_text, hidden_character
from portal.core.web_addresses import encode_domain, web_address

_WHOLE_NUMBER = re.compile(r"-?\d{1,20}", re.ASCII)


class TextField(forms.CharField):
    """A text for people, such as a name. Joiners are accepted where a script or an emoji needs them."""

    joiners = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False, **kwargs})
        for validator in self.validators:
            if isinstance(validator, MinLengthValidator):
                validator.message = "Use at least %(limit_value)d characters."
            elif isinstance(validator, MaxLengthValidator):
                validator.message = "Use at most %(limit_value)d characters."

    def to_python(self, value: Any) -> str:
        """Return the cleaned text. Raises ValidationError for a character that cannot be seen."""
        text: str = super().to_python(value) or ""
        refuse_hidden(text.strip(), joiners=self.joiners, lines=isinstance(self.widget, forms.Textarea))
        return self.cleaned(text)

    def cleaned(self, text: str) -> str:
        """Return the text without outer blanks, every kind of space inside as a plain one."""
        return clean_text(text)


class KeyField(TextField):
    """A key, login or id that machines compare: nothing inside is changed, nothing invisible is accepted."""

    joiners = False

    def cleaned(self, text: str) -> str:
        """Return the text without outer blanks."""
        return text.strip()


class SecretField(KeyField):
    """A key or password that is typed unseen and never drawn again."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(**{"widget": widget, **kwargs})


class EmailAddressField(KeyField):
    """An e-mail address; the domain is sent in its ASCII form, as mail servers know it."""

    widget = forms.EmailInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._check = forms.EmailField(required=False, max_length=None)

    def cleaned(self, text: str) -> str:
        """Return the address. Raises ValidationError for what is none."""
        local, at, domain = text.strip().rpartition("@")
        if not at:
            return local or domain
        try:
            return f"{local}@{domain if domain.startswith('[') else encode_domain(domain)}"
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def validate(self, value: str) -> None:
        """Raise ValidationError for what mail servers do not take."""
        super().validate(value)
        try:
            self._check.clean(value)
        except ValidationError:
            raise ValidationError("Enter an email address such as name@example.org.") from None


class WebAddressField(KeyField):
    """A web address with http or https, in ASCII; "www.example.org" becomes "https://www.example.org".

    Django's URLField stops at 2,048 characters, the contract at 65,535 or nowhere.
    """

    widget = forms.URLInput

    def cleaned(self, text: str) -> str:
        """Return the complete address. Raises ValidationError with the reason for what is none."""
        text = text.strip()
        if not text:
            return ""
        try:
            found = web_address(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if not FormatChecker().conforms(found, "uri"):
            raise ValidationError("Enter a web address such as https://www.example.org.")
        return found


class WholeNumberField(forms.IntegerField):
    """A whole number in plain digits: "1.000" would be a thousand to one reader and one to another."""

    def to_python(self, value: Any) -> int | None:
        """Return the number, None for nothing. Raises ValidationError for any other spelling."""
        text = str(value if value is not None else "").strip()
        if text and not _WHOLE_NUMBER.fullmatch(text):
            raise ValidationError("Enter a whole number in plain digits, such as 1000.")
        number: int | None = super().to_python(text)
        return number


class IdField(WholeNumberField):
    """An id of the gateway: 64 bits, signed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=-(2**63), max_value=2**63 - 1, required=False, **kwargs)


def refuse_hidden(text: str, *, joiners: bool = False, lines: bool = False, where: str = "This") -> None:
    """Raise ValidationError, naming the character, for text with something in it that cannot be seen."""
    found = hidden_character(text, joiners=joiners, lines=lines)
    if found:
        raise ValidationError(
            f"{where} contains an invisible character: {found}. Delete it, or type the text again."
        )
