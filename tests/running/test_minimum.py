"""A production portal below the minimum, and a demo on a production portal's keys, do not start."""

import os
import stat
import subprocess
import sys
from base64 import b64encode

import pytest

from provisioning.sandbox.production import PORTAL_SETTINGS
from tests.checks.tree import CHECKOUT
from tests.running.production import key, production_environment
from tests.running.test_production import manage

SAME = key()
PRIVATE = "GATEWAY_PRIVATE_NETWORKS"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"SECRET_KEY": "x"}, "SECRET_KEY"),
        ({"SECRET_KEY": "ab" * 40}, "SECRET_KEY"),
        ({"SECRET_KEY": "0123456789" * 6}, "SECRET_KEY"),
        ({"PORTAL_AUDIT_KEYS": "a:" + b64encode(b"0123456789abcdef" * 2).decode()}, "PORTAL_AUDIT_KEYS"),
        ({"PORTAL_ENCRYPTION_KEYS": f"a:{SAME}", "PORTAL_AUDIT_KEYS": f"b:{SAME}"}, "must be different"),
        (
            {"PORTAL_ENCRYPTION_KEYS": f"a:{key()},b:{SAME}", "PORTAL_AUDIT_KEYS": f"c:{SAME}"},
            "must be different",
        ),
        ({"PORTAL_AUDIT_KEYS": "a:" + "A" * 43 + "="}, "PORTAL_AUDIT_KEYS"),
        ({"PORTAL_AUDIT_KEYS": "a1:AAAA"}, "PORTAL_AUDIT_KEYS"),
        ({"PORTAL_ENCRYPTION_KEYS": "a1:" + SAME[:20]}, "PORTAL_ENCRYPTION_KEYS"),
        ({"PERSON_REQUESTS_PER_MINUTE": "0"}, "PERSON_REQUESTS_PER_MINUTE"),
        ({"PERSON_REQUESTS_PER_MINUTE": "99999999"}, "PERSON_REQUESTS_PER_MINUTE"),
        ({"MFA_ROLES": ""}, "MFA_ROLES"),
        ({"MFA_ROLES": "Support agent"}, "MFA_ROLES"),
        ({"LOGIN_ATTEMPTS": "1000000"}, "LOGIN_ATTEMPTS"),
        ({"LOGIN_ATTEMPTS": "0"}, "LOGIN_ATTEMPTS"),
        ({"LOGIN_ADDRESS_ATTEMPTS": "1000000"}, "LOGIN_ADDRESS_ATTEMPTS"),
        ({"LOGIN_LOCK_SECONDS": "1"}, "LOGIN_LOCK_SECONDS"),
        ({"SESSION_IDLE_SECONDS": "99999999"}, "SESSION_IDLE_SECONDS"),
        ({"SESSION_MAX_AGE": "99999999"}, "SESSION_MAX_AGE"),
        ({"STEP_UP_MAX_AGE": "99999999"}, "STEP_UP_MAX_AGE"),
        ({"ONE_TIME_LINK_HOURS": "100000"}, "ONE_TIME_LINK_HOURS"),
        ({"MFA_RESET_HOURS": "100000"}, "MFA_RESET_HOURS"),
        ({"CREDENTIAL_ROLLBACK_HOURS": "0"}, "CREDENTIAL_ROLLBACK_HOURS"),
        ({"ALLOWED_HOSTS": ".com"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ".example.com,127.0.0.1"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "https://portal.example.com"}, "ALLOWED_HOSTS"),
        ({"CSRF_TRUSTED_ORIGINS": "http://portal.example.com"}, "CSRF_TRUSTED_ORIGINS"),
        ({"CSRF_TRUSTED_ORIGINS": "https://*.example.com"}, "CSRF_TRUSTED_ORIGINS"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, "TRUSTED_PROXIES"),
        ({"HEALTH_NETWORKS": "0.0.0.0/0"}, "HEALTH_NETWORKS"),
        ({PRIVATE: "0.0.0.0/0"}, PRIVATE),
        ({PRIVATE: "10.0.0.0/8,8.8.8.0/24"}, PRIVATE),
        ({PRIVATE: "169.254.0.0/16"}, PRIVATE),
        ({"EMAIL_URL": "smtp://ann:secret-7@mail.example.com:25"}, "EMAIL_URL"),
        ({"EMAIL_URL": "consolemail://"}, "EMAIL_URL"),
        ({"AUDIT_FORWARD_TO": "syslog+udp://siem.example.com"}, "AUDIT_FORWARD_TO"),
        ({"AUDIT_FORWARD_TO": "stdout,http://siem.example.com/x"}, "AUDIT_FORWARD_TO"),
        ({"AUDIT_ANCHOR_FORWARD_TO": "syslog+tcp://siem.example.com"}, "AUDIT_ANCHOR_FORWARD_TO"),
        ({"AUDIT_ANCHOR_EVENTS": "0", "AUDIT_ANCHOR_MINUTES": "0"}, "AUDIT_ANCHOR_EVENTS"),
        ({"AUDIT_ANCHOR_EVENTS": "999999999", "AUDIT_ANCHOR_MINUTES": "99999999"}, "AUDIT_ANCHOR_EVENTS"),
        ({"LOG_LEVEL": "secret-7"}, "LOG_LEVEL must be one of"),
        ({"AUDIT_BUSINESS_ZONE": "Europe/secret-7"}, "AUDIT_BUSINESS_ZONE"),
        ({"GATEWAY_CA_FILE": "/nonexistent/secret-7.pem"}, "GATEWAY_CA_FILE"),
        ({"OIDC_CA_FILE": "/"}, "OIDC_CA_FILE"),
        ({"AUDIT_FORWARD_CA_FILE": "/nonexistent/secret-7.pem"}, "AUDIT_FORWARD_CA_FILE"),
        ({"SECURE_SSL_REDIRECT": "enabled"}, "SECURE_SSL_REDIRECT must be true or false"),
        ({"DATABASE_URL": "postgres://portal:secret-7/x@db/portal"}, "DATABASE_URL cannot be read"),
    ],
)
def test_production_refuses_a_setting_below_the_minimum(tmp_path, changed, named) -> None:
    done = manage(production_environment(tmp_path, **changed), "check")
    assert done.returncode == 3
    assert named in done.stderr
    assert done.stderr.startswith("Not started: ")
    assert (done.stderr.count("\n"), "secret-7" in done.stderr) == (1, False)


def test_the_minimum_itself_starts(tmp_path) -> None:
    allowed = {
        "LOGIN_ATTEMPTS": "10",
        "SESSION_IDLE_SECONDS": "1800",
        "MFA_ROLES": "Admin,Support agent",
        "TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12",
        PRIVATE: "10.1.0.0/16,fd00::/48",
        "EMAIL_URL": "smtp+tls://ann:pass@mail.example.com:587",
        "AUDIT_FORWARD_TO": "syslog+tls://siem.example.com,syslog+udp://127.0.0.1:514",
    }
    done = manage(production_environment(tmp_path, **allowed), "check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("other", ["PORTAL_ENCRYPTION_KEYS", "PORTAL_AUDIT_KEYS"])
def test_a_demo_does_not_start_on_a_production_portals_keys(tmp_path, other) -> None:
    keys = dict.fromkeys(("PORTAL_ENCRYPTION_KEYS", "PORTAL_AUDIT_KEYS"), "demo-1:" + key())
    environment = production_environment(tmp_path, PORTAL_ENV="demo", **keys | {other: "2026-11:" + key()})
    done = manage(environment, "check")
    assert (done.returncode, "demo's keys only" in done.stderr) == (3, True)


GATEWAY_COMMANDS = {
    "serve": ["manage.py", "sandbox_serve", "--port", "0"],
    "seed": ["manage.py", "sandbox_seed"],
    "key": ["manage.py", "sandbox_key", "list"],
    "django": ["-m", "django", "sandbox_serve", "--settings", "provisioning.sandbox.settings"],
    "gunicorn": ["-m", "gunicorn", "--bind", "127.0.0.1:0", "provisioning.sandbox.wsgi"],
    "import": ["-c", "import provisioning.sandbox.wsgi"],
}
# Each of these configures a production portal; `file` is the text of a settings file.
CONFIGURATIONS = {
    "PORTAL_ENV": {"PORTAL_ENV": "production"},
    "file": {"file": "PORTAL_ENV='production'\n"},
    "file without PORTAL_ENV": {"file": "DEBUG=false\n"},
    "file against the environment": {"file": "PORTAL_ENV=production\n", "PORTAL_ENV": "demo"},
    "keys of production": {"PORTAL_ENV": "demo", "PORTAL_ENCRYPTION_KEYS": f"main:{'A' * 44}"},
    "keys of production in a file": {"PORTAL_ENV": "demo", "file": f"PORTAL_AUDIT_KEYS=main:{'A' * 44}\n"},
    "mounted keys": {"PORTAL_ENV": "demo", "PORTAL_AUDIT_KEYS_FILE": "/run/secrets/keys"},
    "mounted keys in a file": {"PORTAL_ENV": "demo", "file": "PORTAL_AUDIT_KEYS_FILE=/run/secrets/keys\n"},
    "missing file": {"PORTAL_ENV_FILE": "/nonexistent/portal.env"},
    **{name: {name: "x" * 60} for name in PORTAL_SETTINGS},
    **{f"{name}_FILE": {f"{name}_FILE": "/run/secrets/value"} for name in ("SECRET_KEY", "REDIS_URL")},
}


def run_beside(configuration, data, command, **more) -> subprocess.CompletedProcess[str]:
    """Run Python with a configuration and more environment variables, on the data folder `data`."""
    chosen = CONFIGURATIONS[configuration]
    environment = {"PATH": os.environ["PATH"], "PORTAL_DATA_DIR": str(data), **chosen, **more}
    if text := environment.pop("file", ""):
        (data / "portal.env").write_text(f"\ufeffALLOWED_HOSTS=a\n{text}")
        (data / "portal.env").chmod(0o600)
    return subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_the_embedded_gateway_does_not_start_beside_a_production_portal(tmp_path, configuration) -> None:
    done = run_beside(configuration, tmp_path, GATEWAY_COMMANDS["seed"])
    assert done.returncode != 0
    assert "does not run where PORTAL_ENV is production" in done.stderr
    assert not (tmp_path / "sandbox.sqlite3").exists()


@pytest.mark.parametrize("configuration", ["file", "REDIS_URL"])
@pytest.mark.parametrize("command", GATEWAY_COMMANDS)
def test_no_command_starts_the_embedded_gateway(tmp_path, configuration, command) -> None:
    exported = {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = run_beside(configuration, tmp_path, GATEWAY_COMMANDS[command], **exported)
    assert done.returncode != 0
    assert "does not run where PORTAL_ENV is production" in done.stderr
    assert not (tmp_path / "sandbox.sqlite3").exists()


# `manage.py demo` creates the settings file that PORTAL_ENV_FILE names.
@pytest.mark.parametrize("configuration", sorted(CONFIGURATIONS.keys() - {"missing file"}))
def test_a_demo_does_not_take_over_a_configured_portal(tmp_path, configuration) -> None:
    done = run_beside(configuration, tmp_path, ["manage.py", "demo"])
    assert done.returncode != 0
    if configuration in PORTAL_SETTINGS:
        assert f"{configuration} is set, so this is not a place for a demo" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"portal.env"}


@pytest.mark.parametrize("configuration", ["file", "REDIS_URL", "SECRET_KEY"])
def test_a_demo_called_through_django_does_not_start(tmp_path, configuration) -> None:
    exported = {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    assert run_beside(configuration, tmp_path, ["-m", "django", "demo"], **exported).returncode != 0
    assert {path.name for path in tmp_path.iterdir()} <= {"portal.env"}


def test_a_database_file_is_for_its_owner_only(tmp_path) -> None:
    environment = production_environment(tmp_path)
    previous = os.umask(0o022)
    try:
        assert manage(environment, "migrate", "--noinput").returncode == 0
    finally:
        os.umask(previous)
    database = tmp_path / "portal.sqlite3"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    database.chmod(0o644)  # as an earlier version left it
    assert manage(environment, "shell", "-c", "pass").returncode == 0
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_command_survives_a_terminal_that_is_not_utf_8(tmp_path) -> None:
    environment = production_environment(tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    done = manage(environment, "shell", "-v0", "-c", "print('“…”')")
    assert (done.returncode, done.stdout.strip()) == (0, "???")


def test_renamed_and_unknown_settings_are_warned_of(tmp_path) -> None:
    file = tmp_path / "portal.env"
    file.write_text("ALLOWED_HOST=portal.example.com\nWEB_WORKERS=2\n")
    file.chmod(0o600)
    done = manage(production_environment(tmp_path), "check")
    assert "sets ALLOWED_HOST, which no part of the portal reads. Did you mean ALLOWED_HOSTS?" in done.stderr
    assert "WEB_WORKERS" not in done.stderr


def test_a_mounted_secret_is_read_under_its_former_name(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40 + "\n")
    settings = production_environment(tmp_path, AUDIT_STREAM_SECRET_FILE=str(secret))
    shown = manage(
        settings, "shell", "-v0", "-c", "from django.conf import settings as s; print(s.AUDIT_FORWARD_SECRET)"
    )
    assert shown.stdout.strip() == "s" * 40
    warned = manage(settings, "check").stderr
    assert "AUDIT_STREAM_SECRET_FILE" in warned and "AUDIT_FORWARD_SECRET_FILE" in warned
