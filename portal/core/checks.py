"""Warn about settings that are not what their author meant: renamed ones, and names nothing reads."""

import difflib
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from portal.settings.environment import FILE_SETTINGS, env

# Read by gunicorn, or by the libraries below the portal.
_ELSEWHERE = {"PORT", "SANDBOX_PORT", "TZ", "PORTAL_DATA_DIR", "PORTAL_ENV_FILE"}
_ELSEWHERE_PREFIXES = ("PG", "WEB_", "PORTAL_BIND", "PYTHON", "SSL_", "LC_", "LANG", "POSTGRES_")


def settings_warnings() -> list[str]:
    """Return a sentence for each renamed setting in use and each unknown name in the settings file."""
    warnings = [f"The setting {old} is now called {new}." for old, new in sorted(env.renamed.items())]
    for name in sorted(set(FILE_SETTINGS) - env.known - _ELSEWHERE):
        if name.startswith(_ELSEWHERE_PREFIXES):
            continue
        close = difflib.get_close_matches(name, env.known, n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        warnings.append(f"The settings file sets {name}, which no part of the portal reads.{meant}")
    return warnings


@register()
def settings_are_known(**_: Any) -> list[CheckMessage]:
    """Warn at every command."""
    return [Warning(text, id="portal.W001") for text in settings_warnings()]
