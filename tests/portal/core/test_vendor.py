"""Files of others are exactly the ones that static/vendor/README.md names."""

import hashlib
import re
from pathlib import Path

from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
TEMPLATES = Path(settings.BASE_DIR) / "templates"


def test_vendored_files_have_the_documented_sums_and_a_licence() -> None:
    rows = re.findall(r"^\| `([^`]+)` .*`([^`]+/LICENSE)` \| `([0-9a-f]{64})` \|$", _readme(), re.M)
    assert len(rows) == 2
    for name, licence, digest in rows:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
        assert (STATIC / "vendor" / licence).is_file()


def test_every_icon_used_is_in_the_sprite() -> None:
    sprite = (STATIC / "icons.svg").read_text()
    for template in TEMPLATES.rglob("*.html"):
        for name in re.findall(r'{% icon "([^"]+)"', template.read_text()):
            assert f'id="{name}"' in sprite, f"{template.name}: {name}"


def _readme() -> str:
    return (STATIC / "vendor" / "README.md").read_text()
