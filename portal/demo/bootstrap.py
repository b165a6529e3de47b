"""Create the demo's keys before Django reads its settings. Called by manage.py; standard library only."""

import base64
import os
import secrets
import sys
from pathlib import Path

from provisioning.sandbox.production import get_configured_settings

CHECKOUT = Path(__file__).resolve().parents[2]
PASSPHRASE = "demo-passphrase-for-all"  # noqa: S105 - the demo's, printed at every start and refused in production


def ensure_environment() -> Path:
    """Write the demo's settings, readable by the owner only, unless they exist; return their path.

    Nothing is written where PORTAL_ENV names another kind of portal.
    """
    os.umask(0o077)
    data = Path(os.environ.get("PORTAL_DATA_DIR") or CHECKOUT / "var").resolve()
    os.environ["PORTAL_DATA_DIR"] = str(data)
    path = Path(os.environ.get("PORTAL_ENV_FILE") or data / "portal.env")
    if not os.environ.get("PORTAL_ENV") and not path.exists():
        # A host with settings but without PORTAL_ENV is a production host: a demo would migrate its database
        # and add users whose passphrase is published.
        configured = get_configured_settings()
        if configured:
            sys.exit(
                f"Not started: {', '.join(configured)} is set, so this is not a place for a demo. "
                "Set PORTAL_ENV=demo if it is one."
            )
    if os.environ.get("PORTAL_ENV", "demo") == "demo" and not path.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_owned(path, "".join(f"{name}={value}\n" for name, value in _settings().items()))
    return path


def _settings() -> dict[str, str]:
    """Fresh keys for this one demo. Their ids say demo, so that production refuses them."""
    return {
        "PORTAL_ENV": "demo",
        "SECRET_KEY": "demo-" + secrets.token_urlsafe(50),
        "PORTAL_ENCRYPTION_KEYS": "demo-1:" + _key(),
        "PORTAL_AUDIT_KEYS": "demo-1:" + _key(),
        "PORTAL_DEMO_PASSPHRASE": _quoted(os.environ.get("PORTAL_DEMO_PASSPHRASE") or PASSPHRASE),
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _quoted(value: str) -> str:
    """Return a value in single quotes for the settings file."""
    return value if value.replace("-", "").isalnum() else "'" + value.replace("'", r"\'") + "'"


def _write_owned(path: Path, text: str) -> None:
    """Writes in one step and never readable by others, so that an interrupted start leaves no half file."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.rename(path)
