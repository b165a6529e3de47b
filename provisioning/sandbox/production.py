"""Detect a configured production portal, beside which neither the embedded gateway nor a demo may start.

Standard library only: the demo asks before Django reads any settings.
"""

import os
import re
from pathlib import Path

# Settings of the portal that a demo does not need. Each secret may also be in a file (SECRET_KEY_FILE).
PORTAL_SETTINGS = (
    "SECRET_KEY",
    "PORTAL_ENCRYPTION_KEYS",
    "PORTAL_AUDIT_KEYS",
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "TRUSTED_PROXIES",
    "REDIS_URL",
    "EMAIL_URL",
    "OIDC_SERVER_URL",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "AUDIT_FORWARD_SECRET",
    "AUDIT_STREAM_SECRET",
)
_KIND = re.compile(r"^(?:export[ \t]+)?PORTAL_ENV=[\"']?(\w+)", re.M)
_KEYS = re.compile(r"^(?:export[ \t]+)?PORTAL_(?:ENCRYPTION|AUDIT)_KEYS(?:_FILE)?=[\"']?([^\"'\n]*)", re.M)


def get_configured_settings() -> list[str]:
    """Return the names of the environment variables that configure a portal, `<name>_FILE` included."""
    names = [f"{name}{suffix}" for name in PORTAL_SETTINGS for suffix in ("", "_FILE")]
    return [name for name in names if os.environ.get(name)]


def is_production(data_dir: Path) -> bool:
    """Return whether the environment or the settings file configures a portal that is no demo or test.

    A file that names production counts even if the environment says demo, and so do keys that are not a
    demo's. Without PORTAL_ENV, every configured portal is a production portal, and so is one whose named
    settings file is missing.
    """
    named = os.environ.get("PORTAL_ENV", "")
    file = Path(os.environ.get("PORTAL_ENV_FILE") or data_dir / "portal.env")
    in_file = ""
    names = ("PORTAL_ENCRYPTION_KEYS", "PORTAL_AUDIT_KEYS")
    # A demo writes its keys into its settings file, never into files of their own.
    keys = [os.environ.get(name, "") or os.environ.get(f"{name}_FILE", "") for name in names]
    if file.is_file():
        text = file.read_text(errors="replace").lstrip("\ufeff")
        found = _KIND.search(text)
        in_file = found[1] if found else "" if named else "production"
        keys += _KEYS.findall(text)
    elif not named and os.environ.get("PORTAL_ENV_FILE", os.devnull) not in ("", os.devnull):
        return True
    others = [
        key for text in keys for key in text.split(",") if key.strip() and not key.strip().startswith("demo-")
    ]
    if others and named != "test":
        return True
    kinds = {named, in_file} - {""}
    return not kinds <= {"demo", "test"} if kinds else bool(get_configured_settings())
