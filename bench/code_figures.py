"""Print the size and shape of the code: `python -m bench.code_figures`. It measures and does not judge.

- functions per 1,000 lines, and the sizes of functions and files;
- private functions that are used in one place only, as a share of all functions;
- hops: how many functions and files of the project run while one merchant is created, from the POST to the
  redirect. The request goes through the portal's real URLs and middleware to a real embedded gateway.
"""

import ast
import os
import re
import statistics
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("portal", "provisioning")


def main() -> None:
    """Print all figures; `--static` leaves out the one that needs a gateway."""
    files = {path: path.read_text(encoding="utf-8") for path in _modules()}
    print_sizes(files)
    print_used_once(files)
    if "--static" not in sys.argv:
        print_hops()


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def print_sizes(files: dict[Path, str]) -> None:
    """Print how many functions there are and how long they and their files are."""
    lines = {path: text.count("\n") for path, text in files.items()}
    sizes = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for text in files.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    total = sum(lines.values())
    longest = max(lines, key=lambda path: lines[path])
    print(f"Python files: {len(files)}, {total} lines; migrations are left out.")
    print(f"Functions: {len(sizes)}, {1000 * len(sizes) / total:.0f} per 1,000 lines.")
    print(
        f"Lines of a function: median {statistics.median(sizes):.0f}, "
        f"90 % up to {_percentile(sizes, 90)}, longest {sizes[-1]}."
    )
    print(
        f"Lines of a file: median {statistics.median(lines.values()):.0f}, "
        f"longest {lines[longest]} ({longest.relative_to(ROOT)})."
    )
    for package in ("portal/changes", "portal/audit", "portal/staff"):
        inside = [path for path in files if package in str(path) and "management" not in path.parts]
        print(f"Modules in {package}: {len(inside)}.")


def print_used_once(files: dict[Path, str]) -> None:
    """Print the share of functions that are private and used in one place only."""
    everything = once = 0
    for text in files.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                everything += 1
                uses = len(re.findall(rf"(?<!\w){re.escape(node.name)}(?!\w)", text)) - 1
                once += re.match(r"_[a-z]", node.name) is not None and uses == 1
    print(
        f"Private functions used in one place only: {once}, {100 * once / everything:.1f} % of all functions."
    )


def print_hops() -> None:
    """Print how many functions and files of the project one POST that creates a merchant runs through."""
    with TemporaryDirectory(prefix="portal-figures-") as folder:
        os.environ["PORTAL_DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        functions = _functions_of_a_create(Path(folder))
    files = {name for name, _function, _line in functions}
    print(f"Creating a merchant runs {len(functions)} functions in {len(files)} files of the project.")


def _functions_of_a_create(folder: Path) -> set[tuple[str, str, int]]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from tests.gateway import gateway_started

    setup_test_environment()
    call_command("migrate", verbosity=0)
    (folder / "gateway").mkdir()
    gateway = gateway_started(folder / "gateway")
    try:
        return _record_a_create(gateway)
    finally:
        gateway.stop()


def _record_a_create(gateway: Any) -> set[tuple[str, str, int]]:
    """Create one merchant to warm the process up, then one under a profiler."""
    browser = _agents_browser(gateway)
    browser.get("/sandbox/tenants/")
    address = f"/sandbox/merchants/new/?tenant={gateway.own_tenant}"
    form = {"homepage": "https://m.example", "timezone": "UTC"}
    browser.post(address, form | {"name": "First", "submission": str(uuid.uuid4())})
    found: set[tuple[str, str, int]] = set()
    sys.setprofile(_recorder(found))
    try:
        answer = browser.post(address, form | {"name": "Second", "submission": str(uuid.uuid4())})
    finally:
        sys.setprofile(None)
    if answer.status_code != 302:
        raise SystemExit(f"the merchant was not created: status {answer.status_code}")
    return found


def _agents_browser(gateway: Any) -> Any:
    from django.contrib.auth.models import Group
    from django.test import Client

    from portal.staff.models import User
    from provisioning.credentials.credential_lifecycle import replace_credential
    from provisioning.credentials.services import create_connection

    made = create_connection(
        slug="sandbox", name="Sandbox", base_url=gateway.base_url, tenant_guid=gateway.own_tenant
    )
    replace_credential(connection=made, api_key=gateway.api_key, password=gateway.password, by="figures")
    agent = User.objects.create_user(username="agent")
    agent.groups.add(Group.objects.get(name="Support agent"))
    browser = Client()
    browser.force_login(agent)
    return browser


def _recorder(found: set[tuple[str, str, int]]) -> Any:
    """Return a profile function that collects (file, function, line) of the project's own code."""
    inside = tuple(str(ROOT / package) for package in PACKAGES)

    def record(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(inside) and not code.co_name.startswith("<"):
            found.add((code.co_filename, code.co_name, code.co_firstlineno))

    return record


def _percentile(values: list[int], share: int) -> int:
    return values[min(len(values) - 1, len(values) * share // 100)]


if __name__ == "__main__":
    main()
