"""Read settings from the environment, or from one file that only its owner may read.

Nothing is guessed: a value that is not understood stops the start with a sentence that names the setting and
never shows its value.
"""

import builtins
import ipaddress
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(os.environ.get("PORTAL_DATA_DIR") or BASE_DIR / "var").resolve()

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}
_LINE = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_LOOKS_LIKE_NAME = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_QUOTED = {
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'"),
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"'),
}
_DATABASES = ("sqlite", "postgres", "postgresql", "psql", "pgsql")


class Environment:
    """Read typed settings from a mapping of texts, strictly. Every method raises ImproperlyConfigured.

    An empty text counts as not set, except for lists, where it is the empty list. `old` is the former name of
    a renamed setting: it still works, and `renamed` remembers it so that the start can warn.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.known: set[str] = set()
        self.renamed: dict[str, str] = {}

    def __call__(self, name: str, *, default: str = "", old: str = "") -> str:
        """Return a text without blanks around it."""
        return self._read(name, old) or default

    def secret(self, name: str, *, default: str = "", old: str = "") -> str:
        """Return a text, which may also be in the file that `<name>_FILE` names (a mounted secret)."""
        path = self._read(f"{name}_FILE", f"{old}_FILE" if old else "")
        if not path:
            return self._read(name, old) or default
        if self._read(name, old):
            raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
        try:
            value = Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read ({type(error).__name__}).") from None
        return self._check(f"{name}_FILE", value) or default

    def file(self, name: str, *, old: str = "") -> str:
        """Return the path of a file that can be read, "" for none."""
        path = self._read(name, old)
        if path and not (Path(path).is_file() and os.access(path, os.R_OK)):
            raise ImproperlyConfigured(f"{name} must name a file that the portal can read.")
        return path

    def required(self, name: str) -> str:
        """Return a secret without which the portal does not start."""
        value = self.secret(name)
        if not value:
            raise ImproperlyConfigured(
                f"{name} is not set. `make run` starts a demo; docs/settings.md lists what production needs."
            )
        return value

    def bool(self, name: str, *, default: builtins.bool, old: str = "") -> builtins.bool:
        """Return true or false; yes, no, on, off, 1 and 0 are understood as well."""
        text = self._read(name, old).lower()
        if text and text not in _TRUE | _FALSE:
            raise ImproperlyConfigured(f"{name} must be true or false.")
        return text in _TRUE if text else default

    def int(
        self,
        name: str,
        *,
        default: builtins.int,
        lowest: builtins.int = 0,
        highest: builtins.int | None = None,
        old: str = "",
    ) -> builtins.int:
        """Return a whole number from `lowest` to `highest`."""
        text = self._read(name, old)
        if text and not re.fullmatch(r"-?[0-9]{1,15}", text):
            raise ImproperlyConfigured(f"{name} must be a whole number.")
        number = builtins.int(text) if text else default
        if number < lowest or (highest is not None and number > highest):
            bounds = f"at least {lowest}" if highest is None else f"from {lowest} to {highest}"
            raise ImproperlyConfigured(f"{name} must be {bounds}.")
        return number

    def float(self, name: str, *, default: builtins.float, old: str = "") -> builtins.float:
        """Return a number, with a point for decimals."""
        text = self._read(name, old)
        if text and not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", text):
            raise ImproperlyConfigured(f"{name} must be a number such as 15 or 7.5.")
        return builtins.float(text) if text else default

    def choice(self, name: str, *choices: str, default: str) -> str:
        """Return one of `choices`, which may be written in capitals or not."""
        text = self._read(name, "") or default
        found = {choice.lower(): choice for choice in choices}.get(text.lower())
        if found is None:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
        return found

    def list(
        self, name: str, *, default: Sequence[str] = (), old: str = "", spaces: builtins.bool = False
    ) -> builtins.list[str]:
        """Return a comma-separated list, without the blanks around its items; `spaces` may be inside them."""
        raw = self._look_up(name, old)
        if raw is None:
            return builtins.list(default)
        found = [item.strip() for item in self._read(name, old).split(",")]
        if not spaces and any(re.search(r"\s", item) for item in found):
            raise ImproperlyConfigured(f"{name} must be a list separated by commas.")
        return [item for item in found if item]

    def networks(
        self, name: str, *, default: Sequence[str] = ()
    ) -> builtins.list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Return networks, comma-separated: `10.0.0.0/8`, or a single address."""
        try:
            return [ipaddress.ip_network(item) for item in self.list(name, default=default)]
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must be networks such as 10.0.0.0/8, separated by commas, without host bits."
            ) from None

    def db(self, name: str, *, default: str = "") -> dict[str, Any]:
        """Return Django's settings of a database URL; {} for none."""
        url = self.secret(name, default=default)
        if url and url.partition(":")[0] not in _DATABASES:
            raise ImproperlyConfigured(f"{name} must begin with postgres:// or sqlite:///.")
        return self._parse_url(name, url, environ.Env.db_url_config) if url else {}

    def email(self, name: str) -> dict[str, Any]:
        """Return Django's settings of a mail server's URL; {} for none."""
        url = self.secret(name)
        if url and url.partition(":")[0] not in environ.Env.EMAIL_SCHEMES:
            raise ImproperlyConfigured(f"{name} must begin with smtp+tls:// or smtp+ssl://.")
        return self._parse_url(name, url, environ.Env.email_url_config) if url else {}

    def _parse_url(self, name: str, url: str, parse: Any) -> dict[str, Any]:
        """Parse a URL whose user name and password may hold special characters only percent-encoded."""
        problem = ImproperlyConfigured(
            f"{name} cannot be read. Percent-encode special characters of user name and password, "
            "for example / as %2F and ? as %3F."
        )
        sign_in = url.partition("://")[2].rpartition("@")[0]
        if re.search(r"[/?]", sign_in):
            raise problem
        try:
            found: dict[str, Any] = parse(url)
        except Exception:  # whatever it is, its text would hold a part of the URL
            raise problem from None
        return found

    def _read(self, name: str, old: str) -> str:
        raw = self._look_up(name, old)
        return "" if raw is None else self._check(name, raw)

    def _look_up(self, name: str, old: str) -> str | None:
        self.known.update({name, old} - {""})
        if old and old in self._values:
            if name in self._values and self._values[name] != self._values[old]:
                raise ImproperlyConfigured(f"{old} is now called {name}. Set only {name}.")
            self.renamed[old] = name
            return self._values[old]
        return self._values.get(name)

    @staticmethod
    def _check(name: str, value: str) -> str:
        if value != value.strip() or any(not character.isprintable() for character in value):
            raise ImproperlyConfigured(f"{name} has blanks or invisible characters around or in its value.")
        return value


def read_file(path: Path) -> dict[str, str]:
    """Read a settings file: `NAME=value` lines, comments on lines of their own, quotes for blanks.

    Raises ImproperlyConfigured that names the line or the setting, never a value.
    """
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ImproperlyConfigured(f"{path} holds keys and must be readable by its owner only (chmod 600).")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{path} is not UTF-8 text.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.rstrip(" \t"))
        if match is None:
            named = _LOOKS_LIKE_NAME.match(line.strip())
            what = f"setting {named[1]}" if named else "this line"
            raise ImproperlyConfigured(
                f"{path}: line {number} ({what}) must read NAME=value, without blanks around =."
            )
        name, value = match[1], match[2]
        if value[:1] in _QUOTED:
            quoted = _QUOTED[value[0]].fullmatch(value)
            if quoted is None:
                raise ImproperlyConfigured(
                    f"{path}: line {number} ({name}) has a quote that is not closed, or text after it."
                )
            value = re.sub(r"\\(.)", r"\1", quoted[1])
        elif re.search(r"\s", value):
            raise ImproperlyConfigured(
                f"{path}: line {number} ({name}) has blanks in its value. Put the value in quotes; "
                "comments belong on lines of their own."
            )
        if name in found:
            raise ImproperlyConfigured(f"{path}: line {number} sets {name} a second time.")
        found[name] = value
    return found


def read_env_file() -> dict[str, str]:
    """Read the file that PORTAL_ENV_FILE names, or portal.env in the data folder if there is one.

    `/dev/null` stands for no file. Raises ImproperlyConfigured if the named file is missing
    or is not a file.
    """
    named = os.environ.get("PORTAL_ENV_FILE")
    path = Path(named or DATA_DIR / "portal.env")
    if path.is_file():
        return read_file(path)
    if named and named != os.devnull:
        wrong = "is not a file" if path.exists() else "names a file that does not exist"
        raise ImproperlyConfigured(f"PORTAL_ENV_FILE {wrong}.")
    return {}


FILE_SETTINGS = read_env_file()
for _name, _value in FILE_SETTINGS.items():
    os.environ.setdefault(_name, _value)  # the environment wins; child processes get the same settings
env = Environment(os.environ)
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

PORTAL_ENV = env("PORTAL_ENV", default="production")
if PORTAL_ENV not in {"production", "demo", "test"}:
    raise ImproperlyConfigured("PORTAL_ENV must be production, demo or test.")
PRODUCTION = PORTAL_ENV == "production"
DEBUG = env.bool("DEBUG", default=False)
