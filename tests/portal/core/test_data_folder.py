"""ready tests what it says: that the disk takes data, the keys of credentials are here, the folder is one."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from portal.core.data_folder import ID_FILE, get_folder_id
from portal.keys.key_presence import record_holder
from portal.keys.models import Holder
from provisioning.credentials.models import Connection, Credential
from tests.running.production import key


def ready(client: Client) -> tuple[int, dict[str, str], dict[str, str]]:
    """The answer's status, its verdicts and its warnings."""
    answer = client.get("/healthz/ready")
    return answer.status_code, answer.json()["checks"], answer.json()["warnings"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Files of this process can be no longer than 32 KiB: the write fails as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, usual[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.django_db
def test_a_disk_that_takes_no_data_is_not_ready(client: Client, request, settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert ready(client)[1]["disk"] == "ok"
    request.getfixturevalue("full_disk")
    status, checks, _ = ready(client)
    assert status == 503 and checks["disk"].endswith("cannot be written (EFBIG)")
    assert [file.name for file in tmp_path.iterdir()] == [ID_FILE], "nothing else is left behind"


@pytest.mark.django_db
def test_a_data_folder_that_is_none_is_not_ready(client: Client, settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.DATA_DIR = tmp_path / "file"
    status, checks, _ = ready(client)
    assert status == 503 and "data folder cannot be written" in checks["disk"]
    settings.DATA_DIR = tmp_path / "new" / "folder"
    assert ready(client)[0] == 200


@pytest.mark.django_db
def test_a_server_without_the_key_of_a_credential_in_use_is_not_ready(
    client: Client, connection_with_credential, settings
) -> None:
    assert ready(client)[0] == 200
    settings.PORTAL_ENCRYPTION_KEYS = f"other:{key()}"
    status, checks, _ = ready(client)
    assert status == 503 and "is missing on this server" in checks["credential keys"]
    assert connection_with_credential.slug in checks["credential keys"]
    Credential.objects.update(state=Credential.State.PREVIOUS)
    assert ready(client)[0] == 200, "only of those in use"


@pytest.fixture
def connection_with_credential() -> Connection:
    """A connection whose credential is in use."""
    from provisioning import encryption

    made = Connection.objects.create(slug="live", name="Live", base_url="https://gateway.example.com/api")
    sealed = {name: encryption.seal("x", context=name) for name in ("sealed_api_key", "sealed_password")}
    Credential.objects.create(
        connection=made, version=1, state=Credential.State.ACTIVE, created_by="tests", **sealed
    )
    return made


@pytest.mark.django_db
def test_servers_with_different_data_folders_are_a_warning(client: Client, settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "one"
    record_holder("web server")
    assert get_folder_id() == get_folder_id() == (tmp_path / "one" / ID_FILE).read_text()
    assert "data folder" not in ready(client)[2]
    settings.DATA_DIR = tmp_path / "two"
    warning = ready(client)[2]["data folder"]
    assert "a different data folder" in warning and "web server on" in warning
    settings.DATA_DIR = tmp_path / "one"
    Holder.objects.update(folder="")
    assert "data folder" not in ready(client)[2], "one that cannot say is not accused"


@pytest.mark.django_db
def test_health_states_the_version_to_those_who_may_know(client: Client, client_of, agent) -> None:
    assert client.get("/healthz/ready").json()["version"]
    assert "version" not in client.get("/healthz/ready", REMOTE_ADDR="203.0.113.9").json()
    version = client.get("/healthz/ready").json()["version"]
    assert f"Provisioning Portal {version} ·" in client_of(agent).get("/").content.decode()
