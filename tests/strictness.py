"""A pytest plugin: where CI=true nothing may be skipped, and tests for one database run on that one alone."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out, and counts as deselected, what belongs to the other database: its own run has it."""
    on_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    other = "postgresql" if on_sqlite else "sqlite"
    left_out = [item for item in items if item.get_closest_marker(other)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Before coverage is added up: a process that a test kills may leave a torn file, and that ends a run."""
    result = yield
    if not hasattr(session.config, "workerinput"):
        for file in Path(session.config.rootpath).glob(".coverage.*"):
            if not _whole(file):
                file.unlink()
    return result


def _whole(file: Path) -> bool:
    """Whether the file is a readable coverage database."""
    try:
        with closing(sqlite3.connect(file)) as database:
            database.execute("SELECT * FROM coverage_schema")
            return bool(database.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip is a failure: what did not run has shown nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if IN_CI and skipped and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says so at the end."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    if IN_CI and skipped:
        terminalreporter.section("skipped in CI", red=True)
        terminalreporter.write_line(f"{skipped} skipped, and in CI a skip is a failure.", red=True)
