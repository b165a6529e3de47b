"""Django's entry for portal.keys."""

from django.apps import AppConfig

from portal.core.health import CHECKS, WARNINGS
from portal.tasks.periodic import housekeeping_register


class KeysConfig(AppConfig):
    """portal.keys"""

    name = "portal.keys"

    def ready(self) -> None:
        """Registers the check of the keys, what is told of those of others, and the rotation as a task."""
        from portal.keys import background, checks, key_presence

        CHECKS.register("credential keys", checks.credential_keys_here)
        WARNINGS.register("encryption keys", key_presence.keys_everywhere)
        WARNINGS.register("data folder", key_presence.data_folders_are_one)
        housekeeping_register(key_presence.holder_worker, every=key_presence.BEAT)
        background.kinds_register()
