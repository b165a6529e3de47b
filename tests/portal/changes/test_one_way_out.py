"""Only portal.changes.execution writes to the gateway."""

import ast
from pathlib import Path

from portal.changes.models import Change

CHECKOUT = Path(__file__).resolve().parents[3]


def names_in(path):
    tree = ast.parse(path.read_text())
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_only_the_sending_module_performs():
    found = [
        path.relative_to(CHECKOUT).as_posix()
        for path in (CHECKOUT / "portal").rglob("*.py")
        if "perform" in names_in(path)
    ]
    assert found == ["portal/changes/execution.py"]


def test_only_the_service_uses_the_client():
    for path in (CHECKOUT / "portal").rglob("*.py"):
        text = path.read_text()
        assert "gateway.client" not in text, path
        assert "send_call" not in text, path


def test_the_table_keeps_writes_per_entity_apart():
    assert "change_one_write_per_entity" in [constraint.name for constraint in Change._meta.constraints]
