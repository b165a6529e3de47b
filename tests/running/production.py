"""An environment that production accepts, with keys made for one test. Used by the checks as well."""

import base64
import os
import secrets
from pathlib import Path

KEEP = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


def production_environment(data: Path, **settings: str | None) -> dict[str, str]:
    """Environment variables of a production portal on `data`; a setting given as None is left out."""
    wanted: dict[str, str | None] = {
        **{name: os.environ.get(name) for name in KEEP},
        "PORTAL_ENV": "production",
        "PORTAL_DATA_DIR": str(data),
        "STATIC_ROOT": str(data / "static"),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PORTAL_ENCRYPTION_KEYS": "2026-11:" + key(),
        "PORTAL_AUDIT_KEYS": "2026-11:" + key(),
        "ALLOWED_HOSTS": "portal.example.com,127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": "https://portal.example.com",
        "WEB_DRAIN_SECONDS": "0",  # tests that end a server do not wait for proxies
        **settings,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def key() -> str:
    """Thirty-two random bytes, as the keyring wants them."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
