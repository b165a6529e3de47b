"""What the project brings along and how it is described: pinned, licensed, documented, complete."""

import ast
import re
import shlex

import pytest
import yaml

from tests.checks.tree import CHECKOUT, project_files, python_files, text_of

PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([0-9][A-Za-z0-9.+]*)")
REQUIREMENTS = ("requirements", "requirements-redis", "tests/requirements")


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(name) -> None:
    joined = re.sub(r" #.*|^ *#.*", "", text_of(f"{name}.txt").replace("\\\n", " "), flags=re.M)
    locked = [line.split() for line in joined.splitlines() if line.strip()]
    assert locked
    for pin, *hashes in locked:
        assert PINNED.fullmatch(pin), pin
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", found) for found in hashes), pin
    asked = [line for line in text_of(f"{name}.in").splitlines() if line and line[0] not in "#-"]
    assert asked and all(PINNED.fullmatch(line) for line in asked)
    pins = {tuple(PINNED.fullmatch(pin).groups()) for pin, *_ in locked}
    wanted = {PINNED.fullmatch(line).groups() for line in asked}
    assert {(name.lower(), version) for name, version in wanted} <= pins, "run `make lock`"


def test_everything_vendored_has_its_licence_beside_it() -> None:
    packages = {
        "/".join(name.split("/")[:3]) for name in project_files() if name.startswith("static/vendor/")
    }
    folders = {name for name in packages if (CHECKOUT / name).is_dir()}
    assert folders, "nothing is vendored"
    unlicensed = [name for name in folders if not list((CHECKOUT / name).glob("LICEN[CS]E*"))]
    assert not unlicensed


def test_ci_runs_what_people_run() -> None:
    script = text_of(".ci/run")
    assert "set -euo pipefail" in script
    assert script.splitlines()[-1] == "make test"


def settings_read() -> set[str]:
    """Names of the environment variables that portal/settings/ and portal/serving.py read."""
    calls = [
        node
        for name in project_files()
        if name == "portal/serving.py" or re.match(r"portal/settings/\w+\.py$", name)
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    readers = re.compile(r"^(env(\.\w+)?|os\.environ\.get)$")
    return {
        str(call.args[0].value)  # type: ignore[attr-defined]
        for call in calls
        if readers.match(ast.unparse(call.func)) and str(call.args[0].value).isupper()  # type: ignore[attr-defined]
    }


def settings_documented() -> set[str]:
    """First columns of the tables in docs/settings.md."""
    return set(re.findall(r"^\| `([A-Z_]+)`", text_of("docs/settings.md"), re.M))


def test_the_configuration_table_names_every_setting_and_no_other() -> None:
    around_django = {"PORT", "SANDBOX_PORT"}
    assert settings_documented() - around_django == settings_read()


def settings_renamed() -> dict[str, str]:
    """Return the new name of each setting that is still read under its former name."""
    calls = [
        node
        for name in python_files()
        if name.startswith("portal/settings/")
        for node in ast.walk(ast.parse(text_of(name)))
        if isinstance(node, ast.Call)
    ]
    return {
        str(keyword.value.value): str(call.args[0].value)  # type: ignore[attr-defined]
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "old" and isinstance(keyword.value, ast.Constant) and keyword.value.value
    }


def test_every_renamed_setting_is_listed_with_its_former_name() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|$", text_of("docs/settings.md"), re.M)
    assert {old: new for new, old in listed} == settings_renamed()


def dockerfile() -> list[list[str]]:
    """The instructions of the Dockerfile, each as words."""
    joined = text_of("Dockerfile").replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in joined.splitlines() if line and line[0] != "#"]


def test_the_container_copies_existing_files_and_runs_unprivileged() -> None:
    instructions = dockerfile()
    copies = [words[1:] for words in instructions if words[0] == "COPY" and not words[1].startswith("--from")]
    sources = [source for words in copies for source in words[:-1] if not source.startswith("--")]
    assert sources
    assert [source for source in sources if not (CHECKOUT / source).exists()] == []
    users = [words[1] for words in instructions if words[0] == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}
    assert any(words[0] == "HEALTHCHECK" for words in instructions)


def test_the_container_gets_neither_data_nor_keys() -> None:
    ignored = text_of(".dockerignore").split()
    assert {"var", ".venv", ".git", "**/*.env", "**/*.sqlite3*"} <= set(ignored)
    lasting = [word for words in dockerfile() if words[0] in {"ENV", "ARG"} for word in words[1:]]
    assert not re.search(r"SECRET_KEY|_KEYS|PASSWORD|PASSPHRASE", " ".join(lasting))


def test_the_container_gets_no_test_tools() -> None:
    assert {"tests", "bench"} <= set(text_of(".dockerignore").split())
    copied = {words[1] for words in dockerfile() if words[0] in {"COPY", "ADD"}}
    shipped = {"manage.py", "provisioning", "portal", "templates", "static"}
    assert {name.removeprefix("./") for name in copied} == shipped | {"requirements-redis.txt"}
    own = [name for name in python_files() if name.split("/")[0] in shipped]
    using = [name for name in own if re.search(r"^\s*(from|import) (bench|tests)\b", text_of(name), re.M)]
    assert using == []


def test_compose_starts_the_portal_after_its_migrations() -> None:
    services = yaml.safe_load(text_of("compose.yaml"))["services"]
    assert set(services) == {"database", "migrate", "portal", "stream", "worker"}
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    for name in ("portal", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["worker"]["volumes"][0].split()[0] in services["portal"]["volumes"]
    assert "healthcheck" in services["database"]
    assert all("env_file" in services[name] for name in services)


def test_compose_bounds_every_service_and_gives_it_time_to_end() -> None:
    services = yaml.safe_load(text_of("compose.yaml"))["services"]
    for name, service in services.items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"], name
        if name != "database":
            assert service["read_only"] and all("size=" in folder for folder in service["tmpfs"]), name
        if name != "migrate":  # which ends by itself
            assert service["restart"] == "unless-stopped", name
            # WEB_DRAIN_SECONDS, and what gunicorn gives requests under way.
            assert int(service["stop_grace_period"].removesuffix("s")) >= (30 if name != "portal" else 5 + 20)


def test_the_image_names_its_version_and_its_user_by_number() -> None:
    instructions = dockerfile()
    assert [words[1] for words in instructions if words[0] == "USER"] == ["10001:10001"]
    labels = " ".join(word for words in instructions if words[0] == "LABEL" for word in words[1:])
    assert "org.opencontainers.image.version" in labels


def test_the_picture_of_the_readme_exists() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text_of("README.md"))
    assert pictures
    assert [name for name in pictures if not (CHECKOUT / name).is_file()] == []
