"""Django's entry for portal.keys."""

from django.apps import AppConfig

from portal.core.health import CHECKS, WARNINGS
from portal.tasks.periodic import HOUSEKEEPING, Housekeeping


class KeysConfig(AppConfig):
    """Configure the handling of encryption keys."""

    name = "portal.keys"

    def ready(self) -> None:
        """Register the checks of the keys and the rotation as background work."""
        from portal.keys import background, checks, key_presence

        CHECKS.register("credential keys", checks.check_credential_keys)
        WARNINGS.register("encryption keys", key_presence.check_keys_everywhere)
        WARNINGS.register("data folder", key_presence.check_one_data_folder)
        HOUSEKEEPING.register(
            "keys of workers", Housekeeping(key_presence.record_worker_keys, every=key_presence.BEAT)
        )
        background.register_tasks()
