"""Django's own checks, under production settings, and migrations that match the models of both projects."""

import os
import subprocess
import sys

from tests.checks.tree import CHECKOUT
from tests.running.production import production_environment


def manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


def test_the_deploy_check_is_clean_under_production_settings(tmp_path) -> None:
    done = manage(
        "check", "--deploy", "--fail-level", "WARNING", environment=production_environment(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_portals_migrations_match_its_models(tmp_path) -> None:
    done = manage("makemigrations", "--check", "--dry-run", environment=production_environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gateways_migrations_match_its_models(tmp_path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "provisioning.sandbox.settings"}
    environment |= {"PORTAL_DATA_DIR": str(tmp_path), "PORTAL_ENV": "demo"}
    done = manage("makemigrations", "--check", "--dry-run", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
