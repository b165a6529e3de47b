"""What a receiver is and what it is given. Its kinds are local, syslog, webhook and mail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from provisioning.gateway.transport import NeverSentError, deadline

DEADLINE = 15.0


class Undelivered(Exception):  # noqa: N818 - reads as what happened
    """The receiver did not take it. The text is for people and holds no secret."""


@dataclass(frozen=True)
class Line:
    """One thing to tell. `kind` is an action of the trail or "audit.anchor"; `values` become JSON."""

    sequence: int
    time: datetime
    kind: str
    outcome: str
    values: dict[str, Any]

    @property
    def text(self) -> str:
        """Return JSON on one line, in ASCII: no receiver can split it or misread its encoding."""
        return json.dumps(self.values)


class Receiver(Protocol):
    """Takes lines, all of them or none as far as it knows."""

    @property
    def name(self) -> str:
        """Return the address without possible secrets. The progress is stored under this name."""

    def deliver(self, lines: Sequence[Line]) -> None:
        """Return when the lines were accepted. Raises Undelivered or OSError to get them again."""


def deliver_lines(receiver: Receiver, lines: Sequence[Line]) -> None:
    """Deliver the lines within one deadline. Raises Undelivered for any failure."""
    try:
        with deadline(DEADLINE):
            receiver.deliver(lines)
    except Undelivered:
        raise
    except NeverSentError as error:
        raise Undelivered(str(error).replace("gateway", "receiver")) from None
    except TimeoutError:
        raise Undelivered(f"The receiver did not accept the lines within {DEADLINE:.0f} seconds.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Undelivered(f"The receiver cannot be reached: {reason}.") from None
