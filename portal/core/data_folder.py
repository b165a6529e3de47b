"""The data folder: whether it can be written, and whether all servers have the same one."""

import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

from portal.core.health import HealthCheckError
from portal.core.logs import error_code

# As much as a few pages of a database: less may still fit where nothing else does.
PROBE_BYTES = 64 * 1024
ID_FILE = "folder-id"


def get_folder_id() -> str:
    """Return the id of the data folder and create it at first; "" if it cannot be written."""
    path = Path(settings.DATA_DIR) / ID_FILE
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"{ID_FILE}.{uuid.uuid4().hex}")
            draft.write_text(uuid.uuid4().hex)
            try:
                with suppress(FileExistsError):
                    os.link(draft, path)  # the first one wins, and nobody reads half of it
            finally:
                draft.unlink()
        return path.read_text()[:32]
    return ""


def check_disk() -> None:
    """Raise HealthCheckError where the data folder, or that of the SQLite database, takes no data."""
    folders = {Path(settings.DATA_DIR)}
    if connection.vendor == "sqlite":
        folders.add(Path(connection.settings_dict["NAME"]).parent)
    for folder in sorted(folders):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            name = "data folder" if folder == Path(settings.DATA_DIR) else "folder of the database"
            raise HealthCheckError(f"the {name} cannot be written ({error_code(error)})") from None
