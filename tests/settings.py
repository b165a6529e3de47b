"""Settings of the test run: the portal's own, with keys made for this process alone."""

import base64
import os
import secrets
import tempfile

os.environ["PORTAL_ENV"] = "test"
os.environ["PORTAL_ENV_FILE"] = os.devnull
if "PORTAL_DATA_DIR" not in os.environ:
    os.environ["PORTAL_DATA_DIR"] = tempfile.mkdtemp(prefix="portal-test-")
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
for name in ("PORTAL_ENCRYPTION_KEYS", "PORTAL_AUDIT_KEYS"):
    os.environ.setdefault(name, "test-1:" + base64.b64encode(secrets.token_bytes(32)).decode())

from portal.settings import *  # noqa: E402, F403

PERSON_REQUESTS_PER_MINUTE = 0  # tests ask as fast as they can; test_request_limit sets one
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # people are made by the hundred here
# Nothing is collected here; without a folder WhiteNoise would warn in every test that asks for a page.
STATIC_ROOT = DATA_DIR / "static"  # noqa: F405
STATIC_ROOT.mkdir(exist_ok=True)
# Tests take back what they wrote, and anchors would remember it.
AUDIT_ANCHOR_EVENTS = AUDIT_ANCHOR_MINUTES = 0
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file: threads cannot write at once to a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test-portal.sqlite3")}  # noqa: F405
