"""Pressing Enter in a field never sends a form: only its button does."""

import re

import pytest

from tests.checks.tree import CHECKOUT, templates, text_of

GUARD = "partials/enter_sends_nothing.html"
# Forms in which people expect Enter to work: it proves who they are, or can be repeated and undone at will.
ENTER_MAY_SEND = {
    "templates/account/login.html",
    "templates/account/password_change.html",
    "templates/account/reauthenticate.html",
    "templates/audit/filters.html",
    "templates/audit/partials/saved_filter.html",
    "templates/audit/verify.html",
    "templates/mfa/authenticate.html",
    "templates/mfa/confirm.html",
    "templates/mfa/partials/passkey.html",
    "templates/mfa/totp/activate_form.html",
    "templates/staff/password_set.html",
    "templates/staff/profile.html",
}
FORM = re.compile(r"<form\b.*?</form>", re.S)
POST = re.compile(r"<form\b[^>]*\bmethod=[\"']post", re.I)
INCLUDE = re.compile(r"{%\s*include\s+[\"']([\w/.]+)[\"'][^%]*%}")
# What a person can type into or choose from, however the template writes it.
FIELD = re.compile(
    r"<select\b|<textarea\b|<input\b(?![^>]*type=[\"']hidden)|{%\s*field\b|"
    r"{{\s*(?:form(?:\.\w+)?|field|\w+\.widget)\s*}}",
    re.I,
)
SUBMIT = re.compile(r"<button\b(?![^>]*type=[\"']button)[^>]*>|<input\b[^>]*type=[\"']submit", re.I)


def complete(text: str) -> str:
    """Return a template with what it includes in its place; the guard stays an include."""

    def included(found: re.Match[str]) -> str:
        path = f"templates/{found[1]}"
        return found[0] if found[1] == GUARD or not (CHECKOUT / path).exists() else complete(text_of(path))

    return INCLUDE.sub(included, text)


def unguarded(text: str) -> list[str]:
    """Return the beginnings of the forms with fields whose first submit button is not the guard."""
    found = []
    for form in FORM.findall(text):
        whole = complete(form)
        button = SUBMIT.search(whole)
        before = whole[: button.start()] if button else whole
        if POST.match(form) and FIELD.search(whole) and GUARD not in before:
            found.append(form[:100])
    return found


@pytest.mark.parametrize("name", [name for name in templates() if name.startswith("templates/")])
def test_enter_sends_no_form_that_decides_something(name: str) -> None:
    assert bool(unguarded(text_of(name))) is (name in ENTER_MAY_SEND), unguarded(text_of(name))


def test_the_check_finds_a_form_without_the_guard() -> None:
    field, send = '<input name="reason">', "<button>Close</button>"
    guard = f'{{% include "{GUARD}" %}}'
    assert not unguarded(f'<form method="post">{guard}{field}{send}</form>')
    assert not unguarded(f'<form method="post"><input type="hidden" name="a">{send}</form>')
    for fields in (field, '{% include "partials/form_sections.html" with form=reason_form %}'):
        assert unguarded(f'<form method="post">{fields}{send}</form>')
        assert unguarded(f'<form method="post">{send}{guard}{fields}</form>')
