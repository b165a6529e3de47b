"""Style rules that a machine can check: docstrings, lengths, nothing inline, nothing left open."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.checks.tree import project_files, python_files, templates, text_of

LEFT_OPEN = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME"]) + r")\b")
VAGUE = {"utils", "helpers", "common", "misc", "manager", "managers", "util", "helper"}
INLINE = {
    "inline style": re.compile(r"\sstyle\s*=", re.I),
    "inline handler": re.compile(r"<[^>{}%]*\son[a-z]+\s*=", re.I),
    "style element": re.compile(r"<style\b", re.I),
    "inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.I),
    "script address": re.compile(r"javascript:", re.I),
    "address outside": re.compile(r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//", re.I),
}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("name", python_files())
def test_a_module_keeps_the_style_rules(name: str) -> None:
    text = text_of(name)
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    problems = []
    if not docstring and text.strip():
        problems.append("has no docstring")
    if len(text.splitlines()) > 500:
        problems.append(f"has {len(text.splitlines())} lines, the limit is 500")
    for node in functions(tree):
        size = (node.end_lineno or 0) - node.lineno + 1
        if size > 60:
            problems.append(f"line {node.lineno}: {node.name} has {size} lines, the limit is 60")
    assert not problems, "; ".join(problems)


def test_entities_and_changes_are_read_for_a_person() -> None:
    """Rows of inaccessible tenants stay hidden because only these two apps read the tables."""
    around = [
        f"{name}: {word}"
        for word, home in (
            ("IndexedEntity.objects", "portal/directory/"),
            ("Change.objects", "portal/changes/"),
        )
        for name in python_files()
        if name.startswith("portal/") and not name.startswith(home) and word in text_of(name)
    ]
    pages = ["base_views", "generic_views", "views", "dashboard"]
    around += [name for name in pages if "Change.objects" in text_of(f"portal/changes/{name}.py")]
    assert around == []


def test_no_module_has_a_vague_name() -> None:
    vague = [name for name in python_files() if VAGUE & set(name.removesuffix(".py").split("/"))]
    assert not vague


@pytest.mark.parametrize("name", templates())
def test_a_template_is_short_and_has_nothing_inline(name: str) -> None:
    text = re.sub(r"{#.*?#}|{% comment %}.*?{% endcomment %}", "", text_of(name), flags=re.S)
    assert len(text.splitlines()) < 100
    assert [label for label, pattern in INLINE.items() if pattern.search(text)] == []


@pytest.mark.parametrize("name", templates())
def test_a_block_uses_no_variable_of_another_block(name: str) -> None:
    """What `{% url … as name %}` sets in one block is unknown in the others: a link would be empty."""
    blocks = re.findall(r"{% block (\w+) %}(.*?){% endblock", text_of(name), flags=re.S)
    lost = [
        f"{variable} of {block} in {other}"
        for block, text in blocks
        for variable in re.findall(r" as (\w+) %}", text)
        for other, content in blocks
        if other != block
        and re.search(rf"{{[{{%][^}}]*\b{variable}\b", content)
        and f" as {variable} %}}" not in content
    ]
    assert lost == []


def test_nothing_is_left_open() -> None:
    endings = (".py", ".html", ".js", ".css", ".md", ".toml", ".yaml", "Makefile", "Dockerfile", ".ci/run")
    own = [name for name in project_files() if name.endswith(endings) and "/vendor/" not in name]
    found = [
        f"{name}:{number}"
        for name in own
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if LEFT_OPEN.search(line)
    ]
    assert not found
