"""A few bytes that all processes of one gunicorn share: portal.serving imports this before it forks."""

import mmap

_DRAINING = 0
_VERDICT = slice(1, 17)
_memory = mmap.mmap(-1, mmap.PAGESIZE)


def set_draining(draining: bool = True) -> None:
    """Tell every process of this server that it shuts down: ready answers 503 from now on."""
    _memory[_DRAINING] = int(draining)


def is_draining() -> bool:
    """Return whether this server shuts down."""
    return bool(_memory[_DRAINING])


def replace_verdict(digest: bytes) -> bool:
    """Remember the 16 bytes of the latest verdict of ready; return whether they changed."""
    if _memory[_VERDICT] == digest:
        return False
    _memory[_VERDICT] = digest
    return True
