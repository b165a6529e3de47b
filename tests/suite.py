"""What `make test` does: everything on SQLite with its coverage, then the portal again on PostgreSQL."""

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.chromium import chromium_ensure

CHECKOUT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
WORKERS = os.environ.get("TEST_WORKERS", "2")
# Linters, browsers and processes do not care for the database behind the portal.
ONLY_ONCE = ("checks", "running", "browser", "provisioning/sandbox", "bench")


def main() -> int:
    """The exit code: 0 only if both runs and the coverage are as they must be."""
    os.chdir(CHECKOUT)
    chromium_ensure()
    postgresql = postgresql_url()
    for leftover in CHECKOUT.glob(".coverage*"):
        leftover.unlink()
    failed = pytest_run("SQLite", "--cov", "--cov-report=", database=None) | coverage_report()
    if postgresql:
        left_out = [f"--ignore=tests/{name}" for name in ONLY_ONCE]
        failed |= pytest_run("PostgreSQL", *left_out, "-m", "not browser", database=postgresql)
    else:
        headline("PostgreSQL: SKIPPED, none answers on the local socket or on port 5432")
        failed |= IN_CI
    return failed


def pytest_run(title: str, *arguments: str, database: str | None) -> int:
    """One run of pytest; 1 if anything failed, 0 otherwise."""
    headline(f"Tests on {title}")
    environment = {**os.environ, "DATABASE_URL": database or ""}
    if not database:
        del environment["DATABASE_URL"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        WORKERS,
        "--dist",
        "loadscope",
    ]
    return int(subprocess.run([*command, *arguments], env=environment, check=False).returncode != 0)


def coverage_report() -> int:
    """Print the coverage; 1 if it is below the bound in pyproject.toml."""
    headline("Coverage of portal/ and provisioning/")
    return int(subprocess.run([sys.executable, "-m", "coverage", "report"], check=False).returncode != 0)


def postgresql_url() -> str | None:
    """A server that lets us make databases: the one PGHOST names, or on the usual socket or port."""
    hosts = [os.environ["PGHOST"]] if os.environ.get("PGHOST") else ["/var/run/postgresql", "127.0.0.1"]
    users = dict.fromkeys([os.environ.get("PGUSER") or getpass.getuser(), "postgres"])
    for host in hosts:
        for user in users:
            if _may_create(host, user):
                return _url(host, user)
    return None


def _may_create(host: str, user: str) -> bool:
    query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(host=host, user=user, dbname="postgres", connect_timeout=30) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def _url(host: str, user: str) -> str:
    """As a query, the host may be a socket's folder as well."""
    secret = f":{quote(os.environ['PGPASSWORD'], safe='')}" if os.environ.get("PGPASSWORD") else ""
    port = os.environ.get("PGPORT") or "5432"
    return f"postgres://{user}{secret}@/portal?host={quote(host, safe='')}&port={port}"


def headline(text: str) -> None:
    """A line that stands out between the runs, at once in a pipe too."""
    print("", text, "─" * min(len(text), shutil.get_terminal_size().columns), sep="\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
