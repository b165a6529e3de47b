"""Refuse words that a reader stumbles over; words.txt lists them with better ones."""

import io
import re
import tokenize

import pytest

from tests.checks.tree import CHECKOUT, project_files, text_of

WORDS = [
    tuple(part.strip() for part in line.split(" = "))
    for line in (CHECKOUT / "tests/checks/words.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
READ = [
    name
    for name in project_files()
    if name.endswith((".py", ".html", ".md", ".js", ".txt"))
    and "/migrations/" not in name
    and "/vendor/" not in name
    and not name.endswith(("requirements.txt", "checks/words.txt"))
]


def prose_of(name: str) -> str:
    """Return what people read in a file: docstrings and comments of Python, everything of others."""
    text = text_of(name)
    if not name.endswith(".py"):
        return text
    return "\n".join(
        token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT or token.string.startswith('"""')
    )


@pytest.mark.parametrize("name", READ)
def test_a_file_uses_plain_words(name: str) -> None:
    prose = prose_of(name)
    found = [
        f"{match[0]} (write: {better})"
        for pattern, better in WORDS
        for match in re.finditer(pattern, prose, re.I)
    ]
    assert not found
