"""Starts the real embedded gateway as a process of its own, for every test that needs a gateway."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
_READY = re.compile(r"Embedded gateway ready: (\S+/api/provisioning)")
START_TIMEOUT = 120


@dataclass
class Gateway:
    """A running gateway: `base_url` is the API, `root_url` its pages; `own_tenant` belongs to the key."""

    base_url: str
    root_url: str
    api_key: str
    password: str = field(repr=False)
    own_tenant: str
    data_dir: Path
    process: subprocess.Popen

    @property
    def auth(self) -> tuple[str, str]:
        """Key and password as HTTP clients take them."""
        return self.api_key, self.password

    def stop(self) -> int:
        """Ends the process as Ctrl-C would and returns its exit code; the data stays."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def key_created(self, *options: str) -> dict:
        """Another API key of this gateway, with options of `sandbox_key create`."""
        return command_json(self.data_dir, "sandbox_key", "create", *options)


def command(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs a manage.py command on the data folder and returns what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=_environment(data_dir) | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def command_json(data_dir: Path, *arguments: str) -> dict:
    """Runs a manage.py command that must succeed, and reads the JSON it prints."""
    done = command(data_dir, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def gateway_started(data_dir: Path, *seed_options: str) -> Gateway:
    """Seeds the folder, makes a key and starts a server on a free port; returns when it answers.

    `seed_options` go to sandbox_seed, for example "--merchants", "10000", "--single-tenant".
    """
    seeded = command_json(data_dir, "sandbox_seed", *seed_options)
    key = command_json(data_dir, "sandbox_key", "create", "--name", "Tests")
    process, base_url = server_started(data_dir)
    return Gateway(
        base_url=base_url,
        root_url=base_url.removesuffix("/api/provisioning"),
        api_key=key["apiKey"],
        password=key["password"],
        own_tenant=seeded["ownTenant"],
        data_dir=data_dir,
        process=process,
    )


def server_started(data_dir: Path, *options: str) -> tuple[subprocess.Popen, str]:
    """Starts sandbox_serve on a free port and returns the process and the API's base URL."""
    with (data_dir / "gateway.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sandbox_serve", "--port", "0", *options],
            cwd=CHECKOUT,
            env=_environment(data_dir),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    line = _first_line(process)
    found = _READY.search(line)
    if not found:
        process.kill()
        raise RuntimeError(f"The gateway did not start: {(data_dir / 'gateway.log').read_text()}")
    return process, found.group(1)


def _first_line(process: subprocess.Popen) -> str:
    """The line printed when ready, or nothing after START_TIMEOUT seconds."""
    guard = threading.Timer(START_TIMEOUT, process.kill)
    guard.start()
    try:
        return process.stdout.readline()
    finally:
        guard.cancel()


def _environment(data_dir: Path) -> dict[str, str]:
    """Ours, with the data folder, and without the settings pytest-django has chosen for this process."""
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return kept | {"PORTAL_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
