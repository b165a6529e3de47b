"""After a rush a server process gives most of its database connections back."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
import requests

from portal.serving import KEPT_CONNECTIONS
from tests.running.demo import free_port
from tests.running.production import production_environment
from tests.running.test_production import manage, ready, served
from tests.suite import postgresql_url

DATABASE = "portal_kept_connections"


@pytest.fixture
def database():
    """An empty database of its own; its address."""
    url = postgresql_url() or pytest.skip("no PostgreSQL answers")
    place = url.replace("postgres://", "postgresql://")
    with psycopg.connect(place.replace("/portal?", "/postgres?"), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {DATABASE}")
        yield url.replace("/portal?", f"/{DATABASE}?"), server
        with suppress(psycopg.Error):
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_idle_threads_keep_few_connections(database, tmp_path) -> None:
    url, server = database
    environment = production_environment(
        tmp_path,
        PORTAL_ENV="test",  # pages without collected static files
        PORTAL_BIND=f"127.0.0.1:{free_port()}",
        DATABASE_URL=url,
        WEB_WORKERS="1",
        WEB_THREADS="24",
    )
    assert manage(environment, "migrate", "--noinput").returncode == 0
    process = served(environment)
    address = "http://" + environment["PORTAL_BIND"]
    cookie = {"Cookie": "portal-session=" + "x" * 32}  # so that each page asks the database
    try:
        ready(address, process)
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: requests.get(address, headers=cookie, timeout=60), range(240)))
        assert {answer.status_code for answer in answers} == {200}
        time.sleep(1)
        counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = %s"
        open_now = server.execute(counted, [DATABASE, "portal web"]).fetchone()[0]
        assert 0 < open_now <= KEPT_CONNECTIONS, open_now
    finally:
        process.kill()
        process.wait()
