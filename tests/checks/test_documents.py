"""What documents name must exist: a proof that points nowhere is none."""

import ast
import re

import pytest

from tests.checks.tree import CHECKOUT, project_files, text_of

DOCUMENTS = [name for name in project_files() if name.endswith(".md")]
# `tests/…/test_x.py::test_y`, `docs/keys.md`: from the top of the tree, in back quotes.
NAMED = re.compile(r"`((?:tests|docs|portal|provisioning|bench|static|templates)/[\w./-]+\.\w+)(?:::(\w+))?`")


def names_in(path: str) -> set[str]:
    """Functions and classes of a module, also within classes."""
    tree = ast.parse(text_of(path))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_exists(document: str) -> None:
    missing = [
        f"{path}::{name}" if name else path
        for path, name in NAMED.findall(text_of(document))
        if not (CHECKOUT / path).exists() or (name and name not in names_in(path))
    ]
    assert not missing, missing


def test_every_defence_of_the_threat_model_is_shown_by_a_test() -> None:
    boundaries = text_of("THREAT_MODEL.md").split("\n## Boundaries", 1)[1].split("\n## ", 1)[0]
    rows = [row for row in boundaries.splitlines() if row.startswith("| ") and "---" not in row]
    defences = [row for row in rows if not row.startswith("| Threat |")]
    assert len(defences) > 30
    assert [row for row in defences if "`tests/" not in row] == []


# How many items of levels 1 and 2 each section of ASVS 5.0.0 has; those of level 3 follow behind them.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
    "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip


def test_every_item_of_asvs_levels_1_and_2_is_answered_once() -> None:
    items = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    answered = re.findall(r"\b\d+\.\d+\.\d+\b", "\n".join(_item_cells(text_of("docs/asvs.md"))))
    assert sorted(answered) == sorted(items)


def _item_cells(text: str) -> list[str]:
    """The first cell of each row."""
    return [row.split("|")[1] for row in text.splitlines() if row.startswith("| ")]
