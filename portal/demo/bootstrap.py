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
    """Write the demo's settings with fresh keys, readable by the owner only, unless they exist.

    Nothing is written where PORTAL_ENV names another kind of portal. Return the path of the settings.
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
    if os.environ.get("PORTAL_ENV", "demo") != "demo" or path.exists():
        return path
    # The IDs of the keys say demo, so that production refuses them.
    encryption, audit = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    passphrase = os.environ.get("PORTAL_DEMO_PASSPHRASE") or PASSPHRASE
    if not passphrase.replace("-", "").isalnum():
        passphrase = "'" + passphrase.replace("'", r"\'") + "'"
    values = {
        "PORTAL_ENV": "demo",
        "SECRET_KEY": "demo-" + secrets.token_urlsafe(50),
        "PORTAL_ENCRYPTION_KEYS": f"demo-1:{encryption}",
        "PORTAL_AUDIT_KEYS": f"demo-1:{audit}",
        "PORTAL_DEMO_PASSPHRASE": passphrase,
    }
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In one step and never readable by others, so that an interrupted start leaves no half file.
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(f"{name}={value}\n" for name, value in values.items()))
    draft.rename(path)
    return path
