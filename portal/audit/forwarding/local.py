"""Receivers on this machine: a file, and standard output for containers."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.audit.forwarding.receivers import Line, Undelivered


@dataclass(frozen=True)
class StandardOutput:
    """What containers collect."""

    name: str = "stdout"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Write the lines."""
        sys.stdout.write("".join(f"{line.text}\n" for line in lines))
        sys.stdout.flush()


@dataclass(frozen=True)
class AppendedFile:
    """A file that is opened for each batch, so that it can be rotated at any time."""

    path: Path

    @property
    def name(self) -> str:
        """file:/path"""
        return f"file:{self.path}"

    def deliver(self, lines: Sequence[Line]) -> None:
        """Append the lines and flush them to disk. Lines cut short by a full disk are removed."""
        data = "".join(f"{line.text}\n" for line in lines).encode()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            before = os.fstat(file).st_size
            try:
                if os.write(file, data) != len(data):
                    raise Undelivered("The disk is full.")
                os.fsync(file)
            except (OSError, Undelivered):
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
