"""The version of this program, as pages, logs and health state it."""

import os

# The image is built with the revision it was made of (Dockerfile, ARG VERSION).
VERSION = os.environ.get("PORTAL_VERSION") or "0.1.0"
