#!/usr/bin/env python
"""Runs the project's commands. Those named sandbox_… belong to the embedded gateway and use its settings."""

import os
import sys

# Not 1, by which verify_audit says that the trail was touched.
NOT_STARTED = 3


def main() -> None:
    """Picks the settings by the command's name and hands over to Django."""
    sandbox = len(sys.argv) > 1 and sys.argv[1].startswith("sandbox_")
    if sandbox:
        # No default: the gateway keeps its own settings where the portal's are exported.
        os.environ["DJANGO_SETTINGS_MODULE"] = "provisioning.sandbox.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if sys.argv[1:2] == ["demo"]:
        from portal.demo.bootstrap import environment_ensure

        environment_ensure()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"Not started: {problem}\n")
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main()
