"""Django's own checks, under production settings; migrations that match the models; starts of the bench."""

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
    environment |= {"PORTAL_DATA_DIR": str(tmp_path), "PORTAL_ENV": "test"}
    done = manage("makemigrations", "--check", "--dry-run", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bench_starts_without_settings(tmp_path) -> None:
    names = {"PORTAL_DATA_DIR": str(tmp_path), "PORTAL_ENV_FILE": os.devnull, "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", "import bench.__main__, bench.neighbours, bench.code_figures"]
    done = subprocess.run(command, cwd=CHECKOUT, env=names, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
