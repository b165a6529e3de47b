"""The Chromium that browser tests drive: the system's own, installed where this account may."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTRUCTION = (
    "No Chromium found: the browser tests will be skipped. Install one (Debian: apt-get install chromium, "
    "or the smaller chromium-headless-shell) or name one in CHROMIUM."
)


def chromium_path() -> str | None:
    """Where a Chromium is: $CHROMIUM, or the first of the usual names. None if there is none."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(name) for name in ([named] if named else NAMES))
    return next((path for path in found if path), None)


def chromium_ensure() -> None:
    """Installs Debian's package where there is no Chromium and apt-get may; otherwise says what to do."""
    if not chromium_path() and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests (once).", flush=True)  # noqa: T201
        _apt_get("update") and any(
            _apt_get("install", name) for name in ("chromium-headless-shell", "chromium")
        )
    if not chromium_path():
        print(INSTRUCTION, flush=True)  # noqa: T201


def _apt_get(action: str, *packages: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-y", "--no-install-recommends", action, *packages]
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
