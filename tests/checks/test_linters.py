"""The linters, exactly as a person would call them."""

import subprocess
import sys

from tests.checks.tree import CHECKOUT, templates


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """One of the tools of this virtual environment, in the checkout."""
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=600)


def shown(done: subprocess.CompletedProcess[str]) -> str:
    """What the tool said, for the failing test."""
    return done.stdout[-6000:] + done.stderr[-2000:]


def test_ruff_finds_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "check", ".")
    assert done.returncode == 0, shown(done)


def test_ruff_would_format_nothing() -> None:
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert done.returncode == 0, shown(done)


def test_types_hold() -> None:
    done = run(sys.executable, "-m", "mypy")
    assert done.returncode == 0, shown(done)


def test_imports_go_downwards_only() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, shown(done)


def test_templates_are_well_formed() -> None:
    assert templates(), "no template found"
    done = run(sys.executable, "-m", "djlint", "--lint", *templates())
    assert done.returncode == 0, shown(done)
