"""What the checks look at: the files of the project, as git knows them."""

import subprocess
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@cache
def project_files() -> tuple[str, ...]:
    """Paths of all files that are or will be in the repository, or of all files where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [
            str(path.relative_to(CHECKOUT)) for path in CHECKOUT.rglob("*") if ".venv" not in path.parts
        ]
    return tuple(sorted(name for name in listed if (CHECKOUT / name).is_file()))


def python_files() -> list[str]:
    """The project's own modules; generated migrations are not ours to style."""
    return [name for name in project_files() if name.endswith(".py") and "/migrations/" not in name]


def templates() -> list[str]:
    """Every HTML template of the portal and of the embedded gateway."""
    return [name for name in project_files() if name.endswith(".html") and "templates/" in name]


def text_of(name: str) -> str:
    """A file's text."""
    return (CHECKOUT / name).read_text(encoding="utf-8")
