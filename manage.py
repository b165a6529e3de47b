#!/usr/bin/env python
"""Runs the project's commands. Those named sandbox_… belong to the embedded gateway and use its settings."""

import io
import logging
import os
import sys

from portal import process

# Not 1, by which verify_audit says that the trail was touched. Also of a command that fails unexpectedly.
NOT_STARTED = 3


def main() -> None:
    """Pick the settings by the command's name and hand over to Django."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 must not end a command
    if sys.argv[1:2] != ["collectstatic"]:
        os.umask(0o077)  # databases, backups and exports are for the portal's own user only
    process.set_role(sys.argv[1] if len(sys.argv) > 1 else "command")
    sandbox = len(sys.argv) > 1 and sys.argv[1].startswith("sandbox_")
    if sandbox:
        # No default: the gateway keeps its own settings where the portal's are exported.
        os.environ["DJANGO_SETTINGS_MODULE"] = "provisioning.sandbox.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if sys.argv[1:2] == ["demo"]:
        from portal.demo.bootstrap import ensure_environment

        ensure_environment()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"Not started: {problem}\n")
        sys.exit(NOT_STARTED)
    except Exception:
        if sandbox or "--traceback" in sys.argv:
            raise
        # As a line of the log: kinds and places, for an error's text may repeat what it was about.
        logging.getLogger("portal.commands").exception("%s failed", process.role)
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main()
