"""Production starts with proper settings and only with those; the container's commands work as written."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.checks.test_supply import dockerfile
from tests.checks.tree import CHECKOUT
from tests.running.demo import free_port
from tests.running.production import key, production_environment

DEMO_LEFTOVERS = {
    "person": "from portal.staff.models import User; User.objects.create_user('agent', is_demo=True)",
    "http": "from provisioning.credentials.models import Connection as C; "
    "C.objects.create(slug='sandbox', name='S', base_url='http://127.0.0.1:8001/api')",
}

SINGLE_SIGN_ON = {
    "OIDC_SERVER_URL": "https://id.example.com",
    "OIDC_CLIENT_ID": "portal",
    "OIDC_CLIENT_SECRET": "secret",
    "OIDC_ROLE_GROUPS": "admins=Admin",
}


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def production(tmp_path: Path) -> dict[str, str]:
    """A production portal with its tables, ready to start on a free port."""
    environment = production_environment(tmp_path, PORTAL_BIND=f"127.0.0.1:{free_port()}")
    for command in (["migrate", "--noinput"], ["createcachetable"]):
        done = manage(environment, *command)
        assert done.returncode == 0, done.stderr
    return environment


@pytest.fixture
def serving(production: dict[str, str]) -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    """The container's CMD on that portal."""
    with served(production) as process:
        yield production, process
        process.terminate()
        assert process.wait(timeout=120) == 0


def served(environment: dict[str, str]) -> subprocess.Popen:
    """The process that the container's CMD starts."""
    command = next(json.loads(line[4:]) for line in container_lines() if line.startswith("CMD "))
    assert command[0] == "gunicorn"
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
    )


def container_lines() -> list[str]:
    """Logical lines of the Dockerfile."""
    return (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set"),
        ({"PORTAL_ENCRYPTION_KEYS": None}, "PORTAL_ENCRYPTION_KEYS is not set"),
        ({"PORTAL_AUDIT_KEYS": None}, "PORTAL_AUDIT_KEYS is not set"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS is not set"),
        ({"ALLOWED_HOSTS": "portal.example.com,*"}, "ALLOWED_HOSTS is not set, or holds"),
        ({"GATEWAY_TIMEOUT": "40"}, "GATEWAY_TIMEOUT must be at most 15"),
        ({"CHANGE_INTERRUPTED_AFTER": "15"}, "CHANGE_INTERRUPTED_AFTER longer"),
        ({"DEBUG": "true"}, "DEBUG must be off"),
        ({"PORTAL_DEMO_PASSPHRASE": "anything"}, "Demo credentials are refused"),
        ({"PORTAL_ENCRYPTION_KEYS": "demo-1:" + key()}, "Demo credentials are refused"),
        ({"PORTAL_AUDIT_KEYS": "2026:" + key() + ",demo-1:" + key()}, "Demo credentials are refused"),
        ({"SECRET_KEY": "demo-" + "x" * 60}, "Demo credentials are refused"),
        ({"TRUSTED_PROXY_COUNT": "1"}, "TRUSTED_PROXIES must name it"),
        ({"BEHIND_TLS_PROXY": "true"}, "TRUSTED_PROXIES must name it"),
        ({"TRUSTED_PROXIES": "the proxy"}, "TRUSTED_PROXIES must be"),
        ({"OIDC_SERVER_URL": "https://id.example.com"}, "OIDC_SERVER_URL needs"),
        ({**SINGLE_SIGN_ON, "OIDC_SERVER_URL": "http://id.example.com"}, "must begin with https"),
        ({**SINGLE_SIGN_ON, "OIDC_ROLE_GROUPS": "admins"}, "must read group=Role"),
        ({"PORTAL_ENV": "staging"}, "must be production, demo or test"),
    ],
)
def test_production_refuses_to_start_without_secrets_or_with_a_demos(tmp_path, changed, message) -> None:
    done = manage(production_environment(tmp_path, **changed), "check")
    assert done.returncode != 0
    assert message in done.stderr


def test_an_unconfigured_portal_runs_in_production_mode(tmp_path) -> None:
    done = manage({"PATH": os.environ["PATH"], "PORTAL_DATA_DIR": str(tmp_path)}, "check")
    assert "SECRET_KEY is not set" in done.stderr


@pytest.mark.parametrize("left", DEMO_LEFTOVERS)
def test_production_refuses_to_start_on_a_demos_database(production, left) -> None:
    assert manage(production, "shell", "-c", DEMO_LEFTOVERS[left]).returncode == 0
    process = served(production)
    _, errors = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Demo credentials are refused in production" in errors
    checked = manage(production, "check", "--database", "default")
    assert checked.returncode != 0
    assert "portal.E001" in checked.stderr


def test_the_containers_commands_serve_a_healthy_portal(serving) -> None:
    environment, process = serving
    address = "http://" + environment["PORTAL_BIND"]
    ready(address, process)
    assert requests.get(address + "/healthz/live", timeout=30).status_code == 200
    redirected = requests.get(address + "/", timeout=30, allow_redirects=False)
    assert redirected.status_code == 301
    assert redirected.headers["Location"].startswith("https://")
    check = next(line for line in container_lines() if "urllib" in line)
    code = json.loads(check.split(" CMD ", 1)[1])[2].replace("http://127.0.0.1:8000", address)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SCHEME_HEADERS = {
    "X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl", "X_FORWARDED_PROTO": "https", "X-Scheme": "https",
    "Forwarded": "proto=https", "X-Forwarded_Proto": "https",
}  # fmt: skip


@pytest.mark.parametrize("trusted", ["", "127.0.0.1/32", "192.0.2.0/24"])
def test_only_a_named_proxy_says_that_a_request_came_over_tls(production, trusted) -> None:
    proxy = {"BEHIND_TLS_PROXY": "true", "TRUSTED_PROXIES": trusted} if trusted else {}
    address = "http://" + production["PORTAL_BIND"]
    process = served(production | proxy)
    try:
        ready(address, process)

        def status(headers: dict[str, str]) -> int:
            return requests.get(address, headers=headers, timeout=30, allow_redirects=False).status_code

        assert {status({name: value}) for name, value in SCHEME_HEADERS.items()} == {301}
        believed = trusted == "127.0.0.1/32"
        assert status({"X-Forwarded-Proto": "https"}) == (302 if believed else 301)
    finally:
        process.terminate()
        process.communicate(timeout=120)


def ready(address: str, process: subprocess.Popen) -> None:
    """Waits until the portal can work."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        try:
            if requests.get(address + "/healthz/ready", timeout=30).status_code == 200:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
    raise AssertionError(process.stderr.read() if process.poll() is not None else "not ready in time")


def test_the_image_collects_static_files_with_keys_that_are_thrown_away(tmp_path) -> None:
    words = next(words for words in dockerfile() if words[0] == "RUN" and "collectstatic" in words)
    script = next(line for line in container_lines() if "collectstatic" in line).removeprefix("RUN ")
    assert "collectstatic" in words
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PORTAL_ENV": "production",
        "PORTAL_DATA_DIR": str(tmp_path),
        "STATIC_ROOT": str(tmp_path / "static"),
    }
    done = subprocess.run(
        ["sh", "-ec", script], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").is_file()
    assert list((tmp_path / "static").rglob("*.br"))


def test_every_environment_variable_of_the_image_is_a_setting() -> None:
    described = (CHECKOUT / "docs/settings.md").read_text()
    named = [re.sub("=.*", "", word) for words in dockerfile() if words[0] == "ENV" for word in words[1:]]
    assert [name for name in named if not name.startswith("PYTHON") and f"`{name}`" not in described] == []
