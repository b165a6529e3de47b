"""Django's entry for portal.keys."""

from django.apps import AppConfig

from portal.console.health import CHECKS, WARNINGS
from portal.tasks.housekeeping import housekeeping_register


class KeysConfig(AppConfig):
    """portal.keys"""

    name = "portal.keys"

    def ready(self) -> None:
        """Registers the check of the keys, what is told of those of others, and the rotation as a task."""
        from portal.keys import background, checks, holders

        CHECKS["credential keys"] = checks.credential_keys_here
        WARNINGS["encryption keys"] = holders.keys_everywhere
        WARNINGS["data folder"] = holders.data_folders_are_one
        housekeeping_register(holders.holder_worker, every=holders.BEAT)
        background.kinds_register()
