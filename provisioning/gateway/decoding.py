"""Reads the body of an answer up to a cap on its decoded size; cut-off bodies and gzip bombs are refused."""

import zlib
from typing import Protocol

from provisioning.gateway.responses import TooLargeError, UnreadableError

_CHUNK = 64 * 1024
_MIB = 1024 * 1024


class Raw(Protocol):
    """As much of urllib3's response as is needed; it raises for a body shorter than its Content-Length."""

    def read(self, amt: int, decode_content: bool) -> bytes:
        """Return up to `amt` bytes as they came, b"" at the end."""
        ...  # pragma: no cover


def decode_body(raw: Raw, *, coding: str, cap: int) -> bytes:
    """Return the body, `cap` bytes at most. Raises TooLargeError, or UnreadableError for an odd coding."""
    coding = coding.strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise UnreadableError("the answer is coded in a way that was not asked for")
    decoder = zlib.decompressobj(wbits=31) if coding in {"gzip", "x-gzip"} else None
    parts, size = [], 0
    while part := raw.read(_CHUNK, decode_content=False):
        if decoder:
            try:
                part = decoder.decompress(part, cap + 1)
            except zlib.error:
                raise UnreadableError("the answer's gzip coding is broken") from None
            if decoder.unused_data:
                raise UnreadableError("the answer's gzip coding ends before the answer does")
        size += len(part)
        if size > cap or (decoder and decoder.unconsumed_tail):
            raise TooLargeError(f"more than {cap // _MIB} MiB")
        parts.append(part)
    if decoder and not decoder.eof:
        raise UnreadableError("the answer's gzip coding is cut off")
    return b"".join(parts)
