"""Where a secret could have gone, and the spellings in which it could be lying there."""

import base64
import html
import json
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_plus

from django.contrib.sessions.models import Session
from django.db import connection


def spellings(secret: str) -> set[bytes]:
    """Raw, as Python, JSON, HTML and URLs write it, and the part of its base64 that any neighbours leave."""
    raw = secret.encode()
    texts = {
        secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret), html.escape(secret, quote=False), quote(secret), quote(secret, safe=""),
        quote_plus(secret), quote(quote(secret, safe=""), safe=""),
    }  # fmt: skip
    encoded = set()
    for shift in range(3):
        kept = len(raw) - (len(raw) + shift) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded.add(encode(b"x" * shift + raw[:kept])[4 if shift else 0 :])
    return {text.encode() for text in texts} | encoded | {raw.hex().encode()}


def found_in(text: bytes, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets that a text holds in any spelling."""
    return [name for name, secret in secrets.items() if any(spelt in text for spelt in spellings(secret))]


def database_bytes() -> bytes:
    """Everything the database keeps on disk: SQLite's file and its log as they are, PostgreSQL as dumped."""
    if connection.vendor == "sqlite":
        file = str(connection.settings_dict["NAME"])
        parts = [Path(file + ending) for ending in ("", "-wal", "-journal")]
        return b"".join(part.read_bytes() for part in parts if part.exists())
    ours = connection.get_connection_params()
    options = {"-h": ours.get("host"), "-p": ours.get("port"), "-U": ours.get("user")}
    words = [word for name, value in options.items() if value for word in (name, str(value))]
    return subprocess.run(["pg_dump", *words, ours["dbname"]], capture_output=True, check=True).stdout


def packed_bytes() -> bytes:
    """What the database keeps compressed or encoded: sessions, opened."""
    return b"\n".join(json.dumps(row.get_decoded()).encode() for row in Session.objects.all())
