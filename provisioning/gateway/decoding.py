"""Reads the body of an answer up to a cap on its decoded size; cut-off bodies and gzip bombs are refused."""

import zlib
from collections.abc import Iterator
from typing import Protocol

from provisioning.gateway.responses import TooLargeError, UnreadableError

_CHUNK = 64 * 1024
_MIB = 1024 * 1024


class Raw(Protocol):
    """As much of urllib3's response as is needed; it raises for a body shorter than its Content-Length."""

    def read(self, amt: int, decode_content: bool) -> bytes:
        """Up to `amt` bytes as they came, b"" at the end."""
        ...  # pragma: no cover


def decode_body(raw: Raw, *, coding: str, cap: int) -> bytes:
    """The body, `cap` bytes at most. Raises TooLargeError, or UnreadableError if it is oddly coded."""
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return _joined(_chunks(raw), cap)
    if coding not in {"gzip", "x-gzip"}:
        raise UnreadableError("the answer is coded in a way that was not asked for")
    return _joined(_inflated(_chunks(raw), cap), cap)


def _chunks(raw: Raw) -> Iterator[bytes]:
    while chunk := raw.read(_CHUNK, decode_content=False):
        yield chunk


def _inflated(chunks: Iterator[bytes], cap: int) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        try:
            yield decoder.decompress(chunk, cap + 1)
        except zlib.error:
            raise UnreadableError("the answer's gzip coding is broken") from None
        if decoder.unconsumed_tail:
            raise _too_large(cap)
    if not decoder.eof or decoder.unused_data:
        raise UnreadableError("the answer's gzip coding is cut off")


def _joined(chunks: Iterator[bytes], cap: int) -> bytes:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > cap:
            raise _too_large(cap)
        parts.append(chunk)
    return b"".join(parts)


def _too_large(cap: int) -> TooLargeError:
    return TooLargeError(f"more than {cap // _MIB} MiB")
