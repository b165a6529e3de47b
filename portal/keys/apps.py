"""Django's entry for portal.keys."""

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """portal.keys"""

    name = "portal.keys"

    def ready(self) -> None:
        """Registers the check that the configured keys are those that sealed what is stored."""
        from portal.keys import checks  # noqa: F401
