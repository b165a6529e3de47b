"""Gets the database ready: folder, migrations, journal. Called by every command before it does anything."""

from django.conf import settings
from django.core.management import call_command
from django.db import connection


def prepare_database() -> None:
    """Create or migrate the gateway's own database; quick when there is nothing to do."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0, interactive=False)
    # Connections do not survive the fork of the server's worker.
    connection.close()
