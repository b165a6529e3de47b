"""Where settings come from: the environment, or one file that only its owner may read."""

import ipaddress
import os
import stat
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR") or BASE_DIR / "var").resolve()

env = environ.Env()
_env_file = Path(os.environ.get("PORTAL_ENV_FILE") or DATA_DIR / "portal.env")
if _env_file.is_file():
    if stat.S_IMODE(_env_file.stat().st_mode) & 0o077:
        raise ImproperlyConfigured(
            f"{_env_file} holds keys and must be readable by its owner alone (chmod 600)."
        )
    env.read_env(_env_file)

PORTAL_ENV = env("PORTAL_ENV", default="production")
if PORTAL_ENV not in {"production", "demo", "test"}:
    raise ImproperlyConfigured("PORTAL_ENV must be production, demo or test.")
PRODUCTION = PORTAL_ENV == "production"
DEBUG = env.bool("DEBUG", default=False)


def required(name: str) -> str:
    """A setting without which the portal does not start."""
    value: str = env(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make run` makes a demo; README.md lists what production needs."
        )
    return value


def networks(name: str, *, default: list[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Networks of a setting, comma-separated: `10.0.0.0/8`, or a single address."""
    try:
        return [ipaddress.ip_network(text) for text in env.list(name, default=default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None
