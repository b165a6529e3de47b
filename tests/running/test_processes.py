"""The demo's processes by themselves: which of them may end, and how often one is started again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.demo import processes
from portal.demo.processes import DemoError, ProcessGroup


@pytest.fixture
def signals_kept() -> Iterator[None]:
    """A process group takes over the process's signals; restore them for the test run."""
    taken = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in taken.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_kept")
def test_a_child_that_keeps_ending_is_started_again_after_longer_and_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its fourth start is followed by the end of the one that all need, and so of everything."""
    monkeypatch.setattr(processes, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(processes, "LONGEST_PAUSE", 0.2)
    log = tmp_path / "log"
    until = f"import pathlib, time\nwhile len(pathlib.Path({str(log)!r}).read_text()) < 4: time.sleep(0.05)"
    log.touch()
    with ProcessGroup() as home:
        home.start("The one that all need", "-c", until, environment=os.environ)
        writing = f"open({str(log)!r}, 'a').write('x')"
        home.start("The other", "-c", writing, environment=os.environ, again=True)
        with pytest.raises(DemoError, match=r"all need ended by itself .*; the rest ends too"):
            home.watch()
        child = home.children["The other"]
        assert child.pause == processes.LONGEST_PAUSE and len(log.read_text()) >= 4
    assert "The other ended by itself (exit code 0); it starts again in" in capsys.readouterr().err
